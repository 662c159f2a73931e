//! What an answer must be like, in lines that the outbox can judge without the script.
//!
//! ```text
//! bytes 32 = 2d00          these bytes, in hex, stand there; the first is byte 0
//! text ok                  the whole answer, apart from white space around it
//! text contains ok         this stands somewhere in the answer
//! /msg/cmd = devStatus     the JSON value there, or the text, is this
//! ```
//! All lines must hold. They are those of `http`, and `bytes` for what is no text. In datagrams they
//! also choose: one that is not meant is passed over, since devices say many things unasked.

use crate::failure::config;
use porchlight_core::ActionError;
use serde_json::Value;

/// One line.
pub(super) struct Expectation {
    line: String,
    test: Test,
}

enum Test {
    Bytes(usize, Vec<u8>),
    Text(String),
    Contains(String),
    Equal(String, Value),
}

impl Expectation {
    /// Reads the lines of a script.
    pub(super) fn parse_all(lines: &[Value]) -> Result<Vec<Self>, ActionError> {
        let lines = lines.iter().map(|line| {
            let line = line
                .as_str()
                .ok_or_else(|| config("`expect` must be a list of texts"))?
                .trim();
            let test = parse(line).ok_or_else(|| {
                config(format!(
                    "`{}` is no expectation; write \"bytes 32 = 2d00\", \"text ok\", \"text contains ok\" or \"/ok = true\"",
                    line.escape_debug()
                ))
            })?;
            Ok(Self {
                line: line.to_owned(),
                test,
            })
        });
        lines.collect()
    }

    fn holds(&self, answer: &[u8]) -> bool {
        let text = || String::from_utf8_lossy(answer);
        match &self.test {
            Test::Bytes(at, wanted) => answer
                .get(*at..)
                .is_some_and(|rest| rest.starts_with(wanted)),
            Test::Text(wanted) => text().trim() == wanted,
            Test::Contains(part) => text().contains(part.as_str()),
            Test::Equal(pointer, wanted) => serde_json::from_slice::<Value>(answer)
                .ok()
                .and_then(|json| json.pointer(pointer).map(|found| same(found, wanted)))
                .unwrap_or(false),
        }
    }
}

/// The first line that does not hold, if any.
pub(super) fn unmet<'a>(lines: &'a [Expectation], answer: &[u8]) -> Option<&'a str> {
    let unmet = lines.iter().find(|line| !line.holds(answer));
    unmet.map(|line| line.line.as_str())
}

fn parse(line: &str) -> Option<Test> {
    if let Some(rest) = line.strip_prefix("bytes ") {
        let (at, wanted) = rest.split_once('=')?;
        let wanted = hex::decode(wanted.trim()).ok()?;
        let at = at.trim().parse().ok()?;
        return (!wanted.is_empty()).then_some(Test::Bytes(at, wanted));
    }
    if let Some(text) = line.strip_prefix("text ") {
        let text = text.trim();
        return match text.strip_prefix("contains ").map(str::trim) {
            Some("") => None,
            Some(part) => Some(Test::Contains(part.to_owned())),
            None if text.is_empty() || text == "contains" => None,
            None => Some(Test::Text(text.to_owned())),
        };
    }
    let (pointer, wanted) = line.split_once(" = ").filter(|_| line.starts_with('/'))?;
    let wanted = wanted.trim();
    let wanted = serde_json::from_str(wanted).unwrap_or_else(|_| Value::from(wanted));
    Some(Test::Equal(pointer.trim().to_owned(), wanted))
}

/// `= 0` holds for the number and for the text "0", as in `http`.
fn same(found: &Value, wanted: &Value) -> bool {
    found == wanted
        || match (found, wanted) {
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
            (Value::String(text), Value::Number(number)) => *text == number.to_string(),
            (Value::String(text), Value::Bool(flag)) => *text == flag.to_string(),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_mean_what_they_say() {
        for (line, answer, holds) in [
            ("bytes 1 = 2d 00", &b"x-\0y"[..], None),
            ("bytes 1 = 2d00", b"x-\0y", Some(true)),
            ("bytes 1 = 2D00", b"x-\0", Some(true)),
            ("bytes 1 = 2d00", b"x-", Some(false)),
            ("bytes 9 = 2d", b"x", Some(false)),
            ("bytes 1 =", b"x", None),
            ("bytes -1 = 2d", b"x", None),
            ("text ok", b" ok\r\n", Some(true)),
            ("text ok", b"not ok", Some(false)),
            ("text contains ok", b"not ok", Some(true)),
            ("text contains", b"contains", None),
            ("/a/b = 1", br#"{"a":{"b":"1"}}"#, Some(true)),
            ("/a/b = on", br#"{"a":{"b":"on"}}"#, Some(true)),
            ("/a/b = on", b"no json", Some(false)),
            ("ok", b"ok", None),
        ] {
            let parsed = Expectation::parse_all(&[json!(line)]).ok();
            let found = parsed.map(|lines| unmet(&lines, answer).is_none());
            assert_eq!(found, holds, "{line}");
        }
    }
}
