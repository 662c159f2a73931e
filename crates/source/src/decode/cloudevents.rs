//! CloudEvents 1.0 over HTTP: structured, binary and batched, each event on its own.
//!
//! The attributes of an event are checked and given to the preset's rules as `header:ce-…`, in
//! whichever mode they came, so that one data file reads all three. Which mode it is, the content
//! type says, as the binding demands; it is never guessed from the body.
//!
//! Source and id name an event in the whole world. They count as its key where they are as
//! trustworthy as its data: always inside a body, and in headers only where nothing was signed
//! anyway, because a signature over a body says nothing about the headers beside it.

use super::Unusable;
use super::document::{self, Content, not_json};
use super::form::percent_decoded;
use super::kind::{ContentType, Kind};
use crate::attachment::File;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use porchlight_core::json::Reader;
use serde_json::{Map, Value};

/// The most events of one batch.
const MAX_BATCH: usize = 1000;
/// The most attributes of one event.
const MAX_ATTRIBUTES: usize = 64;
/// The longest attribute, in bytes.
const MAX_ATTRIBUTE: usize = 4096;
/// A key out of source and id that is longer than this is not kept; the content identifies then.
const MAX_KEY: usize = 512;

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

/// One event of a delivery.
pub struct CloudEvent {
    /// Its data, as any other document.
    pub content: Content,
    /// Its attributes as `ce-…`, for the rules.
    pub headers: HeaderMap,
    /// Its attributes by their own names, for scripts.
    pub attributes: Map<String, Value>,
    /// Source and id, with a blank between.
    pub key: Option<String>,
    /// Whether the attributes came in the body, where a signature covers them.
    pub in_body: bool,
}

/// Reads all events of a delivery; an empty batch has none.
pub fn read(
    headers: &HeaderMap,
    sent: &ContentType<'_>,
    body: &Bytes,
) -> Result<Vec<CloudEvent>, Unusable> {
    match &*sent.essence {
        STRUCTURED => structured(body).map(|event| vec![event]),
        BATCH => batch(body),
        other if other.starts_with("application/cloudevents") => Err(Unusable::unsupported(
            "this format of CloudEvents is not read here; send JSON",
        )),
        _ if headers.contains_key("ce-specversion") => {
            binary(headers, sent, body).map(|event| vec![event])
        }
        _ => Err(Unusable::new(
            "this is no CloudEvent: neither application/cloudevents+json, nor application/cloudevents-batch+json, nor the header ce-specversion",
        )),
    }
}

fn batch(body: &Bytes) -> Result<Vec<CloudEvent>, Unusable> {
    let text = std::str::from_utf8(body).map_err(|_| Unusable::not_utf8())?;
    let mut slices = Vec::new();
    let mut count = 0;
    let mut reader = Reader::new(text.trim_start_matches('\u{feff}'));
    let read = reader.array(|reader| {
        let slice = reader.skip()?;
        count += 1;
        if count <= MAX_BATCH {
            slices.push(slice);
        }
        Ok(())
    });
    read.and_then(|()| reader.end())
        .map_err(|error| not_json(&error))?;
    if count > MAX_BATCH {
        return Err(Unusable::too_large(format!(
            "the batch holds more than {MAX_BATCH} events"
        )));
    }
    let events = slices.into_iter().enumerate().map(|(index, slice)| {
        structured(&body.slice_ref(slice.as_bytes()))
            .map_err(|error| error.within(&format!("event {} of the batch", index + 1)))
    });
    events.collect()
}

fn structured(body: &Bytes) -> Result<CloudEvent, Unusable> {
    let text = std::str::from_utf8(body).map_err(|_| Unusable::not_utf8())?;
    let mut attributes = Map::new();
    let (mut data, mut packed) = (None, None);
    let mut reader = Reader::new(text.trim_start_matches('\u{feff}'));
    let read = reader.object(|reader, name| {
        match name {
            "data" => data = Some(reader.skip()?),
            "data_base64" => packed = Some(reader.value()?),
            name => {
                let value = reader.value()?;
                if !value.is_null() {
                    attributes.insert(name.to_owned(), value);
                }
            }
        }
        Ok(())
    });
    read.and_then(|()| reader.end())
        .map_err(|error| not_json(&error))?;
    let declared = attributes.get("datacontenttype").and_then(Value::as_str);
    let sent = ContentType::parse(declared.unwrap_or("application/json"));
    let content = match (data, packed) {
        (Some(_), Some(Value::String(_))) => {
            return Err(Unusable::new(
                "the CloudEvent has both data and data_base64",
            ));
        }
        (_, Some(Value::String(text))) => {
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| Unusable::new("data_base64 of the CloudEvent is not base64"))?;
            let sent = ContentType::parse(declared.unwrap_or_default());
            payload(&sent, &bytes.into())?
        }
        (_, Some(value)) if !value.is_null() => {
            return Err(Unusable::new("data_base64 of the CloudEvent is no text"));
        }
        (None, _) => Content::json(&Bytes::from_static(b"null")),
        // A text of another type than JSON is that document itself.
        (Some(data), _) if sent.kind() == Kind::Xml && data.starts_with('"') => {
            let text: String = serde_json::from_str(data).unwrap_or_default();
            document::read(&crate::preset::Body::Any, &sent, &text.into())?
        }
        (Some(data), _) => Content::json(&body.slice_ref(data.as_bytes())),
    };
    finish(content, body, attributes, true)
}

fn binary(
    headers: &HeaderMap,
    sent: &ContentType<'_>,
    body: &Bytes,
) -> Result<CloudEvent, Unusable> {
    let mut attributes = Map::new();
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        let mut values = headers.get_all(name).iter();
        let first = values.next().map_or(&b""[..], HeaderValue::as_bytes);
        if values.next().is_some() {
            return Err(Unusable::new(
                "an attribute of the CloudEvent is there twice",
            ));
        }
        let text = header_text(first)?;
        attributes.insert(attribute.to_owned(), text.into());
    }
    if !sent.essence.is_empty() {
        let whole = headers.get(http::header::CONTENT_TYPE);
        let whole = whole
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        attributes.insert("datacontenttype".to_owned(), whole.into());
    }
    finish(payload(sent, body)?, body, attributes, false)
}

/// A header's value as the binding writes it: perhaps quoted, and percent-encoded UTF-8.
fn header_text(value: &[u8]) -> Result<String, Unusable> {
    let inner = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let plain: Vec<u8> = match inner {
        None => value.to_vec(),
        Some(inner) => {
            let mut escaped = false;
            let kept = inner.iter().filter(|byte| {
                escaped = **byte == b'\\' && !escaped;
                !escaped
            });
            kept.copied().collect()
        }
    };
    String::from_utf8(percent_decoded(&plain))
        .map_err(|_| Unusable::new("an attribute of the CloudEvent is not UTF-8 text"))
}

/// Data that came as bytes: a document where its type says so, else a file.
fn payload(sent: &ContentType<'_>, bytes: &Bytes) -> Result<Content, Unusable> {
    let is_document = match sent.kind() {
        Kind::Json | Kind::Xml | Kind::Text | Kind::Form => true,
        Kind::Multipart => true,
        Kind::Other => sent.essence.is_empty() && std::str::from_utf8(bytes).is_ok(),
    };
    if bytes.is_empty() {
        return Ok(Content::json(&Bytes::from_static(b"null")));
    }
    if is_document {
        return document::read(&crate::preset::Body::Any, sent, bytes);
    }
    let file = File::new("data", None, Some(&sent.essence), bytes.clone());
    Ok(Content {
        files: vec![file],
        ..Content::made(Bytes::from_static(b"null"), bytes)
    })
}

/// Checks the attributes and puts the event together.
fn finish(
    content: Content,
    identity: &Bytes,
    attributes: Map<String, Value>,
    in_body: bool,
) -> Result<CloudEvent, Unusable> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(Unusable::new("the CloudEvent has too many attributes"));
    }
    let required = |name: &str| match attributes.get(name).and_then(Value::as_str) {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => Err(Unusable::new(format!("the CloudEvent has no {name}"))),
    };
    if required("specversion")? != "1.0" {
        return Err(Unusable::new(
            "the CloudEvent is not of version 1.0, which is the one that is read here",
        ));
    }
    let (id, source, _) = (required("id")?, required("source")?, required("type")?);
    // Sources have no blanks, so that the two cannot be cut in another way.
    let key = format!("{source} {id}");
    let is_key = key.len() <= MAX_KEY && !source.contains(char::is_whitespace);
    let key = is_key.then_some(key);
    let mut headers = HeaderMap::new();
    for (name, value) in &attributes {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text.len() > MAX_ATTRIBUTE || text.contains(char::is_control) {
            return Err(Unusable::new(
                "an attribute of the CloudEvent is too long, or holds control characters",
            ));
        }
        let name = HeaderName::from_bytes(format!("ce-{name}").as_bytes());
        let value = HeaderValue::from_bytes(text.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    Ok(CloudEvent {
        content: Content {
            identity: identity.clone(),
            ..content
        },
        headers,
        attributes,
        key,
        in_body,
    })
}
