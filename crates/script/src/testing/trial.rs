//! One test while it runs: its world, what it prepared, and what it has expected so far.

use super::answers::{self, Stub};
use super::{Supplies, deadline};
use crate::world::{Answer, Overrun, Question, Setup};
use crate::{Host, Script, World};
use porchlight_core::{Diagnostic, Event, NewEvent, Outcome, Place, Timestamp};
use rhai::{Engine, EvalAltResult};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the clock of a test shows at first: a Thursday, 2026-01-01T12:00:00Z. The same in every run,
/// so that a test does not fail on Sundays only.
pub(super) const START: Timestamp = Timestamp(1_767_268_800_000);

/// Why a test failed.
#[derive(Debug, Clone)]
pub(super) struct Miss {
    pub(super) message: String,
    /// What was there instead, in lines.
    pub(super) help: String,
}

impl From<String> for Miss {
    fn from(message: String) -> Self {
        Self {
            message,
            help: String::new(),
        }
    }
}

impl From<&str> for Miss {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<Box<EvalAltResult>> for Miss {
    fn from(error: Box<EvalAltResult>) -> Self {
        let mistake = crate::explain::mistake(&error, "");
        Self {
            message: mistake.message,
            help: mistake.help,
        }
    }
}

impl From<Overrun> for Miss {
    fn from(overrun: Overrun) -> Self {
        overrun.to_string().into()
    }
}

/// What all tests of a file share.
pub(super) struct Bench {
    pub(super) engine: Arc<Engine>,
    pub(super) host: Host,
    pub(super) script: Arc<Script>,
    pub(super) supplies: Supplies,
}

/// One test.
pub(super) struct Trial {
    pub(super) bench: Arc<Bench>,
    settings: Map<String, Value>,
    start: Timestamp,
    state: Vec<(String, Value)>,
    pub(super) stubs: Arc<Mutex<Vec<Stub>>>,
    /// Questions that nobody answered.
    refused: Arc<Mutex<Vec<String>>>,
    world: Option<World>,
    /// The types of events that no handler wanted.
    unwanted: Vec<String>,
    /// How many events were made.
    number: u64,
    /// Actions that were expected already, by run and number in it.
    pub(super) told: HashSet<(usize, usize)>,
    pub(super) logs: HashSet<(usize, usize)>,
    /// Runs whose error or skip was expected already.
    pub(super) ends: HashSet<usize>,
    pub(super) failure: Option<(Miss, Place)>,
}

impl Trial {
    pub(super) fn new(bench: Arc<Bench>) -> Self {
        Self {
            bench,
            settings: Map::new(),
            start: START,
            state: Vec::new(),
            stubs: Arc::default(),
            refused: Arc::default(),
            world: None,
            unwanted: Vec::new(),
            number: 0,
            told: HashSet::new(),
            logs: HashSet::new(),
            ends: HashSet::new(),
            failure: None,
        }
    }

    /// The world, which begins when it is needed first.
    pub(super) fn world(&mut self) -> Result<&mut World, Miss> {
        if self.world.is_none() {
            let script = self.script()?;
            let setup = Setup {
                start: self.start,
                state: std::mem::take(&mut self.state),
                answer: self.answer(),
                until: deadline::end(),
            };
            self.world = Some(World::new(&self.bench.host, vec![script], setup));
        }
        self.world.as_mut().ok_or_else(|| "the home is gone".into())
    }

    /// The script, loaded anew where the test changed a setting.
    fn script(&self) -> Result<Arc<Script>, Miss> {
        let script = &self.bench.script;
        if self.settings.is_empty() {
            return Ok(Arc::clone(script));
        }
        for name in self.settings.keys() {
            let known = script.settings.iter().map(|one| one.name.as_str());
            if !known.clone().any(|one| one == name) {
                let near = porchlight_core::diagnostic::nearest(name, known);
                let near = near.map(|near| format!("; did you mean {near:?}?"));
                let near = near.unwrap_or_default();
                return Err(format!("{} has no setting {name:?}{near}", script.name).into());
            }
        }
        let stem = script.stem().to_owned();
        let host = self.bench.host.sibling(|config| {
            let table = &mut config.settings[&stem];
            if !table.is_object() {
                *table = Value::Object(Map::new());
            }
            for (name, value) in &self.settings {
                table[name] = value.clone();
            }
        });
        let source = script.sources.first().map_or("", |(_, text)| text.as_str());
        let loaded = host.load(&script.name, source);
        loaded.map(Arc::new).map_err(|problems| {
            let first = problems.first().map(|one| one.message.clone());
            let why = first.unwrap_or_default();
            format!("{} does not load with these settings: {why}", script.name).into()
        })
    }

    fn answer(&self) -> Answer {
        let (stubs, refused) = (Arc::clone(&self.stubs), Arc::clone(&self.refused));
        Arc::new(move |question: &Question<'_>| {
            let stubs = stubs.lock().unwrap_or_else(PoisonError::into_inner);
            answers::answer(&stubs, question).inspect_err(|error| {
                if error.kind == "config" {
                    let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                    refused.push(error.message.clone());
                }
            })
        })
    }

    /// The questions that nobody answered.
    pub(super) fn refused(&self) -> Vec<String> {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A sentence for each type of event that no handler wanted.
    pub(super) fn unwanted(&self) -> Vec<String> {
        let script = &self.bench.script;
        let patterns = script
            .handlers
            .iter()
            .filter_map(|one| one.pattern.as_ref());
        let known: Vec<&str> = patterns.map(porchlight_core::Pattern::as_str).collect();
        let sentence = |kind: &String| {
            let known = known.join(", ");
            format!(
                "no handler of {} wants {kind}; it wants {known}",
                script.name
            )
        };
        self.unwanted.iter().map(sentence).collect()
    }

    /// A number that no other event of the test has.
    pub(super) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.as_ref().map_or(self.start, World::now)
    }

    pub(super) fn send(&mut self, event: NewEvent) -> Result<i64, Miss> {
        let kind = event.kind.clone();
        let world = self.world()?;
        let id = world.send(event)?;
        if !world.wants(&kind) && !self.unwanted.contains(&kind) {
            self.unwanted.push(kind);
        }
        Ok(i64::try_from(id).unwrap_or(i64::MAX))
    }

    /// An event of the journal: under its own number, at its own time where the clock is not past it.
    pub(super) fn deliver(&mut self, event: Event) -> Result<i64, Miss> {
        if self.world.is_none() {
            self.start = event.received;
        }
        let id = event.id;
        let world = self.world()?;
        world.advance_to(event.received)?;
        world.deliver(event)?;
        Ok(i64::try_from(id).unwrap_or(i64::MAX))
    }

    pub(super) fn advance(&mut self, by: Duration) -> Result<(), Miss> {
        Ok(self.world()?.advance(by)?)
    }

    /// Sets the clock; what falls due until then is done once something was sent.
    pub(super) fn at(&mut self, moment: Timestamp) -> Result<(), Miss> {
        if self.world.is_none() {
            self.start = moment;
            return Ok(());
        }
        if moment < self.now() {
            return Err(format!(
                "the clock shows {} and goes forward only, once something happened",
                self.now()
            )
            .into());
        }
        Ok(self.world()?.advance_to(moment)?)
    }

    pub(super) fn setting(&mut self, name: &str, value: Value) -> Result<(), Miss> {
        if self.world.is_some() {
            let message = "settings are read while a script loads: set them before anything else";
            return Err(message.into());
        }
        self.settings.insert(name.to_owned(), value);
        Ok(())
    }

    pub(super) fn set_state(&mut self, key: &str, value: Value) -> Result<(), Miss> {
        match &mut self.world {
            None => self.state.push((key.to_owned(), value)),
            Some(world) => {
                let value = Some(value).filter(|value| !value.is_null());
                world.set_state(key, value)?;
            }
        }
        Ok(())
    }

    /// The first mistake of the script that the test did not expect.
    pub(super) fn unexpected(&self) -> Option<Diagnostic> {
        let world = self.world.as_ref()?;
        let mut runs = world.happened().iter().enumerate();
        let found = runs.find_map(|(index, happened)| match &happened.run.outcome {
            Outcome::Error { message, place } | Outcome::Limit { message, place } => {
                (!self.ends.contains(&index)).then_some((message, place))
            }
            Outcome::Ok | Outcome::Skipped { .. } => None,
        });
        let (message, place) = found?;
        let sources = &self.bench.script.sources;
        let wrong = crate::explain::diagnostic(sources, place, message.clone());
        Some(wrong.with_help("a mistake that the test expects: home.expect_error(\"…\")"))
    }
}
