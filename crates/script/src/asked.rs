//! What is kept of the answers that scripts get, and how a replay gives them again.
//!
//! An answer of up to 4 KiB is kept with the run, sixteen of them at the most. One that seems to hold
//! a secret (a member called `token`, `password` and the like) is not: the journal is no place for
//! what a login gave. Of an HTTP answer the headers are left out, except what the body is.

use porchlight_core::{ActionError, Asked};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// So many are kept of one run.
pub(crate) const MOST: usize = 16;
/// A larger answer, as JSON, is not kept.
const LARGEST: usize = 4096;
/// Parts of names whose values don't belong into a journal.
const SECRETS: &[&str] = &[
    "token",
    "secret",
    "passw",
    "key",
    "auth",
    "cookie",
    "session",
    "credential",
    "signature",
];

/// The question as it is kept.
pub fn question(args: &Value) -> String {
    let digest = Sha256::digest(args.to_string());
    hex::encode(&digest[..16])
}

/// What is kept of a question and its answer.
pub(crate) fn note(kind: &str, args: &Value, result: &Result<Value, ActionError>) -> Asked {
    let small = |value: &Value| value.to_string().len() <= LARGEST && !is_secret(value);
    Asked {
        kind: kind.to_owned(),
        question: question(args),
        answer: result.as_ref().ok().map(trimmed).filter(small),
        error: result
            .as_ref()
            .err()
            .map(|error| ActionError {
                detail: trimmed(&error.detail),
                ..error.clone()
            })
            .filter(|error| small(&error.detail)),
    }
}

/// The answer again, as the script got it.
///
/// # Errors
/// The error that the script got, or that the answer was not kept.
pub fn again(asked: &Asked) -> Result<Value, ActionError> {
    match (&asked.answer, &asked.error) {
        (Some(answer), _) => Ok(answer.clone()),
        (None, Some(error)) => Err(error.clone()),
        (None, None) => Err(ActionError::never("config", "the answer was not recorded")),
    }
}

/// An HTTP answer without its headers but one; anything else as it is.
fn trimmed(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(headers) = answer.get_mut("headers") {
        let body = headers["content-type"].take();
        *headers = if body.is_null() {
            json!({})
        } else {
            json!({ "content-type": body })
        };
    }
    answer
}

fn is_secret(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| {
            let name = name.to_lowercase();
            let named = SECRETS.iter().any(|part| name.contains(part));
            named && (value.is_string() || value.is_number()) || is_secret(value)
        }),
        Value::Array(items) => items.iter().any(is_secret),
        // A JSON text inside of an answer is looked at as `json`; here what a form would hold.
        Value::String(text) => ["token=", "password="]
            .iter()
            .any(|part| text.contains(part)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(answer: Value) -> Option<Value> {
        note("http.request", &json!({ "url": "http://a" }), &Ok(answer)).answer
    }

    #[test]
    fn small_answers_are_kept_without_headers_and_given_again() {
        let answer = json!({ "status": 200, "json": { "on": true }, "text": "{\"on\":true}",
            "headers": { "content-type": "application/json", "set-cookie": "id=1" } });
        let asked = note("http.request", &json!({ "url": "http://a" }), &Ok(answer));
        let again = again(&asked).unwrap();
        assert_eq!(again["json"]["on"], true);
        assert_eq!(
            again["headers"],
            json!({ "content-type": "application/json" })
        );
    }

    #[test]
    fn a_large_answer_and_one_that_seems_to_hold_a_secret_are_not_kept() {
        assert_eq!(kept(json!({ "text": "x".repeat(5000) })), None);
        assert_eq!(
            kept(json!({ "json": { "data": [{ "access_token": "abc" }] } })),
            None
        );
        assert!(kept(json!({ "json": { "name": "Eve" } })).is_some());
        let failed = Err(ActionError::later("timeout", "no answer"));
        let asked = note("file.read", &json!({}), &failed);
        assert_eq!(again(&asked).unwrap_err().kind, "timeout");
        let lost = note("file.read", &json!({}), &Ok(json!({ "password": "x" })));
        assert_eq!(
            again(&lost).unwrap_err().message,
            "the answer was not recorded"
        );
    }

    #[test]
    fn the_same_question_is_known_again() {
        let one = json!({ "url": "http://a", "method": "GET" });
        let same = json!({ "method": "GET", "url": "http://a" });
        assert_eq!(question(&one), question(&same));
        assert_ne!(question(&one), question(&json!({ "url": "http://b" })));
    }
}
