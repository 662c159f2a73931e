//! Which handlers an event's type concerns.
//!
//! Most scripts don't care about most events, so the index makes those cost nothing: patterns
//! without `*` are found by the whole type, patterns whose first part has no `*` by that part, and
//! only the rest (`**`, `*.done`) is tried one by one.

use crate::Script;
use crate::state::hears;
use porchlight_core::Pattern;
use std::collections::HashMap;
use std::sync::Arc;

/// The position of a script in the list that the index was built from, and of a handler in it.
type Place = (usize, usize);

/// An index over the handlers of all scripts. Built anew at every reload.
#[derive(Debug, Default)]
pub struct Subscriptions {
    whole: HashMap<String, Vec<Place>>,
    first: HashMap<String, Vec<(Pattern, Place)>>,
    rest: Vec<(Pattern, Place)>,
}

impl Subscriptions {
    /// Indexes all handlers of these scripts.
    pub fn build(scripts: &[Arc<Script>]) -> Self {
        Self::from_patterns(scripts.iter().enumerate().flat_map(|(script, loaded)| {
            let handlers = loaded.handlers.iter().enumerate();
            handlers
                .filter_map(move |(handler, each)| Some((each.pattern.clone()?, (script, handler))))
        }))
    }

    fn from_patterns(patterns: impl Iterator<Item = (Pattern, Place)>) -> Self {
        let mut index = Self::default();
        for (pattern, place) in patterns {
            if pattern.is_literal() {
                let whole = index.whole.entry(pattern.as_str().to_owned());
                whole.or_default().push(place);
            } else if let Some(first) = pattern.first_literal() {
                let first = index.first.entry(first.to_owned());
                first.or_default().push((pattern, place));
            } else {
                index.rest.push((pattern, place));
            }
        }
        index
    }

    /// The handlers whose patterns match, as (script index, handler index), in order of both.
    pub fn matching(&self, event_type: &str) -> impl Iterator<Item = (usize, usize)> {
        let head = event_type.split('.').next().unwrap_or_default();
        let by_first = self.first.get(head).map_or(&[][..], Vec::as_slice);
        let mut found = self.whole.get(event_type).cloned().unwrap_or_default();
        let candidates = by_first.iter().chain(&self.rest);
        found.extend(
            candidates
                .filter(|(pattern, _)| hears(pattern, event_type))
                .map(|(_, place)| *place),
        );
        found.sort_unstable();
        found.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_exactly_what_the_patterns_match() {
        let texts = [
            "xprotect.external_event",
            "xprotect.*",
            "**",
            "x*.external_event",
            "rhombus.alert.motion*",
            "xprotect.**",
            "**.motion",
            "xprotect",
        ];
        let patterns: Vec<Pattern> = texts
            .iter()
            .map(|text| Pattern::parse(text).unwrap())
            .collect();
        let index = Subscriptions::from_patterns(
            patterns
                .iter()
                .cloned()
                .enumerate()
                .map(|(n, pattern)| (pattern, (n / 2, n % 2))),
        );
        for kind in [
            "xprotect.external_event",
            "xprotect",
            "rhombus.alert.motion",
            "a",
            "",
        ] {
            let expected: Vec<_> = (0..texts.len())
                .filter(|n| patterns[*n].matches(kind))
                .map(|n| (n / 2, n % 2))
                .collect();
            assert_eq!(index.matching(kind).collect::<Vec<_>>(), expected, "{kind}");
        }
    }
}
