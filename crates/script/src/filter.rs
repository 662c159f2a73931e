//! `where`: fields of an event and what they must be, looked at before any script runs.

use porchlight_core::Event;
use serde_json::Value;
use std::collections::HashMap;

/// Fields by dotted path (`facts.camera`), and what each must be.
pub type Filter = Vec<(String, Value)>;

/// An event whose fields are looked up, each path once: ten thousand waits for one field of a body
/// must not read the body ten thousand times.
pub(crate) struct Fields<'a> {
    event: &'a Event,
    known: HashMap<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(event: &'a Event) -> Self {
        let known = HashMap::new();
        Self { event, known }
    }

    /// Whether the event has all the fields that a filter wants.
    pub(crate) fn pass(&mut self, filter: &[(String, Value)]) -> bool {
        filter.iter().all(|(path, wanted)| {
            if let Some(found) = self.known.get(path) {
                return accepts(wanted, found);
            }
            let found = field(self.event, path).unwrap_or(Value::Null);
            let accepted = accepts(wanted, &found);
            self.known.insert(path.clone(), found);
            accepted
        })
    }
}

/// Whether an event has all the fields that a filter wants.
pub(crate) fn passes(filter: &[(String, Value)], event: &Event) -> bool {
    filter.iter().all(|(path, wanted)| {
        let found = field(event, path);
        accepts(wanted, found.as_ref().unwrap_or(&Value::Null))
    })
}

/// The text of one field of an event, for a `key`; empty when it is not there.
pub(crate) fn text(event: &Event, path: &str) -> String {
    as_text(field(event, path).as_ref())
}

/// A value as the text of a `key`.
pub(crate) fn as_text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The field of an event under a dotted path: `facts.camera`, `data.items.0.id`, `subject`.
fn field(event: &Event, path: &str) -> Option<Value> {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut parts = rest.split('.').filter(|part| !part.is_empty());
    match head {
        "id" => Some(event.id.into()),
        "source" => Some(event.source.clone().into()),
        "type" => Some(event.kind.clone().into()),
        "subject" => event.subject.clone().map(Value::from),
        "time" => Some(event.time.clone().into()),
        "peer" => Some(event.peer.clone().into()),
        "query" => Some(event.query.clone().into()),
        "redelivered" => Some(event.redelivered.into()),
        "facts" => {
            let found = parts.try_fold(&event.facts, |value, part| match value {
                Value::Object(members) => members.get(part),
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                _ => None,
            });
            found.cloned()
        }
        "headers" => {
            let mut headers = event.headers.iter();
            let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(rest))?;
            Some(found.1.clone().into())
        }
        // Only what the path leads to is built: most events are turned away here.
        "data" => {
            let text = std::str::from_utf8(&event.data).unwrap_or_default();
            let parts: Vec<&str> = parts.collect();
            porchlight_core::json::pick(text, &parts).unwrap_or_default()
        }
        _ => None,
    }
}

/// The first parts of a path that `where` can look up.
pub(crate) const FIELDS: &[&str] = &[
    "id",
    "source",
    "type",
    "subject",
    "time",
    "peer",
    "query",
    "redelivered",
    "facts",
    "headers",
    "data",
];

/// Whether a field has the wanted value: one of a list, a text with `*`, or the same value.
/// A field that is itself a list is right when one of its items is.
fn accepts(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Array(any), _) => any.iter().any(|one| accepts(one, found)),
        (_, Value::Array(items)) => items.iter().any(|item| accepts(wanted, item)),
        (Value::String(pattern), Value::String(text)) if pattern.contains('*') => {
            glob(pattern.as_bytes(), text.as_bytes())
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => wanted == found,
    }
}

/// `*` stands for any characters, also dots and none. Greedy with one point of return.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut again = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            again = Some((p, t));
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after, from)) = again {
            again = Some((after, from + 1));
            p = after;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn where_accepts_values_lists_and_patterns() {
        assert!(accepts(&json!("front"), &json!("front")));
        assert!(accepts(&json!(["a", "b*"]), &json!("back")));
        assert!(!accepts(&json!(["a", "b*"]), &json!("c")));
        assert!(accepts(&json!("person"), &json!(["car", "person"])));
        assert!(accepts(&json!(1), &json!(1.0)));
        assert!(accepts(&json!("*.lan"), &json!("cam.house.lan")));
        assert!(!accepts(&json!("x"), &Value::Null));
        assert!(accepts(&Value::Null, &Value::Null));
    }
}
