//! From a verified delivery to an event: read the document, name it, date it, key it.
//!
//! The body stays the bytes that came; the event's data is a slice of it wherever the sender sent
//! JSON. This never answers anybody, never stores, and never panics on what a stranger sends: what
//! it cannot use is [`Unusable`].

pub(crate) mod charset;
mod cloudevents;
mod document;
mod encoding;
mod envelope;
pub(crate) mod form;
pub(crate) mod kind;
mod parts;
mod unusable;
pub(crate) mod xml;

pub use unusable::Unusable;

use crate::preset::Body;
use crate::rules::View;
use crate::webhook::{DedupPolicy, Webhook};
use crate::{naming, reading};
use document::Content;
use http::HeaderMap;
use kind::ContentType;
use porchlight_core::{NewEvent, Timestamp};
use porchlight_journal::{Blob, Claim};
use porchlight_verify::Verified;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// Bodies up to this size, and not packed, are read on the spot: that takes less time than handing
/// them to another thread and back.
const READ_ON_THE_SPOT: usize = 64 * 1024;

/// An event and all that is stored with it.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The event.
    pub event: NewEvent,
    /// The bytes of its attachments, each hash once.
    pub blobs: Vec<Blob>,
    /// What makes a repetition of this delivery a duplicate; `None` when every delivery counts.
    pub claim: Option<Claim>,
}

/// Turns a verified delivery into its events: one, except that a CloudEvents batch has as many as
/// it holds, none included.
///
/// # Errors
/// What is wrong with the body, in one line without its content. Then there is no event at all.
pub async fn decode(
    webhook: &Webhook,
    verified: Verified,
    received: Timestamp,
) -> Result<Vec<Decoded>, Unusable> {
    let delivery = verified.delivery();
    let is_packed = delivery
        .headers
        .contains_key(http::header::CONTENT_ENCODING);
    if delivery.body.len() <= READ_ON_THE_SPOT && !is_packed {
        return decode_now(webhook, &verified, received);
    }
    let webhook = webhook.clone();
    let reading = move || decode_now(&webhook, &verified, received);
    match tokio::task::spawn_blocking(reading).await {
        Ok(result) => result,
        // Nothing cancels it, so it panicked: let that end this delivery, as it would on the spot.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn decode_now(
    webhook: &Webhook,
    verified: &Verified,
    received: Timestamp,
) -> Result<Vec<Decoded>, Unusable> {
    let preset = &*webhook.preset;
    let delivery = verified.delivery();
    let body = encoding::plain(delivery, preset.may_inflate())?;
    let sent = ContentType::of(&delivery.headers)?;
    if *preset.body() != Body::CloudEvents {
        let content = document::read(preset.body(), &sent, &body)?;
        return Ok(vec![event(webhook, verified, content, None, received)?]);
    }
    let events = cloudevents::read(&delivery.headers, &sent, &body)?;
    let is_batch = events.len() > 1;
    let mut decoded = Vec::with_capacity(events.len());
    for (index, cloud) in events.into_iter().enumerate() {
        let about = About {
            headers: cloud.headers,
            key: cloud
                .key
                .filter(|_| cloud.in_body || !preset.scheme.is_mac()),
            nth: is_batch.then_some(index),
            attributes: cloud.attributes,
        };
        decoded.push(event(
            webhook,
            verified,
            cloud.content,
            Some(about),
            received,
        )?);
    }
    Ok(decoded)
}

/// What a CloudEvent knows about itself.
struct About {
    headers: HeaderMap,
    key: Option<String>,
    nth: Option<usize>,
    attributes: Map<String, Value>,
}

fn event(
    webhook: &Webhook,
    verified: &Verified,
    content: Content,
    about: Option<About>,
    received: Timestamp,
) -> Result<Decoded, Unusable> {
    let preset = &*webhook.preset;
    let delivery = verified.delivery();
    let text = std::str::from_utf8(&content.data).map_err(|_| Unusable::not_utf8())?;
    let document =
        reading::Document::read(text, preset.plan()).map_err(|error| document::not_json(&error))?;
    let view = View::Delivery {
        document: &document,
        headers: about
            .as_ref()
            .map_or(&delivery.headers, |about| &about.headers),
        files: &content.files,
    };

    let name = naming::part(&webhook.name);
    let kind = preset.rules().kind(view, &name);
    let time = preset
        .rules()
        .time(view)
        .unwrap_or_else(|| received.to_rfc3339());
    let subject = preset.rules().subject(view);
    let dedup_key = dedup_key(webhook, verified, &content, about.as_ref(), view);
    let facts = preset
        .facts()
        .filter_map(|(name, fact)| Some((name.clone(), fact.read(view)?)));
    let mut facts: Map<String, Value> = facts.collect();
    if let Some(about) = about {
        facts.insert("cloudevent".to_owned(), Value::Object(about.attributes));
    }

    let claim = webhook.dedup.ttl().map(|ttl| Claim {
        key: format!("{}\n{dedup_key}", webhook.name),
        ttl,
    });
    let headers = envelope::headers(&preset.scheme, &delivery.headers);
    let query = envelope::query(&preset.scheme, &delivery.query);
    let peer = delivery.peer.map(|peer| peer.to_canonical().to_string());
    let (attachments, blobs) = split(content.files);
    Ok(Decoded {
        event: NewEvent {
            source: webhook.name.clone(),
            kind: kind.unwrap_or_else(|| preset.kind_without_rule()),
            subject,
            time,
            dedup_key,
            data: content.data,
            facts: Value::Object(facts),
            received,
            peer: peer.unwrap_or_default(),
            headers,
            query,
            verified: verified.proof().clone(),
            attachments,
            redelivered: false,
            depth: 0,
        },
        blobs,
        claim,
    })
}

/// The vendor's id where the proof covers it, else the hash of the document.
///
/// An id outside the signed bytes never counts where there is a signature: whoever can copy a
/// delivery could change it and have the copy taken as new.
fn dedup_key(
    webhook: &Webhook,
    verified: &Verified,
    content: &Content,
    about: Option<&About>,
    view: View<'_>,
) -> String {
    let scheme = &webhook.preset.scheme;
    // Events of one delivery share its id; their place in it tells them apart.
    let of_delivery = |id: &str| match about.and_then(|about| about.nth) {
        Some(nth) => format!("{id}#{nth}"),
        None => id.to_owned(),
    };
    let body_is_trusted = !scheme.is_mac() || verified.proof().body;
    // Where a canonical form is signed, one content can be written in several ways.
    if !body_is_trusted || verified.is_canonical() {
        let id = verified.signed_id().map(of_delivery);
        return id.unwrap_or_else(|| of_delivery(&format!("sha256:{}", verified.signed_hash())));
    }
    let by_content = matches!(webhook.dedup, DedupPolicy::Content { .. });
    let own = about.and_then(|about| about.key.clone());
    let id = (!by_content)
        .then(|| {
            own.or_else(|| verified.signed_id().map(of_delivery))
                .or_else(|| webhook.preset.rules().id(view))
        })
        .flatten();
    id.unwrap_or_else(|| format!("sha256:{}", hex::encode(Sha256::digest(&content.identity))))
}

/// The attachments, and their bytes with each hash once.
fn split(files: Vec<crate::attachment::File>) -> (Vec<porchlight_core::Attachment>, Vec<Blob>) {
    let mut seen = HashSet::new();
    let mut blobs = Vec::new();
    let mut attachments = Vec::new();
    for file in files {
        if seen.insert(file.blob.hash.clone()) {
            blobs.push(file.blob);
        }
        attachments.push(file.about);
    }
    (attachments, blobs)
}
