//! Between the nouns and the columns.
//!
//! Writing is prepared by the caller's thread (the JSON texts), so that the one writer only binds
//! and steps; reading happens on the reader's.

use crate::claims::{ClaimKey, claim_key};
use crate::{Claim, ReadError};
use bytes::Bytes;
use porchlight_core::{Attachment, Event, EventId, NewEvent, Proof, Timestamp};
use rusqlite::{Connection, Result, Row};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The columns of an event, as [`read_event`] expects them.
pub(crate) const EVENT_COLUMNS: &str =
    "id, received, source, kind, subject, time, dedup_key, rest, facts, data";

/// What of an event nobody searches for, as one JSON object without its empty members.
#[derive(Serialize, Deserialize)]
struct Rest {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    peer: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    query: String,
    #[serde(default)]
    verified: Proof,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    redelivered: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    depth: u32,
}

fn is_zero(depth: &u32) -> bool {
    *depth == 0
}

/// An event ready to be inserted.
pub(crate) struct EventRow {
    received: i64,
    claim: Option<(ClaimKey, Duration)>,
    source: String,
    kind: String,
    subject: Option<String>,
    time: String,
    dedup_key: String,
    rest: String,
    facts: String,
    data: Bytes,
    /// The blobs that it refers to.
    pub(crate) blobs: Vec<String>,
    /// The name of the secret that proved it.
    pub(crate) secret: Option<String>,
}

impl EventRow {
    pub(crate) fn new(event: NewEvent, claim: Option<Claim>) -> Self {
        let blobs = event.attachments.iter().map(|a| a.hash.clone()).collect();
        let secret = event.verified.secret.clone();
        let rest = Rest {
            peer: event.peer,
            headers: event.headers,
            query: event.query,
            verified: event.verified,
            attachments: event.attachments,
            redelivered: event.redelivered,
            depth: event.depth,
        };
        Self {
            received: event.received.0,
            claim: claim.map(|claim| (claim_key(&claim.key), claim.ttl)),
            source: event.source,
            kind: event.kind,
            subject: event.subject,
            time: event.time,
            dedup_key: event.dedup_key,
            rest: to_json(&rest),
            facts: event.facts.to_string(),
            data: event.data,
            blobs,
            secret,
        }
    }

    /// The webhook's name.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The key that it claims, and for how long.
    pub(crate) fn claim(&self) -> Option<(ClaimKey, Duration)> {
        self.claim
    }

    /// About how much memory it holds while it waits.
    pub(crate) fn size(&self) -> usize {
        self.data.len() + self.rest.len() + self.facts.len() + self.dedup_key.len() + 256
    }

    pub(crate) fn insert(
        &self,
        connection: &Connection,
        id: EventId,
        claim_expires: Option<Timestamp>,
    ) -> Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO events(id, received, pending, claim_expires, claim, source, kind, \
                 subject, time, dedup_key, rest, facts, data) \
                 VALUES(?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute((
                id.cast_signed(),
                self.received,
                claim_expires.map(|at| at.0),
                self.claim.as_ref().map(|(key, _)| key.as_slice()),
                &self.source,
                &self.kind,
                &self.subject,
                &self.time,
                &self.dedup_key,
                &self.rest,
                &self.facts,
                self.data.as_ref(),
            ))?;
        for hash in &self.blobs {
            connection
                .prepare_cached("INSERT OR IGNORE INTO blob_refs(event, hash) VALUES(?1, ?2)")?
                .execute((id.cast_signed(), hash))?;
        }
        Ok(())
    }
}

/// Reads an event from a row of [`EVENT_COLUMNS`].
pub(crate) fn read_event(row: &Row<'_>) -> Result<Event, ReadError> {
    let id: EventId = get_id(row, 0)?;
    let text = |column| {
        row.get_ref(column)
            .map(|value| value.as_str().unwrap_or("null"))
    };
    let rest: Rest = from_json("events", id, text(7)?)?;
    Ok(Event {
        id,
        content: NewEvent {
            received: Timestamp(row.get(1)?),
            source: row.get(2)?,
            kind: row.get(3)?,
            subject: row.get(4)?,
            time: row.get(5)?,
            dedup_key: row.get(6)?,
            facts: from_json("events", id, text(8)?)?,
            data: Bytes::from(row.get::<_, Vec<u8>>(9)?),
            peer: rest.peer,
            headers: rest.headers,
            query: rest.query,
            verified: rest.verified,
            attachments: rest.attachments,
            redelivered: rest.redelivered,
            depth: rest.depth,
        },
    })
}

/// A row number.
pub(crate) fn get_id(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// The JSON text of a value made of strings, numbers, lists and objects, which cannot fail.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Reads a JSON column.
pub(crate) fn from_json<T: for<'a> Deserialize<'a>>(
    table: &'static str,
    id: u64,
    text: &str,
) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError::Malformed {
        table,
        id,
        message: error.to_string(),
    })
}
