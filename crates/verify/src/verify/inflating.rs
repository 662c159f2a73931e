//! Where a scheme signs the body as it was before its compression: undoing that first, for nobody
//! whose head alone is wrong, and never past the delivery's bound.

use super::precheck;
use crate::Delivery;
use crate::inflate::inflate;
use crate::rejected::{Rejected, Step};
use crate::scheme::Scheme;
use http::header::CONTENT_ENCODING;
use porchlight_core::{Secret, Timestamp};

/// Makes the delivery what the scheme signs: without its compression where that is what was
/// signed. Nothing is inflated for a sender whose head alone is wrong.
pub(crate) fn inflate_first(
    scheme: &Scheme,
    secrets: &[Secret],
    delivery: &mut Delivery,
    now: Timestamp,
) -> Result<(), Rejected> {
    if !scheme.signs_inflated() {
        return Ok(());
    }
    precheck(scheme, secrets, delivery, now)?;
    let refuse = |detail: String| Err(Rejected::new(Step::Malformed, detail));
    let mut encodings = delivery.headers.get_all(CONTENT_ENCODING).iter();
    let encoding = match (encodings.next(), encodings.next()) {
        (None, _) => return Ok(()),
        (Some(one), None) => one.to_str().unwrap_or_default().trim().to_ascii_lowercase(),
        _ => return refuse("header content-encoding is there more than once".to_owned()),
    };
    match encoding.as_str() {
        "identity" | "" => {}
        "gzip" | "x-gzip" => match inflate(&delivery.body, delivery.max_inflated) {
            Ok(body) => {
                delivery.body = body;
                delivery.headers.remove(CONTENT_ENCODING);
            }
            Err(error) => return refuse(format!("the body cannot be inflated: {error}")),
        },
        _ => return refuse("the content encoding is not gzip".to_owned()),
    }
    Ok(())
}
