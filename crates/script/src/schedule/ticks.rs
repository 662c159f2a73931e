//! The next tick of each handler that has a schedule, and what became of those that were missed.
//!
//! Pure: the dispatcher turns it with the real clock and keeps [`Ticks::set`]'s rows in the
//! journal, and a rehearsal turns it with a virtual one. It performs nothing and reads no clock.
//!
//! One rule decides for a restart, a clock that was set forward and a handler that is slower than
//! its schedule: of the ticks that are due, the newest runs if it is at most
//! [`GRACE`] late; the others were missed, and the schedule's policy says what happens to them.

use super::{GapPolicy, HomePlace, MOST_MADE_UP, Schedule};
use porchlight_core::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// So late a tick still runs whatever the policy says: a quick restart at half past seven must not
/// cost the wake-up light. Its handler sees how late it is.
pub const GRACE: Duration = Duration::from_secs(60);

/// When the last tick lies further ahead than this, the clock was wrong then. Where it lies less
/// far ahead, the clock was set back, and no tick comes a second time.
const FAR_AHEAD: Duration = Duration::from_secs(86_400);

/// A clock that shows an earlier moment (2025) has not been set yet: small computers without a
/// battery start in 1970 and ask the network. Nothing is concluded from it.
const CLOCKS_ARE_SET: Timestamp = Timestamp(1_735_689_600_000);

/// A handler with a schedule, over restarts and edits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TickKey {
    /// Its script: `gate.rhai`.
    pub script: String,
    /// What tells it from the script's other handlers, also after the script was edited.
    pub id: String,
}

/// A handler that wants ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// Which.
    pub key: TickKey,
    /// Its number in the script as it is now.
    pub handler: usize,
    /// When.
    pub schedule: Schedule,
    /// What becomes of ticks that were missed.
    pub on_gap: GapPolicy,
    /// How many of its ticks may be handed out and not ended: 1, or as many as its handler queues.
    pub queue: usize,
}

/// A tick that fell due: one run, or the record of those that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Whose.
    pub key: TickKey,
    /// The handler's number in the script as it was when the tick was taken.
    pub handler: usize,
    /// When it fell due; of several that are left out, the newest.
    pub scheduled: Timestamp,
    /// How much later it is.
    pub late_by: Duration,
    /// Whether its handler is called.
    pub kind: TickKind,
}

/// What is to be done about a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickKind {
    /// Its handler is called.
    Run,
    /// These were missed and are left out.
    Skip {
        /// When the first of them fell due.
        first: Timestamp,
        /// How many there were.
        count: u64,
        /// Whether there were more than these.
        more: bool,
    },
}

impl Tick {
    /// What identifies the run of this tick within its script, for ever.
    pub fn name(&self) -> String {
        format!("tick:{}:{}", self.key.id, self.scheduled.0)
    }
}

struct Entry {
    wanted: Scheduled,
    /// The last tick that was dealt with, or when the schedule began.
    last: Timestamp,
    next: Option<Timestamp>,
    /// Ticks that were handed out and have not ended. A slow handler has no queue that grows: what
    /// falls due while it has enough of them is looked at when one has ended.
    under_way: usize,
}

/// All schedules.
#[derive(Default)]
pub struct Ticks {
    place: HomePlace,
    entries: Vec<Entry>,
    index: HashMap<TickKey, usize>,
    next: BTreeSet<(Timestamp, usize)>,
    /// What the journal kept, until the first set of scripts takes it.
    kept: HashMap<TickKey, Timestamp>,
}

impl Ticks {
    /// None yet. `kept` is the last tick of each handler that was dealt with before the start.
    pub fn new(place: HomePlace, kept: impl IntoIterator<Item = (TickKey, Timestamp)>) -> Self {
        Self {
            place,
            kept: kept.into_iter().collect(),
            ..Self::default()
        }
    }

    /// From now on these are all. One that is known goes on; one that is new begins now. Gives the
    /// last tick of each, which is what must be kept over a restart.
    pub fn set(&mut self, wanted: Vec<Scheduled>, now: Timestamp) -> Vec<(TickKey, Timestamp)> {
        let kept = std::mem::take(&mut self.kept);
        let mut known: HashMap<TickKey, Entry> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|entry| (entry.wanted.key.clone(), entry))
            .collect();
        self.index.clear();
        self.next.clear();
        for wanted in wanted {
            if self.index.contains_key(&wanted.key) {
                continue;
            }
            let mut entry = match known.remove(&wanted.key) {
                // Most reloads change nothing here, and a look at the calendar is not free.
                Some(entry) if entry.wanted.schedule == wanted.schedule => {
                    Entry { wanted, ..entry }
                }
                Some(entry) => Entry {
                    wanted,
                    next: None,
                    ..entry
                },
                None => Entry {
                    last: kept.get(&wanted.key).copied().unwrap_or(now),
                    wanted,
                    next: None,
                    under_way: 0,
                },
            };
            if entry.mind_a_clock_set_back(now) {
                entry.next = None;
            }
            let index = self.entries.len();
            self.index.insert(entry.wanted.key.clone(), index);
            let next = entry.next;
            self.entries.push(entry);
            match next {
                Some(next) => _ = self.next.insert((next, index)),
                None => self.set_next(index),
            }
        }
        let rows = self.entries.iter();
        rows.map(|entry| (entry.wanted.key.clone(), entry.last))
            .collect()
    }

    /// Whether there is any schedule.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When the next tick falls due; `None` when none can.
    pub fn next(&self) -> Option<Timestamp> {
        self.next.first().map(|(due, _)| *due)
    }

    /// How long it is until then.
    pub fn until_next(&self, now: Timestamp) -> Option<Duration> {
        self.next().map(|due| due.since(now))
    }

    /// Takes what has fallen due, in order. Each is to be answered by [`Ticks::ended`].
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Tick> {
        let mut due = Vec::new();
        while let Some(&(first, index)) = self.next.first()
            && first <= now
        {
            self.next.pop_first();
            let entry = &mut self.entries[index];
            entry.next = None;
            let ticks = entry.take(now, &self.place);
            debug_assert!(!ticks.is_empty(), "what is due is taken");
            entry.under_way += ticks.len();
            due.extend(ticks);
            self.set_next(index);
        }
        due.sort_by_key(|tick| tick.scheduled);
        due
    }

    /// A tick that was taken has run, or never will.
    pub fn ended(&mut self, key: &TickKey) {
        let Some(&index) = self.index.get(key) else {
            return; // its script has lost it since
        };
        let entry = &mut self.entries[index];
        entry.under_way = entry.under_way.saturating_sub(1);
        self.set_next(index);
    }

    /// The wall clock was set by `by` while the host ran, and is at `now`. Elapsed time goes on as
    /// if nothing had happened. Other schedules have a gap, or wait until the clock shows again
    /// what it has shown before.
    pub fn clock_set(&mut self, forward: bool, by: Duration, now: Timestamp) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let by = if forward { by } else { -by };
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if entry.wanted.schedule.is_elapsed() {
                entry.last = Timestamp(entry.last.0.saturating_add(by));
            }
            entry.mind_a_clock_set_back(now);
            self.set_next(index);
        }
    }

    fn set_next(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        if let Some(old) = entry.next.take() {
            self.next.remove(&(old, index));
        }
        if entry.under_way < entry.wanted.queue.max(1) {
            entry.next = entry.wanted.schedule.next_after(entry.last, &self.place);
        }
        if let Some(next) = entry.next {
            self.next.insert((next, index));
        }
    }
}

impl Entry {
    /// Begins anew where the last tick lies in a future that never was; true when it did.
    fn mind_a_clock_set_back(&mut self, now: Timestamp) -> bool {
        let ahead = self.last.since(now);
        let elapsed = self.wanted.schedule.is_elapsed();
        let was_wrong = ahead > FAR_AHEAD && now >= CLOCKS_ARE_SET;
        let anew = was_wrong || elapsed && !ahead.is_zero();
        if anew {
            self.last = now;
        }
        anew
    }

    fn tick(&self, scheduled: Timestamp, now: Timestamp, kind: TickKind) -> Tick {
        Tick {
            key: self.wanted.key.clone(),
            handler: self.wanted.handler,
            scheduled,
            late_by: now.since(scheduled),
            kind,
        }
    }

    fn take(&mut self, now: Timestamp, place: &HomePlace) -> Vec<Tick> {
        // Two more than are made up for: the newest may be in time, and the newest of those that
        // are left out stands for all of them.
        let keep = MOST_MADE_UP + 2;
        let Some(mut missed) = self.wanted.schedule.missed(self.last, now, place, keep) else {
            return Vec::new();
        };
        let newest = missed.last();
        self.last = newest;
        let in_time = usize::from(now.since(newest) <= GRACE);
        let wanted = match self.wanted.on_gap {
            GapPolicy::Skip => in_time,
            GapPolicy::Once => 1,
            GapPolicy::All => MOST_MADE_UP + in_time,
        };
        let left_out = missed.newest.len().saturating_sub(wanted);
        let before = missed.newest.drain(..left_out).next_back();
        let mut ticks = Vec::new();
        if let Some(stands_for) = before {
            let runs = missed.newest.len() as u64;
            let kind = TickKind::Skip {
                first: missed.first,
                count: missed.count - runs,
                more: missed.more,
            };
            ticks.push(self.tick(stands_for, now, kind));
        }
        let runs = missed.newest.iter();
        ticks.extend(runs.map(|due| self.tick(*due, now, TickKind::Run)));
        ticks
    }
}

#[cfg(test)]
mod tests;
