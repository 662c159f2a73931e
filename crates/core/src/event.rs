//! What came in: an event, in the words of CloudEvents 1.0 (`id`, `source`, `type`, `subject`,
//! `time`, `data`).
//!
//! What the caller can influence (`data`, `facts`, `headers`, `query`) and what the host itself
//! knows (`received`, `peer`, `verified`, `attachments`, `redelivered`) are separate fields, so
//! that no header or body member can ever shadow a host fact.

use crate::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The row number of an event in the journal, counting from 1.
pub type EventId = u64;

/// An event that is not stored yet, so it has no id.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The webhook's name (`driveway`), or `script:NAME` for an event that a script emitted.
    pub source: String,
    /// The dotted event type: `xprotect.external_event`.
    pub kind: String,
    /// What the event is about (a camera, a device), where the preset names it.
    pub subject: Option<String>,
    /// When it happened, RFC 3339 in UTC: the vendor's time in the vendor's precision, or the time
    /// of arrival where the vendor sends none.
    pub time: String,
    /// The vendor's id of this event, or `sha256:` and the hex digest of the bytes that identify it.
    pub dedup_key: String,
    /// The JSON document as the vendor sent it, byte for byte. A form becomes a JSON object and a
    /// plain text a JSON string. Always well-formed JSON, always UTF-8.
    pub data: Bytes,
    /// What the preset read out of the body, under names that are the same for every vendor:
    /// `plates`, `camera`, `triggers`, `message`, `vehicle`, `image`. Always a JSON object.
    pub facts: serde_json::Value,
    /// When the request arrived.
    pub received: Timestamp,
    /// The peer's address without port (`192.0.2.7`), or empty for an emitted event.
    pub peer: String,
    /// The headers as sent: names in lower case, repeated names repeated, credentials left out.
    pub headers: Vec<(String, String)>,
    /// The query string as sent, without the question mark.
    pub query: String,
    /// What proved that the event is genuine.
    pub verified: Proof,
    /// The files that came with it. Their bytes are in the journal's blob store.
    pub attachments: Vec<Attachment>,
    /// True when the sender said that it sent this before.
    pub redelivered: bool,
    /// How many emitted events lie between this one and the outside; 0 for a webhook. Bounds the
    /// loop of a script that answers its own events.
    pub depth: u32,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its row in the journal.
    pub id: EventId,
    /// All the rest.
    pub content: NewEvent,
}

impl std::ops::Deref for Event {
    type Target = NewEvent;
    fn deref(&self) -> &NewEvent {
        &self.content
    }
}

/// What proved that a delivery is genuine, and how far the proof reaches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    /// The name of the scheme: the preset's name, `none`, or `emit` for a script's own event.
    pub scheme: String,
    /// Which secret matched, by its name.
    pub secret: Option<String>,
    /// Whether the proof covered every byte of the body.
    pub body: bool,
    /// The subject of the client certificate, where one was required.
    pub certificate: Option<String>,
}

/// A file that came with an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The name of the form field: `upload`.
    pub name: String,
    /// The sender's file name reduced to its last component, harmless as a name but never used as
    /// a path; empty when none was sent.
    pub filename: String,
    /// What the bytes are: as sent, or as recognised by their first bytes.
    pub content_type: String,
    /// Size in bytes.
    pub size: u64,
    /// Lower-case hex SHA-256 of the bytes: the name of the blob.
    pub hash: String,
}

impl Event {
    /// The event as one CloudEvents 1.0 JSON object, with the extension attribute `dedupkey`.
    ///
    /// `data` that is no JSON any more (which the receiver excludes) is given as a string.
    pub fn to_cloudevent(&self) -> serde_json::Value {
        let text = String::from_utf8_lossy(&self.data);
        let data = crate::json::parse(&text)
            .unwrap_or_else(|_| serde_json::Value::String(text.into_owned()));
        let mut object = serde_json::json!({
            "specversion": "1.0",
            "id": self.id.to_string(),
            "source": self.source,
            "type": self.kind,
            "time": self.time,
            "dedupkey": self.dedup_key,
            "datacontenttype": "application/json",
            "data": data,
        });
        if let Some(subject) = &self.subject {
            object["subject"] = subject.clone().into();
        }
        object
    }
}
