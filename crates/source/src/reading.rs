//! Reading a few members out of a JSON document without building it.
//!
//! One pass checks that the document is well formed and remembers where the wanted members stand,
//! as slices of the body. Only what a rule then really asks for is parsed, and only that part: for
//! a body of 10 KB a tree of all of it would cost several times everything else on the way.
//! Numbers of any size pass, because what nobody reads is never converted.

mod path;
mod walk;

pub use path::Path;

use path::{Step, follow};
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::Value;
use std::cell::OnceCell;
use walk::{Walk, check_depth, walk_carefully};

/// The members that the rules of one preset may ask for.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    root: Node,
    slots: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: Vec<(String, Node)>,
    slot: Option<usize>,
}

impl Plan {
    /// Adds a path. The way to it leads through objects up to the first array; that array is kept
    /// whole and the rest is followed inside it.
    pub fn add(&mut self, path: &mut Path) {
        let is_member = |step: &&Step| match step {
            Step::Each => false,
            Step::Name(name) => name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()),
        };
        path.walked = path.steps.iter().take_while(is_member).count();
        let mut node = &mut self.root;
        for step in &path.steps[..path.walked] {
            let Step::Name(name) = step else { break };
            let index = match node.children.iter().position(|(key, _)| key == name) {
                Some(index) => index,
                None => {
                    node.children.push((name.clone(), Node::default()));
                    node.children.len() - 1
                }
            };
            node = &mut node.children[index].1;
        }
        path.slot = *node.slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        });
    }
}

/// A document in which the planned members have been found.
#[derive(Debug)]
pub struct Document<'a> {
    found: Vec<Option<&'a str>>,
    parsed: Vec<OnceCell<Option<Value>>>,
}

impl<'a> Document<'a> {
    /// Checks the text and finds the members.
    ///
    /// # Errors
    /// A sentence with line and column when it is not well-formed JSON, or nested too deeply.
    pub fn read(text: &'a str, plan: &Plan) -> Result<Self, String> {
        check_depth(text)?;
        let mut found = vec![None; plan.slots];
        let mut json = serde_json::Deserializer::from_str(text);
        let walk = Walk {
            node: &plan.root,
            found: &mut found,
        };
        let walked = walk.deserialize(&mut json).and_then(|()| json.end());
        if walked.is_err() {
            // A number that fits no machine type may stand where an object was expected. That is
            // well-formed JSON; the careful walk converts nothing.
            serde_json::from_str::<IgnoredAny>(text)
                .map_err(|error| format!("the body is not JSON: {error}"))?;
            found = vec![None; plan.slots];
            walk_carefully(&plan.root, text, &mut found);
        }
        let parsed = found.iter().map(|_| OnceCell::new()).collect();
        Ok(Self { found, parsed })
    }

    /// Everything that a planned path leads to.
    pub fn all(&self, path: &Path) -> Vec<&Value> {
        let value = self.parsed.get(path.slot).and_then(|cell| {
            cell.get_or_init(|| {
                self.found[path.slot].and_then(|raw| serde_json::from_str(raw).ok())
            })
            .as_ref()
        });
        let mut found = Vec::new();
        if let Some(value) = value {
            follow(value, &path.steps[path.walked..], &mut found);
        }
        found
    }
}

/// Whether the text is one well-formed JSON document of bearable depth.
pub fn is_json(text: &str) -> bool {
    check_depth(text).is_ok() && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, pointer: &str) -> Result<Vec<String>, String> {
        let mut path = Path::parse(pointer).ok_or("no pointer")?;
        let mut plan = Plan::default();
        // A second wanted member above the first makes both kinds of walk take part.
        for other in ["/a", "/deep/er", "/z/*/y"] {
            plan.add(&mut Path::parse(other).ok_or("no pointer")?);
        }
        plan.add(&mut path);
        let document = Document::read(text, &plan)?;
        Ok(document
            .all(&path)
            .iter()
            .map(|value| value.to_string())
            .collect())
    }

    #[test]
    fn wanted_members_are_found_wherever_they_stand() {
        for (text, pointer, found) in [
            (r#"{"a":{"b":1},"c":2}"#, "/a/b", vec!["1"]),
            (
                r#"{"x":[],"deep":{"n":{},"er":{"b":"t"}}}"#,
                "/deep/er/b",
                vec!["\"t\""],
            ),
            (
                r#"{"l":[{"v":1},{"w":0},{"v":[2]}]}"#,
                "/l/*/v",
                vec!["1", "[2]"],
            ),
            (r#"{"l":[{"v":1},{"v":2}]}"#, "/l/1/v", vec!["2"]),
            (r#"{"a\u0062":{"c~/":true}}"#, "/ab/c~0~1", vec!["true"]),
            (r#"{"a":1}"#, "/a/b/c", vec![]),
            ("[1]", "/a", vec![]),
            ("3", "/a", vec![]),
        ] {
            assert_eq!(
                check(text, pointer),
                Ok(found.iter().map(|s| s.to_string()).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn the_last_of_a_repeated_name_counts_with_nothing_left_of_the_first() {
        assert_eq!(
            check(r#"{"q":{"b":1},"q":{"b":2}}"#, "/q/b"),
            Ok(vec!["2".into()])
        );
        assert_eq!(check(r#"{"q":{"b":1},"q":{}}"#, "/q/b"), Ok(vec![]));
        assert_eq!(check(r#"{"a":{"b":1},"a":7}"#, "/a/b"), Ok(vec![]));
    }

    #[test]
    fn a_number_of_any_size_is_well_formed() {
        let huge = "9".repeat(5000);
        for number in ["1e999", "-1E+99999", huge.as_str()] {
            assert_eq!(
                check(&format!(r#"{{"n":{number},"a":1}}"#), "/a"),
                Ok(vec!["1".into()])
            );
            assert_eq!(
                check(&format!(r#"{{"deep":{number},"a":1}}"#), "/a"),
                Ok(vec!["1".into()])
            );
            assert!(check(number, "/a").is_ok());
        }
    }

    #[test]
    fn what_is_not_json_or_too_deep_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "{'a':1}",
            r#"{"a":1,}"#,
            "{\"a\":1}x",
            "nul",
            "01",
            "\u{feff}{}",
            "\"\u{1}\"",
        ] {
            assert!(check(text, "/a").is_err(), "{text}");
            assert!(!is_json(text), "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(check(&nested(127), "/a").is_ok());
        assert!(serde_json::from_str::<Value>(&nested(127)).is_ok());
        for depth in [128, 129, 100_000] {
            assert!(check(&nested(depth), "/a").is_err());
        }
        let brackets_in_text = format!(r#"{{"a":"{}"}}"#, "[".repeat(500));
        assert!(check(&brackets_in_text, "/a").is_ok());
    }
}
