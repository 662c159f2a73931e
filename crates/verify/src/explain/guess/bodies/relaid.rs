//! JSON laid out as the usual writers do, in the order of its members: without blanks, with one
//! after each comma and colon (Python), over lines with indentation, each also with escapes for
//! everything beyond ASCII.

/// Every layout of a valid document.
pub(super) fn layouts(json: &str) -> Vec<String> {
    let compact = compact(json);
    let layouts = [
        spaced(&compact),
        indented(&compact, 2),
        indented(&compact, 4),
        compact,
    ];
    let escaped: Vec<String> = layouts
        .iter()
        .filter(|layout| !layout.is_ascii())
        .map(|layout| layout.chars().map(ascii).collect())
        .collect();
    layouts.into_iter().chain(escaped).collect()
}

/// Calls `each` with every character and whether it stands inside a string.
fn walk(json: &str, mut each: impl FnMut(char, bool)) {
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        let inside = quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        each(c, inside || quoted);
    }
}

fn compact(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    walk(json, |c, inside| {
        if inside || !c.is_ascii_whitespace() {
            text.push(c);
        }
    });
    text
}

fn spaced(compact: &str) -> String {
    let mut text = String::with_capacity(compact.len() * 2);
    walk(compact, |c, inside| {
        text.push(c);
        if !inside && matches!(c, ',' | ':') {
            text.push(' ');
        }
    });
    text
}

/// As `JSON.stringify` with an indentation and serde write it: an empty list stays in its line.
fn indented(compact: &str, width: usize) -> String {
    let mut text = String::with_capacity(compact.len() * 2);
    let (mut depth, mut before) = (0usize, ' ');
    walk(compact, |c, inside| {
        let line = |text: &mut String, depth: usize| {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', depth * width));
        };
        let opened = matches!(before, '{' | '[');
        match c {
            _ if inside && !(c == '"' && opened) => text.push(c),
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !opened {
                    line(&mut text, depth);
                }
                text.push(c);
            }
            _ => {
                if opened {
                    line(&mut text, depth);
                }
                text.push(c);
                match c {
                    '{' | '[' => depth += 1,
                    ',' => line(&mut text, depth),
                    ':' => text.push(' '),
                    _ => {}
                }
            }
        }
        // Inside a string nothing opens anything.
        before = if inside { ' ' } else { c };
    });
    text
}

/// One character as writers that keep to ASCII write it.
fn ascii(c: char) -> String {
    if c.is_ascii() {
        return c.to_string();
    }
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units);
    units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_laid_out_in_every_usual_way_in_its_own_order() {
        let json = " {\"b\" : [1, {\"a\":\"x, {y}: \\\" z\"}], \"a\":{}, \"\u{fc}\":[]} ";
        let layouts = layouts(json);
        let pretty = "{\n  \"b\": [\n    1,\n    {\n      \"a\": \"x, {y}: \\\" z\"\n    }\n  ],\n  \"a\": {},\n  \"\u{fc}\": []\n}";
        let compact = "{\"b\":[1,{\"a\":\"x, {y}: \\\" z\"}],\"a\":{},\"\u{fc}\":[]}";
        let python = "{\"b\": [1, {\"a\": \"x, {y}: \\\" z\"}], \"a\": {}, \"\\u00fc\": []}";
        for wanted in [pretty, compact, python] {
            assert!(
                layouts.iter().any(|layout| layout == wanted),
                "{wanted}\n{layouts:#?}"
            );
        }
        assert!(
            layouts
                .iter()
                .all(|text| porchlight_core::json::check(text).is_ok())
        );
    }
}
