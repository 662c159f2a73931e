//! The answer: read under a cap, judged by the script's expectations and by its status.

use super::download::Saved;
use super::expect::Seen;
use super::request::Request;
use super::{auth, failed, retry_after};
use crate::task::Mood;
use porchlight_core::{ActionError, Receipt, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// A receipt is kept in the journal: the beginning of an answer is enough there. Who asked gets all.
const MOST_IN_RECEIPT: usize = 16 << 10;

/// Headers go to scripts and records whole, unless somebody makes fun of us: each value, and all.
const MOST_VALUE: usize = 8 << 10;
const MOST_HEADERS: usize = 32 << 10;

/// A longer JSON stays text: a value of two bytes takes up thirty when it is read.
const MOST_JSON: usize = 8 << 20;

/// What came back.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
    json: Option<Value>,
    /// The body was longer than the cap.
    cut: bool,
    saved: Option<Saved>,
    took: Duration,
}

impl Answer {
    /// The answer to a request whose body went to a file.
    pub(super) fn saved(
        status: StatusCode,
        headers: HeaderMap,
        saved: Saved,
        took: Duration,
    ) -> Self {
        Self {
            status,
            headers,
            text: String::new(),
            json: None,
            cut: false,
            saved: Some(saved),
            took,
        }
    }

    /// Reads the body up to the cap. The caller holds the time limit.
    pub(super) async fn read(
        mut response: Response,
        request: &Request,
        started: Instant,
    ) -> Result<Self, ActionError> {
        let status = response.status();
        let mut body = Vec::new();
        let mut cut = false;
        while let Some(chunk) = response.chunk().await.map_err(failed::sending)? {
            let room = request.max_body - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                cut = true;
                break;
            }
        }
        let json = if cut || body.len() > MOST_JSON {
            None
        } else {
            serde_json::from_slice(&body).ok()
        };
        Ok(Self {
            status,
            headers: std::mem::take(response.headers_mut()),
            text: String::from_utf8(body)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            json,
            cut,
            saved: None,
            took: started.elapsed(),
        })
    }

    /// Success or failure, and whether trying again may help.
    pub(super) fn judge(self, request: &Request, now: Timestamp) -> Result<Receipt, ActionError> {
        let seen = Seen {
            status: self.status.as_u16(),
            headers: &self.headers,
            text: &self.text,
            json: self.json.as_ref(),
        };
        let unmet = request.expect.iter().find(|line| !line.holds(&seen));
        let needs_body = request.expect.iter().any(|line| line.needs_body());
        // A told request that succeeded by its status is done, however long the answer was.
        let body_missed = self.cut && (needs_body || request.mood == Mood::Ask);
        let mut error = match unmet {
            None if !body_missed => {
                return Ok(Receipt {
                    summary: self.summary(),
                    detail: self.detail(request.mood, true),
                });
            }
            Some(line) if !body_missed || !line.needs_body() => self.failure(line.line(), now),
            _ => ActionError::never(
                "limit",
                format!(
                    "the answer is larger than {} bytes (max_body)",
                    request.max_body
                ),
            ),
        };
        error.detail = self.detail(request.mood, false);
        Err(error)
    }

    fn summary(&self) -> String {
        match &self.saved {
            None => self.status.to_string(),
            Some(saved) => format!(
                "{}, {} saved, {} bytes",
                self.status, saved.path, saved.size
            ),
        }
    }

    fn failure(&self, unmet: &str, now: Timestamp) -> ActionError {
        let answer = format!("the answer was {}", self.status);
        match self.status.as_u16() {
            400 | 403 if auth::blames_the_clock(&self.text) => {
                let help = "the server says that this computer's clock is wrong";
                ActionError::later("auth", format!("{answer}: {help}"))
            }
            403 if retry_after::limited(&self.headers) => self.again("limit", answer, now),
            401 | 403 | 407 => ActionError::never("auth", answer),
            429 => self.again("limit", answer, now),
            408 | 425 => self.again("timeout", answer, now),
            500..=599 => self.again("vendor", answer, now),
            200..=299 => {
                ActionError::never("vendor", format!("{answer}, but not as expected: {unmet}"))
            }
            300..=399 => ActionError::never(
                "rejected",
                format!("{answer}, a redirect; only GET and HEAD follow those"),
            ),
            _ => ActionError::never("rejected", answer),
        }
    }

    fn again(&self, kind: &str, message: String, now: Timestamp) -> ActionError {
        match retry_after::asked(&self.headers, self.json.as_ref(), now) {
            Some(pause) => ActionError::after(kind, message, pause),
            None => ActionError::later(kind, message),
        }
    }

    fn detail(&self, mood: Mood, ok: bool) -> Value {
        let short = mood == Mood::Tell && self.text.len() > MOST_IN_RECEIPT;
        let (text, json) = if short {
            let end = self.text.floor_char_boundary(MOST_IN_RECEIPT);
            (&self.text[..end], None)
        } else {
            (self.text.as_str(), self.json.as_ref())
        };
        let mut detail = json!({
            "ok": ok,
            "status": self.status.as_u16(),
            "headers": header_map(&self.headers),
            "text": text,
            "json": json,
            "ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(saved) = &self.saved {
            detail["path"] = saved.path.as_str().into();
            detail["size"] = saved.size.into();
            detail["sha256"] = saved.sha256.as_str().into();
            if saved.answers > 1 {
                detail["pieces"] = saved.answers.into();
            }
        }
        detail
    }
}

/// Lower-case names; a repeated header is joined by a comma, as HTTP allows. Bounded.
fn header_map(headers: &HeaderMap) -> Value {
    let mut map = Map::new();
    let mut left = MOST_HEADERS;
    for name in headers.keys() {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let mut text = values.join(", ");
        text.truncate(text.floor_char_boundary(MOST_VALUE));
        let Some(rest) = left.checked_sub(name.as_str().len() + text.len()) else {
            break;
        };
        left = rest;
        map.insert(name.as_str().to_owned(), Value::from(text));
    }
    Value::Object(map)
}
