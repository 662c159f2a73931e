//! Which handlers an event concerns.
//!
//! Most scripts don't care about most events, so the index makes those cost nothing. A change of the
//! state has one type for all keys, so those who want changes are found by the key.

use crate::pattern_index::PatternIndex;
use crate::script::Trigger;
use crate::state::{KIND, KeyPattern};
use crate::{Handler, Script};
use porchlight_core::Event;
use std::sync::Arc;

/// The position of a script in the list that the index was built from, and of a handler in it.
type Place = (usize, usize);

/// An index over the handlers of all scripts. Built anew at every reload.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// By the type of the event.
    types: PatternIndex<Place>,
    /// Those of `on_state`, by the key.
    keys: PatternIndex<Place>,
    /// Those of `on_state`.
    states: Vec<Place>,
}

impl Subscriptions {
    /// Indexes all handlers of these scripts.
    pub fn build(scripts: &[Arc<Script>]) -> Self {
        let mut index = Self::default();
        for (script, loaded) in scripts.iter().enumerate() {
            for (number, handler) in loaded.handlers.iter().enumerate() {
                index.add(handler, (script, number));
            }
        }
        index
    }

    fn add(&mut self, handler: &Handler, place: Place) {
        if let Trigger::State(change) = &handler.trigger {
            self.states.push(place);
            match &change.keys {
                KeyPattern::Whole(key) => self.keys.add_whole(key, place),
                KeyPattern::Many(pattern) => self.keys.add(pattern, place),
            }
        } else if let Some(pattern) = &handler.pattern {
            self.types.add(pattern, place);
        }
    }

    /// The handlers whose patterns match this type, as (script index, handler index), in order of
    /// both; for a change of the state, those of all keys.
    pub fn matching(&self, event_type: &str) -> impl Iterator<Item = (usize, usize)> {
        let states = match event_type == KIND {
            true => self.states.clone(),
            false => Vec::new(),
        };
        self.of_type(event_type, states)
    }

    /// The handlers that may have something to do with this event, in the same order; for a change
    /// of the state, those of its key.
    pub fn concerned(&self, event: &Event) -> impl Iterator<Item = (usize, usize)> {
        let key = event.subject.as_deref().filter(|_| event.kind == KIND);
        let states = key.map(|key| self.keys.named(key).chain(self.keys.unnamed(key)).collect());
        self.of_type(&event.kind, states.unwrap_or_default())
    }

    fn of_type(&self, event_type: &str, mut found: Vec<Place>) -> std::vec::IntoIter<Place> {
        found.extend(self.types.named(event_type));
        // A change of the state is heard by those who name it; see `state::hears`.
        if event_type != KIND {
            found.extend(self.types.unnamed(event_type));
        }
        found.sort_unstable();
        found.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::Pattern;

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
        let mut index = Subscriptions::default();
        for (n, pattern) in patterns.iter().enumerate() {
            index.types.add(pattern, (n / 2, n % 2));
        }
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
