//! Tokens are not computed, only found: the right one may stand at another place.

use crate::Delivery;
use crate::scheme::{Method, Scheme};
use porchlight_core::Secret;

/// A token that is right, but at another place.
pub(super) fn token_guesses(
    scheme: &Scheme,
    secrets: &[Secret],
    delivery: &Delivery,
) -> Vec<String> {
    let Method::Token(locators) = &scheme.method else {
        return Vec::new();
    };
    let right = |text: &str| {
        let words = std::iter::once(text).chain(text.split_once(' ').map(|(_, rest)| rest));
        let mut words = words.map(str::trim);
        words.any(|word| {
            secrets.iter().any(|secret| {
                !secret.is_blank() && crate::token::equal(word.as_bytes(), secret.expose())
            })
        })
    };
    let places: Vec<String> = locators.iter().map(|l| l.place.to_string()).collect();
    let scheme_place = places.join(" or ");
    let headers = delivery.headers.iter().filter_map(|(name, value)| {
        Some((format!("header {name}"), value.to_str().ok()?.to_owned()))
    });
    let query = form_urlencoded::parse(delivery.query.as_bytes())
        .map(|(name, value)| (format!("query parameter {name}"), value.into_owned()));
    headers
        .chain(query)
        .filter(|(_, text)| right(text))
        .map(|(place, _)| format!("the right token stands in {place}; the scheme looks in {scheme_place}, and minds the word in front of it"))
        .take(1)
        .collect()
}
