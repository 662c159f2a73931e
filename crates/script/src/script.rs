//! A loaded script: what it is called, which events it wants, and what is needed to run it.
//!
//! It never changes once loaded; a reload makes another one. It holds the scripts' functions and
//! the state of the engine at the end of its top level, so handlers see imports and constants.

use porchlight_core::{Diagnostic, Event, Pattern, Place, Timestamp};
use rhai::{AST, FnPtr, GlobalRuntimeState};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A script that was loaded without errors. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Script {
    inner: Arc<Inner>,
}

/// The public face of a script; see [`Script`], which dereferences to it.
pub struct Inner {
    /// Its file's name: `gate.rhai`.
    pub name: String,
    /// SHA-256 over its own source and the sources of every library it uses, lower-case hex.
    pub hash: String,
    /// Its leading `//!` comment; empty when it has none.
    pub description: String,
    /// In order of registration.
    pub handlers: Vec<Handler>,
    /// The libraries that it uses, also through other libraries: `lib/hue.rhai`. Reload the script
    /// when one of these files changes, appears or vanishes.
    pub imports: Vec<String>,
    /// Path and text of the script itself, then of every library that it uses.
    pub sources: Vec<(String, String)>,
    /// What works, but probably not as meant.
    pub warnings: Vec<Diagnostic>,
    /// The settings that it asked for, with the values in force.
    pub settings: Vec<Setting>,
    /// The engine's state in which functions run, by the path of the file they stand in.
    pub(crate) files: BTreeMap<String, File>,
}

/// A file of a loaded script: its functions, and the state to call them with.
pub(crate) struct File {
    pub(crate) ast: AST,
    pub(crate) state: GlobalRuntimeState,
}

/// A value that a script lets the configuration change, from `setting(name, default, help)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its key in `[settings.SCRIPT]`.
    pub name: String,
    /// What the script uses when the configuration says nothing.
    pub default: Value,
    /// What the script uses now.
    pub value: Value,
    /// What it is for.
    pub help: String,
}

/// What calls a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Each event of a type that it wants.
    Event,
    /// That none came for a while.
    Silence(Silence),
}

/// How long nothing must come before a handler is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// So long.
    pub after: Duration,
    /// The same as the script says it: `20m`.
    pub text: String,
    /// How long after each call it is called again while nothing comes.
    pub repeat: Option<Duration>,
    /// Tells this subscription from the others of its script: a hash over pattern, duration and
    /// its number among equals. Not over its line, so that editing other lines keeps it.
    pub subscription: String,
}

/// A function that wants events.
pub struct Handler {
    /// Its number in order of registration, from 0.
    pub number: usize,
    /// The event types that it wants.
    pub pattern: Pattern,
    /// What calls it.
    pub trigger: Trigger,
    /// Where its `on(…)` stands.
    pub place: Place,
    /// What people see: `on("xprotect.*")`.
    pub title: String,
    pub(crate) function: FnPtr,
    /// Whether the function has a parameter for the event.
    pub(crate) takes_event: bool,
    pub(crate) state: Option<GlobalRuntimeState>,
    pub(crate) filter: Vec<(String, Value)>,
    pub(crate) expires: Option<Duration>,
}

impl Script {
    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The name without `.rhai`: the table in `[settings.…]`, the source of emitted events.
    pub fn stem(&self) -> &str {
        stem(&self.name)
    }
}

pub(crate) fn stem(name: &str) -> &str {
    name.strip_suffix(".rhai").unwrap_or(name)
}

impl std::ops::Deref for Script {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script")
            .field("name", &self.name)
            .field("hash", &self.hash)
            .field("handlers", &self.handlers.len())
            .finish_non_exhaustive()
    }
}

impl Handler {
    /// Why this handler does not run for an event whose type matches: `filter` or `expired`.
    pub fn skips(&self, event: &Event, now: Timestamp) -> Option<&'static str> {
        if let Some(limit) = self.expires {
            let happened = Timestamp::parse_rfc3339(&event.time).unwrap_or(event.received);
            if now.since(happened) > limit {
                return Some("expired");
            }
        }
        if self.filter.is_empty() {
            return None;
        }
        // Parsed at most once, and only when a filter looks into the body.
        let mut data: Option<Value> = None;
        for (path, wanted) in &self.filter {
            let found = field(event, &mut data, path);
            if !accepts(wanted, found.as_ref().unwrap_or(&Value::Null)) {
                return Some("filter");
            }
        }
        None
    }
}

/// The field of an event under a dotted path: `facts.camera`, `data.items.0.id`, `subject`.
fn field(event: &Event, data: &mut Option<Value>, path: &str) -> Option<Value> {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let walk = |root: &Value| {
        let mut parts = rest.split('.').filter(|part| !part.is_empty());
        parts.try_fold(root.clone(), |value, part| match &value {
            Value::Object(members) => members.get(part).cloned(),
            Value::Array(items) => items.get(part.parse::<usize>().ok()?).cloned(),
            _ => None,
        })
    };
    match head {
        "id" => Some(event.id.into()),
        "source" => Some(event.source.clone().into()),
        "type" => Some(event.kind.clone().into()),
        "subject" => event.subject.clone().map(Value::from),
        "time" => Some(event.time.clone().into()),
        "peer" => Some(event.peer.clone().into()),
        "query" => Some(event.query.clone().into()),
        "redelivered" => Some(event.redelivered.into()),
        "facts" => walk(&event.facts),
        "headers" => {
            let mut headers = event.headers.iter();
            let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(rest))?;
            Some(found.1.clone().into())
        }
        "data" => walk(data.get_or_insert_with(|| {
            let text = std::str::from_utf8(&event.data).unwrap_or_default();
            porchlight_core::json::parse(text).unwrap_or(Value::Null)
        })),
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
