//! `Content-Encoding`: undone where the webhook allows it, refused otherwise.
//!
//! Only after the proof, and only under a bound: a stranger must not make the host inflate anything.
//! What is not undone must not be read either, because the proof of some senders covers the packed
//! bytes and of others the plain ones, and a reader that guesses can be given two bodies in one.

use super::Unusable;
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use porchlight_verify::{Delivery, InflateError, inflate};

/// The body without its content encoding.
///
/// # Errors
/// 415 for an encoding that is not taken, 413 when it would become too large, 400 when it is broken.
pub fn plain(delivery: &Delivery, may_inflate: bool) -> Result<Bytes, Unusable> {
    let mut values = delivery.headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = values.next() else {
        return Ok(delivery.body.clone());
    };
    let word = value.as_bytes().trim_ascii().to_ascii_lowercase();
    match word.as_slice() {
        _ if values.next().is_some() => Err(refused()),
        b"" | b"identity" => Ok(delivery.body.clone()),
        b"gzip" | b"x-gzip" if may_inflate => inflate(&delivery.body, delivery.max_inflated)
            .map_err(|error| match error {
                InflateError::TooLarge(_) => Unusable::too_large(error.to_string()),
                InflateError::Broken(_) => Unusable::new(error.to_string()),
            }),
        _ => Err(refused()),
    }
}

fn refused() -> Unusable {
    Unusable::unsupported("this webhook takes no body with a content encoding")
}
