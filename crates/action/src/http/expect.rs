//! What counts as success, in lines that the outbox can judge without the script.
//!
//! ```text
//! status 2xx                 status 200,202
//! /errors empty              missing, null, "", [] or {}
//! /messages/0/status = 0     the JSON value there, or the text, is this
//! text ok                    the whole body, apart from white space around it
//! ```
//! All lines must hold. Without lines, `status 2xx`; with lines but none about the status, the
//! status does not count, because some services answer 500 and mean well.

use crate::failure::config;
use porchlight_core::ActionError;
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
                "`{}` is no expectation; write \"status 2xx\", \"status 200,202\", \"/errors empty\", \"/ok = true\" or \"text ok\"",
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
            return Some(Test::Text(text.trim().to_owned()));
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
        !matches!(self.test, Test::Status(_))
    }

    /// Whether the answer is as expected. A body that is not JSON has nothing at any place, and so
    /// is neither empty nor equal there: an error page in HTML must not pass as "no errors".
    pub(super) fn holds(&self, status: u16, text: &str, json: Option<&Value>) -> bool {
        match &self.test {
            Test::Status(ranges) => ranges
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&status)),
            Test::Text(wanted) => text.trim() == wanted,
            Test::Empty(pointer) => json.is_some_and(|json| match json.pointer(pointer) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.is_empty(),
                Some(Value::Array(list)) => list.is_empty(),
                Some(Value::Object(map)) => map.is_empty(),
                Some(_) => false,
            }),
            Test::Equal(pointer, wanted) => json
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
        expectation.holds(status, text, json.as_ref())
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
        ] {
            assert!(Expectation::parse_all(&[json!(line)]).is_err(), "{line}");
        }
    }
}
