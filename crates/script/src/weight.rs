//! About how many bytes a value takes up: those of its JSON, without making it.

use serde_json::Value;

/// The bytes of a value. What JSON escapes counts once.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| weight(item) + 1).sum::<usize>() + 2,
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, one)| name.len() + weight(one) + 4)
                .sum::<usize>()
                + 2
        }
    }
}
