//! Loads scripts and runs their handlers; every run ends as a value, whatever the script does.
//!
//! One engine serves all scripts that have the same limits. A run happens on the calling thread, which must have
//! [`crate::STACK_SIZE`] of stack; runs of one script must not overlap (one script is one lane),
//! runs of different scripts may. Nothing here performs an action.

mod call;
pub(crate) mod cause;
mod engines;
pub(crate) mod silence;
mod state_events;
pub(crate) mod tick;
mod wait;

use crate::check::Functions;
use crate::event::View;
use crate::lane::{Begin, OpenWaits};
use crate::schedule::HomePlace;
use crate::{Handler, Limits, Rules, Script, State, convert, load};
use call::{Call, Performed, outcome};
use cause::Cause;
use engines::Engines;
use porchlight_core::{ActionError, Chain, Diagnostic, Event, Outcome, Place, Run, Timestamp};
use rhai::{Dynamic, FnPtr};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;

/// Performs what a script asks at once: kind, arguments, time left → the answer's detail.
///
/// It must give up when the time is over; a script cannot be stopped inside it.
pub type Ask = Arc<dyn Fn(&str, &Value, Duration) -> Result<Value, ActionError> + Send + Sync>;

/// What a host is made from.
#[derive(Clone)]
pub struct HostConfig {
    /// The folder of the scripts; libraries are in `lib` below it.
    pub scripts_dir: PathBuf,
    /// `{"gate": {"family": […]}}`: the tables `[settings.…]` of the configuration.
    pub settings: Value,
    /// `{"light": {"porch": {"driver": "wled", …}}}`; secrets stand there as `{"$secret": name}`.
    pub targets: Value,
    /// The tables that scripts know by name only, by kind: `command` → the NAME of each
    /// `[command.NAME]`. Nothing is known of a kind that is not here.
    pub named: BTreeMap<String, BTreeSet<String>>,
    /// What a script may use up.
    pub limits: Limits,
    /// What is different for some scripts, and what scripts may reach.
    pub rules: Rules,
    /// Where the home is: its time zone, and where the sun stands.
    pub place: HomePlace,
    /// The shared state values.
    pub state: State,
    /// Performs what scripts ask.
    pub ask: Ask,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// A house without anything: no settings and targets, the clock at 0, and nobody who answers.
impl Default for HostConfig {
    fn default() -> Self {
        Self {
            scripts_dir: PathBuf::new(),
            settings: Value::Null,
            targets: Value::Null,
            named: BTreeMap::new(),
            limits: Limits::default(),
            rules: Rules::default(),
            place: HomePlace::default(),
            state: State::default(),
            ask: Arc::new(|kind, _, _| {
                let message = format!("nobody here answers {kind}");
                Err(ActionError::never("config", message))
            }),
            clock: Arc::new(|| Timestamp(0)),
        }
    }
}

/// Loads and runs scripts. A clone is another handle to the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    engines: Engines,
    config: Arc<HostConfig>,
    /// Built when the first script is checked.
    functions: Arc<OnceLock<Arc<Functions>>>,
    /// The latest events with their parsed bodies, so that the handlers of one event share them.
    views: Mutex<VecDeque<Arc<View>>>,
}

/// How many parsed events are kept: about as many as there are runs at the same time.
const VIEWS: usize = 16;

/// Closures are named by a hash over their text. A wait stores such a name, so it must be the same
/// after a restart.
fn fix_hashing_seed() {
    static ONCE: Once = Once::new();
    // An error means that a seed is set already, which is as good when nobody else sets one.
    ONCE.call_once(|| {
        let seed = Some([0x706f_7263, 0x686c_6967, 0x6874_2031, 0x2e30_2e30]);
        let _ = rhai::config::hashing::set_hashing_seed(seed);
    });
}

impl Host {
    /// Makes a host. Costs about a millisecond; keep one.
    pub fn new(config: HostConfig) -> Self {
        fix_hashing_seed();
        let config = Arc::new(config);
        Self {
            inner: Arc::new(Inner {
                engines: Engines::new(&config),
                config,
                functions: Arc::default(),
                views: Mutex::default(),
            }),
        }
    }

    /// A host with the same functions and another configuration: other state, clock and answers for
    /// a rehearsal. Costs next to nothing; scripts that one of them loaded run on the other. The
    /// limits that the engine itself watches stay as they were.
    #[must_use]
    pub fn sibling(&self, change: impl FnOnce(&mut HostConfig)) -> Self {
        let mut config = HostConfig::clone(&self.inner.config);
        change(&mut config);
        let config = Arc::new(config);
        Self {
            inner: Arc::new(Inner {
                engines: self.inner.engines.with(&config),
                config,
                functions: self.inner.functions.clone(),
                views: Mutex::default(),
            }),
        }
    }

    /// Compiles a script, checks it and runs its top level. `name` is the file's name:
    /// `gate.rhai`; libraries are read from the scripts folder.
    ///
    /// # Errors
    /// Everything that is wrong with the script and its libraries.
    pub fn load(&self, name: &str, source: &str) -> Result<Script, Vec<Diagnostic>> {
        let sources = vec![(name.to_owned(), source.to_owned())];
        self.load_sources(name, sources, false)
    }

    /// Loads a pinned version from its sources alone (the script's own first), for a wait that
    /// outlived its file. Nothing is read from disk.
    ///
    /// # Errors
    /// As for [`Host::load`]; also when a source is missing.
    pub fn load_version(
        &self,
        name: &str,
        sources: &[(String, String)],
    ) -> Result<Script, Vec<Diagnostic>> {
        self.load_sources(name, sources.to_vec(), true)
    }

    fn load_sources(
        &self,
        name: &str,
        sources: Vec<(String, String)>,
        pinned: bool,
    ) -> Result<Script, Vec<Diagnostic>> {
        let inner = &self.inner;
        let (engine, config) = inner.engines.of(name);
        let functions = || {
            let made = || Arc::new(Functions::of_engine(engine));
            inner.functions.get_or_init(made).clone()
        };
        load::script(engine, &functions, config, name, sources, pinned)
    }

    /// The shared state values.
    pub fn state(&self) -> &State {
        &self.inner.config.state
    }

    /// The tables of the configuration that scripts may speak to.
    pub(crate) fn targets(&self) -> &Value {
        &self.inner.config.targets
    }

    /// After how many failures in a row a script is parked; 0 is never.
    pub(crate) fn park_after(&self) -> u32 {
        self.inner.config.rules.park_after
    }

    /// What a script may use up.
    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.config.limits
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.inner.config.clock)()
    }

    /// Runs a handler for an event, as if nothing were active or waiting. The run's state writes
    /// are applied to the shared state before this returns. An unknown handler number gives a run
    /// that was skipped.
    pub fn run(&self, script: &Script, handler: usize, event: &Arc<Event>, now: Timestamp) -> Run {
        let Some(handler) = script.handlers.get(handler) else {
            let run = blank(&script.name, &script.hash, now);
            return skip(
                Run {
                    event: event.id,
                    ..run
                },
                "unloaded",
            );
        };
        let cause = Cause::Event(event);
        if let Some(reason) = handler.options.skips(event, now) {
            return self.skipped(script, handler, &cause, reason, now);
        }
        let begin = Begin {
            chain: Chain {
                id: cause.chain(script, handler),
                handler: handler.id.clone(),
                ..Chain::default()
            },
            open: OpenWaits::default(),
            writes: Vec::new(),
        };
        self.call_handler(script, handler, &cause, now, begin).0
    }

    /// Runs a handler; gives the open waits back as they were.
    pub(crate) fn call_handler(
        &self,
        script: &Script,
        handler: &Handler,
        cause: &Cause<'_>,
        now: Timestamp,
        begin: Begin,
    ) -> Performed {
        let run = blank_run(script, handler, cause, now);
        let argument = handler.takes_event.then(|| cause.argument(self, handler));
        let Some(main) = script.files.get(&script.name) else {
            return (skip(run, "unloaded"), begin.open, None);
        };
        let call = Call {
            state: handler.state.as_ref().unwrap_or(&main.state),
            function: convert::copy_function(&handler.function),
            arguments: argument.into_iter().collect(),
            depth: cause.depth(),
            retry: wait::retry(script, handler, cause, &run, &begin.chain),
            chain: begin.chain,
            open: begin.open,
            writes: begin
                .writes
                .into_iter()
                .chain(cause.writes(handler))
                .collect(),
        };
        self.perform(script, run, call)
    }

    /// The record of a handler that did not run.
    pub(crate) fn skipped(
        &self,
        script: &Script,
        handler: &Handler,
        cause: &Cause<'_>,
        reason: &str,
        now: Timestamp,
    ) -> Run {
        let mut run = skip(blank_run(script, handler, cause, now), reason);
        if let Cause::Tick(tick) = cause {
            tick.explain(&mut run);
        }
        run
    }

    /// Calls a function over a handler's argument for its value; whatever else it decides is
    /// dropped. No value when it made a mistake, which is the run's outcome then.
    fn evaluate(
        &self,
        script: &Script,
        handler: &Handler,
        cause: &Cause<'_>,
        function: &FnPtr,
        now: Timestamp,
    ) -> (Run, Option<Dynamic>) {
        let mut run = blank_run(script, handler, cause, now);
        let Some(main) = script.files.get(&script.name) else {
            return (skip(run, "unloaded"), None);
        };
        let call = Call {
            state: handler.state.as_ref().unwrap_or(&main.state),
            function: convert::copy_function(function),
            arguments: vec![cause.argument(self, handler)],
            depth: cause.depth(),
            chain: Chain::default(),
            open: OpenWaits::default(),
            writes: Vec::new(),
            retry: None,
        };
        let ended = self.call(script, &run, call);
        run.outcome = outcome(&ended.result, ended.exceeded(), &run.place.path, &run.place);
        match ended.result {
            Ok(Ok(value)) if run.outcome == Outcome::Ok => (run, Some(value)),
            _ => (run, None),
        }
    }

    /// The event with its parsed body, shared with the other handlers of the same event.
    fn view(&self, event: &Arc<Event>) -> Arc<View> {
        let mut views = self
            .inner
            .views
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views
            .iter()
            .rev()
            .find(|view| Arc::ptr_eq(&view.event, event))
        {
            return view.clone();
        }
        let view = Arc::new(View::new(event.clone()));
        if views.len() == VIEWS {
            views.pop_front();
        }
        views.push_back(view.clone());
        view
    }
}

/// A run of this script that has not done anything yet.
pub(crate) fn blank(script: &str, hash: &str, now: Timestamp) -> Run {
    Run {
        event: 0,
        script: script.to_owned(),
        script_hash: hash.to_owned(),
        handler: String::new(),
        place: Place {
            path: script.to_owned(),
            ..Place::default()
        },
        title: String::new(),
        started: now,
        duration_us: 0,
        outcome: Outcome::Ok,
        logs: Vec::new(),
        actions: Vec::new(),
        state: Vec::new(),
        waits: Vec::new(),
        cancelled: Vec::new(),
        emitted: Vec::new(),
        asked: Vec::new(),
        depth: 0,
    }
}

fn blank_run(script: &Script, handler: &Handler, cause: &Cause<'_>, now: Timestamp) -> Run {
    let (event, text) = cause.identity(handler);
    Run {
        event,
        handler: text,
        place: handler.place.clone(),
        title: handler.title.clone(),
        ..blank(&script.name, &script.hash, now)
    }
}

fn skip(mut run: Run, reason: &str) -> Run {
    run.outcome = Outcome::Skipped {
        reason: reason.to_owned(),
    };
    run
}
