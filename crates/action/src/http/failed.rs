//! Why a request failed, in our kinds. What reqwest says is shown without the address, which may be
//! a secret as a whole.

use crate::tls::NotPinned;
use porchlight_core::ActionError;
use porchlight_core::units::format_duration;
use std::error::Error;
use std::time::Duration;

/// The target did not answer in time.
pub(crate) fn too_slow(limit: Duration) -> ActionError {
    let message = format!("no complete answer within {}", format_duration(limit));
    ActionError::later("timeout", message)
}

/// Nothing, or only a part of an answer, came back.
pub(crate) fn sending(error: reqwest::Error) -> ActionError {
    let error = error.without_url();
    if let Some(tls) = cause::<rustls::Error>(&error) {
        return tls_failed(tls);
    }
    let message = chain(&error);
    if error.is_builder() {
        ActionError::never("config", message)
    } else if error.is_connect() {
        ActionError::later("connect", message)
    } else if error.is_timeout() {
        ActionError::later("timeout", message)
    } else {
        // It was reached, so it may have done what it was asked to.
        let mut error = ActionError::later("connect", message);
        error.detail = serde_json::json!({ "connected": true });
        error
    }
}

/// A certificate stays wrong until somebody acts, except when it is a matter of time: a Pi without
/// a clock starts in the past.
fn tls_failed(error: &rustls::Error) -> ActionError {
    use rustls::{CertificateError as Wrong, Error as Tls};
    let message = match error {
        Tls::InvalidCertificate(Wrong::UnknownIssuer) => {
            "the certificate is not from an authority that this computer trusts; for public sites, is the package ca-certificates installed?".to_owned()
        }
        Tls::InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. }) => {
            format!("{error}; where a device has another name in its certificate, [tls.NAME] can expect that (server_name) or pin the certificate")
        }
        Tls::InvalidCertificate(Wrong::Other(other)) => match other.0.downcast_ref::<NotPinned>() {
            Some(found) => format!("{found}; if it was renewed, write that into `pin`"),
            None => error.to_string(),
        },
        other => other.to_string(),
    };
    match error {
        Tls::InvalidCertificate(
            Wrong::Expired
            | Wrong::ExpiredContext { .. }
            | Wrong::NotValidYet
            | Wrong::NotValidYetContext { .. },
        ) => ActionError::later("tls", format!("{message}; is this computer's clock right?")),
        Tls::InvalidCertificate(_) => ActionError::never("tls", message),
        _ => ActionError::later("tls", message),
    }
}

/// The cause of this type. A `std::io::Error` hides what it wraps from `source`, hence the look
/// inside.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inside = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The last two causes: the outer ones only say that a request failed.
fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = error.source();
    }
    let skip = causes.len().saturating_sub(2);
    causes[skip..].join(": ")
}
