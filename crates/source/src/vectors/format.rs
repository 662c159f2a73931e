//! A file of vectors as it is written, and what its pieces are in our words.

use crate::http::{Forwarding, origin};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use porchlight_core::{Network, Secret, Timestamp};
use porchlight_verify::{Delivery, Reply, Scheme, vectors};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct File {
    pub schemes: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    pub vectors: Vec<Vector>,
    #[serde(default)]
    pub challenges: Vec<Challenge>,
    #[serde(default)]
    pub sequences: Vec<Sequence>,
}

#[derive(Deserialize)]
pub(super) struct Vector {
    pub name: String,
    pub scheme: String,
    pub secret: Texts,
    #[serde(flatten)]
    pub request: Request,
    pub expect: String,
    #[serde(default)]
    pub why: String,
}

#[derive(Deserialize)]
pub(super) struct Challenge {
    pub name: String,
    pub scheme: String,
    pub secret: Texts,
    #[serde(flatten)]
    pub request: Request,
    pub response: Response,
    #[serde(default)]
    pub response_headers: Vec<(String, String)>,
    #[serde(default)]
    pub compare: String,
    pub alternative_status: Option<u16>,
    pub verify_token: Option<String>,
    #[serde(default)]
    pub topics: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Response {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Sequence {
    pub name: String,
    pub scheme: String,
    pub secret: Texts,
    pub steps: Vec<Step>,
}

#[derive(Deserialize)]
pub(super) struct Step {
    #[serde(flatten)]
    pub request: Request,
    pub expect: String,
}

#[derive(Deserialize)]
pub(super) struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub body: String,
    pub peer_ip: Option<String>,
    pub now: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl File {
    pub(super) fn scheme(&self, name: &str) -> Result<(Scheme, Vec<Network>), String> {
        let described = self
            .schemes
            .get(name)
            .ok_or_else(|| format!("the file describes no scheme `{name}`"))?;
        let table = vectors::table(described)?;
        let scheme = Scheme::deserialize(Value::Object(table)).map_err(|e| e.to_string())?;
        Ok((scheme, vectors::proxies(described)?))
    }
}

impl Texts {
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        };
        let named = texts.iter().enumerate();
        named
            .map(|(index, text)| Secret::new(format!("secrets[{index}]"), text.as_str()))
            .collect()
    }
}

impl Request {
    pub(super) fn delivery(&self, proxies: &[Network]) -> Result<Delivery, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| e.to_string())?;
            // What no header can carry, no server lets in: the request arrives without it.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append(name, value);
            }
        }
        // What is no address is nobody's.
        let peer = self.peer_ip.as_deref().and_then(|text| text.parse().ok());
        Ok(Delivery {
            method: self.method.parse().map_err(|_| "no method".to_owned())?,
            url: self.url.clone(),
            query: match self.url.split_once('?') {
                Some((_, query)) => query.to_owned(),
                None => String::new(),
            },
            body: STANDARD
                .decode(&self.body)
                .map_err(|_| "the body is not base64".to_owned())?
                .into(),
            peer: peer
                .map(|peer| origin::sender(peer, &headers, proxies, Forwarding::XForwardedFor)),
            headers,
            ..Delivery::default()
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now.saturating_mul(1000))
    }
}

impl Challenge {
    pub(super) fn allows(&self, status: u16) -> bool {
        status == self.response.status || self.alternative_status == Some(status)
    }

    pub(super) fn compare(&self, reply: &Reply) -> Result<(), String> {
        if !self.allows(reply.status) {
            return Err(format!(
                "answered {}, not {}",
                reply.status, self.response.status
            ));
        }
        let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
        let wanted = self.response.content_type.as_deref().map(essence);
        if wanted.is_some() && reply.content_type.as_deref().map(essence) != wanted {
            return Err("answered with another content type".to_owned());
        }
        let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
        let same = self
            .response
            .body
            .as_deref()
            .is_none_or(|wanted| match self.compare.as_str() {
                "json" => parsed(wanted).is_some() && parsed(wanted) == parsed(&reply.body),
                _ => wanted == reply.body,
            });
        if !same {
            return Err("answered with another body".to_owned());
        }
        let missing = self.response_headers.iter().find(|(name, value)| {
            !reply
                .headers
                .iter()
                .any(|(given, text)| given.eq_ignore_ascii_case(name) && text == value)
        });
        missing.map_or(Ok(()), |(name, _)| {
            Err(format!("the header {name} is missing"))
        })
    }
}
