//! The kinds of values in doc comments: plain words, and what editors call the same.
//!
//! A closed list: a test refuses a doc comment with another word, because the check of literal
//! arguments believes these.

/// Words of a doc comment, and the type in Rhai's definition files.
const KINDS: &[(&str, &str)] = &[
    ("any", "?"),
    ("text", "String"),
    // A text with a unit: "30s", "1h 30m".
    ("duration", "String"),
    // A text as RFC 3339 writes times.
    ("time", "String"),
    ("whole number", "int"),
    ("number", "float"),
    ("yes or no", "bool"),
    ("list", "Array"),
    ("map", "Map"),
    ("function", "FnPtr"),
    ("secret", "Secret"),
    ("Event", "Event"),
    ("Attachment", "Attachment"),
    ("Wait", "Wait"),
];

/// What Rust's types mean where a doc comment says nothing.
const RUST: &[(&str, &str)] = &[
    ("()", "()"),
    ("&str", "String"),
    ("ImmutableString", "String"),
    ("String", "String"),
    ("i64", "int"),
    ("usize", "int"),
    ("f64", "float"),
    ("bool", "bool"),
    ("Array", "Array"),
    ("Vec", "Array"),
    ("Map", "Map"),
    ("BTreeMap", "Map"),
    ("FnPtr", "FnPtr"),
    ("Handle", "Wait"),
    ("ScriptEvent", "Event"),
    ("ScriptFile", "Attachment"),
    ("Tree", "Map"),
];

/// The type in a definition file for the words of a doc comment ("text or list"), or for a Rust
/// type (`&mut ScriptEvent`, `alloc::string::String`) where there are no words.
pub(crate) fn for_editors(words: &str, rust: &str) -> String {
    let known = each(words).map(|word| of(KINDS, word));
    let mut known: Vec<&str> = known.collect::<Option<_>>().unwrap_or_default();
    known.dedup();
    if known.contains(&"?") {
        return "?".to_owned();
    }
    if !known.is_empty() {
        return known.join(" | ");
    }
    let plain = rust.split('<').next().unwrap_or(rust);
    let last = plain.rsplit([':', ' ']).next().unwrap_or(plain);
    of(RUST, if rust == "&str" { rust } else { last })
        .unwrap_or("?")
        .to_owned()
}

/// The single kinds in "text or list"; "yes or no" is one.
pub(crate) fn each(words: &str) -> impl Iterator<Item = &str> {
    let mut rest = words.trim();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = if rest.starts_with("yes or no") { 9 } else { 0 };
        let at = rest[start..].find(" or ").map(|at| start + at);
        let (one, after) = match at {
            Some(at) => (&rest[..at], &rest[at + 4..]),
            None => (rest, ""),
        };
        rest = after;
        Some(one.trim())
    })
}

fn of<'a>(table: &[(&str, &'a str)], word: &str) -> Option<&'a str> {
    let (_, found) = table.iter().find(|(known, _)| *known == word)?;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_doc_comments_become_types_of_editors() {
        assert_eq!(for_editors("text or list", "Dynamic"), "String | Array");
        assert_eq!(for_editors("yes or no", "Dynamic"), "bool");
        assert_eq!(for_editors("yes or no or map", "Dynamic"), "bool | Map");
        assert_eq!(for_editors("any", "&str"), "?");
        assert_eq!(for_editors("duration or text", "Dynamic"), "String");
    }

    #[test]
    fn a_rust_type_stands_in_where_no_word_is_said() {
        assert_eq!(for_editors("", "&str"), "String");
        assert_eq!(for_editors("", "&mut ScriptEvent"), "Event");
        assert_eq!(for_editors("", "alloc::string::String"), "String");
        assert_eq!(for_editors("", "alloc::vec::Vec<rhai::Dynamic>"), "Array");
        assert_eq!(for_editors("", "rhai::Dynamic"), "?");
    }
}
