//! Every answer a sender can get, in one table.
//!
//! Refusals are constant: neither the content that was sent, nor the value that was expected, nor
//! the reason of a failed proof stands in them. What a script does never shows here either.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use porchlight_core::EventId;
use porchlight_journal::Appended;
use porchlight_verify::Reply;
use std::time::Duration;
use warp::reply::Response;

/// What the sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is on disk.
    Stored { status: StatusCode, event: EventId },
    /// It was on disk already, as this event.
    Duplicate {
        status: StatusCode,
        event: EventId,
        /// What was the same: `id` or `content`.
        by: &'static str,
    },
    /// A batch is on disk, in this order.
    Several {
        status: StatusCode,
        appended: Vec<Appended>,
    },
    /// A handshake went well; no event comes of it.
    Handshake(Reply),
    /// The proof did not hold.
    ProofFailed { status: StatusCode },
    /// A web page posted to a webhook that asks for no proof.
    FromBrowser,
    /// The sender stands in none of the networks that may send.
    NotAllowed,
    /// No such webhook, or no such path.
    UnknownPath,
    /// Not a method that the webhook takes; the value of `Allow`.
    WrongMethod(String),
    /// The body is not what its type says. The reason quotes nothing of it.
    Unusable { status: StatusCode, reason: String },
    /// The request is not framed as HTTP demands.
    Malformed,
    /// The body did not arrive in time.
    TooSlow,
    /// The body is larger than the webhook allows.
    TooLarge,
    /// This address failed to prove itself too often.
    TooManyFailures(Duration),
    /// This address sent too much.
    TooManyFromAddress(Duration),
    /// The webhook got too much.
    TooMany(Duration),
    /// There is no memory for the body now.
    NoRoom(Duration),
    /// It cannot be stored now.
    Unavailable(Duration),
    /// We made a mistake.
    Broken,
}

impl Answer {
    pub(super) fn into_response(self) -> Response {
        if let Self::Handshake(reply) = self {
            return said(reply);
        }
        let (status, body) = self.content();
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::WrongMethod(allowed) => {
                if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                    headers.insert(ALLOW, allowed);
                }
            }
            Self::TooManyFailures(wait)
            | Self::TooManyFromAddress(wait)
            | Self::TooMany(wait)
            | Self::NoRoom(wait)
            | Self::Unavailable(wait) => {
                let seconds = wait.as_millis().div_ceil(1000).clamp(1, 3600) as u64;
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            _ => {}
        }
        response
    }

    /// The status line's number.
    pub(super) fn status(&self) -> StatusCode {
        self.content().0
    }

    /// One word for records, events and metrics. A failed proof has more precise ones of its own.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Stored { .. } => "stored",
            Self::Several { .. } => "stored",
            Self::Handshake(_) => "handshake",
            Self::Duplicate { .. } => "duplicate",
            Self::ProofFailed { .. } => "proof_failed",
            Self::FromBrowser => "browser",
            Self::NotAllowed => "not_allowed",
            Self::UnknownPath => "unknown",
            Self::WrongMethod(_) => "method",
            Self::Unusable { .. } => "unusable",
            Self::Malformed => "malformed_request",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::TooManyFailures(_) => "too_many_failures",
            Self::TooManyFromAddress(_) => "rate_per_address",
            Self::TooMany(_) => "rate",
            Self::NoRoom(_) => "no_room",
            Self::Unavailable(_) => "unavailable",
            Self::Broken => "broken",
        }
    }

    /// Why, in one line for the people of the house.
    pub(super) fn reason(&self) -> String {
        let text = match self {
            Self::Unusable { reason, .. } => return format!("body unusable: {reason}"),
            Self::NotAllowed => "the sender is in none of the networks of `allow`",
            Self::WrongMethod(allowed) => return format!("only {allowed} is taken here"),
            Self::FromBrowser => "a browser or a web page sent it",
            Self::TooManyFailures(_) => "too many failed proofs from this address",
            Self::TooManyFromAddress(_) => "more than `rate_per_address` allows",
            Self::TooMany(_) => "more than the webhook's `rate` allows",
            Self::TooLarge => "the body is larger than the webhook takes",
            Self::TooSlow => "the body took too long",
            Self::NoRoom(_) => "other large bodies fill the memory",
            Self::Malformed => "the request is not framed as HTTP demands",
            _ => self.code(),
        };
        text.to_owned()
    }

    fn content(&self) -> (StatusCode, String) {
        let (status, error) = match self {
            Self::Stored { status, event } => return (*status, format!(r#"{{"event":{event}}}"#)),
            Self::Duplicate { status, event, by } => {
                let body = format!(r#"{{"event":{event},"duplicate":true,"by":"{by}"}}"#);
                return (*status, body);
            }
            Self::Handshake(reply) => {
                let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
                return (status, reply.body.clone());
            }
            Self::Several { status, appended } => return (*status, several(appended)),
            Self::Unusable { status, reason } => {
                let body = serde_json::json!({ "error": reason });
                return (*status, body.to_string());
            }
            Self::ProofFailed { status } => (*status, "proof failed"),
            Self::FromBrowser => (
                StatusCode::FORBIDDEN,
                "web pages may not send to this webhook",
            ),
            Self::UnknownPath => (StatusCode::NOT_FOUND, "not found"),
            Self::NotAllowed => (StatusCode::FORBIDDEN, "forbidden"),
            Self::WrongMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed request"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Self::TooManyFailures(_) => (StatusCode::TOO_MANY_REQUESTS, "too many failed proofs"),
            Self::TooManyFromAddress(_) | Self::TooMany(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too many requests")
            }
            Self::NoRoom(_) | Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "cannot store now, try again",
            ),
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
        };
        (status, format!(r#"{{"error":"{error}"}}"#))
    }
}

/// The answer to a handshake, as the scheme words it.
fn said(reply: Reply) -> Response {
    let mut response = Response::new(reply.body.into());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    let kind = reply.content_type.into_iter();
    let kind = kind.map(|kind| (CONTENT_TYPE.as_str().to_owned(), kind));
    for (name, value) in kind.chain(reply.headers) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// `event` is the first, as for a delivery of one; `duplicates` are those of `events` that were on
/// disk already.
fn several(appended: &[Appended]) -> String {
    let id = |appended: &Appended| match *appended {
        Appended::Stored(id) | Appended::Duplicate(id) => id,
    };
    let is_duplicate = |appended: &&Appended| matches!(appended, Appended::Duplicate(_));
    let events: Vec<EventId> = appended.iter().map(id).collect();
    let duplicates: Vec<EventId> = appended.iter().filter(is_duplicate).map(id).collect();
    let mut body = serde_json::json!({ "events": events });
    if let Some(first) = events.first() {
        body["event"] = (*first).into();
    }
    if !duplicates.is_empty() {
        body["duplicates"] = duplicates.into();
    }
    body.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_json_and_retry_after_is_whole_seconds() {
        let ok = StatusCode::OK;
        for answer in [
            Answer::Stored {
                status: ok,
                event: 7,
            },
            Answer::Duplicate {
                status: ok,
                event: 7,
                by: "id",
            },
            Answer::Several {
                status: ok,
                appended: vec![Appended::Stored(7), Appended::Duplicate(3)],
            },
            Answer::Unusable {
                status: StatusCode::BAD_REQUEST,
                reason: "no \"JSON\"\n".into(),
            },
            Answer::FromBrowser,
            Answer::Broken,
        ] {
            let (_, body) = answer.content();
            assert!(
                serde_json::from_str::<serde_json::Value>(&body).is_ok(),
                "{body}"
            );
        }
        for (millis, seconds) in [(0, "1"), (1, "1"), (1001, "2"), (9_999_999, "3600")] {
            let answer = Answer::Unavailable(Duration::from_millis(millis));
            assert_eq!(answer.into_response().headers()[RETRY_AFTER], seconds);
        }
    }
}
