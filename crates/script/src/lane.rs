//! One script at work: what is admitted, what is queued, what is active, and what still waits.
//!
//! A script is one lane: its runs happen one after the other. So whatever decides whether a handler
//! may run lives here, is touched by one thread at a time, and needs no lock; the dispatcher hands
//! the lane to a worker together with its jobs. The rehearsal uses the very same lane with a clock
//! of its own, which is what makes a test exact.
//!
//! Nothing here is remembered by itself: active chains come back from the open waits in the
//! journal, queued events are still unfinished there, cooldowns are hidden state values.

mod cooldown;
mod hold;
mod job;
mod open;
pub(crate) mod parked;
mod tracks;
mod version;

pub use job::{Fell, Finished, Job, Past, Told, Undone, Work};
pub(crate) use open::{OpenWaits, kept};

use crate::Host;
use crate::state::Order;
use job::{parts, unloaded};
use porchlight_core::{Chain, Outcome, Run, Wait};
use tracks::{Admission, Tracks};
use version::version_of;

/// The lane of one script.
#[derive(Default)]
pub struct Lane {
    open: OpenWaits,
    tracks: Tracks,
    parked: parked::Parked,
}

impl Lane {
    /// A lane whose script has these open waits: after a start, those in the journal.
    pub fn new<'a>(waits: impl IntoIterator<Item = &'a Wait>) -> Self {
        let mut lane = Self::default();
        for wait in waits {
            lane.tracks.entered(&wait.chain);
            lane.open.begun(wait);
        }
        lane
    }

    /// Whether nothing waits, runs or is queued, so that the lane may be forgotten.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty() && self.tracks.is_idle() && self.parked.is_idle()
    }

    /// Does a job, and whatever was queued behind it. Each run is reported as soon as it is done;
    /// a job that is queued is reported when it has run, or was dropped from the queue.
    pub fn perform(
        &mut self,
        host: &Host,
        past: &mut dyn Past,
        job: Job,
        report: &mut dyn FnMut(Finished),
    ) {
        if let Work::TakeBack(undone) = &job.work {
            self.take_back(undone);
        } else if self.has_held(host, &job) {
            if let Work::Wait(wait, _) = &job.work {
                self.open.end(&wait.name);
                self.over(&wait.chain);
            }
            self.trigger(host, past, job, report);
        } else if hold::watches(&job) {
            self.watch(host, job, report);
        } else if let Work::Wait(wait, fell) = &job.work {
            let (mut run, order) = self.end_wait(host, past, wait, *fell, &job);
            self.parked.note(host, job.script.as_deref(), &mut run);
            self.settle(&mut run, Some(wait), &[]);
            self.over(&wait.chain);
            let work = job.work;
            report(Finished { work, run, order });
        } else {
            self.trigger(host, past, job, report);
        }
        while let Some(next) = self.tracks.next() {
            match self.missed_its_turn(host, &next) {
                None => self.start(host, past, next, &[], report),
                Some(run) => {
                    let (handler, key) = next.track;
                    report(next.job.done(run));
                    self.tracks.over(&Chain {
                        handler,
                        key,
                        ..Chain::default()
                    });
                }
            }
        }
    }

    /// A trigger: admitted, queued or skipped.
    fn trigger(
        &mut self,
        host: &Host,
        past: &mut dyn Past,
        job: Job,
        report: &mut dyn FnMut(Finished),
    ) {
        let now = host.now();
        let Some((script, handler, cause)) = parts(&job) else {
            return report(unloaded(job, now));
        };
        let options = &handler.options;
        let skipped = |reason: &str| host.skipped(script, handler, &cause, reason, now);
        let parked = self.parked.holds(script).then_some("parked");
        if let Some(reason) = parked.or_else(|| cause.skips(options, now)) {
            let run = skipped(reason);
            return report(job.done(run));
        }
        let key = match &options.key {
            None => Ok(String::new()),
            Some(key) => host.key(script, handler, key, &cause, now),
        };
        let key = match key {
            Ok(key) => key,
            Err(run) => return report(job.done(*run)),
        };
        let cooling = cooldown::key(&script.name, &handler.id, &key);
        let cools = |rest| cooldown::is_on(host.state(), &cooling, rest, now);
        if options.cooldown.is_some_and(cools) {
            let run = skipped("cooldown");
            return report(job.done(run));
        }
        let track = (handler.id.clone(), key);
        match self.tracks.admit(&track, options) {
            Admission::Run { stop } => {
                self.start(host, past, Queued { job, track }, &stop, report);
            }
            Admission::Skip(reason) => {
                let run = skipped(reason);
                report(job.done(run));
            }
            Admission::Queue => {
                if let Some(lasted) = hold::to_be_queued(&job, handler) {
                    let mut run = skipped("queued");
                    run.waits.push(lasted);
                    self.settle(&mut run, None, &[]);
                    return report(job.done(run));
                }
                let overflow = options.overflow;
                let full = options.max;
                let dropped = self.tracks.queue(Queued { job, track }, full, overflow);
                for old in dropped {
                    let run = match parts(&old.job) {
                        Some((script, handler, cause)) => {
                            host.skipped(script, handler, &cause, "superseded", now)
                        }
                        None => unloaded(old.job.clone(), now).run,
                    };
                    report(old.job.done(run));
                }
            }
        }
    }

    /// The record of a queued trigger that is too old when its turn comes, or comes too soon after the
    /// run before it.
    fn missed_its_turn(&mut self, host: &Host, queued: &Queued) -> Option<Run> {
        let now = host.now();
        let (script, handler, cause) = parts(&queued.job)?;
        let options = &handler.options;
        let parked = self.parked.holds(script).then_some("parked");
        let cools = || {
            let key = cooldown::key(&script.name, &handler.id, &queued.track.1);
            let cools = |rest| cooldown::is_on(host.state(), &key, rest, now);
            options.cooldown.is_some_and(cools).then_some("cooldown")
        };
        let reason = parked.or_else(|| cause.skips(options, now)).or_else(cools);
        Some(host.skipped(script, handler, &cause, reason?, now))
    }

    /// Runs a trigger's handler; `stop` are the chains that give way to it.
    fn start(
        &mut self,
        host: &Host,
        past: &mut dyn Past,
        queued: Queued,
        stop: &[String],
        report: &mut dyn FnMut(Finished),
    ) {
        let (now, mut job) = (host.now(), queued.job);
        if let Work::Silence(told) = &mut job.work {
            // A run that belongs to an event which is gone would never be removed.
            told.silent.last_is_kept = matches!(past.event(told.silent.last), Ok(Some(_)));
        }
        let Some((script, handler, cause)) = parts(&job) else {
            return report(unloaded(job, now));
        };
        let (handler_id, key) = queued.track;
        let chain = Chain {
            id: cause.chain(script, handler),
            until: handler.options.deadline.map(|limit| now.after(limit)),
            handler: handler_id,
            key,
        };
        // Without room it has no rest after this run: too often is better than not at all.
        let cooldown = handler.options.cooldown;
        let cooldown = cooldown.filter(|_| host.state().has_room(&script.name, now));
        let cooling = cooldown.map(|rest| {
            let key = cooldown::key(&script.name, &handler.id, &chain.key);
            cooldown::write(&key, now.after(rest))
        });
        self.tracks.entered(&chain);
        let open = std::mem::take(&mut self.open);
        let begin = Begin {
            chain: chain.clone(),
            open,
            writes: cooling.into_iter().collect(),
        };
        let (mut run, open, order) = host.call_handler(script, handler, &cause, now, begin);
        self.open = open;
        self.parked.note(host, Some(script), &mut run);
        // A run that failed leaves what was under way to its end: the lamp still goes off.
        let stop = if run.outcome == Outcome::Ok {
            stop
        } else {
            &[]
        };
        self.settle(&mut run, None, stop);
        self.over(&chain);
        report(Finished {
            order,
            ..job.done(run)
        });
    }

    /// Ends a wait: calls what it kept, or says why not.
    fn end_wait(
        &mut self,
        host: &Host,
        past: &mut dyn Past,
        wait: &Wait,
        fell: Fell,
        job: &Job,
    ) -> (Run, Order) {
        let now = host.now();
        let matched = job.event.as_ref().filter(|_| fell == Fell::Matched);
        let skip = |reason: &str| (host.skipped_wait(wait, matched, reason, now), None);
        if !self.open.holds(wait) {
            // Cancelled, or replaced, after it had fallen due.
            return skip("cancelled");
        }
        if let Fell::Dropped(reason) = fell {
            return skip(reason);
        }
        if let Some(reason) = hold::moot(host, wait, job.script.as_ref()) {
            return skip(reason);
        }
        if wait.cut_off && fell == Fell::Due {
            return skip("deadline");
        }
        if wait.function.is_empty() && fell == Fell::Due {
            return skip("timeout");
        }
        let prepared = version_of(past, wait, job.script.as_ref()).and_then(|script| {
            let event = match wait.event {
                0 => None,
                id => past.event(id)?,
            };
            Ok((script, event))
        });
        let (script, event) = match prepared {
            Ok(prepared) => prepared,
            Err(message) => {
                return (host.failed_wait(wait, matched, message, now), None);
            }
        };
        let mut open = std::mem::take(&mut self.open);
        open.end(&wait.name);
        let events = (event.as_ref(), matched);
        let (run, open, order) = host.call_wait(&script, wait, events, now, open);
        self.open = open;
        (run, order)
    }

    /// Takes over what a run did to the waits; `stop` are the chains that gave way to it.
    fn settle(&mut self, run: &mut Run, ended: Option<&Wait>, stop: &[String]) {
        if let Some(wait) = ended.filter(|wait| self.open.holds(wait)) {
            self.open.end(&wait.name);
        }
        for chain in stop {
            run.cancelled.extend(self.open.of_chain(chain));
        }
        for name in &run.cancelled {
            if let Some(chain) = self.open.end(name) {
                self.over(&chain);
            }
        }
        for wait in &run.waits {
            if let Some(chain) = self.open.begun(wait) {
                self.over(&chain);
            }
        }
    }

    /// A run was not stored: its waits never begin, and those that it ended go on.
    fn take_back(&mut self, undone: &Undone) {
        for wait in &undone.begun {
            if self.open.holds(wait) {
                self.open.end(&wait.name);
                self.over(&wait.chain);
            }
        }
        for wait in &undone.cancelled {
            if !self.open.contains(&wait.name) {
                self.tracks.entered(&wait.chain);
                self.open.begun(wait);
            }
        }
    }

    /// Marks a chain as over when nothing of it waits any more.
    fn over(&mut self, chain: &Chain) {
        if !self.open.has_chain(&chain.id) {
            self.tracks.over(chain);
        }
    }
}

/// A job with the handler's id and key.
struct Queued {
    job: Job,
    track: tracks::Id,
}

/// What a run begins with, beside its cause.
pub(crate) struct Begin {
    pub(crate) chain: Chain,
    pub(crate) open: OpenWaits,
    pub(crate) writes: Vec<porchlight_core::StateWrite>,
}
