//! What a request sends along: JSON, a form, text, an attachment, or several parts.

use super::header;
use crate::failure::config;
use crate::fields::Fields;
use crate::resolve::{Sources, is_blob};
use bytes::Bytes;
use porchlight_core::ActionError;
use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, multipart};
use serde_json::Value;

/// What is sent along.
pub(super) enum Body {
    None,
    /// The content type for when the script set none.
    Bytes(Bytes, Option<HeaderValue>),
    Multipart(Vec<Part>),
}

/// One part of a multipart body.
pub(super) struct Part {
    name: String,
    bytes: Bytes,
    filename: Option<String>,
    content_type: Option<String>,
}

impl Body {
    pub(super) fn parse(fields: &Fields, sources: &Sources) -> Result<Self, ActionError> {
        let kinds = ["json", "form", "body", "multipart"];
        let given: Vec<&str> = kinds
            .into_iter()
            .filter(|kind| fields.get(kind).is_some())
            .collect();
        match given.as_slice() {
            [] => Ok(Self::None),
            ["json"] => {
                let value = fields.required("json")?;
                let bytes = serde_json::to_vec(value)
                    .map_err(|error| config(format!("`json` cannot be written: {error}")))?;
                Ok(Self::bytes(bytes, "application/json"))
            }
            ["form"] => {
                let pairs = fields.pairs("form")?;
                let text = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish();
                Ok(Self::bytes(text, "application/x-www-form-urlencoded"))
            }
            ["body"] => {
                let value = fields.required("body")?;
                if is_blob(value) {
                    let content_type = value.get("content_type").and_then(Value::as_str);
                    let content_type = content_type.unwrap_or("application/octet-stream");
                    let (_, content_type) = header("content-type", content_type)?;
                    return Ok(Self::Bytes(sources.blob(value)?, Some(content_type)));
                }
                let text = value
                    .as_str()
                    .ok_or_else(|| fields.wrong("body", "a text or an attachment"))?;
                Ok(Self::bytes(text.to_owned(), "text/plain; charset=utf-8"))
            }
            ["multipart"] => {
                let list = fields.list("multipart")?.unwrap_or_default();
                let parts = list.iter().map(|part| Part::parse(part, sources));
                Ok(Self::Multipart(parts.collect::<Result<_, _>>()?))
            }
            several => Err(config(format!(
                "a request has one body; here are {}",
                several.join(" and ")
            ))),
        }
    }

    fn bytes(bytes: impl Into<Bytes>, content_type: &'static str) -> Self {
        Self::Bytes(bytes.into(), Some(HeaderValue::from_static(content_type)))
    }

    /// The bytes that will be sent, unless they are made on the way.
    pub(super) fn known(&self) -> Option<&[u8]> {
        match self {
            Self::None => Some(&[]),
            Self::Bytes(bytes, _) => Some(bytes),
            Self::Multipart(_) => None,
        }
    }

    pub(super) fn put_into(&self, builder: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => builder,
            Self::Bytes(bytes, _) => builder.body(bytes.clone()),
            Self::Multipart(parts) => {
                let form = parts.iter().fold(multipart::Form::new(), |form, part| {
                    form.part(part.name.clone(), part.build())
                });
                builder.multipart(form)
            }
        }
    }
}

impl Part {
    fn parse(value: &Value, sources: &Sources) -> Result<Self, ActionError> {
        let known = ["name", "value", "blob", "filename", "content_type"];
        let fields = Fields::new("multipart", value, &known)?;
        let name = fields.required_text("name")?.to_owned();
        let mut filename = fields.text("filename")?.map(str::to_owned);
        let mut content_type = fields.text("content_type")?.map(str::to_owned);
        let bytes = match (fields.get("blob"), fields.get("value")) {
            (Some(blob), None) if is_blob(blob) => {
                let of_blob = |name| blob.get(name).and_then(Value::as_str).map(str::to_owned);
                filename = filename.or_else(|| of_blob("filename"));
                content_type = content_type.or_else(|| of_blob("content_type"));
                sources.blob(blob)?
            }
            (None, Some(value)) => crate::fields::plain_text(value)
                .map(Bytes::from)
                .ok_or_else(|| fields.wrong("value", "a text"))?,
            _ => {
                return Err(config(
                    "multipart: each part needs either `value` or `blob`",
                ));
            }
        };
        if let Some(text) = &content_type
            && multipart::Part::text("").mime_str(text).is_err()
        {
            return Err(config(format!(
                "multipart: `{}` is no content type",
                text.escape_debug()
            )));
        }
        Ok(Self {
            name,
            bytes,
            filename,
            content_type,
        })
    }

    fn build(&self) -> multipart::Part {
        let length = self.bytes.len() as u64;
        let make = || multipart::Part::stream_with_length(self.bytes.clone(), length);
        // The type was checked when it was read.
        let part = match &self.content_type {
            Some(text) => make().mime_str(text).unwrap_or_else(|_| make()),
            None => make(),
        };
        match &self.filename {
            Some(name) => part.file_name(name.clone()),
            None => part,
        }
    }
}
