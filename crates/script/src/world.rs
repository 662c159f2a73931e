//! A home in memory, for tests, replays and comparisons: the same handlers, the same waits, a clock
//! that only its owner turns, and nothing behind it.
//!
//! It is synchronous and exact: an event is worked off to its end before the next one, what falls
//! due meanwhile is done in the order in which it fell due, and what a run emits is dispatched when
//! the run is over. It performs no action, asks nobody but the function it was given, and touches no
//! file, socket or clock. What it decides about waits and modes is decided by the very code that the
//! dispatcher uses, so that a test cannot lie about them.

mod due;
mod quiet;

use crate::current;
use crate::script::Trigger;
use crate::{Host, Script, State, Subscriptions};
use due::Due;
use porchlight_core::{ActionError, Event, EventId, NewEvent, Run, Timestamp, Wait};
use quiet::Quiet;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// More runs than this are not a test any more but an endless loop.
const MOST_RUNS: usize = 100_000;
/// Emitted events have numbers from here on, so that a replay can keep those of the journal.
const FIRST_OWN: EventId = 1 << 40;

/// A question of a script, on its way to whoever answers.
#[derive(Debug)]
pub struct Question<'a> {
    /// The event whose run asks; 0 when there is none.
    pub event: EventId,
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
    scripts: Vec<Arc<Script>>,
    subscriptions: Subscriptions,
    due: Due,
    quiet: Quiet,
    /// Events that open waits may still want, with the outside event that each goes back to.
    events: BTreeMap<EventId, (Arc<Event>, EventId)>,
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
        let host = host.sibling(move |config| {
            config.state = State::from(setup.state);
            config.clock = Arc::new(move || Timestamp(now.load(Ordering::Relaxed)));
            config.ask = Arc::new(move |kind, args, _| {
                let asking = current::running(|run| (run.event, run.script.name.clone()));
                let (event, script) = asking.unwrap_or_default();
                let script = script.as_str();
                answer(&Question {
                    event,
                    script,
                    kind,
                    args,
                })
            });
        });
        Self {
            host,
            clock,
            subscriptions: Subscriptions::build(&scripts),
            quiet: Quiet::new(&scripts, setup.start),
            scripts,
            due: Due::default(),
            events: BTreeMap::new(),
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
    pub fn waits(&self) -> impl Iterator<Item = &Wait> {
        self.due.iter()
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

    /// The same with the number that it has in the journal.
    ///
    /// # Errors
    /// As for [`World::send`].
    pub fn deliver(&mut self, event: Event) -> Result<(), Overrun> {
        self.next_event = self.next_event.max(event.id + 1);
        let root = event.id;
        self.work_off(VecDeque::from([(Arc::new(event), root)]))
    }

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
            let next = [self.due.next(), self.quiet.next()];
            let Some(next) = next.into_iter().flatten().min() else {
                break;
            };
            if next > moment {
                break;
            }
            self.set_clock(next);
            let emitted = match self.due.take(next) {
                Some(wait) => self.end_wait(&wait)?,
                None => self.tell_silence(next)?,
            };
            self.work_off(emitted)?;
        }
        self.set_clock(moment);
        Ok(())
    }

    fn set_clock(&self, moment: Timestamp) {
        self.clock.fetch_max(moment.0, Ordering::Relaxed);
    }

    /// Dispatches events, and those that their runs emit, until none is left.
    fn work_off(&mut self, mut events: Emitted) -> Result<(), Overrun> {
        while let Some((event, root)) = events.pop_front() {
            self.quiet.hear(&event);
            self.events.insert(event.id, (Arc::clone(&event), root));
            let handlers: Vec<_> = self.subscriptions.matching(&event.kind).collect();
            for (script, handler) in handlers {
                let script = Arc::clone(&self.scripts[script]);
                if script.handlers[handler].trigger == Trigger::Event {
                    let run = self.host.run(&script, handler, &event, self.now());
                    events.extend(self.keep(run, root)?);
                }
            }
        }
        Ok(())
    }

    fn end_wait(&mut self, wait: &Wait) -> Result<Emitted, Overrun> {
        let script = self.scripts.iter().find(|one| one.hash == wait.script_hash);
        let Some(script) = script.map(Arc::clone) else {
            return Ok(Emitted::new());
        };
        let event = self.events.get(&wait.event);
        let root = event.map_or(0, |(_, root)| *root);
        let event = event.map(|(event, _)| Arc::clone(event));
        let run = self
            .host
            .run_wait(&script, wait, event.as_ref(), self.now());
        self.keep(run, root)
    }

    fn tell_silence(&mut self, moment: Timestamp) -> Result<Emitted, Overrun> {
        let Some((script, handler, silent)) = self.quiet.take(moment) else {
            return Ok(Emitted::new());
        };
        let script = Arc::clone(&self.scripts[script]);
        let run = self.host.run_silence(&script, handler, &silent, self.now());
        self.keep(run, 0)
    }

    /// Keeps a run and begins what it decided; gives the events that it emitted.
    fn keep(&mut self, run: Run, root: EventId) -> Result<Emitted, Overrun> {
        if self.happened.len() >= MOST_RUNS {
            return Err(Overrun::Runs);
        }
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(Overrun::Time);
        }
        for wait in &run.waits {
            let id = self.next_wait;
            self.next_wait += 1;
            let content = wait.clone();
            self.due.add(Wait { id, content });
        }
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
