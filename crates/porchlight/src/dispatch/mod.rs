//! The dispatcher: one loop that owns all mutable state and matches over [`Input`].
//!
//! It takes stored events, finds the handlers that subscribe to them, queues a job in the lane of
//! each script, and hands finished runs to the committer. It performs nothing itself and never
//! waits for a script, a disk or a lamp. Everything that it forgets in a crash is in the journal:
//! at start it reads the unfinished events back through the same function that live ones take.
//!
//! Memory is bounded. When a lane's queue is full, or too many events are open, a job is not
//! queued but *deferred*: its event stays unfinished in the journal, and the lane reads it back
//! when it has room (see [`backlog`]).

pub mod backlog;
mod clocks;
pub mod committer;
mod edits;
mod heard;
mod in_order;
mod input;
pub mod lanes;
mod lookup;
mod open;
mod parked;
mod recent;
mod refused;
mod silences;
mod ticks;
mod waits;
pub mod workers;

use backlog::Purpose;
use clocks::Clocks;
use committer::Commit;
use edits::Values;
pub use edits::look_for_edits;
use in_order::InOrder;
pub use input::{CommittedRun, Input, ScriptSet};
use lanes::{Lanes, Offer};
use lookup::{Lookup, job};
use open::OpenEvents;
use porchlight_core::{Event, EventId, Timestamp, Wait};
use porchlight_journal::{Beside, Journal, ScheduleRow, Silence, StateEdit};
use porchlight_script::schedule::HomePlace;
use porchlight_script::{Agenda, Fell, Finished, Job, Script, State, Trigger, Work};
use recent::Recent;
use refused::TakenBack;
use silences::Silences;
use std::sync::Arc;
use ticks::Clockwork;
use tokio::sync::{mpsc, oneshot};
use workers::Workers;

/// Events held in memory at once; beyond it, jobs are deferred to the journal.
const MAX_OPEN_EVENTS: usize = 8192;

/// The loop's state.
pub struct Dispatcher {
    set: Arc<ScriptSet>,
    lanes: Lanes,
    open: OpenEvents,
    agenda: Agenda,
    clocks: Clocks,
    recent: Recent,
    /// The last moment at which the host is known to have run before.
    last_alive: Option<Timestamp>,
    /// The events of before the start are still being read.
    recovering: bool,
    silences: Silences,
    values: Values,
    clockwork: Clockwork,
    /// How many subscriptions to silence the journal keeps.
    kept_silences: usize,
    journal: Journal,
    workers: Workers,
    commits: mpsc::UnboundedSender<Commit>,
    in_order: InOrder,
    uncommitted: usize,
    backlog: backlog::Loader,
    missed: Arc<backlog::Missed>,
    /// The newest event at start: all up to it come from the journal, all after it live.
    last_before_start: EventId,
    clock: crate::Clock,
    stopping: Option<oneshot::Sender<()>>,
}

/// What the dispatcher is made of.
pub struct Parts {
    /// Where unfinished events are read back from and finished ones are ticked off.
    pub journal: Journal,
    /// Where scripts run.
    pub workers: Workers,
    /// Where finished runs go. Unbounded in type, bounded in fact: a run in it belongs to an open
    /// event or a wait under way, and those are bounded.
    pub commits: mpsc::UnboundedSender<Commit>,
    /// Reads pages of unfinished events.
    pub backlog: backlog::Loader,
    /// Tells of events that the receiver could not hand over.
    pub missed: Arc<backlog::Missed>,
    /// The waits that were open at start.
    pub waits: Vec<Wait>,
    /// The last moment at which the host is known to have run before.
    pub last_alive: Option<Timestamp>,
    /// The subscriptions to silence that the journal kept.
    pub silences: Vec<Silence>,
    /// How far each schedule had come before the start.
    pub schedules: Vec<ScheduleRow>,
    /// Where the home is.
    pub place: HomePlace,
    /// The state, which scripts share.
    pub state: State,
    /// The values that somebody set by hand while the host did not run.
    pub edits: Vec<StateEdit>,
    /// The newest event at start: all up to it are recovered from the journal.
    pub last_event: EventId,
    /// What time it is.
    pub clock: crate::Clock,
}

impl Dispatcher {
    /// A dispatcher with no scripts yet; recovery begins with the first [`Input::Scripts`].
    pub fn new(parts: Parts) -> Self {
        let lanes = Lanes::new(&parts.waits);
        let mut agenda = Agenda::default();
        parts.waits.into_iter().for_each(|wait| {
            parts.state.heed(&wait);
            agenda.add(wait);
        });
        Self {
            set: Arc::new(ScriptSet::new(Vec::new())),
            lanes,
            open: OpenEvents::default(),
            agenda,
            clocks: Clocks::new((parts.clock)()),
            recent: Recent::default(),
            last_alive: parts.last_alive,
            recovering: true,
            kept_silences: parts.silences.len(),
            silences: Silences::new(parts.silences),
            values: Values::new(parts.state, parts.edits),
            clockwork: Clockwork::new(parts.place, parts.schedules),
            journal: parts.journal,
            workers: parts.workers,
            commits: parts.commits,
            in_order: InOrder::default(),
            uncommitted: 0,
            backlog: parts.backlog,
            missed: parts.missed,
            last_before_start: parts.last_event,
            clock: parts.clock,
            stopping: None,
        }
    }

    /// Runs until it was told to stop and all that was under way is committed.
    pub async fn run(
        mut self,
        mut stored: mpsc::Receiver<Arc<Event>>,
        mut inputs: mpsc::UnboundedReceiver<Input>,
    ) {
        let missed = Arc::clone(&self.missed);
        let set = loop {
            match inputs.recv().await {
                Some(Input::Scripts(set)) => break set,
                Some(Input::Edits(edits)) => self.values.wait_with(edits),
                _ => return,
            }
        };
        self.resume_waits();
        self.take_scripts(set);
        self.take_first_edits();
        self.backlog.request(Purpose::Start {
            after: 0,
            to: self.last_before_start,
        });
        let mut receiving = true;
        loop {
            if self.is_stopped() {
                return;
            }
            let waits = self.until_next_wait();
            let silences = self.silences.until_next().unwrap_or(waits);
            let ticks = self.until_next_tick().unwrap_or(waits);
            let timer = tokio::time::sleep(waits.min(silences).min(ticks));
            tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    Some(input) => self.handle(input),
                    None => return,
                },
                event = stored.recv(), if receiving && self.stopping.is_none() => match event {
                    Some(event) => {
                        missed.taken(&event);
                        self.dispatch(&event, Lookup::Live);
                    }
                    // The receiver ends first when the host stops; runs and waits go on.
                    None => receiving = false,
                },
                () = missed.noticed() => self.recover_missed(),
                () = timer => {}
            }
            // Also when there is never a pause: a flood must not hold up the lights.
            self.start_due_waits();
            self.start_due_silences();
            self.start_due_ticks();
            self.values.prune((self.clock)());
            self.feed_workers();
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Scripts(set) => self.take_scripts(set),
            Input::Heard(found) => self.silences.take_found(&found, (self.clock)()),
            Input::Ran(finished) => self.commit(*finished),
            Input::Edits(edits) => self.take_edits(edits),
            Input::LaneFree(script, lane) => self.lanes.set_free(&script, *lane),
            Input::Committed(committed) => self.committed(*committed),
            Input::Page(page) => self.take_page(page),
            Input::Stop(done) => {
                // So that waits which count the time that the host runs know when it ended.
                self.journal.beat();
                self.stopping = Some(done);
            }
        }
    }

    /// Queues a job for every handler that subscribes to the event and has not run on it.
    fn dispatch(&mut self, event: &Arc<Event>, lookup: Lookup<'_>) {
        let set = Arc::clone(&self.set);
        let mut jobs: Vec<(&Arc<Script>, Vec<Job>)> = Vec::new();
        for (script, handler) in set.subscriptions.concerned(event) {
            let place = (script, handler);
            let script = &set.scripts[script];
            if matches!(script.handlers[handler].trigger, Trigger::Silence(_)) {
                // What is read back counted when it came, or is found by the look back.
                if matches!(lookup, Lookup::Live) {
                    self.silences.hear(place, event);
                }
                continue;
            }
            let wants = script.handlers[handler].wants(event);
            if !wants || lookup.excludes(script, handler) {
                continue;
            }
            let job = job(script, handler, event);
            match jobs.iter_mut().find(|(known, _)| known.name == script.name) {
                Some((_, jobs)) => jobs.push(job),
                None => jobs.push((script, vec![job])),
            }
        }
        let full = self.open.len() >= MAX_OPEN_EVENTS;
        if self.is_at_work() {
            self.recent.keep(event);
        }
        let mut queued = self.end_waits(event);
        for (script, jobs) in jobs {
            let count = jobs.len();
            if let Lookup::Lane(name, _) = lookup {
                jobs.into_iter().for_each(|job| self.lanes.push(name, job));
                queued += count;
            } else if self.lanes.offer(&script.name, jobs, event.id, full) == Offer::Queued {
                queued += count;
            }
        }
        if queued > 0 {
            self.open.queued(event.id, queued);
        } else if !self.open.contains(event.id) && !self.lanes.is_deferred(event.id) {
            self.journal.finish(event.id);
        }
    }

    /// Hands a finished run to the committer, with the word whether its event is finished by it.
    fn commit(&mut self, finished: Finished) {
        parked::tell(&finished.run);
        let event = finished.run.event;
        let mut beside = Beside::default();
        let of_event = matches!(
            finished.work,
            Work::Handler(_) | Work::Wait(_, Fell::Matched)
        );
        if of_event {
            let deferred = self.lanes.is_deferred(event);
            beside.ends.event_finished = self.open.job_ended(event, deferred);
        }
        match &finished.work {
            Work::Handler(_) | Work::Start(..) | Work::TakeBack(_) => {}
            Work::Wait(wait, _) => beside.ends.wait = Some(wait.id),
            Work::Silence(told) => {
                self.silences.ended(&finished.run.script, told);
                beside.silence = Some(silences::reported(told, &finished.run.script));
            }
            Work::Tick(tick) => {
                self.clockwork.ended(tick);
                beside.schedule = Some(ticks::dealt_with(tick));
            }
        }
        self.uncommitted += 1;
        let commit = Commit::new(finished.run, beside, of_event);
        self.hand_over(finished.order, commit);
    }

    fn committed(&mut self, committed: CommittedRun) {
        self.uncommitted = self.uncommitted.saturating_sub(1);
        if let Some(event) = committed.event {
            let deferred = self.lanes.is_deferred(event);
            if self.open.confirmed(event, deferred) {
                self.journal.finish(event);
            }
        }
        for id in committed.removed {
            self.agenda.remove(id);
        }
        if let Some(refused) = committed.refused {
            self.take_back(*refused);
        }
        let waits = committed.waits;
        let came_meanwhile = self.recent.since(&waits);
        self.add_waits(waits);
        for event in came_meanwhile {
            let ended = self.end_waits(&event);
            if ended > 0 {
                self.open.queued(event.id, ended);
            }
        }
        if !self.is_at_work() {
            self.recent.forget();
        }
        for event in committed.emitted {
            self.dispatch(&Arc::new(event), Lookup::Live);
        }
    }

    /// Gives every free lane with work to a worker, and every lane with room its backlog.
    fn feed_workers(&mut self) {
        if self.stopping.is_none() {
            while let Some(batch) = self.lanes.next_batch() {
                self.workers.give(batch);
            }
            if let Some((script, oldest, to)) = self.lanes.wants_backlog(&self.backlog) {
                let after = oldest.saturating_sub(1);
                self.backlog.request(Purpose::Lane { script, after, to });
            }
        }
    }

    /// Whether a run is under way, or on its way to the journal.
    fn is_at_work(&self) -> bool {
        self.uncommitted > 0 || self.lanes.any_busy()
    }

    fn is_stopped(&mut self) -> bool {
        if self.stopping.is_none() || self.is_at_work() {
            return false;
        }
        if let Some(done) = self.stopping.take() {
            _ = done.send(());
        }
        true
    }
}

/// The journal's clock in the dispatcher's terms.
pub fn system_clock() -> crate::Clock {
    Arc::new(|| Timestamp::from_system_time(std::time::SystemTime::now()))
}
