//! What the dispatcher does with waits: queues those that fall due or whose event has come, and
//! sees to gaps, to a clock that is set, and to scripts that change.
//!
//! All decisions are those of `porchlight_script::Agenda`, which knows no clock and no journal.

use super::Dispatcher;
use porchlight_core::{Event, Timestamp, Wait};
use porchlight_script::{Fell, Job, Work};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The wall clock may be set while we sleep, so never sleep longer than this at a time.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// With nothing to wait for, one look a minute costs nothing.
const IDLE_SLEEP: Duration = Duration::from_secs(60);
/// How often the journal is told that the host is alive, while some wait asks for it.
const BEAT: Duration = Duration::from_secs(60);
/// A difference between the two clocks below this is not a clock that was set.
const JUMP: Duration = Duration::from_secs(2);

/// Compares the wall clock with the monotonic one, to notice that it was set.
pub struct Clocks {
    instant: Instant,
    wall: Timestamp,
    beat: Instant,
}

impl Clocks {
    /// Compares from now on.
    pub fn new(wall: Timestamp) -> Self {
        let instant = Instant::now();
        Self {
            instant,
            wall,
            beat: instant,
        }
    }

    /// How far the wall clock was set since the last look, and whether forward.
    fn jump(&mut self, instant: Instant, wall: Timestamp) -> Option<(bool, Duration)> {
        let expected = self.wall.after(instant - self.instant);
        (self.instant, self.wall) = (instant, wall);
        let (forward, by) = if wall > expected {
            (true, wall.since(expected))
        } else {
            (false, expected.since(wall))
        };
        (by >= JUMP).then_some((forward, by))
    }
}

impl Dispatcher {
    /// How long to sleep before looking at the waits again.
    pub(super) fn until_next_wait(&self) -> Duration {
        match self.agenda.next_due() {
            Some(due) => due.since((self.clock)()).min(LONGEST_SLEEP),
            None => IDLE_SLEEP,
        }
    }

    /// At the start: what the time that the host was down means to the waits.
    pub(super) fn resume_waits(&mut self) {
        let gap = self.agenda.resume(self.last_alive, (self.clock)());
        if !gap.moved.is_empty() {
            self.journal.reschedule(gap.moved);
        }
        self.drop_waits(gap.dropped, "gap");
    }

    /// Queues the waits that have fallen due. Those of before the start come after the events of
    /// before the start, because such an event may have ended them.
    pub(super) fn start_due_waits(&mut self) {
        let (now, instant) = ((self.clock)(), Instant::now());
        if let Some((forward, by)) = self.clocks.jump(instant, now) {
            tracing::warn!(
                seconds = by.as_secs(),
                forward,
                "the clock was set; what counts elapsed time moves with it"
            );
            self.clockwork.clock_set(forward, by, now);
            let moved = self.agenda.shift(forward, by);
            if !moved.is_empty() {
                self.journal.reschedule(moved);
            }
        }
        if self.agenda.counts_uptime() && instant >= self.clocks.beat {
            self.clocks.beat = instant + BEAT;
            self.journal.beat();
        }
        if self.stopping.is_some() || self.recovering {
            return;
        }
        if self.agenda.next_due().is_some_and(|due| due <= now) {
            for wait in self.agenda.take_due(now) {
                self.push_wait(wait, Fell::Due, None);
            }
        }
    }

    /// Queues the waits that this event ends; gives their number.
    pub(super) fn end_waits(&mut self, event: &Arc<Event>) -> usize {
        let ended = self.agenda.take_matching(event);
        let count = ended.len();
        for wait in ended {
            self.push_wait(wait, Fell::Matched, Some(Arc::clone(event)));
        }
        count
    }

    /// A new set of scripts is live: some waits of the versions before it end.
    pub(super) fn end_reloaded_waits(&mut self, names: &[String]) {
        for name in names {
            let hash = self.live(name).map(|script| script.hash.clone());
            let ended = self.agenda.take_reloaded(name, &hash.unwrap_or_default());
            self.drop_waits(ended, "reloaded");
        }
    }

    /// Adds waits that are in the journal now.
    pub(super) fn add_waits(&mut self, waits: Vec<Wait>) {
        let mut scripts: Vec<String> = Vec::new();
        for wait in waits {
            if !scripts.contains(&wait.script) {
                scripts.push(wait.script.clone());
            }
            self.values.heed(&wait);
            self.agenda.add(wait);
        }
        // The script may have changed while the run that began them was under way.
        self.end_reloaded_waits(&scripts);
    }

    fn drop_waits(&mut self, waits: Vec<Wait>, why: &'static str) {
        for wait in waits {
            self.push_wait(wait, Fell::Dropped(why), None);
        }
    }

    fn push_wait(&mut self, wait: Wait, fell: Fell, event: Option<Arc<Event>>) {
        let name = wait.script.clone();
        let job = Job {
            script: self.live(&name).cloned(),
            event,
            work: Work::Wait(Box::new(wait), fell),
        };
        self.lanes.push(&name, job);
    }

    pub(super) fn live(&self, name: &str) -> Option<&Arc<porchlight_script::Script>> {
        self.set.named(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_runs_is_not() {
        let mut clocks = Clocks::new(Timestamp(1_000_000));
        let begun = clocks.instant;
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(clocks.jump(after(60), Timestamp(1_061_000)), None);
        let hour = Duration::from_secs(3600);
        let forward = clocks.jump(after(61), Timestamp(1_062_000 + 3_600_000));
        assert_eq!(forward, Some((true, hour)));
        let back = clocks.jump(after(62), Timestamp(1_063_000));
        assert_eq!(back, Some((false, hour)));
        assert_eq!(clocks.jump(after(63), Timestamp(1_064_000)), None);
    }
}
