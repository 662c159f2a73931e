//! What a request sends along: JSON, a form, text, an attachment, or several parts.

use super::{header, multipart};
use crate::failure::config;
use crate::fields::Fields;
use crate::resolve::{Sources, is_blob};
use bytes::Bytes;
use porchlight_core::ActionError;
use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use serde_json::Value;

/// What is sent along.
pub(super) enum Body {
    None,
    /// The content type for when the script set none.
    Bytes(Bytes, Option<HeaderValue>),
    /// Only this knows its boundary, so its content type counts.
    Multipart(Bytes, HeaderValue),
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
                Ok(Self::plain(bytes, "application/json"))
            }
            ["form"] => {
                let pairs = fields.pairs("form")?;
                let text = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish();
                Ok(Self::plain(text, "application/x-www-form-urlencoded"))
            }
            ["body"] => {
                let value = fields.required("body")?;
                if is_blob(value) {
                    // The sender of an attachment says what it is; nonsense is worth nothing.
                    let content_type = value.get("content_type").and_then(Value::as_str);
                    let content_type = content_type.filter(|text| multipart::is_content_type(text));
                    let content_type = content_type.unwrap_or(multipart::UNKNOWN);
                    let (_, content_type) = header("content-type", content_type)?;
                    return Ok(Self::Bytes(sources.blob(value)?, Some(content_type)));
                }
                let text = value
                    .as_str()
                    .ok_or_else(|| fields.wrong("body", "a text or an attachment"))?;
                Ok(Self::plain(text.to_owned(), "text/plain; charset=utf-8"))
            }
            ["multipart"] => {
                let list = fields.list("multipart")?.unwrap_or_default();
                let (bytes, content_type) = multipart::body(list, sources)?;
                Ok(Self::Multipart(bytes, content_type))
            }
            several => Err(config(format!(
                "a request has one body; here are {}",
                several.join(" and ")
            ))),
        }
    }

    fn plain(bytes: impl Into<Bytes>, content_type: &'static str) -> Self {
        Self::Bytes(bytes.into(), Some(HeaderValue::from_static(content_type)))
    }

    /// The bytes that will be sent.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Bytes(bytes, _) | Self::Multipart(bytes, _) => bytes,
        }
    }

    pub(super) fn put_into(&self, builder: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => builder,
            Self::Bytes(bytes, _) | Self::Multipart(bytes, _) => builder.body(bytes.clone()),
        }
    }
}
