//! From a verified delivery to an event: read the document, name it, date it, key it.
//!
//! The body stays the bytes that came; the event's data is a slice of it wherever the sender sent
//! JSON. This never answers anybody, never stores, and never panics on what a stranger sends: what
//! it cannot use is [`Unusable`].

mod document;
mod envelope;

use crate::rules::View;
use crate::webhook::{DedupPolicy, Webhook};
use crate::{naming, reading};
use document::Content;
use porchlight_core::{NewEvent, Timestamp};
use porchlight_journal::{Blob, Claim};
use porchlight_verify::Verified;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

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

/// A delivery that is genuine, but whose body cannot be read: answer 400, a retry cannot help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    reason: String,
}

impl Unusable {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Unusable {}

/// Turns a verified delivery into an event.
///
/// # Errors
/// What is wrong with the body, in one line without its content.
pub async fn decode(
    webhook: &Webhook,
    verified: Verified,
    received: Timestamp,
) -> Result<Decoded, Unusable> {
    let preset = &*webhook.preset;
    let content = document::read(preset.body(), verified.delivery()).await?;
    let text = std::str::from_utf8(&content.data).map_err(|_| not_utf8())?;
    let document = reading::Document::read(text, preset.plan()).map_err(Unusable::new)?;
    let view = View::Delivery {
        document: &document,
        headers: &verified.delivery().headers,
        files: &content.files,
    };

    let name = naming::part(&webhook.name);
    let kind = preset.rules().kind(view, &name);
    let time = preset
        .rules()
        .time(view)
        .unwrap_or_else(|| received.to_rfc3339());
    let subject = preset.rules().subject(view);
    let dedup_key = dedup_key(webhook, &verified, &content, view);
    let facts = preset
        .facts()
        .filter_map(|(name, fact)| Some((name.clone(), fact.read(view)?)));
    let facts: Map<String, Value> = facts.collect();

    let claim = webhook.dedup.ttl().map(|ttl| Claim {
        key: format!("{}\n{dedup_key}", webhook.name),
        ttl,
    });
    let headers = envelope::headers(&preset.scheme, &verified.delivery().headers);
    let query = envelope::query(&preset.scheme, &verified.delivery().query);
    let proof = verified.proof().clone();
    let peer = verified
        .delivery()
        .peer
        .map(|peer| peer.to_canonical().to_string());
    let (attachments, blobs) = split(content.files);
    Ok(Decoded {
        event: NewEvent {
            source: webhook.name.clone(),
            kind: kind.unwrap_or_else(|| format!("{}.received", preset.name.replace('-', "_"))),
            subject,
            time,
            dedup_key,
            data: content.data,
            facts: Value::Object(facts),
            received,
            peer: peer.unwrap_or_default(),
            headers,
            query,
            verified: proof,
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
fn dedup_key(webhook: &Webhook, verified: &Verified, content: &Content, view: View<'_>) -> String {
    let scheme = &webhook.preset.scheme;
    let body_is_trusted = !scheme.is_mac() || verified.proof().body;
    // Where a canonical form is signed, one content can be written in several ways.
    if !body_is_trusted || verified.is_canonical() {
        let id = verified.signed_id().map(str::to_owned);
        return id.unwrap_or_else(|| format!("sha256:{}", verified.signed_hash()));
    }
    let by_content = matches!(webhook.dedup, DedupPolicy::Content { .. });
    let id = (!by_content)
        .then(|| {
            verified
                .signed_id()
                .map(str::to_owned)
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

fn not_utf8() -> Unusable {
    Unusable::new("the body is not UTF-8 text")
}
