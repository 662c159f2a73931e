//! A loaded script: what it is called, which events it wants, and what is needed to run it.
//!
//! It never changes once loaded; a reload makes another one. It holds the scripts' functions and
//! the state of the engine at the end of its top level, so handlers see imports and constants.

use crate::entity::Entity;
use crate::mqtt::{Means, MqttTopics};
use crate::options::HandlerOptions;
use crate::permissions::Rights;
use crate::schedule::{GapPolicy, Schedule};
use crate::state::StateChange;
use porchlight_core::{Diagnostic, Event, Pattern, Place, action};
use rhai::{AST, FnPtr, GlobalRuntimeState};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A script that was loaded without errors. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Script {
    inner: Arc<Inner>,
}

/// The public face of a script; see [`Script`], which dereferences to it.
pub struct Inner {
    /// Its file's name: `gate.rhai`.
    pub name: String,
    /// SHA-256 over its own source and the sources of every library it uses, lower-case hex.
    pub hash: String,
    /// Its leading `//!` comment; empty when it has none.
    pub description: String,
    /// In order of registration.
    pub handlers: Vec<Handler>,
    /// The libraries that it uses, also through other libraries: `lib/hue.rhai`. Reload the script
    /// when one of these files changes, appears or vanishes.
    pub imports: Vec<String>,
    /// Path and text of the script itself, then of every library that it uses.
    pub sources: Vec<(String, String)>,
    /// What works, but probably not as meant.
    pub warnings: Vec<Diagnostic>,
    /// The settings that it asked for, with the values in force.
    pub settings: Vec<Setting>,
    /// What its `state::get` gives while nothing is kept, by key.
    pub defaults: BTreeMap<String, Value>,
    /// What it shows and offers to Home Assistant.
    pub entities: Vec<Entity>,
    /// A pattern for the types of each of its `emit` calls; `**` where they are not written out.
    pub emits: Vec<String>,
    /// What it may reach, when it is held to a list.
    pub(crate) rights: Option<Rights>,
    /// The engine's state in which functions run, by the path of the file they stand in.
    pub(crate) files: BTreeMap<String, File>,
}

/// A file of a loaded script: its functions, and the state to call them with.
pub(crate) struct File {
    /// As it was written: what is looked at.
    pub(crate) ast: AST,
    /// What is run, see [`crate::apart`].
    pub(crate) runs: AST,
    pub(crate) state: GlobalRuntimeState,
}

/// A value that a script lets the configuration change, from `setting(name, default, help)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its key in `[settings.SCRIPT]`.
    pub name: String,
    /// What the script uses when the configuration says nothing.
    pub default: Value,
    /// What the script uses now.
    pub value: Value,
    /// What it is for.
    pub help: String,
}

/// What calls a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Each event of a type that it wants.
    Event,
    /// That none came for a while.
    Silence(Silence),
    /// A change of the state, told by an event.
    State(StateChange),
    /// The clock.
    Schedule(Timed),
    /// The start of the host.
    Start,
    /// A message of a broker.
    Mqtt(MqttTopics),
}

/// When the clock calls a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// The rule.
    pub schedule: Schedule,
    /// What becomes of ticks that were missed.
    pub on_gap: GapPolicy,
}

/// How long nothing must come before a handler is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// So long.
    pub after: Duration,
    /// The same as the script says it: `20m`.
    pub text: String,
    /// How long after each call it is called again while nothing comes.
    pub repeat: Option<Duration>,
}

/// A function that a trigger calls.
pub struct Handler {
    /// Its number in order of registration, from 0.
    pub number: usize,
    /// What it is known by over restarts and edits: a hash over its trigger, what the trigger was
    /// given, and its number among equals. Not over its line, so that editing other lines keeps it.
    pub id: String,
    /// The event types that it wants; none where no event calls it.
    pub pattern: Option<Pattern>,
    /// What calls it.
    pub trigger: Trigger,
    /// Where its `on(…)` stands.
    pub place: Place,
    /// What people see: `on("xprotect.*")`.
    pub title: String,
    pub(crate) function: FnPtr,
    /// Whether the function has a parameter for the event.
    pub(crate) takes_event: bool,
    pub(crate) state: Option<GlobalRuntimeState>,
    /// How it runs.
    pub options: HandlerOptions,
}

impl Handler {
    /// The key of the state that it sets before it runs: that of a switch.
    pub(crate) fn switches(&self) -> Option<&str> {
        match &self.trigger {
            Trigger::Mqtt(topics) => match &topics.means {
                Means::Switch(key) => Some(key),
                Means::Message | Means::Press => None,
            },
            _ => None,
        }
    }

    /// Whether it has anything to do with an event whose type it wants. Handlers of `on_state` don't
    /// with most, and are not asked then.
    pub fn wants(&self, event: &Event) -> bool {
        match &self.trigger {
            // Who listens to everything, and acts on it, does not mean what becomes of that.
            Trigger::Event => !is_of_delivery(&event.kind) || self.names(&event.kind),
            Trigger::State(change) => change.concerns(event),
            Trigger::Mqtt(topics) => topics.hear(event),
            Trigger::Silence(_) | Trigger::Schedule(_) | Trigger::Start => false,
        }
    }
}

/// Whether events of this type tell what became of actions, or of their targets.
fn is_of_delivery(kind: &str) -> bool {
    use action::{DEAD, FAILED, TARGET_AWAY, TARGET_BACK};
    [FAILED, DEAD, TARGET_AWAY, TARGET_BACK].contains(&kind)
}

impl Handler {
    /// Whether its pattern begins as this type does, and so hears what is told of delivery:
    /// `porchlight.**` names `porchlight.target.away`, and `**` does not.
    pub fn names(&self, kind: &str) -> bool {
        let first = self.pattern.as_ref().and_then(|one| one.first_literal());
        first == kind.split('.').next()
    }
}

impl Script {
    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The name without `.rhai`: the table in `[settings.…]`, the source of emitted events.
    pub fn stem(&self) -> &str {
        stem(&self.name)
    }

    /// A function of one of its files, by name and number of parameters.
    pub(crate) fn function(
        &self,
        path: &str,
        name: &str,
        parameters: usize,
    ) -> Option<&rhai::Shared<rhai::ScriptFuncDef>> {
        let mut functions = self.files.get(path)?.runs.iter_fn_def();
        functions.find(|one| one.name == name && one.params.len() == parameters)
    }
}

pub(crate) fn stem(name: &str) -> &str {
    name.strip_suffix(".rhai").unwrap_or(name)
}

impl std::ops::Deref for Script {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script")
            .field("name", &self.name)
            .field("hash", &self.hash)
            .field("handlers", &self.handlers.len())
            .finish_non_exhaustive()
    }
}

/// SHA-256 over names and texts, each with its length before it.
pub(crate) fn hash(sources: &[(String, String)]) -> String {
    let mut digest = Sha256::new();
    for (path, text) in sources {
        for part in [path, text] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
    }
    hex::encode(digest.finalize())
}
