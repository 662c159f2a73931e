//! What an answer came to, line by line of what was expected: for people who look at one request.

use super::expect::{Expectation, Seen};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// Each line that a request expects (its argument `expect`), and whether the answer holds it; as
/// receipts and errors keep an answer in their `detail`. Nothing where there was no answer, or a
/// line means nothing.
pub fn verdict(args: &Value, detail: &Value) -> Vec<(String, bool)> {
    let Some(status) = detail.get("status").and_then(Value::as_u64) else {
        return Vec::new();
    };
    let lines = match args.get("expect").and_then(Value::as_array) {
        Some(lines) => Expectation::parse_all(lines).unwrap_or_default(),
        None => Expectation::default_list(),
    };
    let headers = headers(detail);
    let seen = Seen {
        status: u16::try_from(status).unwrap_or_default(),
        headers: &headers,
        text: detail.get("text").and_then(Value::as_str).unwrap_or(""),
        json: detail.get("json").filter(|json| !json.is_null()),
    };
    let judged = lines.iter();
    judged
        .map(|line| (line.line().to_owned(), line.holds(&seen)))
        .collect()
}

fn headers(detail: &Value) -> HeaderMap {
    let given = detail.get("headers").and_then(Value::as_object);
    let pairs = given.into_iter().flatten().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value.as_str()?).ok()?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_line_is_judged_by_itself() {
        let args = json!({ "expect": ["status 2xx", "/ok = true", "/errors empty"] });
        let detail = json!({ "status": 200, "headers": {}, "text": "{}", "json": { "ok": false } });
        let lines = verdict(&args, &detail);
        let lines: Vec<_> = lines
            .iter()
            .map(|(line, ok)| (line.as_str(), *ok))
            .collect();
        assert_eq!(
            lines,
            [
                ("status 2xx", true),
                ("/ok = true", false),
                ("/errors empty", true)
            ]
        );
        assert_eq!(
            verdict(&json!({}), &detail),
            [("status 2xx".to_owned(), true)]
        );
        assert_eq!(verdict(&args, &Value::Null), []);
    }
}
