//! A realistic delivery per preset, for `send` and the test button.
//!
//! Its text has placeholders for an id and the time, so that each one is a new event and not a
//! duplicate of the last. The proof is added afterwards, because it needs the webhook's secret: to
//! the delivery that [`SampleRequest::into_delivery`] makes.

use crate::Preset;
use bytes::Bytes;
use porchlight_core::Timestamp;
use porchlight_verify::Delivery;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The pictures that samples may hold.
const FILES: [(&str, &[u8]); 1] = [(
    "vehicle.jpg",
    include_bytes!("../presets/files/vehicle.jpg"),
)];

/// A sample with its placeholders: `{uuid}`, `{now_rfc3339}`, `{now_ms}` and `{now_s}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sample {
    /// POST unless said otherwise.
    #[serde(deserialize_with = "method")]
    method: http::Method,
    content_type: String,
    headers: BTreeMap<String, String>,
    /// Parameters of the address.
    query: BTreeMap<String, String>,
    /// The fields of an urlencoded form, instead of `body`.
    form: BTreeMap<String, String>,
    body: String,
    part: Vec<Part>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            method: http::Method::POST,
            content_type: String::new(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            form: BTreeMap::new(),
            body: String::new(),
            part: Vec::new(),
        }
    }
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
    /// The query without its question mark; empty when there is none.
    pub query: String,
    /// The headers without those of the proof and of the connection; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// The text with `{uuid}`, `{now_rfc3339}`, `{now_ms}` and `{now_s}` filled in.
pub fn fill(text: &str, now: Timestamp, uuid: &str) -> String {
    text.replace("{uuid}", uuid)
        .replace("{now_rfc3339}", &now.to_rfc3339())
        .replace("{now_ms}", &now.as_millis().to_string())
        .replace("{now_s}", &now.as_seconds().to_string())
}

fn method<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<http::Method, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom(format!("`{text}` is no method")))
}

/// The sample of a preset.
pub fn sample(preset: &Preset) -> &Sample {
    preset.sample()
}

impl Sample {
    /// The request of an event that happens `now`. `uuid` is 32 hex digits with or without dashes,
    /// random for every call; the same for the same arguments.
    pub fn request(&self, now: Timestamp, uuid: &str) -> SampleRequest {
        let fill = |text: &str| fill(text, now, uuid);
        let pairs = |pairs: &BTreeMap<String, String>| {
            let mut written = form_urlencoded::Serializer::new(String::new());
            for (name, value) in pairs {
                written.append_pair(name, &fill(value));
            }
            written.finish()
        };
        let (content_type, body) = if !self.form.is_empty() {
            let content_type = "application/x-www-form-urlencoded".to_owned();
            (content_type, pairs(&self.form).into_bytes())
        } else if self.part.is_empty() {
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
        let mut headers = Vec::new();
        if !content_type.is_empty() {
            headers.push(("content-type".to_owned(), content_type));
        }
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), fill(value))),
        );
        SampleRequest {
            method: self.method.clone(),
            query: pairs(&self.query),
            headers,
            body: body.into(),
        }
    }
}

impl SampleRequest {
    /// The request as the receiver will see it, without its proof. `url` is the address without a
    /// query: the public one where the webhook has one, else the path.
    ///
    /// # Errors
    /// A header that can't be one.
    pub fn into_delivery(self, url: &str) -> Result<Delivery, String> {
        let mut headers = http::HeaderMap::new();
        for (name, value) in &self.headers {
            let wrong = || format!("`{name}: {value}` can't be a header");
            let value = http::HeaderValue::try_from(value.as_str()).map_err(|_| wrong())?;
            headers.append(
                http::HeaderName::try_from(name.as_str()).map_err(|_| wrong())?,
                value,
            );
        }
        let question = if self.query.is_empty() { "" } else { "?" };
        Ok(Delivery {
            method: self.method,
            url: format!("{url}{question}{}", self.query),
            query: self.query,
            headers,
            body: self.body,
            ..Delivery::default()
        })
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
