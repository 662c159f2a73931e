//! The sender's side: what `porchlight send` adds to a sample so that the webhook believes it.
//!
//! It works from the same scheme data as the verification, so that a scheme which can be written
//! can be tried.

use crate::Delivery;
use crate::locator::{Cut, Locator, Place};
use crate::scheme::{MacScheme, Method, Scheme};
use crate::template::Values;
use porchlight_core::{Secret, Timestamp};

/// A header under construction: items by position, then the separator.
struct Header {
    name: String,
    split: String,
    items: Vec<(usize, String)>,
}

/// The headers that make `delivery` genuine under `scheme`; none for `proof = "none"`.
///
/// # Errors
/// A sentence: a secret that does not fit, or a proof that does not stand in a header. A token in
/// the query is given by [`sign_query`].
pub fn sign(
    scheme: &Scheme,
    secret: &Secret,
    delivery: &Delivery,
    id: &str,
    now: Timestamp,
) -> Result<Vec<(String, String)>, String> {
    match &scheme.method {
        Method::None => Ok(Vec::new()),
        Method::Token(locators) => {
            scheme.check(std::slice::from_ref(secret))?;
            let text = std::str::from_utf8(secret.expose()).map_err(|_| {
                format!("`{}` is not UTF-8, so it cannot be a token", secret.name())
            })?;
            let locator = locators
                .iter()
                .find(|locator| matches!(locator.place, Place::Header(_)))
                .ok_or("the token does not stand in a header")?;
            let mut headers = Vec::new();
            place(locator, text, "", 1, &mut headers)?;
            Ok(finish(headers))
        }
        Method::Mac(mac) => sign_mac(mac, secret, delivery, id, now),
        Method::FirstPresent(schemes) => schemes.first().map_or_else(
            || Ok(Vec::new()),
            |scheme| sign(scheme, secret, delivery, id, now),
        ),
    }
}

/// The query parameter that makes a delivery genuine, where the scheme is a token that stands only
/// in the query; the value is not percent-encoded.
pub fn sign_query(scheme: &Scheme, secret: &Secret) -> Option<(String, String)> {
    let Method::Token(locators) = &scheme.method else {
        return None;
    };
    if locators
        .iter()
        .any(|locator| matches!(locator.place, Place::Header(_)))
    {
        return None;
    }
    locators.iter().find_map(|locator| match &locator.place {
        Place::Query(name) => {
            let text = std::str::from_utf8(secret.expose()).ok()?;
            Some((name.clone(), text.to_owned()))
        }
        _ => None,
    })
}

fn sign_mac(
    mac: &MacScheme,
    secret: &Secret,
    delivery: &Delivery,
    id: &str,
    now: Timestamp,
) -> Result<Vec<(String, String)>, String> {
    let key = mac
        .key
        .key(secret.expose(), &mac.key_prefix)
        .map_err(|problem| format!("`{}` {problem}", secret.name()))?;
    let time = mac
        .timestamp
        .as_ref()
        .map(|rule| rule.format.write(now))
        .unwrap_or_default();
    let parts = mac.signed.fill(&Values {
        body: &delivery.body,
        timestamp: &time,
        id,
        url: &delivery.url,
        method: delivery.method.as_str(),
    });
    let (Some(algorithm), Some(signature)) = (mac.algorithms.first(), mac.signatures.first())
    else {
        return Err("the scheme has no algorithm or no signature".to_owned());
    };
    let value = signature
        .encodings
        .first()
        .map(|encoding| encoding.encode(&algorithm.compute(&key, &parts)))
        .unwrap_or_default();

    let mut headers = Vec::new();
    if let Some(rule) = &mac.timestamp {
        place_outside_body(&rule.locator, &time, &mut headers)?;
    }
    if let Some(rule) = &mac.id {
        place_outside_body(&rule.locator, id, &mut headers)?;
    }
    place(
        &signature.locator,
        &value,
        algorithm.label(),
        1,
        &mut headers,
    )?;
    Ok(finish(headers))
}

/// A time or an id in the body is the sample's own affair.
fn place_outside_body(
    locator: &Locator,
    value: &str,
    headers: &mut Vec<Header>,
) -> Result<(), String> {
    match locator.place {
        Place::Json(_) => Ok(()),
        _ => place(locator, value, "", 0, headers),
    }
}

fn place(
    locator: &Locator,
    value: &str,
    label: &str,
    position: usize,
    headers: &mut Vec<Header>,
) -> Result<(), String> {
    let Place::Header(name) = &locator.place else {
        return Err(format!(
            "the proof stands in {}, and only headers can be added",
            locator.place
        ));
    };
    let (split, position, item) = match &locator.cut {
        Cut::Whole => ("", position, value.to_owned()),
        Cut::Prefix { prefix, .. } => ("", position, prefix.replace("{alg}", label) + value),
        Cut::AuthScheme(word) => ("", position, format!("{word} {value}")),
        Cut::Keyed { split, key } => (split.as_str(), position, format!("{key}={value}")),
        Cut::Prefixed { split, prefix } => (split.as_str(), position, format!("{prefix}{value}")),
        Cut::Indexed { split, index } => (split.as_str(), *index, value.to_owned()),
    };
    match headers
        .iter_mut()
        .find(|header| header.name == name.as_str())
    {
        Some(header) => header.items.push((position, item)),
        None => headers.push(Header {
            name: name.as_str().to_owned(),
            split: split.to_owned(),
            items: vec![(position, item)],
        }),
    }
    Ok(())
}

fn finish(headers: Vec<Header>) -> Vec<(String, String)> {
    headers
        .into_iter()
        .map(|mut header| {
            header.items.sort_by_key(|(position, _)| *position);
            let items: Vec<String> = header.items.into_iter().map(|(_, item)| item).collect();
            (header.name, items.join(&header.split))
        })
        .collect()
}
