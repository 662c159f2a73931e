//! User and password (RFC 7617): one secret `user:password`, only its first colon separates.
//!
//! Both sides are compared whole, so that the user of one pair never goes with the password of
//! another.

use crate::locator::NotFound;
use crate::rejected::{Rejected, Step};
use crate::source::Source;
use crate::token;
use crate::verify::{Proved, no_secret, rejected};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use porchlight_core::Secret;

/// User and password of a secret; `None` without a colon.
pub(crate) fn parts(secret: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = secret.iter().position(|byte| *byte == b':')?;
    Some((&secret[..colon], &secret[colon + 1..]))
}

/// The value of the header that proves it.
pub(crate) fn write(secret: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(secret.expose()))
}

pub(crate) fn prove<'s>(
    secrets: impl Iterator<Item = &'s Secret>,
    source: &Source<'_>,
) -> Result<Proved, Rejected> {
    let usable = |secret: &&Secret| {
        parts(secret.expose()).is_some_and(|(user, word)| !user.is_empty() && !word.is_empty())
    };
    let usable: Vec<&Secret> = secrets.filter(usable).collect();
    if usable.is_empty() {
        return Err(no_secret());
    }
    let given = credentials(source).map_err(rejected)?;
    source.note("password", || {
        "header authorization holds user and password".to_owned()
    });
    let mut matched = None;
    for secret in usable {
        if token::equal(&given, secret.expose()) {
            matched = matched.or(Some(secret));
        }
    }
    let secret = matched.ok_or_else(|| {
        Rejected::new(
            Step::Mismatch,
            "user and password are there, and no secret equals them",
        )
    })?;
    Ok(Proved::by(secret))
}

fn credentials(source: &Source<'_>) -> Result<Vec<u8>, NotFound> {
    let mut values = source.delivery.headers.get_all(AUTHORIZATION).iter();
    let missing = || NotFound::Missing("header authorization is missing".to_owned());
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        let twice = "header authorization is there more than once";
        return Err(NotFound::Ambiguous(twice.to_owned()));
    }
    let malformed = || {
        let what = "header authorization does not hold user and password (Basic …)";
        NotFound::Malformed(what.to_owned())
    };
    let text = value.to_str().map_err(|_| malformed())?.trim();
    let (word, encoded) = text.split_once(' ').ok_or_else(malformed)?;
    if !word.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    STANDARD.decode(encoded.trim()).map_err(|_| malformed())
}
