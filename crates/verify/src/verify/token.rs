//! The proof that the caller knows the secret, because it sends it.

use super::{Proved, collect, no_secret};
use crate::locator::Locator;
use crate::rejected::{Rejected, Step};
use crate::source::Source;
use crate::token;
use porchlight_core::Secret;

pub(crate) fn prove<'s>(
    locators: &[Locator],
    secrets: impl Iterator<Item = &'s Secret>,
    source: &Source<'_>,
) -> Result<Proved, Rejected> {
    let usable: Vec<&Secret> = secrets.filter(|secret| !secret.is_blank()).collect();
    if usable.is_empty() {
        return Err(no_secret());
    }
    let mut first_problem = None;
    let mut groups = Vec::new();
    for locator in locators {
        collect(locator.find(source, ""), &mut groups, &mut first_problem)?;
    }
    if groups.is_empty() {
        return Err(
            first_problem.unwrap_or_else(|| Rejected::new(Step::Missing, "the token is missing"))
        );
    }
    source.note("token", || {
        let places: Vec<String> = locators.iter().map(|l| l.place.to_string()).collect();
        format!("found ({} values) in {}", groups.len(), places.join(" or "))
    });
    let mut matched = None;
    for secret in usable {
        for group in &groups {
            // A pointer with `*` finds one value per element, and every element has to be right.
            let all = group.iter().fold(true, |all, given| {
                all & token::equal(given.as_bytes(), secret.expose())
            });
            if all {
                matched = matched.or(Some(secret));
            }
        }
    }
    let secret = matched.ok_or_else(|| {
        Rejected::new(
            Step::Mismatch,
            "the token is there, and no secret equals it",
        )
    })?;
    Ok(Proved::by(secret))
}
