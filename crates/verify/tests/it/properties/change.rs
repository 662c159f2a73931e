//! One bit of a signed delivery changed, somewhere where it has to matter.

use super::dice::Dice;
use super::made::{Made, STRANGER};
use super::part::Mark;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method};
use porchlight_verify::{Delivery, inflate};
use std::collections::BTreeSet;

/// Every kind of change that this scheme has to notice, one each, by what was changed.
pub fn changes(made: &Made, honest: &Delivery, dice: &mut Dice) -> Vec<(String, Delivery)> {
    let mut found: Vec<(String, Option<Delivery>)> = Vec::new();
    if made.covers.body || made.covers.form {
        found.push(("body".into(), body(honest, dice)));
    }
    if made.covers.method {
        let mut changed = honest.clone();
        changed.method = Method::PUT;
        found.push(("method".into(), Some(changed)));
    }
    if made.covers.url || made.covers.path {
        // A host has no case, so the bit is taken from the path.
        let begin = honest.url.find("/webhook").unwrap_or_default();
        let length = "/webhook/x".len();
        found.push(("url".into(), url(honest, begin + dice.roll(length), dice)));
    }
    if made.covers.content_type {
        found.push(("content type".into(), header(honest, "content-type", dice)));
    }
    if made.covers.peer {
        let mut changed = honest.clone();
        changed.peer = Some(STRANGER.parse().unwrap());
        found.push(("peer".into(), Some(changed)));
    }
    if made.covers.certificate {
        let mut certificate = honest.certificates[0].clone();
        flip(&mut certificate, 8, dice);
        let mut changed = honest.clone();
        changed.certificates = vec![certificate].into();
        found.push(("certificate".into(), Some(changed)));
    }
    for mark in &made.marks {
        found.push((format!("{mark:?}"), marked(made, honest, mark, dice)));
    }
    let found = found.into_iter();
    found
        .filter_map(|(what, changed)| Some((what, changed?)))
        .collect()
}

fn flip(bytes: &mut [u8], bits: usize, dice: &mut Dice) -> Option<usize> {
    let at = dice.roll(bytes.len());
    *bytes.get_mut(at)? ^= 1 << dice.roll(bits);
    Some(at)
}

fn body(honest: &Delivery, dice: &mut Dice) -> Option<Delivery> {
    let mut changed = honest.clone();
    let mut body = honest.body.to_vec();
    flip(&mut body, 8, dice)?;
    let same_inside = inflate(&body, 1 << 16).is_ok_and(|inside| {
        // The head of a gzip file holds a time that nobody looks at.
        inflate(&honest.body, 1 << 16) == Ok(inside)
    });
    // A percent-encoded byte may be written in either case where the canonical form is signed.
    let pairs = |body: &[u8]| -> BTreeSet<(String, String)> {
        form_urlencoded::parse(body).into_owned().collect()
    };
    let is_form = honest
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().ends_with(b"urlencoded"));
    let same = same_inside || is_form && pairs(&body) == pairs(&honest.body);
    changed.body = Bytes::from(body);
    (!same).then_some(changed)
}

fn url(honest: &Delivery, at: usize, dice: &mut Dice) -> Option<Delivery> {
    let mut changed = honest.clone();
    let mut url = honest.url.clone().into_bytes();
    *url.get_mut(at)? ^= 1 << dice.roll(7);
    changed.url = String::from_utf8(url).ok()?;
    Some(changed)
}

fn header(honest: &Delivery, name: &str, dice: &mut Dice) -> Option<Delivery> {
    let mut value = honest.headers.get(name)?.as_bytes().to_vec();
    flip(&mut value, 8, dice)?;
    let mut changed = honest.clone();
    let value = HeaderValue::from_bytes(&value).ok()?;
    *changed.headers.get_mut(name)? = value;
    Some(changed)
}

/// A change at the mark; `None` where it came out as another spelling of the same.
fn marked(made: &Made, honest: &Delivery, mark: &Mark, dice: &mut Dice) -> Option<Delivery> {
    match mark {
        Mark::Header { name, free, hex } => {
            let changed = header(honest, name, dice)?;
            let (old, new) = (honest.headers.get(name)?, changed.headers.get(name)?);
            let (old, new) = (old.as_bytes(), new.as_bytes());
            let case_only = old.eq_ignore_ascii_case(new);
            let in_front = old[*free..] == new[*free..];
            let same = case_only && (*hex || in_front);
            (!same).then_some(changed)
        }
        Mark::Structured => {
            let changed = header(honest, "signature", dice)?;
            // The last character holds bits that no byte comes of.
            let inside = |delivery: &Delivery| -> Option<String> {
                let text = delivery.headers.get("signature")?.to_str().ok()?;
                let (label, rest) = text.split_once(':')?;
                let decoded = forgiving(rest.strip_suffix(':')?)?;
                Some(format!("{label}{}", STANDARD.encode(decoded)))
            };
            (inside(honest) != inside(&changed)).then_some(changed)
        }
        Mark::Query { .. } => {
            let mut query = honest.query.clone().into_bytes();
            flip(&mut query, 7, dice)?;
            let query = String::from_utf8(query).ok()?;
            let pairs = |query: &str| -> Vec<(String, String)> {
                form_urlencoded::parse(query.as_bytes())
                    .into_owned()
                    .collect()
            };
            let hex = made
                .marks
                .iter()
                .any(|mark| matches!(mark, Mark::Query { hex: true }));
            let (old, new) = (pairs(&honest.query), pairs(&query));
            let same = old == new
                || hex
                    && old.len() == new.len()
                    && old
                        .iter()
                        .zip(&new)
                        .all(|(a, b)| a.0 == b.0 && a.1.eq_ignore_ascii_case(&b.1));
            let mut changed = honest.clone();
            let path = honest.url.split('?').next()?;
            changed.url = format!("{path}?{query}");
            changed.query = query;
            (!same || made.covers.url && !hex).then_some(changed)
        }
        Mark::Json { pointer, hex } => {
            let mut json: serde_json::Value = serde_json::from_slice(&honest.body).ok()?;
            let old = json.pointer(pointer)?.as_str()?.to_owned();
            let mut text = old.clone().into_bytes();
            flip(&mut text, 7, dice)?;
            let text = String::from_utf8(text).ok()?;
            let same = *hex && text.eq_ignore_ascii_case(&old);
            *json.pointer_mut(pointer)? = text.into();
            let mut changed = honest.clone();
            changed.body = json.to_string().into();
            (!same).then_some(changed)
        }
    }
}

fn forgiving(text: &str) -> Option<Vec<u8>> {
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    engine.decode(text).ok()
}
