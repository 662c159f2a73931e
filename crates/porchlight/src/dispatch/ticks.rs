//! What the dispatcher does with schedules: takes them over from a set of scripts, keeps in the
//! journal how far each has come, and queues what falls due; and calls `on_start`.
//!
//! Which tick is due and which was missed is decided by `porchlight_script::schedule::Ticks`.

use super::{Dispatcher, ScriptSet};
use porchlight_core::Timestamp;
use porchlight_journal::ScheduleRow;
use porchlight_script::schedule::{HomePlace, Scheduled, Tick, TickKey, Ticks};
use porchlight_script::{Job, Script, Start, StartReason, Trigger, Work};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The wall clock may be set while we sleep, so never sleep longer than this at a time.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The schedules of the live scripts.
pub struct Clockwork {
    ticks: Ticks,
    /// The schedules that the journal keeps.
    kept: HashSet<TickKey>,
    /// Whether a set of scripts has been live.
    started: bool,
}

impl Clockwork {
    /// None yet; `kept` is how far each had come before the start.
    pub fn new(place: HomePlace, kept: Vec<ScheduleRow>) -> Self {
        let kept: Vec<(TickKey, Timestamp)> = kept
            .into_iter()
            .map(|row| {
                let (script, id) = (row.script, row.id);
                (TickKey { script, id }, row.last)
            })
            .collect();
        Self {
            kept: kept.iter().map(|(key, _)| key.clone()).collect(),
            ticks: Ticks::new(place, kept),
            started: false,
        }
    }

    /// The wall clock was set while the host ran.
    pub fn clock_set(&mut self, forward: bool, by: Duration, now: Timestamp) {
        self.ticks.clock_set(forward, by, now);
    }

    /// A tick's job is over.
    pub fn ended(&mut self, tick: &Tick) {
        self.ticks.ended(&tick.key);
    }

    /// Takes over the schedules of a new set; gives what the journal is to keep, when that changed.
    fn take_set(&mut self, set: &ScriptSet, now: Timestamp) -> Option<Vec<ScheduleRow>> {
        let wanted = set.scripts.iter().flat_map(|script| Scheduled::of(script));
        let rows = self.ticks.set(wanted.collect(), now);
        let keys: HashSet<TickKey> = rows.iter().map(|(key, _)| key.clone()).collect();
        if keys == self.kept {
            return None;
        }
        self.kept = keys;
        let row = |(key, last): (TickKey, Timestamp)| ScheduleRow {
            script: key.script,
            id: key.id,
            last,
        };
        Some(rows.into_iter().map(row).collect())
    }
}

/// How far a schedule has come with this tick.
pub(super) fn dealt_with(tick: &Tick) -> ScheduleRow {
    ScheduleRow {
        script: tick.key.script.clone(),
        id: tick.key.id.clone(),
        last: tick.scheduled,
    }
}

impl Dispatcher {
    /// From now on the schedules of this set count. Calls `on_start` of the scripts that are new.
    pub(super) fn take_schedules(&mut self, before: &ScriptSet) {
        let now = (self.clock)();
        let set = Arc::clone(&self.set);
        if let Some(rows) = self.clockwork.take_set(&set, now) {
            self.journal.keep_schedules(rows);
        }
        let reason = match std::mem::replace(&mut self.clockwork.started, true) {
            true => StartReason::Added,
            false => StartReason::Start,
        };
        for script in &set.scripts {
            if before.scripts.iter().all(|old| old.name != script.name) {
                self.call_starts(script, Start { at: now, reason });
            }
        }
    }

    fn call_starts(&mut self, script: &Arc<Script>, start: Start) {
        let handlers = script.handlers.iter();
        for handler in handlers.filter(|one| one.trigger == Trigger::Start) {
            let work = Work::Start(handler.number, start);
            self.push_work(script, work);
        }
    }

    /// How long to sleep before looking at the schedules again; none when nothing can fall due.
    pub(super) fn until_next_tick(&self) -> Option<Duration> {
        let next = self.clockwork.ticks.until_next((self.clock)())?;
        Some(next.min(LONGEST_SLEEP))
    }

    /// Queues what has fallen due. While the host stops no lane begins another job, so these ticks
    /// are looked at again after the next start.
    pub(super) fn start_due_ticks(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        for tick in self.clockwork.ticks.take_due((self.clock)()) {
            // Its schedule is that of a live script: `take_schedules` saw the same set.
            if let Some(script) = self.live(&tick.key.script).cloned() {
                self.push_work(&script, Work::Tick(tick));
            }
        }
    }

    fn push_work(&mut self, script: &Arc<Script>, work: Work) {
        let job = Job {
            script: Some(Arc::clone(script)),
            event: None,
            work,
        };
        self.lanes.push(&script.name, job);
    }
}
