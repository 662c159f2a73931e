//! A message becomes an event.

use super::{MESSAGE, known};
use crate::attachment::File;
use bytes::Bytes;
use porchlight_core::{NewEvent, Proof, Timestamp, json};
use porchlight_journal::Blob;
use porchlight_mqtt::packet::{Message, Qos};
use serde_json::{Value, json};
use std::net::IpAddr;

/// More of a sender's own properties than this, in bytes, are left out.
const MOST_HEADERS: usize = 16 << 10;

/// How a message came.
pub(super) struct Came<'a> {
    /// The broker's name.
    pub(super) broker: &'a str,
    /// The broker's address.
    pub(super) peer: Option<IpAddr>,
    /// Whether the broker proved who it is.
    pub(super) tls: bool,
    /// Its number, where it is to be acknowledged.
    pub(super) number: Option<u16>,
    /// The broker says that it sent it before.
    pub(super) again: bool,
    pub(super) at: Timestamp,
}

/// The event, and the bytes of a payload that is no text.
pub(super) fn of(message: Message, came: &Came<'_>) -> (NewEvent, Vec<Blob>) {
    let identity = known::identity(came.number, &message);
    let about = message.properties;
    let mut facts = json!({
        "retained": message.retain,
        "qos": match message.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => 1,
        },
    });
    if let Some(topic) = &about.response_topic {
        facts["response_topic"] = Value::from(topic.as_str());
    }
    let (data, file) = data(&message.payload, about.content_type.as_deref());
    let (attachments, blobs) = match file {
        Some(file) => (vec![file.about], vec![file.blob]),
        None => (Vec::new(), Vec::new()),
    };
    let mut room = MOST_HEADERS;
    let headers = about.user.into_iter().filter_map(|(name, value)| {
        room = room.checked_sub(name.len() + value.len())?;
        Some((name.to_lowercase(), value))
    });
    let mut headers: Vec<_> = headers.collect();
    headers.extend(about.content_type.map(|it| ("content-type".to_owned(), it)));
    let scheme = if came.tls { "mqtts" } else { "mqtt" };
    let event = NewEvent {
        source: came.broker.to_owned(),
        kind: MESSAGE.to_owned(),
        subject: Some(message.topic),
        time: came.at.to_rfc3339(),
        dedup_key: identity,
        data,
        facts,
        received: came.at,
        peer: came.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        headers,
        query: String::new(),
        verified: Proof {
            scheme: scheme.to_owned(),
            secret: None,
            body: came.tls,
            certificate: None,
        },
        attachments,
        redelivered: came.again,
        depth: 0,
    };
    (event, blobs)
}

/// The payload as JSON: as it is where it is JSON, as a JSON text where it is text, and otherwise
/// empty, with the bytes as a file.
fn data(payload: &Bytes, content_type: Option<&str>) -> (Bytes, Option<File>) {
    match std::str::from_utf8(payload) {
        Ok(text) if json::check(text).is_ok() => (payload.clone(), None),
        Ok(text) => (Value::from(text).to_string().into(), None),
        Err(_) => {
            let file = File::new("payload", None, content_type, payload.clone());
            (Bytes::from_static(b"\"\""), Some(file))
        }
    }
}
