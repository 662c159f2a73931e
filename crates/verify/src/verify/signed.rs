//! The proof that a template was signed with the sender's key, by MAC or by signature.
//!
//! Every secret and every candidate is tried to the end, so that the time it takes says nothing
//! about which came near. Cheap checks come before the hash over the body.

use super::{MAX_ID, Proved, collect, no_secret, rejected};
use crate::algorithm::Algorithm;
use crate::canonical;
use crate::locator::{NotFound, Place};
use crate::rejected::{Rejected, Step};
use crate::scheme::SignedScheme;
use crate::source::Source;
use crate::template::{Piece, Values};
use crate::time::is_fresh;
use porchlight_core::units::format_duration;
use porchlight_core::{Secret, Timestamp};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::time::Duration;

/// Every decoded signature, by the algorithm that it claims.
type Candidates = Vec<(Algorithm, Vec<Vec<u8>>)>;

pub(crate) fn prove<'s>(
    signed: &SignedScheme,
    secrets: impl Iterator<Item = &'s Secret>,
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    let keys = keys(signed, secrets);
    if keys.is_empty() {
        return Err(no_secret());
    }
    let candidates = candidates(signed, source)?;
    let timestamp = timestamp(signed, source, now)?;
    let id = id(signed, source)?;
    canonical::check_body_hash(signed, source)?;

    let delivery = source.delivery;
    let form = if signed.signed.has(&Piece::FormSorted) {
        canonical::form_sorted(delivery)
    } else {
        Vec::new()
    };
    let parts = signed.signed.fill(&Values {
        body: &delivery.body,
        timestamp: timestamp.as_deref().unwrap_or_default(),
        id: id.as_deref().unwrap_or_default(),
        url: &delivery.url,
        method: delivery.method.as_str(),
        form_sorted: &form,
    });
    source.note("signed", || filled(signed, &parts));
    let mut matched = None;
    for (secret, key) in &keys {
        let mut found = false;
        for (algorithm, values) in &candidates {
            found |= algorithm.any_matches(key, &parts, values);
        }
        source.note("secret", || {
            let outcome = if found { "fits" } else { "does not fit" };
            format!(
                "`{}`, a key of {} bytes ({}): {outcome}",
                secret.name(),
                key.len(),
                signed.key.word()
            )
        });
        if found {
            matched = matched.or(Some(*secret));
        }
    }
    let secret = matched.ok_or_else(|| {
        Rejected::new(
            Step::Mismatch,
            "the signature is well formed, and no secret makes it: another secret, or the body was changed on the way",
        )
    })?;
    let canonical = signed.signed.has(&Piece::FormSorted);
    // Where every byte of the body is covered, the body tells deliveries apart as well as the
    // signed bytes do, and need not be hashed a second time here.
    let hash = (canonical || !signed.covers_body()).then(|| {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        hex::encode(hash.finalize())
    });
    Ok(Proved {
        body: signed.covers_body(),
        id: id.filter(|_| signed.covers_id()).map(Cow::into_owned),
        hash,
        canonical,
        ..Proved::by(secret)
    })
}

/// What can be refused without the body: what stands in head and query is looked at, nothing more.
pub(crate) fn precheck<'s>(
    signed: &SignedScheme,
    secrets: impl Iterator<Item = &'s Secret>,
    head: &Source<'_>,
    now: Timestamp,
) -> Result<(), Rejected> {
    if keys(signed, secrets).is_empty() {
        return Err(no_secret());
    }
    let in_head = |place: &Place| !matches!(place, Place::Json(_));
    if signed
        .signatures
        .iter()
        .all(|signature| in_head(&signature.locator.place))
    {
        candidates(signed, head)?;
    }
    if signed
        .timestamp
        .as_ref()
        .is_some_and(|rule| in_head(&rule.locator.place))
    {
        timestamp(signed, head, now)?;
    }
    if signed
        .id
        .as_ref()
        .is_some_and(|rule| in_head(&rule.locator.place))
    {
        id(signed, head)?;
    }
    Ok(())
}

/// The keys of all secrets that are one.
pub(crate) fn keys<'s>(
    signed: &SignedScheme,
    secrets: impl Iterator<Item = &'s Secret>,
) -> Vec<(&'s Secret, Vec<u8>)> {
    secrets
        .filter_map(|secret| {
            let key = signed.key.key(secret.expose(), &signed.key_prefix).ok()?;
            let mut algorithms = signed.algorithms.iter();
            let fits = algorithms.all(|algorithm| algorithm.check_key(&key).is_ok());
            fits.then_some((secret, key))
        })
        .collect()
}

fn candidates(signed: &SignedScheme, source: &Source<'_>) -> Result<Candidates, Rejected> {
    let mut first_problem = None;
    let mut candidates = Candidates::new();
    let mut texts_seen = false;
    for algorithm in &signed.algorithms {
        let mut values = Vec::new();
        for signature in &signed.signatures {
            let mut groups = Vec::new();
            let found = signature.locator.find(source, algorithm.label());
            collect(found, &mut groups, &mut first_problem)?;
            for text in groups.iter().flatten() {
                texts_seen = true;
                for encoding in &signature.encodings {
                    let Some(value) = encoding.decode(text) else {
                        continue;
                    };
                    source.note("signature", || {
                        format!(
                            "found in {}: {} characters, read as {}, {} bytes",
                            signature.locator.place,
                            text.chars().count(),
                            encoding.word(),
                            value.len()
                        )
                    });
                    values.push(value);
                }
            }
        }
        if !values.is_empty() {
            candidates.push((*algorithm, values));
        }
    }
    if !candidates.is_empty() {
        return Ok(candidates);
    }
    Err(match first_problem {
        _ if texts_seen => {
            let mut words: Vec<&str> = signed
                .signatures
                .iter()
                .flat_map(|signature| signature.encodings.iter().map(|e| e.word()))
                .collect();
            words.dedup();
            Rejected::new(
                Step::Malformed,
                format!(
                    "the signature is there, but it is not {}",
                    words.join(" or ")
                ),
            )
        }
        Some(problem) => problem,
        None => Rejected::new(Step::Missing, "the signature is missing"),
    })
}

/// The time as it was sent, if the scheme has one and it lies within the window.
pub(crate) fn timestamp<'a>(
    signed: &SignedScheme,
    source: &Source<'a>,
    now: Timestamp,
) -> Result<Option<Cow<'a, str>>, Rejected> {
    let Some(rule) = &signed.timestamp else {
        return Ok(None);
    };
    let text = rule.locator.find_one(source).map_err(rejected)?;
    let time = rule.format.parse(&text).ok_or_else(|| {
        Rejected::new(
            Step::Malformed,
            format!(
                "the time in {} is not written as the scheme says ({})",
                rule.locator.place,
                rule.format.word()
            ),
        )
    })?;
    let distance = distance(time, now);
    source.note("time", || {
        format!(
            "found in {}: {time}, {distance} by this machine's clock; {} old or {} ahead is allowed",
            rule.locator.place,
            format_duration(rule.past),
            format_duration(rule.future)
        )
    });
    if !is_fresh(time, now, rule.past, rule.future) {
        return Err(Rejected::new(
            Step::Stale,
            format!(
                "the delivery is {distance} by this machine's clock, more than the scheme allows; if it was sent just now, one of the clocks is wrong"
            ),
        ));
    }
    Ok(Some(text))
}

/// `12 s old`, or `12 s in the future`.
pub(crate) fn distance(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.0.saturating_sub(time.0).saturating_abs() / 1000;
    if seconds == 0 {
        return "0 s old".to_owned();
    }
    let length = format_duration(Duration::from_secs(seconds.unsigned_abs()));
    let direction = if time > now { "in the future" } else { "old" };
    format!("{length} ({seconds} s) {direction}")
}

fn id<'a>(signed: &SignedScheme, source: &Source<'a>) -> Result<Option<Cow<'a, str>>, Rejected> {
    let Some(rule) = &signed.id else {
        return Ok(None);
    };
    let needed = signed.signed.has(&Piece::Id);
    let id = match rule.locator.find_one(source) {
        Ok(id) => id,
        Err(NotFound::Missing(_) | NotFound::Malformed(_)) if !needed => return Ok(None),
        Err(NotFound::Ambiguous(_)) if !needed && !signed.covers_id() => return Ok(None),
        Err(problem) => return Err(rejected(problem)),
    };
    if rule.forbid.as_deref().is_some_and(|text| id.contains(text)) {
        return Err(Rejected::new(
            Step::Malformed,
            "the delivery id contains a text that the scheme forbids in it",
        ));
    }
    if needed && (id.is_empty() || id.len() > MAX_ID) {
        return Err(Rejected::new(
            Step::Malformed,
            format!("the delivery id is empty or longer than {MAX_ID} bytes"),
        ));
    }
    source.note("id", || {
        format!("found in {}: {} bytes", rule.locator.place, id.len())
    });
    Ok((!id.is_empty() && id.len() <= MAX_ID).then_some(id))
}

/// The template and how long each of its pieces became.
fn filled(signed: &SignedScheme, parts: &[&[u8]]) -> String {
    let lengths: Vec<String> = parts.iter().map(|part| part.len().to_string()).collect();
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let sum = match lengths.as_slice() {
        [_] => String::new(),
        several => format!("{} = ", several.join(" + ")),
    };
    format!("{} = {sum}{total} bytes", signed.signed.text())
}
