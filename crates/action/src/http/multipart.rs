//! `multipart: […]`: several parts in one body, as forms with files send them (RFC 7578).
//!
//! Written here and not by the client below, for three reasons. The bytes are known before they are
//! sent, so they can be signed. They are the same in each try, since the boundary is made of what is
//! in it, and servers compare a repeated key's body. And names of files come from strangers: what
//! could end a line is written as browsers write it.

use crate::failure::config;
use crate::fields::{Fields, plain_text};
use crate::resolve::{Sources, is_blob};
use bytes::Bytes;
use porchlight_core::ActionError;
use reqwest::header::HeaderValue;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What bytes are of which nobody says what they are.
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// How a file ends whose attachment had no name. Some services go by that alone.
const ENDINGS: &[(&str, &str)] = &[
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("video/mp4", "mp4"),
    ("application/json", "json"),
    ("application/pdf", "pdf"),
    ("text/plain", "txt"),
];

/// One part.
struct Part {
    name: String,
    bytes: Bytes,
    filename: Option<String>,
    content_type: Option<String>,
}

/// A body of several parts, and its content type with the boundary.
pub(super) fn body(list: &[Value], sources: &Sources) -> Result<(Bytes, HeaderValue), ActionError> {
    let parts = list.iter().map(|part| Part::parse(part, sources));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let mut hash = Sha256::new();
    for part in &parts {
        hash.update((part.bytes.len() as u64).to_le_bytes());
        hash.update(&part.bytes);
    }
    // Whoever wanted this in a part would have to find a text with its own hash in it.
    let boundary = format!("porchlight-{}", hex::encode(&hash.finalize()[..16]));
    let size: usize = parts.iter().map(|part| part.bytes.len() + 300).sum();
    let mut body = Vec::with_capacity(size + 100);
    for part in &parts {
        body.extend_from_slice(part.head(&boundary).as_bytes());
        body.extend_from_slice(&part.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let content_type = HeaderValue::from_str(&content_type)
        .map_err(|_| config("the boundary of the parts is no header"))?;
    Ok((body.into(), content_type))
}

impl Part {
    fn parse(value: &Value, sources: &Sources) -> Result<Self, ActionError> {
        let known = ["name", "value", "blob", "filename", "content_type"];
        let fields = Fields::new("multipart", value, &known)?;
        let name = fields.required_text("name")?.to_owned();
        let mut filename = fields.text("filename")?.map(str::to_owned);
        let mut content_type = fields.text("content_type")?.map(str::to_owned);
        if let Some(text) = &content_type
            && !is_content_type(text)
        {
            return Err(config(format!(
                "multipart: `{}` is no content type",
                text.escape_debug()
            )));
        }
        let bytes = match (fields.get("blob"), fields.get("value")) {
            (Some(blob), None) if is_blob(blob) => {
                let bytes = sources.blob(blob)?;
                let of_blob = |name| blob.get(name).and_then(Value::as_str).map(str::to_owned);
                let kind = content_type
                    .or_else(|| of_blob("content_type").filter(|it| is_content_type(it)));
                let kind = kind.unwrap_or_else(|| UNKNOWN.to_owned());
                // Without a name it would be a field of a form and no file.
                let named = filename
                    .or_else(|| of_blob("filename"))
                    .filter(|it| !it.is_empty());
                filename = Some(named.unwrap_or_else(|| nameless(&kind)));
                content_type = Some(kind);
                bytes
            }
            (None, Some(value)) => plain_text(value)
                .map(Bytes::from)
                .ok_or_else(|| fields.wrong("value", "a text"))?,
            _ => {
                return Err(config(
                    "multipart: each part needs either `value` or `blob`",
                ));
            }
        };
        Ok(Self {
            name,
            bytes,
            filename,
            content_type,
        })
    }

    fn head(&self, boundary: &str) -> String {
        let name = quoted(&self.name);
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        if let Some(filename) = &self.filename {
            head += &format!("; filename=\"{}\"", quoted(filename));
        }
        if let Some(content_type) = &self.content_type {
            head += &format!("\r\nContent-Type: {content_type}");
        }
        head += "\r\n\r\n";
        head
    }
}

/// As browsers write it: UTF-8 as it is, and a percent sign for what would end the name or the line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '"' || c.is_ascii_control() {
            quoted += &format!("%{:02X}", u32::from(c));
        } else {
            quoted.push(c);
        }
    }
    quoted
}

/// `image/jpeg; x=y`, in one line.
pub(super) fn is_content_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |word: &str| {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !word.is_empty() && word.bytes().all(fine)
    };
    let whole = essence
        .split_once('/')
        .is_some_and(|(kind, sort)| is_token(kind) && is_token(sort));
    whole && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn nameless(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let ending = ENDINGS
        .iter()
        .find(|(kind, _)| essence.eq_ignore_ascii_case(kind));
    format!("attachment.{}", ending.map_or("bin", |(_, ending)| ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_stranger_ends_no_line() {
        assert_eq!(quoted("a\"\r\nX: y\\ é.jpg"), "a%22%0D%0AX: y\\ é.jpg");
    }

    #[test]
    fn a_content_type_is_one_line_of_its_form() {
        for (text, fine) in [
            ("image/jpeg", true),
            ("text/plain; charset=utf-8", true),
            ("application/vnd.api+json", true),
            ("image/jpeg\r\nX: y", false),
            ("image/jpeg; x=\u{e9}", false),
            ("image", false),
            ("image/", false),
            ("/jpeg", false),
            ("image/j peg", false),
            ("", false),
        ] {
            assert_eq!(is_content_type(text), fine, "{text}");
        }
        assert_eq!(nameless("Image/JPEG; x=y"), "attachment.jpg");
        assert_eq!(nameless("odd/thing"), "attachment.bin");
    }
}
