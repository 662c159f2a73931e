//! A realistic delivery per preset, for `send` and the test button.
//!
//! Its text has placeholders for an id and the time, so that each one is a new event and not a
//! duplicate of the last. Signing is the caller's: the secret is not known here.

use crate::Preset;
use bytes::Bytes;
use porchlight_core::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The pictures that samples may hold.
const FILES: [(&str, &[u8]); 1] = [(
    "vehicle.jpg",
    include_bytes!("../presets/files/vehicle.jpg"),
)];

/// A sample with its placeholders: `{uuid}`, `{now_rfc3339}`, `{now_ms}` and `{now_s}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sample {
    content_type: String,
    headers: BTreeMap<String, String>,
    body: String,
    part: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    #[serde(default)]
    filename: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    body: String,
    /// One of the embedded files, instead of `body`.
    #[serde(default)]
    file: Option<String>,
}

/// A sample that is ready to be signed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRequest {
    /// The method.
    pub method: http::Method,
    /// The headers without those of the proof and of the connection; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// The sample of a preset.
pub fn sample(preset: &Preset) -> &Sample {
    preset.sample()
}

impl Sample {
    /// The request of an event that happens `now`. `uuid` is 32 hex digits with or without dashes,
    /// random for every call; the same for the same arguments.
    pub fn request(&self, now: Timestamp, uuid: &str) -> SampleRequest {
        let fill = |text: &str| {
            text.replace("{uuid}", uuid)
                .replace("{now_rfc3339}", &now.to_rfc3339())
                .replace("{now_ms}", &now.as_millis().to_string())
                .replace("{now_s}", &now.as_seconds().to_string())
        };
        let (content_type, body) = if self.part.is_empty() {
            (self.content_type.clone(), fill(&self.body).into_bytes())
        } else {
            let boundary = format!("porchlight-{uuid}");
            let mut body = Vec::new();
            for part in &self.part {
                part.write(&boundary, fill, &mut body);
            }
            body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            (format!("multipart/form-data; boundary={boundary}"), body)
        };
        let mut headers = vec![("content-type".to_owned(), content_type)];
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), fill(value))),
        );
        SampleRequest {
            method: http::Method::POST,
            headers,
            body: body.into(),
        }
    }
}

impl Part {
    fn write(&self, boundary: &str, fill: impl Fn(&str) -> String, body: &mut Vec<u8>) {
        let mut head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            self.name
        );
        if let Some(filename) = &self.filename {
            head += &format!("; filename=\"{filename}\"");
        }
        if let Some(content_type) = &self.content_type {
            head += &format!("\r\nContent-Type: {content_type}");
        }
        body.extend_from_slice((head + "\r\n\r\n").as_bytes());
        let file = FILES
            .iter()
            .find(|(name, _)| Some(*name) == self.file.as_deref());
        match file {
            Some((_, bytes)) => body.extend_from_slice(bytes),
            None => body.extend_from_slice(fill(&self.body).as_bytes()),
        }
        body.extend_from_slice(b"\r\n");
    }
}
