//! How time passes in a world: what falls due is done at its moment, in order, or, when the host is
//! said to have been down, as a start after that gap does it.

use super::{Overrun, World};
use crate::lane::{Fell, Work};
use crate::script::Trigger;
use crate::{Start, StartReason};
use porchlight_core::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl World {
    /// Time passes; what falls due meanwhile is done, in order, and so is what that begins.
    ///
    /// # Errors
    /// As for [`World::send`].
    pub fn advance(&mut self, by: Duration) -> Result<(), Overrun> {
        self.advance_to(self.now().after(by))
    }

    /// Time passes until this moment; nothing happens when that is past.
    ///
    /// # Errors
    /// As for [`World::send`].
    pub fn advance_to(&mut self, moment: Timestamp) -> Result<(), Overrun> {
        loop {
            let next = [self.agenda.next_due(), self.ticks.next(), self.quiet.next()];
            let Some(next) = next.into_iter().flatten().min() else {
                break;
            };
            if next > moment {
                break;
            }
            self.set_clock(next);
            self.do_what_is_due()?;
        }
        self.set_clock(moment);
        Ok(())
    }

    /// The host is down for so long and then starts again: what would have fallen due meanwhile is
    /// late, left out or put off, as its `on_gap` says, and `on_start` is called.
    ///
    /// # Errors
    /// As for [`World::send`].
    pub fn be_down(&mut self, time: Duration) -> Result<(), Overrun> {
        let alive = self.now();
        self.set_clock(alive.after(time));
        let gap = self.agenda.resume(Some(alive), self.now());
        for wait in gap.dropped {
            let emitted = self.end_wait(wait, Fell::Dropped("gap"), None)?;
            self.work_off(emitted)?;
        }
        // As live: the scripts are told of the start before anything that waited.
        self.start()?;
        self.do_what_is_due()
    }

    /// The handlers of `on_start` are called, as when the host starts.
    ///
    /// # Errors
    /// As for [`World::send`].
    pub fn start(&mut self) -> Result<(), Overrun> {
        let (at, reason) = (self.now(), StartReason::Start);
        for script in 0..self.memory.scripts.len() {
            let handlers = self.memory.scripts[script].handlers.iter();
            let starts = handlers.filter(|one| one.trigger == Trigger::Start);
            let starts: Vec<usize> = starts.map(|one| one.number).collect();
            for number in starts {
                let work = Work::Start(number, Start { at, reason });
                let emitted = self.perform(script, None, work)?;
                self.work_off(emitted)?;
            }
        }
        Ok(())
    }

    fn set_clock(&self, moment: Timestamp) {
        self.clock.fetch_max(moment.0, Ordering::Relaxed);
    }

    /// Waits, then silences, then schedules: as the dispatcher looks at them.
    fn do_what_is_due(&mut self) -> Result<(), Overrun> {
        let now = self.now();
        for wait in self.agenda.take_due(now) {
            let emitted = self.end_wait(wait, Fell::Due, None)?;
            self.work_off(emitted)?;
        }
        while let Some((script, told)) = self.quiet.take(now) {
            let emitted = self.perform(script, None, Work::Silence(told))?;
            self.work_off(emitted)?;
        }
        for tick in self.ticks.take_due(now) {
            let mut scripts = self.memory.scripts.iter();
            if let Some(script) = scripts.position(|one| one.name == tick.key.script) {
                let emitted = self.perform(script, None, Work::Tick(tick))?;
                self.work_off(emitted)?;
            }
        }
        Ok(())
    }
}
