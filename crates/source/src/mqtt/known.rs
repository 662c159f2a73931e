//! Which messages were stored and may come again.
//!
//! MQTT gives a message no id. What it has is a number, good until the acknowledgement, and a mark
//! when it is sent again (DUP). So a message counts as stored before when it has the mark, comes
//! within a session that the broker continues, and has number, topic and payload of one of the last
//! that were stored: at most so many can be without acknowledgement as may be on their way. Each
//! stored one explains one repetition.
//!
//! What can't be known: a broker that gives the same number again and again could lose a message on
//! its way, send it anew with the mark, and mean another one of the same content. To take it for a
//! repetition needs the connection to break at that very message within a minute of the other, and
//! is the price of not running the automation twice. And where the broker has forgotten the session,
//! it has forgotten what it sent: what was stored and not acknowledged then never comes again.

use porchlight_core::{Event, EventId, Timestamp};
use porchlight_mqtt::packet::Message;
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::time::Duration;

/// A broker repeats at once when we are back; what was stored so long before the last one was
/// acknowledged.
const WINDOW: Duration = Duration::from_secs(60);

/// What a message is known by: `mqtt:17:` and half a digest over topic and payload.
pub(super) fn identity(number: Option<u16>, message: &Message) -> String {
    let mut digest = Sha256::new();
    digest.update((message.topic.len() as u64).to_le_bytes());
    digest.update(&message.topic);
    digest.update(&message.payload);
    let digest = hex::encode(&digest.finalize()[..16]);
    match number {
        Some(number) => format!("mqtt:{number}:{digest}"),
        None => format!("mqtt::{digest}"),
    }
}

struct Stored {
    identity: String,
    event: EventId,
    at: Timestamp,
}

/// The messages that were stored last.
pub(super) struct Known {
    most: usize,
    stored: VecDeque<Stored>,
    /// Those of them that may come again on this connection.
    expected: Vec<(String, EventId)>,
}

impl Known {
    /// From the broker's last events, newest first.
    pub(super) fn new(most: usize, newest_first: &[Event]) -> Self {
        let numbered = newest_first.iter();
        let numbered = numbered.filter(|event| !event.dedup_key.starts_with("mqtt::"));
        let stored = numbered.take(most).map(|event| Stored {
            identity: event.dedup_key.clone(),
            event: event.id,
            at: event.received,
        });
        let newest_last: Vec<Stored> = stored.collect();
        Self {
            most,
            stored: newest_last.into_iter().rev().collect(),
            expected: Vec::new(),
        }
    }

    /// An event is on disk.
    pub(super) fn stored(&mut self, identity: String, event: EventId, at: Timestamp) {
        if self.stored.len() >= self.most {
            self.stored.pop_front();
        }
        self.stored.push_back(Stored {
            identity,
            event,
            at,
        });
    }

    /// A connection begins, in the session of the one before or not.
    pub(super) fn begin(&mut self, session_present: bool) {
        self.expected.clear();
        let newest = self.stored.back().map(|last| last.at);
        if let (true, Some(newest)) = (session_present, newest) {
            let recent = self.stored.iter();
            let recent = recent.filter(|one| newest.since(one.at) <= WINDOW);
            self.expected
                .extend(recent.map(|one| (one.identity.clone(), one.event)));
        }
    }

    /// The event of a message that is sent again, if it was stored. Once for each.
    pub(super) fn repeats(&mut self, identity: &str) -> Option<EventId> {
        let at = self.expected.iter().position(|(one, _)| one == identity)?;
        Some(self.expected.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_repeats_one_that_was_stored_just_before_the_connection_broke() {
        let at = |seconds: i64| Timestamp(seconds * 1000);
        let mut known = Known::new(3, &[]);
        known.stored("old".to_owned(), 1, at(0));
        known.stored("a".to_owned(), 2, at(100));
        known.stored("b".to_owned(), 3, at(101));
        known.begin(true);
        assert_eq!(known.repeats("a"), Some(2));
        assert_eq!(known.repeats("a"), None, "each explains one repetition");
        assert_eq!(known.repeats("old"), None, "long acknowledged");
        assert_eq!(known.repeats("c"), None);
        // What is stored on this connection is not expected on it.
        known.stored("c".to_owned(), 4, at(102));
        assert_eq!(known.repeats("c"), None);
        known.begin(false);
        assert_eq!(known.repeats("b"), None, "the broker remembers nothing");
        known.begin(true);
        assert_eq!(known.repeats("c"), Some(4));
    }
}
