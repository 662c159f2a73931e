//! What the broker was asked to send, and which of its copies counts.
//!
//! Where filters overlap, MQTT 5 lets a broker send a message once for each. So every subscription
//! has a number, made from its text and therefore the same after a restart, and of several copies
//! the one counts that names the lowest number of all that match. MQTT 3.1.1 has no such numbers:
//! there a filter that another one covers is left out.

use porchlight_core::TopicFilter;
use porchlight_mqtt::Connection;
use porchlight_mqtt::packet::{self, Message, Retained, Version};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The subscriptions of one connection.
pub(super) struct Subscriptions {
    version: Version,
    numbered: bool,
    /// What the broker has.
    asked: BTreeSet<TopicFilter>,
    /// What somebody wants.
    wanted: BTreeSet<TopicFilter>,
    /// Requests without an answer, by their number.
    open: BTreeMap<u16, TopicFilter>,
    last: u16,
}

impl Subscriptions {
    /// `before` is what the session of the broker has already, as far as we know.
    pub(super) fn new(connection: &Connection, before: BTreeSet<TopicFilter>) -> Self {
        let offered = connection.welcome().properties.subscription_ids;
        Self {
            version: connection.version(),
            numbered: connection.version() == Version::V5 && offered != Some(false),
            asked: before,
            wanted: BTreeSet::new(),
            open: BTreeMap::new(),
            last: 0,
        }
    }

    /// Asks for what is new and ends what nobody wants any more.
    pub(super) fn want(&mut self, connection: &mut Connection, wanted: &BTreeSet<TopicFilter>) {
        self.wanted.clone_from(wanted);
        let needed = if self.numbered {
            wanted.clone()
        } else {
            widest(wanted)
        };
        for filter in needed.difference(&self.asked.clone()) {
            let number = self.number();
            let options = (Retained::WhenNew, self.numbered.then(|| id(filter)));
            connection.send(|out, version| {
                packet::subscribe(out, version, number, filter, options);
            });
            self.open.insert(number, filter.clone());
        }
        let over: Vec<_> = self.asked.difference(&needed).cloned().collect();
        for filters in over.chunks(100) {
            let number = self.number();
            connection.send(|out, version| packet::unsubscribe(out, version, number, filters));
        }
        self.asked = needed;
    }

    fn number(&mut self) -> u16 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    /// The broker's answer to a request: the filter that it refused, with its code.
    pub(super) fn answered(&mut self, number: u16, codes: &[u8]) -> Option<(TopicFilter, u8)> {
        let filter = self.open.remove(&number)?;
        let code = codes.iter().copied().find(|code| *code >= 0x80)?;
        Some((filter, code))
    }

    /// What the broker has, for the next connection of the session.
    pub(super) fn asked(&self) -> &BTreeSet<TopicFilter> {
        &self.asked
    }

    /// Whether this copy of a message is for somebody.
    pub(super) fn count(&self, message: &Message) -> bool {
        let matching = self.wanted.iter().filter(|one| one.matches(&message.topic));
        let copies = &message.properties.subscriptions;
        if self.version == Version::V311 || copies.is_empty() || message.retain {
            return matching.count() > 0;
        }
        matching
            .map(id)
            .min()
            .is_some_and(|first| copies.contains(&first))
    }
}

/// The number of a filter: 1 to 268,435,455.
fn id(filter: &TopicFilter) -> u32 {
    let digest = Sha256::digest(filter.as_str());
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    (number >> 4).max(1)
}

/// Without those that another one covers.
fn widest(filters: &BTreeSet<TopicFilter>) -> BTreeSet<TopicFilter> {
    let covered = |one: &&TopicFilter| {
        let mut others = filters.iter().filter(|other| other != one);
        others.any(|other| other.covers(one) && !(one.covers(other) && other > *one))
    };
    filters
        .iter()
        .filter(|one| !covered(one))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use porchlight_mqtt::packet::{Properties, Qos};

    fn filters(texts: &[&str]) -> BTreeSet<TopicFilter> {
        let parsed = texts.iter().map(|text| TopicFilter::parse(text).unwrap());
        parsed.collect()
    }

    fn subscriptions(version: Version, wanted: &[&str]) -> Subscriptions {
        Subscriptions {
            version,
            numbered: version == Version::V5,
            asked: BTreeSet::new(),
            wanted: filters(wanted),
            open: BTreeMap::new(),
            last: 0,
        }
    }

    fn copy(topic: &str, retain: bool, subscriptions: Vec<u32>) -> Message {
        Message {
            topic: topic.to_owned(),
            payload: Bytes::new(),
            qos: Qos::AtLeastOnce,
            retain,
            properties: Properties {
                subscriptions,
                ..Properties::default()
            },
        }
    }

    #[test]
    fn of_the_copies_for_overlapping_filters_one_counts() {
        let both = subscriptions(Version::V5, &["a/+", "+/b"]);
        let ids: Vec<u32> = both.wanted.iter().map(id).collect();
        let counted = |ids: &[u32]| both.count(&copy("a/b", false, ids.to_vec()));
        let each = ids.iter().filter(|one| counted(&[**one])).count();
        assert_eq!(each, 1, "one of two copies");
        assert!(counted(&ids), "a broker that sends one copy names both");
        assert!(counted(&[]), "a broker that names none");
        assert!(!counted(&[1]), "only for a subscription that is over");
        assert!(both.count(&copy("a/b", true, vec![ids[0]])));
        assert!(both.count(&copy("a/b", true, vec![ids[1]])));
        assert!(!both.count(&copy("c/d", false, vec![])), "nobody wants it");
    }

    #[test]
    fn without_numbers_a_filter_that_is_covered_is_left_out() {
        let found = widest(&filters(&["a/#", "a/b", "a/+/c", "d/+", "d/e", "+/x"]));
        assert_eq!(found, filters(&["a/#", "d/+", "+/x"]));
    }
}
