//! A home in memory, for tests, replays and comparisons: the same handlers, the same waits, a clock
//! that only its owner turns, and nothing behind it.
//!
//! It is synchronous and exact: an event is worked off to its end before the next one, what falls
//! due meanwhile is done in the order in which it fell due, and what a run emits is dispatched when
//! the run is over. It performs no action, asks nobody but the function it was given, and touches no
//! file, socket or clock. What it decides about waits and modes is decided by the very code that the
//! dispatcher uses, so that a test cannot lie about them.

mod past;
mod quiet;
mod time;

use crate::current;
use crate::lane::{Fell, Finished, Job, Lane, Work};
use crate::schedule::{HomePlace, Scheduled, Ticks};
use crate::{Agenda, Host, Script, State, Subscriptions};
use past::Memory;
use porchlight_core::{ActionError, Event, EventId, NewEvent, Run, Timestamp, Wait, WaitId};
use quiet::Quiet;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// More runs than this are an endless loop, or do not fit into memory: a replay of twenty thousand
/// events through two dozen handlers has as many.
const MOST_RUNS: usize = 500_000;
/// Emitted events have numbers from here on, so that a replay can keep those of the journal.
const FIRST_OWN: EventId = 1 << 40;

/// A question of a script, on its way to whoever answers.
#[derive(Debug)]
pub struct Question<'a> {
    /// The event from outside that the asking run goes back to; 0 when it goes back to none.
    pub root: EventId,
    /// The script: `gate.rhai`.
    pub script: &'a str,
    /// `http.request`, `sheet.read`, `file.read`, `command.run`.
    pub kind: &'a str,
    /// The arguments; secrets stand there by name.
    pub args: &'a Value,
}

/// Answers what scripts ask, in place of the world.
pub type Answer = Arc<dyn Fn(&Question<'_>) -> Result<Value, ActionError> + Send + Sync>;

/// What a world is made of, beside its scripts.
pub struct Setup {
    /// What time it is at the beginning.
    pub start: Timestamp,
    /// The state at the beginning.
    pub state: Vec<(String, Value)>,
    /// Who answers.
    pub answer: Answer,
    /// When to give up, whatever is left to do.
    pub until: Option<Instant>,
}

/// Why a world stopped before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Overrun {
    /// Its time was over.
    #[error("it took too long")]
    Time,
    /// Too many runs.
    #[error("more than {MOST_RUNS} runs; does the script answer its own events?")]
    Runs,
}

/// A run that took place.
#[derive(Debug)]
pub struct Happened {
    /// What came of it.
    pub run: Run,
    /// The event from outside that it goes back to; 0 when it goes back to none.
    pub root: EventId,
}

/// The home.
pub struct World {
    host: Host,
    clock: Arc<AtomicI64>,
    subscriptions: Subscriptions,
    memory: Memory,
    lanes: HashMap<String, Lane>,
    agenda: Agenda,
    /// The open waits by script and name.
    names: BTreeMap<(String, String), WaitId>,
    quiet: Quiet,
    ticks: Ticks,
    next_event: EventId,
    next_own: EventId,
    next_wait: u64,
    happened: Vec<Happened>,
    until: Option<Instant>,
}

impl World {
    /// A home with these scripts, which this host (or a sibling of it) loaded.
    pub fn new(host: &Host, scripts: Vec<Arc<Script>>, setup: Setup) -> Self {
        let clock = Arc::new(AtomicI64::new(setup.start.0));
        let (now, answer) = (Arc::clone(&clock), setup.answer);
        let memory = Memory::new(scripts.clone());
        let roots = memory.roots();
        let mut place = HomePlace::default();
        let host = host.sibling(|config| {
            place.clone_from(&config.place);
            config.state = State::from(setup.state);
            config.clock = Arc::new(move || Timestamp(now.load(Ordering::Relaxed)));
            config.ask = Arc::new(move |kind, args, _| {
                let asking = current::running(|run| (run.event, run.script.name.clone()));
                let (event, script) = asking.unwrap_or_default();
                let script = script.as_str();
                answer(&Question {
                    root: roots.of(event),
                    script,
                    kind,
                    args,
                })
            });
        });
        host.state().set_listeners(&scripts);
        let mut ticks = Ticks::new(place, []);
        let schedules = scripts.iter().flat_map(|script| Scheduled::of(script));
        ticks.set(schedules.collect(), setup.start);
        Self {
            host,
            clock,
            subscriptions: Subscriptions::build(&scripts),
            quiet: Quiet::new(&scripts, setup.start),
            ticks,
            memory,
            lanes: HashMap::new(),
            agenda: Agenda::default(),
            names: BTreeMap::new(),
            next_event: 1,
            next_own: FIRST_OWN,
            next_wait: 1,
            happened: Vec::new(),
            until: setup.until,
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }

    /// The state values.
    pub fn state(&self) -> &State {
        self.host.state()
    }

    /// All that has happened, in order.
    pub fn happened(&self) -> &[Happened] {
        &self.happened
    }

    /// The waits that are open, in the order in which they fall due.
    pub fn waits(&self) -> Vec<&Wait> {
        let scripts = self.memory.scripts.iter();
        let mut waits: Vec<_> = scripts
            .flat_map(|one| self.agenda.of_script(&one.name))
            .collect();
        waits.sort_by_key(|wait| (wait.due, wait.id));
        waits
    }

    /// Whether some handler wants events of this type.
    pub fn wants(&self, kind: &str) -> bool {
        self.subscriptions.matching(kind).next().is_some()
    }

    /// An event comes in from outside, now; everything that it causes at once is done.
    ///
    /// # Errors
    /// The world ran over its bounds; it is not to be used any more.
    pub fn send(&mut self, event: NewEvent) -> Result<EventId, Overrun> {
        let id = self.next_event;
        self.deliver(Event { id, content: event })?;
        Ok(id)
    }

    /// Somebody sets a value of the state by hand, now, or removes it; who listens is told.
    ///
    /// # Errors
    /// As for [`World::send`].
    pub fn set_state(&mut self, key: &str, value: Option<Value>) -> Result<(), Overrun> {
        let set = crate::state::SetByHand {
            id: self.next_event,
            key: key.to_owned(),
            value,
        };
        let (run, _) = set.apply(self.state(), self.now());
        run.emitted
            .into_iter()
            .try_for_each(|event| self.send(event).map(|_| ()))
    }

    /// The same with the number that it has in the journal.
    ///
    /// # Errors
    /// As for [`World::send`].
    pub fn deliver(&mut self, event: Event) -> Result<(), Overrun> {
        self.next_event = self.next_event.max(event.id + 1);
        let root = event.id;
        self.work_off(VecDeque::from([(Arc::new(event), root)]))
    }

    /// Dispatches events, and those that their runs emit, until none is left.
    fn work_off(&mut self, mut events: Emitted) -> Result<(), Overrun> {
        while let Some((event, root)) = events.pop_front() {
            self.quiet.hear(&event);
            self.memory.keep(&event, root);
            // As live: first the waits that the event ends, then the handlers that want it.
            for wait in self.agenda.take_matching(&event) {
                events.extend(self.end_wait(wait, Fell::Matched, Some(&event))?);
            }
            let handlers: Vec<_> = self.subscriptions.concerned(&event).collect();
            for (script, handler) in handlers {
                if self.memory.scripts[script].handlers[handler].wants(&event) {
                    let work = Work::Handler(handler);
                    events.extend(self.perform(script, Some(&event), work)?);
                }
            }
        }
        Ok(())
    }

    fn end_wait(
        &mut self,
        wait: Wait,
        fell: Fell,
        event: Option<&Arc<Event>>,
    ) -> Result<Emitted, Overrun> {
        let mut scripts = self.memory.scripts.iter();
        match scripts.position(|script| script.name == wait.script) {
            Some(script) => self.perform(script, event, Work::Wait(Box::new(wait), fell)),
            None => Ok(Emitted::new()),
        }
    }

    /// Has a script's lane do something, and whatever was queued behind it; gives what was emitted.
    fn perform(
        &mut self,
        script: usize,
        event: Option<&Arc<Event>>,
        work: Work,
    ) -> Result<Emitted, Overrun> {
        let script = Arc::clone(&self.memory.scripts[script]);
        let lane = self.lanes.entry(script.name.clone()).or_default();
        let job = Job {
            script: Some(script),
            event: event.cloned(),
            work,
        };
        let mut finished = Vec::new();
        lane.perform(&self.host, &mut self.memory, job, &mut |one| {
            finished.push(one)
        });
        let mut emitted = Emitted::new();
        for one in finished {
            emitted.extend(self.keep(one)?);
        }
        Ok(emitted)
    }

    /// Keeps a run and begins what it decided; gives the events that it emitted.
    fn keep(&mut self, finished: Finished) -> Result<Emitted, Overrun> {
        let Finished { work, run, .. } = finished;
        if self.happened.len() >= MOST_RUNS {
            return Err(Overrun::Runs);
        }
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(Overrun::Time);
        }
        if let Work::Tick(tick) = &work {
            self.ticks.ended(&tick.key);
        }
        let named = |name: &str| (run.script.clone(), name.to_owned());
        if let Work::Wait(wait, _) = &work
            && self.names.get(&named(&wait.name)) == Some(&wait.id)
        {
            self.names.remove(&named(&wait.name));
        }
        for name in &run.cancelled {
            if let Some(id) = self.names.remove(&named(name)) {
                self.agenda.remove(id);
            }
        }
        for wait in &run.waits {
            let id = self.next_wait;
            self.next_wait += 1;
            // A wait takes the place of an open one of its name.
            if let Some(old) = self.names.insert(named(&wait.name), id) {
                self.agenda.remove(old);
            }
            let content = wait.clone();
            self.host.state().heed(&content);
            self.agenda.add(Wait { id, content });
        }
        let root = self.memory.root(run.event);
        let mut emitted = Emitted::new();
        for event in &run.emitted {
            let (id, content) = (self.next_own, event.clone());
            self.next_own += 1;
            emitted.push_back((Arc::new(Event { id, content }), root));
        }
        self.happened.push(Happened { run, root });
        Ok(emitted)
    }
}

/// Events that were emitted, with the outside event that each goes back to.
type Emitted = VecDeque<(Arc<Event>, EventId)>;
