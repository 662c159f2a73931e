//! Reading a few members out of a JSON document without building it.
//!
//! One pass over the whole document checks it strictly ([`porchlight_core::json`]) and remembers
//! where the wanted members stand, as slices of the body. Only what a rule then really asks for is
//! parsed, and only that part: for a body of 10 KB a tree of all of it would cost several times
//! everything else on the way. Numbers of any size pass, because what nobody reads is never
//! converted.

mod path;

pub use path::Path;

use path::{Step, follow};
use porchlight_core::json::{self, JsonError, Reader};
use serde_json::Value;
use std::cell::OnceCell;

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
    /// Where it is malformed, ambiguous or nested too deeply.
    pub fn read(text: &'a str, plan: &Plan) -> Result<Self, JsonError> {
        let mut found = vec![None; plan.slots];
        let mut reader = Reader::new(text);
        walk(&mut reader, &plan.root, &mut found)?;
        reader.end()?;
        let parsed = found.iter().map(|_| OnceCell::new()).collect();
        Ok(Self { found, parsed })
    }

    /// Everything that a planned path leads to.
    pub fn all(&self, path: &Path) -> Vec<&Value> {
        let value = self.parsed.get(path.slot).and_then(|cell| {
            cell.get_or_init(|| self.found[path.slot].and_then(|raw| json::parse(raw).ok()))
                .as_ref()
        });
        let mut found = Vec::new();
        if let Some(value) = value {
            follow(value, &path.steps[path.walked..], &mut found);
        }
        found
    }
}

/// Reads one value: goes into objects on the way to something wanted, and over everything else.
fn walk<'a>(
    reader: &mut Reader<'a>,
    node: &Node,
    found: &mut [Option<&'a str>],
) -> Result<(), JsonError> {
    let is_object = reader.peek()? == b'{';
    if node.children.is_empty() || !is_object {
        let raw = reader.skip()?;
        if let Some(slot) = node.slot {
            found[slot] = Some(raw);
        }
        return Ok(());
    }
    let begins = reader.rest();
    reader.object(
        |reader, name| match node.children.iter().find(|(child, _)| child == name) {
            Some((_, child)) => walk(reader, child, found),
            None => reader.skip().map(drop),
        },
    )?;
    if let Some(slot) = node.slot {
        found[slot] = Some(&begins[..begins.len() - reader.rest().len()]);
    }
    Ok(())
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
        let document = Document::read(text, &plan).map_err(|error| error.to_string())?;
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
            (r#" {"a":1} "#, "", vec![r#"{"a":1}"#]),
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
    fn what_nobody_asked_for_is_checked_all_the_same() {
        for text in [
            r#"{"a":1,"other":{"x":[{"k":1,"k":2}]}}"#,
            r#"{"a":1,"a":{"b":2}}"#,
            r#"{"a":1,"other":"\ud800"}"#,
            r#"{"a":1,"other":01}"#,
        ] {
            assert!(check(text, "/a").is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_too_large_for_a_machine_hides_nothing_beside_it() {
        let text = r#"{"l":[{"v":1e400},{"v":9223372036854775808},{"v":19.50}]}"#;
        let found = ["\"1e400\"", "9223372036854775808", "19.5"].map(str::to_owned);
        assert_eq!(check(text, "/l/*/v"), Ok(found.to_vec()));
    }
}
