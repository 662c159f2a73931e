//! What `home.answer(…)` answers to what the script under test asks.
//!
//! The last answer that fits counts, so that a test can change its mind. An unanswered question is
//! an error that names the line to add; the script may catch it, as it would an unreachable lamp.

use crate::filter::glob;
use crate::world::Question;
use porchlight_core::{ActionError, Retry};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Computes a response from the arguments of the question.
pub(super) type Compute = Arc<dyn Fn(&Value) -> Result<Value, String> + Send + Sync>;

/// What is answered.
pub(super) enum Response {
    /// Always this.
    Fixed(Value),
    /// What a function of the test file says.
    Computed(Compute),
}

/// One `home.answer(…)`.
pub(super) struct Stub {
    /// `http.get`, `sheet.read`.
    pub(super) kind: String,
    /// The address, file or command; `*` stands for anything.
    pub(super) what: String,
    pub(super) response: Response,
}

/// The kinds of questions, as `home.answer` calls them.
pub(super) const KINDS: &[&str] = &[
    "http.get",
    "http.post",
    "http.put",
    "http.patch",
    "http.delete",
    "http.*",
    "sheet.read",
    "file.read",
    "command.run",
    "net.ask_udp",
    "net.ask_tcp",
    "state.history",
    "mqtt.request",
];

/// The question in the words of `home.answer`: its kind, and what it is about.
pub(super) fn words(kind: &str, args: &Value) -> (String, String) {
    match kind {
        "http.request" => {
            let method = args["method"].as_str().unwrap_or_default();
            (
                format!("http.{}", method.to_lowercase()),
                plain(&args["url"]),
            )
        }
        _ => {
            let names = ["file", "path", "name", "key", "topic", "host"];
            let found = names.iter().find_map(|name| args[*name].as_str());
            (kind.to_owned(), found.unwrap_or_default().to_owned())
        }
    }
}

/// A text whose secrets show as their names.
pub(super) fn plain(value: &Value) -> String {
    if let Some(parts) = value["$join"].as_array() {
        return parts.iter().map(plain).collect();
    }
    match (value.as_str(), value["$secret"].as_str()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(secret)) => format!("(secret {secret})"),
        (None, None) => value.to_string(),
    }
}

/// Answers a question.
pub(super) fn answer(stubs: &[Stub], question: &Question<'_>) -> Result<Value, ActionError> {
    let (kind, what) = words(question.kind, question.args);
    let fits = |stub: &&Stub| {
        glob(stub.kind.as_bytes(), kind.as_bytes()) && glob(stub.what.as_bytes(), what.as_bytes())
    };
    let Some(stub) = stubs.iter().rev().find(fits) else {
        let message = format!(
            "no answer for {kind} {what}: add home.answer({kind:?}, {what:?}, #{{ … }}) to the test"
        );
        return Err(ActionError::never("config", message));
    };
    let response = match &stub.response {
        Response::Fixed(value) => value.clone(),
        Response::Computed(compute) => {
            compute(question.args).map_err(|message| ActionError::never("config", message))?
        }
    };
    if let Some(error) = response["error"].as_str() {
        let message = format!("the test's answer for {kind} {what}");
        return Err(ActionError::later(error, message));
    }
    if question.kind == "http.request" {
        return http(response);
    }
    Ok(response)
}

/// Fills in what an HTTP answer always has; a status that is no success is an error, as it would be.
fn http(response: Value) -> Result<Value, ActionError> {
    let mut answer = match response {
        Value::Object(members) => members,
        Value::Null => Map::new(),
        text => Map::from_iter([("text".to_owned(), text)]),
    };
    let status = answer.get("status").and_then(Value::as_u64).unwrap_or(200);
    let json = answer.get("json").cloned().unwrap_or_default();
    let text = if json.is_null() {
        String::new()
    } else {
        json.to_string()
    };
    let ok = (200..300).contains(&status);
    for (name, value) in [
        ("ok", ok.into()),
        ("status", status.into()),
        ("headers", json!({})),
        ("text", text.into()),
        ("json", json),
        ("ms", 0.into()),
    ] {
        answer.entry(name).or_insert(value);
    }
    if answer["ok"] == true {
        return Ok(answer.into());
    }
    // As the outbox judges an answer; see the action crate's `http::answer`.
    let (kind, retry) = match status {
        401 | 403 | 407 => ("auth", Retry::Never),
        429 => ("limit", Retry::Later),
        408 | 425 => ("timeout", Retry::Later),
        500..=599 => ("vendor", Retry::Later),
        200..=299 => ("vendor", Retry::Never),
        _ => ("rejected", Retry::Never),
    };
    Err(ActionError {
        kind: kind.to_owned(),
        message: format!("the answer was {status}"),
        retry,
        detail: answer.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(stubs: &[Stub], method: &str, url: Value) -> Result<Value, ActionError> {
        let args = json!({ "method": method, "url": url });
        answer(
            stubs,
            &Question {
                root: 1,
                script: "a.rhai",
                kind: "http.request",
                args: &args,
            },
        )
    }

    fn fixed(kind: &str, what: &str, response: Value) -> Stub {
        Stub {
            kind: kind.to_owned(),
            what: what.to_owned(),
            response: Response::Fixed(response),
        }
    }

    #[test]
    fn the_last_answer_that_fits_counts_and_is_filled_in() {
        let stubs = [
            fixed("http.get", "http://a/*", json!({ "json": { "n": 1 } })),
            fixed("http.get", "http://a/x", json!({ "status": 503 })),
        ];
        let good = ask(&stubs, "GET", json!("http://a/y")).unwrap();
        assert_eq!((&good["ok"], &good["status"]), (&json!(true), &json!(200)));
        assert_eq!(good["text"], "{\"n\":1}");
        let bad = ask(&stubs, "GET", json!("http://a/x")).unwrap_err();
        assert_eq!((bad.kind.as_str(), bad.retry), ("vendor", Retry::Later));
    }

    #[test]
    fn a_question_without_an_answer_names_the_line_to_add() {
        let secret = json!({ "$join": ["http://a/", { "$secret": "light.a.key" }] });
        let refused = ask(&[], "POST", secret).unwrap_err();
        assert_eq!(
            refused.message,
            "no answer for http.post http://a/(secret light.a.key): add home.answer(\"http.post\", \"http://a/(secret light.a.key)\", #{ … }) to the test"
        );
    }
}
