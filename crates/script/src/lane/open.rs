//! The open waits of one script, by name, and the chains that they belong to.

use crate::weight::weight;
use porchlight_core::{Chain, NewWait, WaitKind};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

struct OpenWait {
    chain: Chain,
    /// The run that began it; tells it from an earlier one of the same name.
    origin: String,
    /// The bytes of what it keeps.
    size: usize,
}

/// Which waits of a script are open.
#[derive(Default)]
pub(crate) struct OpenWaits {
    waits: HashMap<String, OpenWait>,
    /// The names of the waits of each chain.
    chains: HashMap<String, BTreeSet<String>>,
    /// The bytes of what all of them keep.
    size: usize,
}

/// The bytes of what a wait keeps: what its functions captured, and what its event must be.
pub(crate) fn kept(wait: &NewWait) -> usize {
    let values = |values: &[Value]| values.iter().map(weight).sum::<usize>();
    let event = match &wait.kind {
        WaitKind::Event {
            filter, arguments, ..
        } => {
            let fields = filter.iter();
            let fields: usize = fields.map(|(path, one)| path.len() + weight(one)).sum();
            fields + values(arguments)
        }
        _ => 0,
    };
    event + values(&wait.arguments)
}

impl OpenWaits {
    pub(crate) fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waits.len()
    }

    /// The bytes that all keep, without the one of this name.
    pub(crate) fn size_without(&self, name: &str) -> usize {
        self.size - self.waits.get(name).map_or(0, |wait| wait.size)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.waits.contains_key(name)
    }

    /// Whether this very wait is open, and not another of its name.
    pub(crate) fn holds(&self, wait: &NewWait) -> bool {
        let known = self.waits.get(&wait.name);
        known.is_some_and(|known| known.origin == wait.origin)
    }

    /// A wait was begun; gives the chain of the one whose place it takes.
    pub(crate) fn begun(&mut self, wait: &NewWait) -> Option<Chain> {
        let replaced = self.end(&wait.name);
        let names = self.chains.entry(wait.chain.id.clone()).or_default();
        names.insert(wait.name.clone());
        let open = OpenWait {
            chain: wait.chain.clone(),
            origin: wait.origin.clone(),
            size: kept(wait),
        };
        self.size += open.size;
        self.waits.insert(wait.name.clone(), open);
        replaced
    }

    /// A wait is over; gives its chain when it was open.
    pub(crate) fn end(&mut self, name: &str) -> Option<Chain> {
        let open = self.waits.remove(name)?;
        self.size -= open.size;
        if let Some(names) = self.chains.get_mut(&open.chain.id) {
            names.remove(name);
            if names.is_empty() {
                self.chains.remove(&open.chain.id);
            }
        }
        Some(open.chain)
    }

    /// Whether something of this chain still waits.
    pub(crate) fn has_chain(&self, chain: &str) -> bool {
        self.chains.contains_key(chain)
    }

    /// The names of the open waits of a chain.
    pub(crate) fn of_chain(&self, chain: &str) -> Vec<String> {
        let names = self.chains.get(chain);
        names.into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &str, chain: &str, origin: &str) -> NewWait {
        NewWait {
            name: name.to_owned(),
            origin: origin.to_owned(),
            chain: Chain {
                id: chain.to_owned(),
                ..Chain::default()
            },
            ..NewWait::default()
        }
    }

    #[test]
    fn a_chain_lasts_as_long_as_one_of_its_waits() {
        let mut open = OpenWaits::default();
        open.begun(&wait("a", "1", "1"));
        open.begun(&wait("b", "1", "1"));
        assert_eq!(open.of_chain("1"), ["a", "b"]);
        open.end("a");
        assert!(open.has_chain("1"));
        open.end("b");
        assert!(!open.has_chain("1") && open.is_empty());
    }

    #[test]
    fn what_open_waits_keep_is_weighed_together() {
        let mut open = OpenWaits::default();
        let keeps = |name: &str, bytes: usize| NewWait {
            arguments: vec!["x".repeat(bytes - 2).into()],
            ..wait(name, "1", "1")
        };
        open.begun(&keeps("a", 100));
        open.begun(&keeps("b", 50));
        assert_eq!((open.size_without(""), open.size_without("a")), (150, 50));
        open.begun(&keeps("a", 10));
        assert_eq!(open.size_without(""), 60);
        open.end("a");
        open.end("b");
        assert_eq!(open.size_without(""), 0);
    }

    #[test]
    fn a_wait_takes_the_place_of_another_of_its_name_and_is_not_mistaken_for_it() {
        let mut open = OpenWaits::default();
        let (old, new) = (wait("hall", "1", "1/a"), wait("hall", "2", "2/a"));
        assert!(open.begun(&old).is_none());
        assert_eq!(open.begun(&new).map(|chain| chain.id).as_deref(), Some("1"));
        assert!(open.holds(&new) && !open.holds(&old));
        assert!(!open.has_chain("1") && open.has_chain("2"));
    }
}
