//! The kinds of values in doc comments: plain words, and what editors call the same.
//!
//! A closed list: a test refuses a doc comment with another word, because the check of literal
//! arguments believes these.

/// A word of doc comments, the type in Rhai's definition files, and what it means to people.
const KINDS: &[(&str, &str, &str)] = &[
    ("any", "?", "any value"),
    ("text", "string", "`\"porch\"`"),
    (
        "duration",
        "string",
        "a text with a unit, `ms`, `s`, `m`, `h`, `d` or `w`: `\"30s\"`, `\"1h 30m\"`",
    ),
    (
        "time",
        "string",
        "a text as RFC 3339 writes times: `\"2026-11-23T04:05:06.789Z\"`",
    ),
    ("whole number", "int", "`7`"),
    ("number", "float", "`7` or `0.7`"),
    ("yes or no", "bool", "`true` or `false`"),
    ("list", "array", "`[1, 2, 3]`"),
    ("map", "map", "`#{ name: \"value\" }`"),
    (
        "function",
        "Fn",
        "`|event| { … }`, or the name of a function of the file",
    ),
    (
        "secret",
        "Secret",
        "a secret of the configuration: it can be passed on and joined with text, never read",
    ),
    (
        "Event",
        "Event",
        "what a handler of `on` gets: [event](event.md)",
    ),
    (
        "Attachment",
        "Attachment",
        "a file that came with an event: [event](event.md)",
    ),
    (
        "Blob",
        "blob",
        "raw bytes: `blob(36, 0)`, `\"text\".to_blob()`; see [net](../net.md#bytes)",
    ),
    ("Wait", "Wait", "what `later` gives"),
];

/// What Rust's types mean where a doc comment says nothing.
const RUST: &[(&str, &str)] = &[
    ("()", "()"),
    ("&str", "string"),
    ("ImmutableString", "string"),
    ("String", "string"),
    ("i64", "int"),
    ("usize", "int"),
    ("f64", "float"),
    ("bool", "bool"),
    ("Array", "array"),
    ("Vec", "array"),
    ("Map", "map"),
    ("BTreeMap", "map"),
    ("FnPtr", "Fn"),
    ("Handle", "Wait"),
    ("ScriptEvent", "Event"),
    ("ScriptFile", "Attachment"),
    ("Tree", "map"),
];

/// The type in a definition file for the words of a doc comment ("text or list"), or for a Rust
/// type (`&mut ScriptEvent`, `alloc::string::String`) where there are no words.
pub(crate) fn for_editors(words: &str, rust: &str) -> String {
    let known = each(words).map(|word| {
        let mut kinds = KINDS.iter();
        Some(kinds.find(|(known, ..)| *known == word)?.1)
    });
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
    let known = if rust == "&str" { rust } else { last };
    let found = RUST.iter().find(|(name, _)| *name == known);
    found.map_or("?", |(_, editors)| editors).to_owned()
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

/// Whether a doc comment may say this of a value: "text", "text or list".
pub fn is_kind(words: &str) -> bool {
    let known = |word| KINDS.iter().any(|(known, ..)| *known == word);
    !words.is_empty() && each(words).all(known)
}

/// Each word of the list and what it means.
pub(super) fn meanings() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().map(|(word, _, meaning)| (*word, *meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_doc_comments_become_types_of_editors() {
        assert_eq!(for_editors("text or list", "Dynamic"), "string | array");
        assert_eq!(for_editors("yes or no", "Dynamic"), "bool");
        assert_eq!(for_editors("yes or no or map", "Dynamic"), "bool | map");
        assert_eq!(for_editors("any", "&str"), "?");
        assert_eq!(for_editors("duration or text", "Dynamic"), "string");
    }

    #[test]
    fn a_rust_type_stands_in_where_no_word_is_said() {
        assert_eq!(for_editors("", "&str"), "string");
        assert_eq!(for_editors("", "&mut ScriptEvent"), "Event");
        assert_eq!(for_editors("", "alloc::string::String"), "string");
        assert_eq!(for_editors("", "alloc::vec::Vec<rhai::Dynamic>"), "array");
        assert_eq!(for_editors("", "rhai::Dynamic"), "?");
    }
}
