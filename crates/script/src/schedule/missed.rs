//! What fell due in a gap: how many, and the newest of them.
//!
//! A host that was off for a month missed two and a half million ticks of an `every("1s")`. Their
//! number is found by division, and that of other schedules by walking only so far.

use super::{HomePlace, Schedule};
use porchlight_core::Timestamp;
use std::collections::VecDeque;

/// So many are counted one by one; beyond it, "more than". A few milliseconds of walking, which at a
/// start after a long pause each schedule takes.
const MOST_COUNTED: u64 = 1_000;

/// The ticks that fell due in a gap; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The first.
    pub first: Timestamp,
    /// The newest, oldest first; as many as were asked for, and at least one.
    pub newest: VecDeque<Timestamp>,
    /// How many there were.
    pub count: u64,
    /// Whether there were more than `count`.
    pub more: bool,
}

impl Missed {
    /// The newest of all.
    pub fn last(&self) -> Timestamp {
        self.newest.back().copied().unwrap_or(self.first)
    }
}

impl Schedule {
    /// What falls due after `after` up to and including `until`, with the newest `keep` (at least
    /// one) of it; `None` when nothing does.
    pub fn missed(
        &self,
        after: Timestamp,
        until: Timestamp,
        place: &HomePlace,
        keep: usize,
    ) -> Option<Missed> {
        let keep = keep.max(1);
        let first = self.next_after(after, place).filter(|due| *due <= until)?;
        if let Self::Every(every) = self {
            return Some(by_division(first, until, every.millis(), keep));
        }
        let mut newest = VecDeque::new();
        let mut count = 0;
        let mut more = false;
        for due in self.due(after, until, place) {
            if count == MOST_COUNTED {
                more = true;
                break;
            }
            count += 1;
            if newest.len() == keep {
                newest.pop_front();
            }
            newest.push_back(due);
        }
        if more {
            newest = self.newest(after, until, place, keep);
        }
        Some(Missed {
            first,
            newest,
            count,
            more,
        })
    }

    /// The newest, found by looking back over longer and longer times.
    pub(super) fn newest(
        &self,
        after: Timestamp,
        until: Timestamp,
        place: &HomePlace,
        keep: usize,
    ) -> VecDeque<Timestamp> {
        let mut back = 60_000;
        loop {
            let from = Timestamp(until.0.saturating_sub(back).max(after.0));
            let mut newest: VecDeque<Timestamp> = self.due(from, until, place).collect();
            if newest.len() >= keep || from == after {
                newest.drain(..newest.len().saturating_sub(keep));
                return newest;
            }
            back = back.saturating_mul(4);
        }
    }
}

fn by_division(first: Timestamp, until: Timestamp, period: i64, keep: usize) -> Missed {
    let further = until.0.saturating_sub(first.0) / period.max(1);
    let oldest = (further + 1).saturating_sub_unsigned(keep as u64).max(0);
    Missed {
        first,
        newest: (oldest..=further)
            .map(|number| Timestamp(first.0 + number * period))
            .collect(),
        count: further.unsigned_abs() + 1,
        more: false,
    }
}
