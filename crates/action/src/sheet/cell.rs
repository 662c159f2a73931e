//! What a value is in a cell, the same for both formats.

use serde_json::{Number, Value};

/// Excel's limit for the text of a cell, in UTF-16 units.
const LONGEST_TEXT: usize = 32_767;

/// The largest whole number that a spreadsheet keeps exactly; beyond, the digits change silently.
const LARGEST_EXACT: u64 = 1 << 53;

/// A cell.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    Nothing,
    Bool(bool),
    Number(Number),
    Text(String),
}

impl Cell {
    /// Lists and maps become their JSON text.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) if is_exact(number) => Self::Number(number.clone()),
            Value::Number(number) => Self::Text(number.to_string()),
            Value::String(text) => Self::Text(fitting(text)),
            nested => Self::Text(fitting(&nested.to_string())),
        }
    }
}

fn is_exact(number: &Number) -> bool {
    match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) => whole <= LARGEST_EXACT,
        (None, Some(whole)) => whole.unsigned_abs() <= LARGEST_EXACT,
        (None, None) => number.as_f64().is_some_and(f64::is_finite),
    }
}

/// Cut to the longest allowed, without characters that XML cannot hold (a spreadsheet with one of
/// them does not open at all). They become the replacement character, so that one sees them.
fn fitting(text: &str) -> String {
    let mut units = 0;
    text.chars()
        .take_while(|c| {
            units += c.len_utf16();
            units <= LONGEST_TEXT
        })
        .map(|c| if is_xml(c) { c } else { '\u{FFFD}' })
        .collect()
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_that_a_sheet_cannot_hold_is_made_to_fit() {
        let text = |value| match Cell::of(&value) {
            Cell::Text(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            text(json!("a\u{0}b\u{1b}c\u{FFFE}d\te")),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\te"
        );
        assert_eq!(text(json!("x".repeat(40_000))).len(), 32_767);
        assert_eq!(text(json!("😀".repeat(20_000))).chars().count(), 16_383);
        assert_eq!(text(json!([1, "a"])), r#"[1,"a"]"#);
        assert_eq!(text(json!(9_007_199_254_740_993_u64)), "9007199254740993");
    }
}
