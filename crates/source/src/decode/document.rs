//! Which bytes of a delivery are its document, by what the preset expects and what the sender says
//! it sent; and that document as JSON.

use super::charset::Charset;
use super::form;
use super::kind::{ContentType, Kind};
use super::{Unusable, parts, xml};
use crate::attachment::File;
use crate::preset::Body;
use bytes::Bytes;
use porchlight_core::json;
use serde_json::{Map, Value};

/// What a body holds.
#[derive(Debug, Clone)]
pub struct Content {
    /// The document, UTF-8 (checked by the caller together with its form).
    pub data: Bytes,
    /// The bytes whose hash identifies the document: as they came, and without the multipart
    /// boundary around them, which changes with every try.
    pub identity: Bytes,
    /// The files beside it.
    pub files: Vec<File>,
}

impl Content {
    /// A document that came as JSON.
    pub fn json(body: &Bytes) -> Self {
        Self::made(without_mark(body), body)
    }

    /// A document that was made out of something else.
    pub fn made(data: Bytes, identity: &Bytes) -> Self {
        Self {
            data,
            identity: identity.clone(),
            files: Vec::new(),
        }
    }
}

/// Finds the document.
pub fn read(expected: &Body, sent: &ContentType<'_>, body: &Bytes) -> Result<Content, Unusable> {
    match (expected, sent.kind()) {
        (Body::Json, _) if body.trim_ascii().is_empty() => {
            Err(Unusable::new("the body is empty; JSON was expected"))
        }
        (Body::Json, _) => Ok(Content::json(body)),
        (Body::Field(field), Kind::Multipart) => parts::field(sent, body, field),
        (Body::Field(name), Kind::Form) if !looks_like_json(body) => {
            let mut found = form::read(body, charset(sent)?)?.into_iter();
            let mut found = found.by_ref().filter(|(field, _)| field == name);
            let (_, text) = found.next().ok_or_else(|| missing(name))?;
            if found.next().is_some() {
                return Err(twice(name));
            }
            Ok(Content::json(&Bytes::from(text)))
        }
        (Body::Document, Kind::Multipart) => parts::document(sent, body),
        (Body::Document, Kind::Xml) => xml_content(sent, body),
        (Body::Document | Body::Field(_), _) => document(body),
        (Body::Any | Body::CloudEvents, Kind::Multipart) => parts::any(sent, body),
        (Body::Any | Body::CloudEvents, Kind::Form) if !looks_like_json(body) => {
            let fields = form::read(body, charset(sent)?)?;
            Ok(Content::made(object(fields), body))
        }
        // A form that looks like JSON is what `curl -d '{…}'` sends when nobody names the type.
        (Body::Any | Body::CloudEvents, Kind::Json | Kind::Form) => Ok(Content::json(body)),
        (Body::Any | Body::CloudEvents, Kind::Xml) => xml_content(sent, body),
        (Body::Any | Body::CloudEvents, Kind::Text) => {
            let text = charset(sent)?.decode(body)?;
            Ok(Content::made(text_as_json(&text), body))
        }
        (Body::Any | Body::CloudEvents, Kind::Other) => anything(sent, body),
    }
}

/// XML or JSON, by how it begins.
pub fn document(body: &Bytes) -> Result<Content, Unusable> {
    if body.trim_ascii_start().starts_with(b"<") || xml::looks_like_xml(body) {
        return Ok(Content::made(xml::to_json(body, None)?, body));
    }
    Ok(Content::json(body))
}

/// A body of no announced form: JSON when it is JSON, XML when it says so, nothing when it is
/// empty, else a text. JSON that readers disagree about is refused, not taken as a text.
fn anything(sent: &ContentType<'_>, body: &Bytes) -> Result<Content, Unusable> {
    if xml::looks_like_xml(body) {
        return xml_content(sent, body);
    }
    let text = charset(sent)?.decode(body)?;
    if text.trim().is_empty() {
        return Ok(Content::made(Bytes::from_static(b"null"), body));
    }
    let is_plain = body.len() == text.len();
    match json::check(&text) {
        Ok(()) if is_plain => Ok(Content::json(body)),
        Ok(()) => Ok(Content::made(Bytes::from(text.into_owned()), body)),
        Err(error) if error.malformed => Ok(Content::made(text_as_json(&text), body)),
        Err(error) => Err(not_json(&error)),
    }
}

fn xml_content(sent: &ContentType<'_>, body: &Bytes) -> Result<Content, Unusable> {
    let charset = sent.parameter("charset");
    Ok(Content::made(xml::to_json(body, charset.as_deref())?, body))
}

fn charset(sent: &ContentType<'_>) -> Result<Charset, Unusable> {
    Charset::named(&sent.parameter("charset").unwrap_or_default())
}

fn text_as_json(text: &str) -> Bytes {
    Bytes::from(Value::String(text.to_owned()).to_string())
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
pub fn object(pairs: Vec<(String, String)>) -> Bytes {
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

pub fn missing(field: &str) -> Unusable {
    Unusable::new(format!(
        "the form has no field `{field}`, which holds the JSON"
    ))
}

pub fn twice(field: &str) -> Unusable {
    Unusable::new(format!(
        "the form has the field `{field}` twice; which one counts is anybody's guess"
    ))
}

pub fn not_json(error: &json::JsonError) -> Unusable {
    let what = if error.malformed {
        "the body is not JSON"
    } else {
        "the body is JSON that is not taken"
    };
    Unusable::new(format!("{what}: {error}"))
}
