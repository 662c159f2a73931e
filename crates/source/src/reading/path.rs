//! Pointers into a JSON document, in which `*` stands for every element of an array.

use serde_json::Value;

/// A pointer (RFC 6901) in which `*` stands for every element of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub(super) steps: Vec<Step>,
    /// Where the document keeps the part that `steps[..walked]` leads to; set by [`super::Plan::add`].
    pub(super) slot: usize,
    pub(super) walked: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Each,
    Name(String),
}

impl Path {
    /// Reads a pointer; `None` when it does not begin with a slash. The empty one is the document.
    pub fn parse(pointer: &str) -> Option<Self> {
        let steps = match pointer {
            "" => None,
            pointer => Some(pointer.strip_prefix('/')?.split('/')),
        };
        let steps = steps
            .into_iter()
            .flatten()
            .map(|token| match token {
                "*" => Step::Each,
                _ => Step::Name(token.replace("~1", "/").replace("~0", "~")),
            })
            .collect();
        Some(Self {
            steps,
            slot: 0,
            walked: 0,
        })
    }

    /// Everything that the pointer leads to from `value`.
    pub fn all<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = Vec::new();
        follow(value, &self.steps, &mut found);
        found
    }
}

pub(super) fn follow<'v>(value: &'v Value, steps: &[Step], found: &mut Vec<&'v Value>) {
    match (steps.split_first(), value) {
        (None, _) => found.push(value),
        (Some((Step::Each, rest)), Value::Array(items)) => {
            items.iter().for_each(|item| follow(item, rest, found));
        }
        (Some((Step::Name(name), rest)), Value::Object(members)) => {
            if let Some(member) = members.get(name) {
                follow(member, rest, found);
            }
        }
        (Some((Step::Name(name), rest)), Value::Array(items)) => {
            if let Some(item) = name
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))
            {
                follow(item, rest, found);
            }
        }
        _ => {}
    }
}
