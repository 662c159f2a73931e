//! The arguments of a request, read and checked before anything is sent.

use super::auth::Auth;
use super::body::Body;
use super::expect::{Expectation, Seen};
use super::hosts::Hosts;
use super::pieces::Pieces;
use super::{download, header};
use crate::failure::config;
use crate::fields::Fields;
use crate::resolve::{Hidden, Sources};
use crate::task::Mood;
use porchlight_core::ActionError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use url::Url;

/// How long a request may take when the script says nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an answer is read when the script says nothing.
const MAX_BODY: u64 = 1 << 20;

/// Not even a script may ask for more: it is held in memory, on a small computer.
const LARGEST_MAX_BODY: u64 = 64 << 20;

/// How much of an answer is saved when the script says nothing: a clip of a minute.
const MAX_SAVE: u64 = 64 << 20;

/// More than this is no clip and no picture, and an SD card is soon full.
const LARGEST_MAX_SAVE: u64 = 4 << 30;

const KNOWN: &[&str] = &[
    "method",
    "url",
    "headers",
    "query",
    "json",
    "form",
    "body",
    "multipart",
    "auth",
    "tls",
    "timeout_ms",
    "expect",
    "max_body",
    "save",
    "pieces",
    "more_pieces",
    "idempotency_header",
    "hosts",
];

/// One request, ready to be sent. Holds secrets; has no `Debug`.
pub(crate) struct Request {
    pub(super) mood: Mood,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) auth: Auth,
    /// The `[tls.NAME]` to use.
    pub(super) tls: Option<String>,
    pub(super) body: Body,
    pub(super) timeout: Duration,
    pub(super) expect: Vec<Expectation>,
    pub(super) max_body: usize,
    /// The file that the answer goes to.
    pub(super) save: Option<String>,
    pub(super) max_save: u64,
    /// What follows the answer in that file.
    pub(super) pieces: Pieces,
    /// Where redirects may lead, when that is not everywhere.
    pub(super) hosts: Option<Hosts>,
    headers: HeaderMap,
    key_header: Option<HeaderName>,
}

impl Request {
    /// Reads the arguments of `http.*`.
    pub(crate) fn parse(
        kind: &str,
        args: &Value,
        mood: Mood,
        sources: &Sources,
        hidden: &mut Hidden,
    ) -> Result<Self, ActionError> {
        let fields = Fields::new(kind, args, KNOWN)?;
        let method = method(&fields, mood)?;
        let mut url = address(fields.required_text("url")?)?;
        let query = fields.pairs("query")?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in fields.pairs("headers")? {
            let (name, value) = header(&name, &value)?;
            headers.append(name, value);
        }
        let tls = fields.text("tls")?.map(str::to_owned);
        if tls.is_some() && url.scheme() != "https" {
            return Err(config("`tls` is for addresses that begin with https://"));
        }
        let mut auth = Auth::parse(&fields, hidden)?;
        // A header written out wins.
        if headers.contains_key(AUTHORIZATION) {
            auth = Auth::None;
        }
        let expect = match fields.list("expect")? {
            Some(lines) => Expectation::parse_all(lines)?,
            None => Expectation::default_list(),
        };
        let save = fields.text("save")?.map(str::to_owned);
        if save.is_some() {
            download::check(expect.iter().any(Expectation::needs_body))?;
        }
        let pieces = Pieces::parse(&fields, &url)?;
        if !pieces.is_empty() && (save.is_none() || method != Method::GET) {
            return Err(config("`pieces` are for a GET with `save`"));
        }
        let cap = fields.whole("max_body")?;
        let (largest, words) = match &save {
            None => (LARGEST_MAX_BODY, "at most 64 MiB"),
            Some(_) => (LARGEST_MAX_SAVE, "at most 4 GiB"),
        };
        if cap.is_some_and(|cap| cap > largest) {
            return Err(fields.wrong("max_body", words));
        }
        // An answer that is not to be saved is read like any other.
        let max_body = cap.unwrap_or(MAX_BODY).min(LARGEST_MAX_BODY);
        let timeout = fields.whole("timeout_ms")?.map(Duration::from_millis);
        Ok(Self {
            mood,
            hosts: fields.list("hosts")?.map(Hosts::parse).transpose()?,
            key_header: key_header(&fields, mood, &method)?,
            body: Body::parse(&fields, sources)?,
            method,
            url,
            auth,
            tls,
            headers,
            timeout: timeout.unwrap_or(TIMEOUT),
            expect,
            max_body: usize::try_from(max_body).unwrap_or(usize::MAX),
            max_save: cap.unwrap_or(MAX_SAVE),
            save,
            pieces,
        })
    }

    /// Whether an answer is as expected, by what stands before its body.
    pub(super) fn expects(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let seen = Seen {
            status: status.as_u16(),
            headers,
            text: "",
            json: None,
        };
        self.expect.iter().all(|line| line.holds(&seen))
    }

    /// The headers to send, with the action's key unless the script chose its own.
    pub(super) fn headers_with_key(&self, key: &str) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(name) = &self.key_header
            && !key.is_empty()
            && !headers.contains_key(name)
        {
            // A key that a script made of an event may hold anything.
            let value = HeaderValue::from_str(key)
                .or_else(|_| HeaderValue::from_str(&hex::encode(Sha256::digest(key))));
            if let Ok(value) = value {
                headers.insert(name, value);
            }
        }
        match &self.body {
            Body::Bytes(_, Some(content_type)) if !headers.contains_key(CONTENT_TYPE) => {
                headers.insert(CONTENT_TYPE, content_type.clone());
            }
            Body::Multipart(_, content_type) => {
                headers.insert(CONTENT_TYPE, content_type.clone());
            }
            _ => {}
        }
        headers
    }
}

fn method(fields: &Fields, mood: Mood) -> Result<Method, ActionError> {
    let default = if mood == Mood::Tell { "POST" } else { "GET" };
    let name = fields
        .text("method")?
        .unwrap_or(default)
        .to_ascii_uppercase();
    match Method::from_bytes(name.as_bytes()) {
        Ok(Method::CONNECT) | Err(_) => Err(fields.wrong(
            "method",
            "GET, POST, PUT, PATCH, DELETE, HEAD or another HTTP method",
        )),
        Ok(method) => Ok(method),
    }
}

/// The address never appears in an error: it may be a secret as a whole.
fn address(text: &str) -> Result<Url, ActionError> {
    let url = Url::parse(text).map_err(|error| {
        config(format!(
            "`url` is no address ({error}); expected http://… or https://…"
        ))
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(config("`url` must begin with http:// or https://"));
    }
    Ok(url)
}

fn key_header(
    fields: &Fields,
    mood: Mood,
    method: &Method,
) -> Result<Option<HeaderName>, ActionError> {
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let name = match fields.get("idempotency_header") {
        None if mood == Mood::Tell && changes => "Idempotency-Key",
        None | Some(Value::Bool(false)) => return Ok(None),
        Some(_) => fields.text("idempotency_header")?.unwrap_or_default(),
    };
    if name.is_empty() {
        return Ok(None);
    }
    HeaderName::from_bytes(name.as_bytes())
        .map(Some)
        .map_err(|_| fields.wrong("idempotency_header", "a header name or false"))
}
