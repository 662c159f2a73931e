//! What a lane is given to do, and what it gives back.

use crate::host::cause::Cause;
use crate::host::silence::Silent;
use crate::host::tick::Start;
use crate::schedule::Tick;
use crate::state::Order;
use crate::{Handler, Script};
use porchlight_core::{Event, NewWait, Outcome, Run, Timestamp, Wait};
use std::sync::Arc;

/// What a script is to do.
#[derive(Clone, Debug)]
pub enum Work {
    /// Run this handler on the job's event.
    Handler(usize),
    /// End a wait.
    Wait(Box<Wait>, Fell),
    /// Tell this handler of a silence.
    Silence(Told),
    /// Tell the handler of a schedule that its tick is due, or record those that were missed.
    Tick(Tick),
    /// Tell this handler that the host has started.
    Start(usize, Start),
    /// Take back what a run did to the waits, since it could not be stored. There is no run of it.
    TakeBack(Box<Undone>),
}

/// What a run did to the waits of its script.
#[derive(Clone, Debug)]
pub struct Undone {
    /// The waits that it began.
    pub begun: Vec<NewWait>,
    /// The waits that it cancelled, or took the place of.
    pub cancelled: Vec<NewWait>,
}

/// Why a wait comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fell {
    /// Its time has come.
    Due,
    /// The event that it waited for has come: the job's.
    Matched,
    /// Nothing is called; this is why: `gap`, `reloaded`.
    Dropped(&'static str),
}

/// A silence that is to be told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The number of the handler.
    pub handler: usize,
    /// The handler's id.
    pub subscription: String,
    /// The silence.
    pub silent: Silent,
}

/// One piece of work for one script.
#[derive(Clone)]
pub struct Job {
    /// The live version of the script; none when the script is gone.
    pub script: Option<Arc<Script>>,
    /// The event, for a handler and for a wait that it ends.
    pub event: Option<Arc<Event>>,
    /// What to do.
    pub work: Work,
}

/// A job that is done.
pub struct Finished {
    /// What was to be done.
    pub work: Work,
    /// What came of it.
    pub run: Run,
    /// The place of its writes among those of all runs.
    pub order: Order,
}

/// Where a lane finds what happened before: the journal, or a rehearsal's own records.
pub trait Past {
    /// The version of a script with this content hash.
    ///
    /// # Errors
    /// A sentence, when it is not there or does not load any more.
    fn version(&mut self, script: &str, hash: &str) -> Result<Arc<Script>, String>;

    /// An event, where it is still kept.
    ///
    /// # Errors
    /// A sentence, when the journal can't be read.
    fn event(&mut self, id: u64) -> Result<Option<Arc<Event>>, String>;
}

impl Job {
    pub(super) fn done(self, run: Run) -> Finished {
        let work = self.work;
        Finished {
            work,
            run,
            order: None,
        }
    }
}

/// The script, the handler and the cause of a trigger's job.
pub(super) fn parts(job: &Job) -> Option<(&Arc<Script>, &Handler, Cause<'_>)> {
    let script = job.script.as_ref()?;
    let (number, cause) = match &job.work {
        Work::Handler(number) => (*number, Cause::Event(job.event.as_ref()?)),
        Work::Silence(told) => (told.handler, Cause::Silence(&told.silent)),
        Work::Tick(tick) => (tick.handler, Cause::Tick(tick)),
        Work::Start(number, start) => (*number, Cause::Start(start)),
        Work::Wait(wait, _) => {
            let handler = super::hold::handler(script, wait)?;
            return Some((script, handler, Cause::Held(wait)));
        }
        Work::TakeBack(_) => return None,
    };
    Some((script, script.handlers.get(number)?, cause))
}

/// The record of a job whose script or handler is gone.
pub(super) fn unloaded(job: Job, now: Timestamp) -> Finished {
    let event = job.event.as_ref().map_or(0, |event| event.id);
    let (name, hash) = match &job.script {
        Some(script) => (script.name.as_str(), script.hash.as_str()),
        None => ("", ""),
    };
    let run = Run {
        event,
        handler: match &job.work {
            Work::Handler(number) => number.to_string(),
            Work::Wait(wait, _) => format!("wait:{}", wait.id),
            Work::Silence(told) => format!("silence:{}", told.subscription),
            Work::Tick(tick) => tick.name(),
            Work::Start(number, start) => format!("start:{number}:{}", start.at.0),
            Work::TakeBack(_) => "take back".to_owned(),
        },
        outcome: Outcome::Skipped {
            reason: "unloaded".to_owned(),
        },
        ..crate::host::blank(name, hash, now)
    };
    job.done(run)
}
