//! The walk through a document: it goes into objects on the way to something wanted, remembers where
//! that stands, and skips everything else.

use super::Node;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The deepest nesting taken: what every later parser of the document takes, too.
const MAX_DEPTH: usize = 128;

/// Refuses what a recursive parser would. Counting brackets is nearly free and settles it for
/// every honest document; only a document with many of them is walked.
pub(super) fn check_depth(text: &str) -> Result<(), String> {
    let opens = text
        .bytes()
        .filter(|byte| matches!(byte, b'{' | b'['))
        .count();
    if opens < MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth >= MAX_DEPTH {
            return Err(format!(
                "the body is nested more than {} levels deep",
                MAX_DEPTH - 1
            ));
        }
    }
    Ok(())
}

/// Walks one value: goes into objects on the way to something wanted and skips everything else.
pub(super) struct Walk<'n, 'f, 'a> {
    pub(super) node: &'n Node,
    pub(super) found: &'f mut Vec<Option<&'a str>>,
}

impl<'a> DeserializeSeed<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(slot) = self.node.slot else {
            return deserializer.deserialize_any(self);
        };
        let raw: &'a RawValue = serde::Deserialize::deserialize(deserializer)?;
        self.found[slot] = Some(raw.get());
        if !self.node.children.is_empty() {
            walk_carefully(self.node, raw.get(), self.found);
        }
        Ok(())
    }
}

impl<'a> Visitor<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(child) = map.next_key_seed(Key(self.node))? {
            match child {
                Some(node) => {
                    // A name that is there twice: the last one counts, as for every later reader.
                    forget(node, self.found);
                    map.next_value_seed(Walk {
                        node,
                        found: self.found,
                    })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

fn forget(node: &Node, found: &mut [Option<&str>]) {
    if let Some(slot) = node.slot {
        found[slot] = None;
    }
    node.children
        .iter()
        .for_each(|(_, child)| forget(child, found));
}

/// Reads a member name and says which child it leads to, without keeping the name.
struct Key<'n>(&'n Node);

impl<'a, 'n> DeserializeSeed<'a> for Key<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: serde::Deserializer<'a>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Key<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let mut children = self.0.children.iter();
        Ok(children.find(|(key, _)| key == name).map(|(_, node)| node))
    }
}

/// The same walk over text that is known to be well formed, one level at a time.
pub(super) fn walk_carefully<'a>(node: &Node, text: &'a str, found: &mut Vec<Option<&'a str>>) {
    struct Level<'n, 'f, 'a>(&'n Node, &'f mut Vec<Option<&'a str>>);

    impl<'a> Visitor<'a> for Level<'_, '_, 'a> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
            while let Some(child) = map.next_key_seed(Key(self.0))? {
                let raw = map.next_value::<&'a RawValue>()?.get();
                let Some(child) = child else { continue };
                forget(child, self.1);
                if let Some(slot) = child.slot {
                    self.1[slot] = Some(raw);
                }
                if !child.children.is_empty() {
                    walk_carefully(child, raw, self.1);
                }
            }
            Ok(())
        }
    }

    if text.trim_start().starts_with('{') {
        let mut json = serde_json::Deserializer::from_str(text);
        let level = Level(node, found);
        let walked = serde::Deserializer::deserialize_map(&mut json, level);
        debug_assert!(walked.is_ok(), "the text was checked before: {walked:?}");
    }
}
