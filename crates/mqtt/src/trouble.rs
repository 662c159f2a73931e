//! Why there is no connection, or none any more, in words and for whoever decides what to do next.

use crate::packet::{self, Malformed};
use rustls::{AlertDescription, CertificateError};
use std::io;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers there.
    #[error("{0}")]
    Unreachable(String),
    /// The broker did not prove that it is the broker.
    #[error("TLS: {0}")]
    Tls(String),
    /// The broker does not speak this version, or (`said` is false) hung up without a word.
    #[error("the broker does not speak MQTT {version}")]
    Version {
        /// The version that was tried.
        version: packet::Version,
        /// Whether the broker said so.
        said: bool,
    },
    /// The broker refused us, or ended the connection with a reason.
    #[error("{}", refused(*.code, .reason.as_deref()))]
    Refused {
        /// The reason code.
        code: u8,
        /// What the broker said about it.
        reason: Option<String>,
    },
    /// What came was no MQTT.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The connection broke.
    #[error("the connection to the broker broke: {0}")]
    Broken(String),
    /// The broker stopped answering.
    #[error("the broker does not answer any more")]
    Silent,
}

fn refused(code: u8, reason: Option<&str>) -> String {
    let word = packet::reason(code);
    match reason {
        Some(reason) => {
            let said: String = reason
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            format!("the broker refuses: {word} (0x{code:02x}, {said})")
        }
        None => format!("the broker refuses: {word} (0x{code:02x})"),
    }
}

impl Trouble {
    /// A connection that broke. In TLS 1.3 the broker judges our certificate after the handshake, so
    /// what it says of it comes here.
    pub(crate) fn broken(error: &io::Error) -> Self {
        use AlertDescription as Alert;
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(rustls::Error::AlertReceived(Alert::CertificateRequired)) => {
                let message = "the broker asks for a certificate of ours; name one with `tls = \"NAME\"` and `cert` and `key` in [tls.NAME]";
                Self::Tls(message.to_owned())
            }
            Some(rustls::Error::AlertReceived(
                alert @ (Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied),
            )) => Self::Tls(format!("the broker refuses our certificate: {alert:?}")),
            _ => Self::Broken(error.to_string()),
        }
    }

    /// A handshake that failed, with what can be done about it.
    pub(crate) fn handshake(place: &str, error: &io::Error) -> Self {
        use CertificateError as Wrong;
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        let Some(rustls::Error::InvalidCertificate(wrong)) = inner else {
            return Self::Tls(format!("{place}: {error}"));
        };
        Self::Tls(match wrong {
            // What somebody else has decided is in their words.
            Wrong::Other(other) => {
                format!(
                    "{place}: {}; what it has to be stands in the [tls.NAME]",
                    other.0
                )
            }
            Wrong::UnknownIssuer => format!(
                "{place}: its certificate is not from an authority that is trusted; name the broker's own with `ca`"
            ),
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => format!(
                "{place}: {error}; write the name that it has into `url`, or expect it with `server_name` in a [tls.NAME]"
            ),
            Wrong::Expired
            | Wrong::ExpiredContext { .. }
            | Wrong::NotValidYet
            | Wrong::NotValidYetContext { .. } => {
                format!("{place}: {error}; is this computer's clock right?")
            }
            _ => format!("{place}: {error}"),
        })
    }

    /// One of the kinds of an action's errors: `connect`, `tls`, `auth`, `limit`, `rejected`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tls(_) => "tls",
            Self::Refused { code, .. } => kind_of(*code),
            _ => "connect",
        }
    }

    /// Whether people must change something before it can get better.
    pub fn needs_somebody(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::Malformed(_))
            || matches!(self, Self::Refused { .. } if matches!(self.kind(), "auth" | "rejected"))
    }
}

/// The kind of error of an action that a reason code means.
pub fn kind_of(code: u8) -> &'static str {
    match code {
        0x04 | 0x05 | 0x86 | 0x87 | 0x8a | 0x8c => "auth",
        0x03 | 0x88 | 0x89 | 0x8b | 0x8d => "connect",
        // 0x91, a number in use, says nothing of the message either: the next try has another one.
        0x91 | 0x93 | 0x96 | 0x97 | 0x9f => "limit",
        _ => "rejected",
    }
}
