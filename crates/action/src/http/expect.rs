//! What counts as success, in lines that the outbox can judge without the script.
//!
//! ```text
//! status 2xx                 status 200,202
//! /errors empty              missing, null, "", [] or {}
//! /messages/0/status = 0     the JSON value there, or the text, is this
//! text ok                    the whole body, apart from white space around it
//! text contains <ok/>        this stands somewhere in the body
//! text lacks :Fault>         this stands nowhere in it
//! header x-error missing     the answer has no such header
//! ```
//! All lines must hold. Without lines, `status 2xx`; with lines but none about the status, the
//! status does not count, because some services answer 500 and mean well.

use crate::failure::config;
use porchlight_core::ActionError;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;

/// One line.
pub(super) struct Expectation {
    line: String,
    test: Test,
}

enum Test {
    /// Ranges of status codes, both ends included.
    Status(Vec<(u16, u16)>),
    Empty(String),
    Equal(String, Value),
    Text(String),
    Contains(String),
    Lacks(String),
    Missing(HeaderName),
}

/// What an answer is judged by.
pub(super) struct Seen<'a> {
    /// The status code.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: &'a HeaderMap,
    /// The body as text, whatever it is.
    pub(super) text: &'a str,
    /// The body as JSON, when it is.
    pub(super) json: Option<&'a Value>,
}

impl Expectation {
    /// Reads the lines of a script.
    pub(super) fn parse_all(lines: &[Value]) -> Result<Vec<Self>, ActionError> {
        lines
            .iter()
            .map(|line| {
                let line = line
                    .as_str()
                    .ok_or_else(|| config("`expect` must be a list of texts"))?;
                Self::parse(line)
            })
            .collect()
    }

    /// What is expected when nothing is said.
    pub(super) fn default_list() -> Vec<Self> {
        vec![Self {
            line: "status 2xx".to_owned(),
            test: Test::Status(vec![(200, 299)]),
        }]
    }

    fn parse(line: &str) -> Result<Self, ActionError> {
        let line = line.trim();
        let test = Self::parse_test(line).ok_or_else(|| {
            config(format!(
                "`{}` is no expectation; write \"status 2xx\", \"status 200,202\", \"/errors empty\", \"/ok = true\", \"text ok\", \"text contains ok\", \"text lacks error\" or \"header x-error missing\"",
                line.escape_debug()
            ))
        })?;
        Ok(Self {
            line: line.to_owned(),
            test,
        })
    }

    fn parse_test(line: &str) -> Option<Test> {
        if let Some(codes) = line.strip_prefix("status ") {
            let ranges = codes.split(',').map(|code| status_range(code.trim()));
            return ranges.collect::<Option<_>>().map(Test::Status);
        }
        if let Some(text) = line.strip_prefix("text ") {
            return text_test(text.trim());
        }
        if let Some(name) = line.strip_prefix("header ") {
            let name = name.strip_suffix(" missing")?.trim();
            return name.parse().ok().map(Test::Missing);
        }
        if !line.starts_with('/') {
            return None;
        }
        if let Some((pointer, wanted)) = line.split_once(" = ") {
            let wanted = wanted.trim();
            let wanted = serde_json::from_str(wanted).unwrap_or_else(|_| Value::from(wanted));
            return Some(Test::Equal(pointer.trim().to_owned(), wanted));
        }
        let pointer = line.strip_suffix(" empty")?;
        Some(Test::Empty(pointer.trim().to_owned()))
    }

    /// The line as written.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// True when it is about the body, so the body must be whole.
    pub(super) fn needs_body(&self) -> bool {
        !matches!(self.test, Test::Status(_) | Test::Missing(_))
    }

    /// Whether the answer is as expected. A body that is not JSON has nothing at any place, and so
    /// is neither empty nor equal there: an error page in HTML must not pass as "no errors".
    pub(super) fn holds(&self, seen: &Seen<'_>) -> bool {
        match &self.test {
            Test::Status(ranges) => ranges
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&seen.status)),
            Test::Text(wanted) => seen.text.trim() == wanted,
            Test::Contains(part) => seen.text.contains(part.as_str()),
            Test::Lacks(part) => !seen.text.contains(part.as_str()),
            Test::Missing(name) => !seen.headers.contains_key(name),
            Test::Empty(pointer) => seen.json.is_some_and(|json| match json.pointer(pointer) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.is_empty(),
                Some(Value::Array(list)) => list.is_empty(),
                Some(Value::Object(map)) => map.is_empty(),
                Some(_) => false,
            }),
            Test::Equal(pointer, wanted) => seen
                .json
                .and_then(|json| json.pointer(pointer))
                .is_some_and(|found| same(found, wanted)),
        }
    }
}

/// `/messages/0/status = 0` holds for the number 0 and for the text "0": vendors send both.
fn same(found: &Value, wanted: &Value) -> bool {
    found == wanted
        || match (found, wanted) {
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
            (Value::String(text), Value::Number(number)) => number.to_string() == text.as_str(),
            (Value::String(text), Value::Bool(flag)) => flag.to_string() == text.as_str(),
            _ => false,
        }
}

/// `contains X`, `lacks X`, or the whole body.
fn text_test(text: &str) -> Option<Test> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim().to_owned();
    match word {
        "contains" | "lacks" if rest.is_empty() => None,
        "contains" => Some(Test::Contains(rest)),
        "lacks" => Some(Test::Lacks(rest)),
        _ => Some(Test::Text(text.to_owned())),
    }
}

fn status_range(code: &str) -> Option<(u16, u16)> {
    if let Some(class) = code.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    let code: u16 = code
        .parse()
        .ok()
        .filter(|code| (100..=599).contains(code))?;
    Some((code, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(line: &str, status: u16, text: &str) -> bool {
        let json = serde_json::from_str(text).ok();
        let expectation = Expectation::parse(line).unwrap_or_else(|error| panic!("{error}"));
        let mut headers = HeaderMap::new();
        headers.insert("x-error", reqwest::header::HeaderValue::from_static("1"));
        expectation.holds(&Seen {
            status,
            headers: &headers,
            text,
            json: json.as_ref(),
        })
    }

    #[test]
    fn lines_mean_what_they_say() {
        for (line, status, text, holds) in [
            ("status 2xx", 204, "", true),
            ("status 2xx", 302, "", false),
            ("status 200, 202", 202, "", true),
            ("status 200,4xx", 404, "", true),
            ("/errors empty", 200, r#"{"errors":[]}"#, true),
            ("/errors empty", 200, r#"{}"#, true),
            ("/errors empty", 200, r#"{"errors":["x"]}"#, false),
            ("/errors empty", 200, "<html>", false),
            (
                "/messages/0/status = 0",
                200,
                r#"{"messages":[{"status":"0"}]}"#,
                true,
            ),
            (
                "/messages/0/status = 0",
                200,
                r#"{"messages":[{"status":1}]}"#,
                false,
            ),
            ("/ok = true", 200, r#"{"ok":true}"#, true),
            ("/ok = true", 200, r#"{}"#, false),
            ("/state = done", 200, r#"{"state":"done"}"#, true),
            ("text ok", 200, "ok\n", true),
            ("text ok", 200, "not ok", false),
            ("text contains done", 200, "<a>done</a>", true),
            ("text contains done", 200, "failed", false),
            ("text lacks :Fault>", 200, "<s:Body/>", true),
            ("text lacks :Fault>", 200, "<s:Fault>", false),
            ("header X-Error missing", 200, "", false),
            ("header x-function-error missing", 200, "", true),
        ] {
            assert_eq!(check(line, status, text), holds, "{line} on {text}");
        }
    }

    #[test]
    fn a_line_that_means_nothing_is_refused_before_anything_is_sent() {
        for line in [
            "",
            "status",
            "status 6xx",
            "status abc",
            "ok",
            "/x is 3",
            "status 99",
            "text contains",
            "text lacks ",
            "header x-error",
            "header x error missing",
        ] {
            assert!(Expectation::parse_all(&[json!(line)]).is_err(), "{line}");
        }
    }
}
