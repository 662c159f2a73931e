//! The canonical form of a form body, as Twilio signs it: the decoded names and values, repeated
//! pairs once, sorted by bytes, joined without separators (Twilio's Python library 9.13). And the
//! hash in the signed address that binds every other body.

use crate::Delivery;
use crate::rejected::{Rejected, Step};
use crate::scheme::SignedScheme;
use crate::source::Source;
use crate::template::Piece;
use crate::token;
use crate::verify::rejected;
use http::header::CONTENT_TYPE;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Names and values; empty for a body that is no form.
pub(crate) fn form_sorted(delivery: &Delivery) -> Vec<u8> {
    if !is_form(delivery) {
        return Vec::new();
    }
    let pairs: BTreeSet<_> = form_urlencoded::parse(&delivery.body).collect();
    let mut canonical = Vec::with_capacity(delivery.body.len());
    for (name, value) in pairs {
        canonical.extend_from_slice(name.as_bytes());
        canonical.extend_from_slice(value.as_bytes());
    }
    canonical
}

/// Whether the content type says so; another type must not hide parameters from the signature.
fn is_form(delivery: &Delivery) -> bool {
    let mut types = delivery.headers.get_all(CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = one.to_str().unwrap_or_default().split(';').next();
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// A body that the template leaves out, because it is no form, must have the hash that stands in
/// the signed part.
pub(crate) fn check_body_hash(signed: &SignedScheme, source: &Source<'_>) -> Result<(), Rejected> {
    let delivery = source.delivery;
    let left_out = signed.signed.has(&Piece::FormSorted) && !is_form(delivery);
    let Some(locator) = &signed.body_hash else {
        if left_out && !delivery.body.is_empty() && !signed.signed.has(&Piece::Body) {
            return Err(Rejected::new(
                Step::Malformed,
                "the body is no form, so the signature says nothing about it",
            ));
        }
        return Ok(());
    };
    let by_template =
        signed.signed.has(&Piece::Body) || (!left_out && signed.signed.has(&Piece::FormSorted));
    if by_template || delivery.body.is_empty() {
        return Ok(());
    }
    let given = locator.find_one(source).map_err(rejected)?;
    let computed = hex::encode(Sha256::digest(&delivery.body));
    if !token::equal(given.to_ascii_lowercase().as_bytes(), computed.as_bytes()) {
        return Err(Rejected::new(
            Step::Mismatch,
            format!("the body does not have the hash in {}", locator.place),
        ));
    }
    Ok(())
}
