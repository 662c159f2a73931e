//! Which bytes of a delivery are its JSON document, by what the preset expects and what the sender
//! says it sent.

use super::{Unusable, not_utf8};
use crate::attachment::File;
use crate::multipart;
use crate::preset::Body;
use crate::reading::is_json;
use bytes::Bytes;
use porchlight_verify::Delivery;
use serde_json::{Map, Value};

/// The most fields of a form; PHP's old limit, which no honest sender has ever reached.
const MAX_FIELDS: usize = 1000;

/// What a body holds.
pub struct Content {
    /// The JSON document, UTF-8 (checked by the caller together with its form).
    pub data: Bytes,
    /// The bytes whose hash identifies the document: before a byte order mark is taken off, and
    /// without the multipart boundary around it, which changes with every try.
    pub identity: Bytes,
    /// The files beside it.
    pub files: Vec<File>,
}

impl Content {
    fn json(body: &Bytes) -> Self {
        Self {
            data: without_mark(body),
            identity: body.clone(),
            files: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Multipart,
    Form,
    Json,
    Text,
    Other,
}

/// Finds the document.
pub async fn read(expected: &Body, delivery: &Delivery) -> Result<Content, Unusable> {
    let content_type = delivery
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let body = &delivery.body;
    match (expected, kind(content_type)) {
        (Body::Json, _) => {
            if body.trim_ascii().is_empty() {
                return Err(Unusable::new("the body is empty; JSON was expected"));
            }
            Ok(Content::json(body))
        }
        (Body::Field(field), Kind::Multipart) => {
            let form = multipart::read(content_type, body.clone())
                .await
                .map_err(Unusable::new)?;
            let found = form.fields.into_iter().find(|(name, _)| name == field);
            let (_, data) = found.ok_or_else(|| missing(field))?;
            Ok(Content {
                files: form.files,
                ..Content::json(&data)
            })
        }
        (Body::Field(field), Kind::Form) if !looks_like_json(body) => {
            let mut fields = form_urlencoded::parse(body).take(MAX_FIELDS);
            let (_, text) = fields
                .find(|(name, _)| name == field)
                .ok_or_else(|| missing(field))?;
            Ok(Content::json(&Bytes::from(text.into_owned())))
        }
        (Body::Field(_), _) => Ok(Content::json(body)),
        (Body::Any, Kind::Multipart) => {
            let form = multipart::read(content_type, body.clone())
                .await
                .map_err(Unusable::new)?;
            let mut pairs = Vec::new();
            for (name, bytes) in form.fields {
                let text = std::str::from_utf8(&bytes).map_err(|_| not_utf8())?;
                pairs.push((name, text.to_owned()));
            }
            Ok(Content {
                data: object(pairs),
                identity: body.clone(),
                files: form.files,
            })
        }
        (Body::Any, Kind::Form) if !looks_like_json(body) => {
            let pairs: Vec<(String, String)> = form_urlencoded::parse(body)
                .into_owned()
                .take(MAX_FIELDS + 1)
                .collect();
            if pairs.len() > MAX_FIELDS {
                return Err(Unusable::new(format!(
                    "the form has more than {MAX_FIELDS} fields"
                )));
            }
            Ok(Content {
                data: object(pairs),
                identity: body.clone(),
                files: Vec::new(),
            })
        }
        // A form that looks like JSON is what `curl -d '{…}'` sends when nobody names the type.
        (Body::Any, Kind::Json | Kind::Form) => Ok(Content::json(body)),
        (Body::Any, kind) => anything(body, kind),
    }
}

/// A body of no announced form: JSON when it is JSON, nothing when it is empty, else a text.
fn anything(body: &Bytes, kind: Kind) -> Result<Content, Unusable> {
    let data = without_mark(body);
    let text = std::str::from_utf8(&data).map_err(|_| not_utf8())?;
    let data = match kind {
        Kind::Other if text.trim().is_empty() => Bytes::from_static(b"null"),
        Kind::Other if is_json(text) => data,
        _ => Bytes::from(Value::String(text.to_owned()).to_string()),
    };
    Ok(Content {
        data,
        ..Content::json(body)
    })
}

fn kind(content_type: &str) -> Kind {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Kind::Form,
        "application/json" | "text/json" => Kind::Json,
        "text/plain" => Kind::Text,
        essence if essence.starts_with("multipart/") => Kind::Multipart,
        essence if essence.ends_with("+json") => Kind::Json,
        _ => Kind::Other,
    }
}

/// A form never begins like this: its brackets are percent-encoded.
fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn without_mark(body: &Bytes) -> Bytes {
    match body.strip_prefix(b"\xef\xbb\xbf") {
        Some(_) => body.slice(3..),
        None => body.clone(),
    }
}

/// A form as a JSON object; a name that repeats becomes an array.
fn object(pairs: Vec<(String, String)>) -> Bytes {
    let mut object = Map::new();
    for (name, text) in pairs {
        let value = Value::String(text);
        match object.get_mut(&name) {
            Some(Value::Array(many)) => many.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
            None => {
                object.insert(name, value);
            }
        }
    }
    Bytes::from(Value::Object(object).to_string())
}

fn missing(field: &str) -> Unusable {
    Unusable::new(format!(
        "the form has no field `{field}`, which holds the JSON"
    ))
}
