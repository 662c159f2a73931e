//! Finds the patterns that match a text without trying all of them.
//!
//! A pattern without `*` is found by the whole text, one whose first part has no `*` by that part,
//! and only the rest (`**`, `*.done`) is tried one by one. So what nobody named costs the same with
//! ten thousand patterns as with ten. Built once for a set of scripts, and never changed.

use porchlight_core::Pattern;
use std::collections::HashMap;

/// Values by the patterns that they belong to.
#[derive(Debug)]
pub(crate) struct PatternIndex<T> {
    whole: HashMap<String, Vec<T>>,
    first: HashMap<String, Vec<(Pattern, T)>>,
    rest: Vec<(Pattern, T)>,
}

impl<T> Default for PatternIndex<T> {
    fn default() -> Self {
        Self {
            whole: HashMap::new(),
            first: HashMap::new(),
            rest: Vec::new(),
        }
    }
}

impl<T: Copy> PatternIndex<T> {
    /// Adds a value for exactly this text.
    pub(crate) fn add_whole(&mut self, text: &str, value: T) {
        self.whole.entry(text.to_owned()).or_default().push(value);
    }

    /// Adds a value for all texts that match.
    pub(crate) fn add(&mut self, pattern: &Pattern, value: T) {
        if pattern.is_literal() {
            self.add_whole(pattern.as_str(), value);
        } else if let Some(first) = pattern.first_literal() {
            let same = self.first.entry(first.to_owned()).or_default();
            same.push((pattern.clone(), value));
        } else {
            self.rest.push((pattern.clone(), value));
        }
    }

    /// The values whose patterns match and name at least the first part, in no order.
    pub(crate) fn named<'a>(&'a self, text: &'a str) -> impl Iterator<Item = T> + 'a {
        let whole = self.whole.get(text).map_or(&[][..], Vec::as_slice);
        let head = text.split('.').next().unwrap_or_default();
        let first = self.first.get(head).map_or(&[][..], Vec::as_slice);
        whole.iter().copied().chain(matching(first, text))
    }

    /// The values whose patterns match and begin with a `*`, in no order.
    pub(crate) fn unnamed<'a>(&'a self, text: &'a str) -> impl Iterator<Item = T> + 'a {
        matching(&self.rest, text)
    }
}

fn matching<'a, T: Copy>(
    candidates: &'a [(Pattern, T)],
    text: &'a str,
) -> impl Iterator<Item = T> + 'a {
    let matching = candidates.iter().filter(|(one, _)| one.matches(text));
    matching.map(|(_, value)| *value)
}
