//! How an action by hand is shown: the request with the names of secrets, the answer, the verdict.

use crate::output::{line, paint};
use porchlight_action::verdict;
use porchlight_core::{Action, ActionError, Receipt, Retry};
use serde_json::{Map, Value, json};

/// So much of an answer's body is shown.
const MOST: usize = 2000;

/// Shows to people, or as JSON to programs.
#[derive(Clone, Copy)]
pub struct Shown {
    /// One JSON object a line.
    pub json: bool,
}

impl Shown {
    /// A word about what happens; programs don't get it.
    pub fn note(self, text: &str) {
        if self.json {
            crate::output::note(text);
        } else {
            line(&paint("2", text));
        }
    }

    /// What is asked for, before it is.
    pub fn request(self, kind: &str, title: &str, args: &Value) {
        let args = masked(args);
        if self.json {
            line(&json!({ "request": { "kind": kind, "title": title, "args": args } }).to_string());
            return;
        }
        line(&format!("{}  {}", paint("1", kind), title));
        let Some(map) = args.as_object() else { return };
        if let (Some(method), Some(url)) = (plain(map, "method"), plain(map, "url")) {
            line(&format!("  {method} {url}"));
        }
        for (name, value) in map {
            let told = name == "method" || name == "url";
            if !told || !map.contains_key("method") {
                line(&format!("  {name}: {}", text(value)));
            }
        }
    }

    /// What came of it.
    pub fn result(self, action: &Action, result: &Result<Receipt, ActionError>) {
        let detail = match result {
            Ok(receipt) => &receipt.detail,
            Err(error) => &error.detail,
        };
        let http = action.kind.starts_with("http.");
        let verdict = if http {
            verdict(&action.args, detail)
        } else {
            Vec::new()
        };
        if self.json {
            let lines: Vec<Value> = verdict
                .iter()
                .map(|(line, ok)| json!({ "expect": line, "ok": ok }))
                .collect();
            let answer = match result {
                Ok(receipt) => json!({ "ok": true, "receipt": receipt, "verdict": lines }),
                Err(error) => json!({ "ok": false, "error": error, "verdict": lines }),
            };
            line(&json!({ "answer": answer }).to_string());
            return;
        }
        if let Some(status) = detail.get("status").filter(|_| http) {
            line(&format!("  answer {status} in {} ms", detail["ms"]));
            let body = detail.get("text").and_then(Value::as_str).unwrap_or("");
            body_lines(body);
        } else if let Some(out) = detail.get("stderr").and_then(Value::as_str) {
            body_lines(out);
        }
        for (expected, ok) in &verdict {
            let word = if *ok {
                paint("32", "ok ")
            } else {
                paint("31", "no ")
            };
            line(&format!("  {word} {expected}"));
        }
        match result {
            Ok(receipt) => line(&format!("  {}  {}", paint("32", "done"), receipt.summary)),
            Err(error) => {
                let again = match error.retry {
                    Retry::Never => "a script's action would be dead now",
                    Retry::Later | Retry::AfterMs(_) => "a script's action would be tried again",
                };
                line(&format!("  {}  {error} ({again})", paint("31", "failed")))
            }
        };
    }
}

/// The beginning of what came back.
fn body_lines(body: &str) {
    let end = body.floor_char_boundary(MOST);
    for one in body[..end].lines() {
        line(&format!("  | {one}"));
    }
    if end < body.len() {
        line(&format!("  | … {} bytes more", body.len() - end));
    }
}

fn plain<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    map.get(name)?.as_str()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The arguments with `[light.porch.key]` where a secret goes, and so for keys and attachments.
fn masked(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(map) => {
            if let Some(name) = map.get("$secret").and_then(Value::as_str) {
                return format!("[{name}]").into();
            }
            if map.contains_key("$key") {
                return "[key of the action]".into();
            }
            if let Some(parts) = map.get("$join").and_then(Value::as_array) {
                let parts: Vec<String> = parts.iter().map(|part| text(&masked(part))).collect();
                return parts.concat().into();
            }
            if map.contains_key("$blob") {
                return format!(
                    "[attachment, {} bytes]",
                    map.get("size").unwrap_or(&Value::Null)
                )
                .into();
            }
            let members = map
                .iter()
                .map(|(name, value)| (name.clone(), masked(value)));
            Value::Object(members.collect())
        }
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_keys_and_attachments_are_shown_by_their_names() {
        let args = json!({
            "url": { "$join": ["http://a/", { "$secret": "light.a.key" }, "/", { "$key": 32 }] },
            "headers": { "x": { "$secret": "light.a.key" } },
            "body": { "$blob": "ab", "size": 7 },
        });
        let expected = json!({
            "url": "http://a/[light.a.key]/[key of the action]",
            "headers": { "x": "[light.a.key]" },
            "body": "[attachment, 7 bytes]",
        });
        assert_eq!(masked(&args), expected);
    }
}
