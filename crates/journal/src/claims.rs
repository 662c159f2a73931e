//! Which deliveries were seen before: the claims of stored events, in memory.
//!
//! The truth is the claim columns of the events; this map is filled from them at open, so that a
//! duplicate costs no disk access and a claim no page of its own. A batch's claims count only once
//! its transaction is committed: a rolled-back batch leaves no trace.

use porchlight_core::{EventId, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};

/// At most so many claims are remembered, about 3 MB; beyond it the oldest are forgotten, and a
/// redelivery of such an old one would be stored again.
pub(crate) const CAP: usize = 50_000;

/// Half of the key's SHA-256: long keys take no more room than short ones.
pub(crate) type ClaimKey = [u8; 16];

/// The key as it is stored.
pub(crate) fn claim_key(text: &str) -> ClaimKey {
    let digest = Sha256::digest(text.as_bytes());
    let mut key = ClaimKey::default();
    key.copy_from_slice(&digest[..16]);
    key
}

#[derive(Clone, Copy)]
struct Held {
    event: EventId,
    expires: Timestamp,
}

/// The claims.
#[derive(Default)]
pub(crate) struct Claims {
    held: HashMap<ClaimKey, Held>,
    order: VecDeque<(ClaimKey, EventId)>,
    staged: HashMap<ClaimKey, Held>,
}

impl Claims {
    /// The event that holds the key now, in a committed batch or in this one.
    pub(crate) fn holder(&self, key: &ClaimKey, now: Timestamp) -> Option<EventId> {
        let held = self.staged.get(key).or_else(|| self.held.get(key))?;
        (held.expires > now).then_some(held.event)
    }

    /// Gives the key to an event, until `rollback` or for good with `commit`.
    pub(crate) fn stage(&mut self, key: ClaimKey, event: EventId, expires: Timestamp) {
        self.staged.insert(key, Held { event, expires });
    }

    /// The batch is on disk. Events come in ascending order over batches.
    pub(crate) fn commit(&mut self, now: Timestamp) {
        for (key, held) in self.staged.drain() {
            self.held.insert(key, held);
            self.order.push_back((key, held.event));
        }
        while let Some((key, event)) = self.order.front() {
            let current = self.held.get(key).filter(|held| held.event == *event);
            let over = current.is_none_or(|held| held.expires <= now);
            if !over && self.order.len() <= CAP {
                break;
            }
            if current.is_some() {
                self.held.remove(key);
            }
            self.order.pop_front();
        }
    }

    /// The batch is not on disk.
    pub(crate) fn rollback(&mut self) {
        self.staged.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolled_back_claim_is_free_again() {
        let (mut claims, key, now) = (Claims::default(), claim_key("a"), Timestamp(0));
        claims.stage(key, 1, Timestamp(100));
        assert_eq!(claims.holder(&key, now), Some(1));
        claims.rollback();
        assert_eq!(claims.holder(&key, now), None);
    }

    #[test]
    fn a_claim_ends_with_its_time() {
        let (mut claims, key) = (Claims::default(), claim_key("a"));
        claims.stage(key, 1, Timestamp(100));
        claims.commit(Timestamp(0));
        assert_eq!(claims.holder(&key, Timestamp(99)), Some(1));
        assert_eq!(claims.holder(&key, Timestamp(100)), None);
    }

    #[test]
    fn a_key_claimed_again_outlives_its_first_holder() {
        let (mut claims, key) = (Claims::default(), claim_key("a"));
        claims.stage(key, 1, Timestamp(100));
        claims.commit(Timestamp(0));
        claims.stage(key, 2, Timestamp(300));
        claims.commit(Timestamp(200));
        assert_eq!(claims.holder(&key, Timestamp(250)), Some(2));
    }

    #[test]
    fn beyond_the_cap_the_oldest_are_forgotten() {
        let mut claims = Claims::default();
        for event in 0..(CAP as u64 + 10) {
            claims.stage(claim_key(&event.to_string()), event, Timestamp(100));
            claims.commit(Timestamp(0));
        }
        assert_eq!(claims.held.len(), CAP);
        assert_eq!(claims.order.len(), CAP);
        assert_eq!(claims.holder(&claim_key("9"), Timestamp(0)), None);
        assert_eq!(claims.holder(&claim_key("10"), Timestamp(0)), Some(10));
    }
}
