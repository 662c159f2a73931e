//! What can be refused before the body is read: a token that is wrong, a signature that is not
//! there, a time that is past. It never accepts anything; [`super::verify`] does that alone.

use super::{prove, signed};
use crate::Delivery;
use crate::httpsig;
use crate::locator::Place;
use crate::rejected::Rejected;
use crate::scheme::{Method, Scheme};
use crate::source::Source;
use porchlight_core::{Secret, Timestamp};

/// Refuses a delivery by its head; `head` is the delivery with an empty body. `Ok` means that the
/// body has to be read to know more, and nothing else.
///
/// # Errors
/// As [`super::verify`] would, for the same reason.
pub fn precheck(
    scheme: &Scheme,
    secrets: &[Secret],
    head: &Delivery,
    now: Timestamp,
) -> Result<(), Rejected> {
    check(scheme, secrets, &Source::new(head), now)
}

fn check(
    scheme: &Scheme,
    secrets: &[Secret],
    head: &Source<'_>,
    now: Timestamp,
) -> Result<(), Rejected> {
    let whole = || prove(scheme, secrets, head, now).map(drop);
    match &scheme.method {
        Method::None => Ok(()),
        Method::Basic | Method::Mtls(_) | Method::Ip(_) => whole(),
        Method::Token(locators) if locators.iter().any(|l| matches!(l.place, Place::Json(_))) => {
            Ok(())
        }
        Method::Token(_) => whole(),
        Method::Jwt(jwt)
            if jwt.body_hash.is_some() || matches!(jwt.token.place, Place::Json(_)) =>
        {
            Ok(())
        }
        Method::Jwt(_) => whole(),
        Method::Signed(signed) => {
            let own = scheme.own_secrets(secrets);
            signed::precheck(signed, own.filter(|secret| secret.is_live(now)), head, now)
        }
        Method::HttpSig(signature) => httpsig::precheck(signature, head, now),
        Method::All(parts) => {
            let own: Vec<Secret> = scheme.own_secrets(secrets).cloned().collect();
            let mut parts = parts.iter();
            parts.try_for_each(|part| check(part, &own, head, now))
        }
        Method::Any(parts) => {
            let own: Vec<Secret> = scheme.own_secrets(secrets).cloned().collect();
            let mut problem = None;
            for part in parts {
                match check(part, &own, head, now) {
                    Ok(()) => return Ok(()),
                    Err(found) => _ = problem.get_or_insert(found),
                }
            }
            problem.map_or(Ok(()), Err)
        }
        // Which one decides may depend on the body.
        Method::FirstPresent(_) => Ok(()),
    }
}
