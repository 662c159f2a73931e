//! Reads the arguments of one action: each by name, each with its type, none overlooked.
//!
//! An unknown name is a mistake, not something to ignore: `timeuot_ms` would otherwise be a request
//! without the time limit that its author believes in.

use crate::failure::config;
use porchlight_core::{ActionError, diagnostic::nearest};
use serde_json::{Map, Value};

/// The arguments of one action, or one object inside them.
pub(crate) struct Fields<'a> {
    /// What it belongs to, for messages: `http.send`.
    place: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Takes an object whose names are all in `known`.
    pub(crate) fn new(
        place: &'a str,
        value: &'a Value,
        known: &[&str],
    ) -> Result<Self, ActionError> {
        let Some(map) = value.as_object() else {
            return Err(config(format!(
                "{place}: expected a map with {}",
                known.join(", ")
            )));
        };
        for name in map.keys() {
            if !known.contains(&name.as_str()) {
                return Err(config(format!(
                    "{place}: unknown argument `{name}`; {}",
                    suggestion(name, known)
                )));
            }
        }
        Ok(Self { place, map })
    }

    /// The value, unless it is missing or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// The value, which must be there (null counts as there).
    pub(crate) fn required(&self, name: &str) -> Result<&'a Value, ActionError> {
        self.map
            .get(name)
            .ok_or_else(|| config(format!("{}: `{name}` is missing", self.place)))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, ActionError> {
        self.get(name)
            .map(|value| value.as_str().ok_or_else(|| self.wrong(name, "a text")))
            .transpose()
    }

    /// A text that must be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, ActionError> {
        self.required(name)?
            .as_str()
            .ok_or_else(|| self.wrong(name, "a text"))
    }

    /// A whole number from 0.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<u64>, ActionError> {
        self.get(name)
            .map(|value| {
                value
                    .as_u64()
                    .ok_or_else(|| self.wrong(name, "a whole number"))
            })
            .transpose()
    }

    /// A list.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, ActionError> {
        self.get(name)
            .map(|value| {
                value
                    .as_array()
                    .map(Vec::as_slice)
                    .ok_or_else(|| self.wrong(name, "a list"))
            })
            .transpose()
    }

    /// Names and texts, in order. Numbers and truth values become text; a list repeats its name.
    pub(crate) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, ActionError> {
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let map = value
            .as_object()
            .ok_or_else(|| self.wrong(name, "a map of texts"))?;
        let mut pairs = Vec::with_capacity(map.len());
        for (key, value) in map {
            let values = match value {
                Value::Array(list) => list.as_slice(),
                Value::Null => continue,
                single => std::slice::from_ref(single),
            };
            for value in values {
                let text = plain_text(value)
                    .ok_or_else(|| self.wrong(&format!("{name}.{key}"), "a text"))?;
                pairs.push((key.clone(), text));
            }
        }
        Ok(pairs)
    }

    /// The error for an argument of the wrong type.
    pub(crate) fn wrong(&self, name: &str, expected: &str) -> ActionError {
        config(format!("{}: `{name}` must be {expected}", self.place))
    }
}

/// A text, number or truth value as text.
pub(crate) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// "did you mean", or all there is.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", known.join(", ")),
    }
}
