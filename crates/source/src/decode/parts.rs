//! What the parts of a multipart body are: its document, its fields, its files.
//!
//! A part is a file when it has a file name or bytes that are no text; everything else is a field.
//! A camera's event is a part, too: XML or JSON beside pictures.

use super::document::{self, Content, missing, object, twice};
use super::kind::{ContentType, Kind};
use super::{Unusable, xml};
use crate::attachment::{File, sniff};
use crate::multipart::{self, Part};
use bytes::Bytes;

fn read(sent: &ContentType<'_>, body: &Bytes) -> Result<Vec<Part>, Unusable> {
    multipart::read(sent.parameter("boundary"), body).map_err(Unusable::new)
}

/// The field that holds the JSON, and the files.
pub fn field(sent: &ContentType<'_>, body: &Bytes, name: &str) -> Result<Content, Unusable> {
    let mut found = None;
    let mut files = Vec::new();
    for part in read(sent, body)? {
        if is_file(&part) {
            files.push(file(part));
        } else if part.name == name && found.replace(part.bytes).is_some() {
            return Err(twice(name));
        }
    }
    let found = found.ok_or_else(|| missing(name))?;
    Ok(Content {
        files,
        ..Content::json(&found)
    })
}

/// The first part that is XML or JSON, by its type or how it begins; all others are files.
pub fn document(sent: &ContentType<'_>, body: &Bytes) -> Result<Content, Unusable> {
    let mut parts = read(sent, body)?;
    let found = parts.iter().position(is_document);
    let found = found.ok_or_else(|| Unusable::new("no part of the body is XML or JSON"))?;
    let content = as_document(&parts.remove(found))?;
    Ok(Content {
        files: parts.into_iter().map(file).collect(),
        ..content
    })
}

/// A part that is XML or JSON where it is the only one and there are no fields; else the fields as
/// an object. Either way the files beside it.
pub fn any(sent: &ContentType<'_>, body: &Bytes) -> Result<Content, Unusable> {
    let parts = read(sent, body)?;
    let declared = |part: &&Part| {
        let is_named = part.filename.is_some() || part.content_type.is_some();
        is_named && is_document(part)
    };
    let documents = parts.iter().filter(declared).count();
    let others = parts.iter().filter(|part| !declared(part));
    if documents == 1 && others.clone().all(is_file) {
        return document(sent, body);
    }
    let mut pairs = Vec::new();
    let mut files = Vec::new();
    for part in parts {
        if is_file(&part) {
            files.push(file(part));
            continue;
        }
        let text = std::str::from_utf8(&part.bytes).map_err(|_| Unusable::not_utf8())?;
        pairs.push((part.name, text.to_owned()));
    }
    let data = object(pairs);
    let mut identity = data.to_vec();
    files
        .iter()
        .for_each(|file| identity.extend_from_slice(file.about.hash.as_bytes()));
    Ok(Content {
        files,
        ..Content::made(data, &identity.into())
    })
}

fn as_document(part: &Part) -> Result<Content, Unusable> {
    let sent = ContentType::parse(part.content_type.as_deref().unwrap_or_default());
    match sent.kind() {
        Kind::Xml => {
            let charset = sent.parameter("charset");
            let data = xml::to_json(&part.bytes, charset.as_deref())?;
            Ok(Content::made(data, &part.bytes))
        }
        _ => document::document(&part.bytes),
    }
}

fn is_document(part: &Part) -> bool {
    let sent = part.content_type.as_deref().map(ContentType::parse);
    match sent.as_ref().map(ContentType::kind) {
        Some(Kind::Xml | Kind::Json) => true,
        // A type that says nothing is as good as none.
        None | Some(Kind::Other | Kind::Text)
            if sent.as_ref().is_none_or(|sent| {
                matches!(
                    &*sent.essence,
                    "" | "text/plain" | "application/octet-stream"
                )
            }) =>
        {
            matches!(sniff(&part.bytes), "application/xml" | "application/json")
        }
        _ => false,
    }
}

fn is_file(part: &Part) -> bool {
    if part.filename.is_some() {
        return true;
    }
    let sent = part.content_type.as_deref().map(ContentType::parse);
    match sent {
        Some(sent) => !sent.essence.starts_with("text/") && sent.kind() != Kind::Json,
        None => {
            let kind = sniff(&part.bytes);
            kind.starts_with("image/") || kind.starts_with("video/") || kind == "application/pdf"
        }
    }
}

fn file(part: Part) -> File {
    File::new(
        &part.name,
        part.filename.as_deref(),
        part.content_type.as_deref(),
        part.bytes,
    )
}
