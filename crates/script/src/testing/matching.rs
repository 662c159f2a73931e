//! Whether a value is as expected, and where it is not.
//!
//! What a test does not mention may be anything; so an expectation says what matters and survives
//! edits of the rest. In texts `*` stands for any characters.

use super::answers::plain;
use crate::filter::glob;
use serde_json::Value;

/// One field that is not as expected.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    /// Where: `json.plate`; empty for the value as a whole.
    pub(super) path: String,
    /// What was expected.
    pub(super) expected: Value,
    /// What is there; `None` when nothing is.
    pub(super) found: Option<Value>,
}

/// All fields that are not as expected.
pub(super) fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut all = Vec::new();
    compare(expected, Some(found), String::new(), &mut all);
    all
}

/// Whether a value is as expected.
pub(super) fn matches(expected: &Value, found: &Value) -> bool {
    differences(expected, found).is_empty()
}

/// Whether two values are the same; `1` is `1.0`.
pub(super) fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same_value(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

/// A text with `*`.
pub(super) fn text_matches(pattern: &str, text: &str) -> bool {
    glob(pattern.as_bytes(), text.as_bytes())
}

fn compare(expected: &Value, found: Option<&Value>, path: String, all: &mut Vec<Difference>) {
    let below = |name: &str| match path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match (expected, found) {
        (Value::Object(wanted), Some(Value::Object(members))) => {
            for (name, expected) in wanted {
                compare(expected, members.get(name), below(name), all);
            }
        }
        (Value::Array(wanted), Some(Value::Array(items))) if wanted.len() == items.len() => {
            for (index, (expected, found)) in wanted.iter().zip(items).enumerate() {
                compare(expected, Some(found), below(&index.to_string()), all);
            }
        }
        _ if same(expected, found) => {}
        _ => all.push(Difference {
            path,
            expected: expected.clone(),
            found: found.cloned(),
        }),
    }
}

fn same(expected: &Value, found: Option<&Value>) -> bool {
    match (expected, found.unwrap_or(&Value::Null)) {
        (Value::String(any), found) if any == "*" => !found.is_null(),
        (Value::String(pattern), Value::String(text)) => text_matches(pattern, text),
        (Value::String(pattern), found) if is_secret(found) => text_matches(pattern, &plain(found)),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (expected, found) => expected == found,
    }
}

fn is_secret(value: &Value) -> bool {
    value.get("$secret").is_some() || value.get("$join").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_mentioned_may_be_anything() {
        let found =
            json!({ "url": "http://a/b", "json": { "n": 1, "m": [1, { "x": 2, "y": 3 }] } });
        for expected in [
            json!({}),
            json!({ "url": "http://*/b" }),
            json!({ "json": { "n": 1.0 } }),
            json!({ "json": { "m": [1, { "y": 3 }] } }),
            json!({ "json": "*", "absent": null }),
        ] {
            assert!(matches(&expected, &found), "{expected}");
        }
        for expected in [
            json!({ "url": "http://a" }),
            json!({ "json": { "n": "1" } }),
            json!({ "json": { "m": [1] } }),
            json!({ "absent": "*" }),
        ] {
            assert!(!matches(&expected, &found), "{expected}");
        }
    }

    #[test]
    fn a_secret_is_compared_by_its_name() {
        let key = json!({ "$secret": "light.hall.key" });
        assert!(matches(&json!("(secret light.hall.key)"), &key));
        assert!(matches(&json!("*"), &key));
        assert!(!matches(&json!("light.hall.key"), &key));
        let joined = json!({ "$join": ["Bearer ", key] });
        assert!(matches(&json!("Bearer (secret *)"), &joined));
    }

    #[test]
    fn a_difference_tells_where_it_is() {
        let found = differences(&json!({ "json": { "plate": "B" } }), &json!({ "json": {} }));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "json.plate");
        assert_eq!(found[0].found, None);
    }
}
