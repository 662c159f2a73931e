//! Every answer a sender can get, in one table.
//!
//! Refusals are constant: neither the content that was sent, nor the value that was expected, nor
//! the reason of a failed proof stands in them. What a script does never shows here either.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use porchlight_core::EventId;
use porchlight_journal::Appended;
use std::time::Duration;
use warp::reply::Response;

/// What the sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is on disk.
    Stored { status: StatusCode, event: EventId },
    /// It was on disk already, as this event.
    Duplicate { status: StatusCode, event: EventId },
    /// A batch is on disk, in this order.
    Several {
        status: StatusCode,
        appended: Vec<Appended>,
    },
    /// The proof did not hold.
    ProofFailed { status: StatusCode },
    /// A web page posted to a webhook that asks for no proof.
    FromBrowser,
    /// No such webhook, or no such path.
    UnknownPath,
    /// Not a POST.
    WrongMethod,
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
    /// It cannot be stored now.
    Unavailable(Duration),
    /// We made a mistake.
    Broken,
}

impl Answer {
    pub(super) fn into_response(self) -> Response {
        let (status, body) = self.content();
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::WrongMethod => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            Self::TooManyFailures(wait) | Self::Unavailable(wait) => {
                let seconds = wait.as_millis().div_ceil(1000).clamp(1, 3600) as u64;
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            _ => {}
        }
        response
    }

    fn content(&self) -> (StatusCode, String) {
        let (status, error) = match self {
            Self::Stored { status, event } => return (*status, format!(r#"{{"event":{event}}}"#)),
            Self::Duplicate { status, event } => {
                return (*status, format!(r#"{{"event":{event},"duplicate":true}}"#));
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
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "send a POST"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed request"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Self::TooManyFailures(_) => (StatusCode::TOO_MANY_REQUESTS, "too many failed proofs"),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "cannot store now, try again",
            ),
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
        };
        (status, format!(r#"{{"error":"{error}"}}"#))
    }
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
