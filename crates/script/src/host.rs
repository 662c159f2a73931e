//! Loads scripts and runs their handlers; every run ends as a value, whatever the script does.
//!
//! One engine serves all scripts. A run happens on the calling thread, which must have
//! [`crate::STACK_SIZE`] of stack; runs of one script must not overlap (one script is one lane),
//! runs of different scripts may. Nothing here performs an action.

pub(crate) mod silence;

use crate::check::Functions;
use crate::current::{self, Current, Running};
use crate::event::{ScriptEvent, View};
use crate::{Limits, Script, State, api, convert, deadline, explain, load, resolve, stdlib};
use porchlight_core::{ActionError, Diagnostic, Event, Outcome, Place, Run, Timestamp, Wait};
use rhai::{
    Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext, Position,
};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::time::{Duration, Instant};

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
    /// What a script may use up.
    pub limits: Limits,
    /// The shared state values.
    pub state: State,
    /// Performs what scripts ask.
    pub ask: Ask,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Loads and runs scripts. A clone is another handle to the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<Engine>,
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
        let mut engine = Engine::new();
        config.limits.apply(&mut engine);
        engine
            .set_strict_variables(true)
            .set_optimization_level(rhai::OptimizationLevel::None)
            .set_module_resolver(resolve::Libraries);
        api::register(&mut engine);
        // Stand-ins that the parser knows; each script brings the real ones.
        for (name, _) in stdlib::names() {
            engine.register_static_module(name, rhai::Module::new().into());
        }
        engine.register_static_module(load::LIBRARY, rhai::Module::new().into());
        Self {
            inner: Arc::new(Inner {
                engine: Arc::new(engine),
                config: Arc::new(config),
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
        Self {
            inner: Arc::new(Inner {
                engine: self.inner.engine.clone(),
                config: Arc::new(config),
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
        let functions = || {
            let made = || Arc::new(Functions::of_engine(&inner.engine));
            inner.functions.get_or_init(made).clone()
        };
        load::script(
            &inner.engine,
            &functions,
            &inner.config,
            name,
            sources,
            pinned,
        )
    }

    /// The shared state values.
    pub fn state(&self) -> &State {
        &self.inner.config.state
    }

    /// Runs a handler for an event. The run's state writes are applied to the shared state before
    /// this returns. An unknown handler number gives a run that was skipped.
    pub fn run(&self, script: &Script, handler: usize, event: &Arc<Event>, now: Timestamp) -> Run {
        let mut run = Run {
            event: event.id,
            handler: handler.to_string(),
            ..blank(script, now)
        };
        let Some(found) = script.handlers.get(handler) else {
            return skipped(run, "unloaded");
        };
        run.place = found.place.clone();
        run.title.clone_from(&found.title);
        if let Some(reason) = found.skips(event, now) {
            return skipped(run, reason);
        }
        let Some(main) = script.files.get(&script.name) else {
            return skipped(run, "unloaded");
        };
        let view = self.view(event);
        let value = Dynamic::from(ScriptEvent(view.clone()));
        let job = Job {
            state: found.state.as_ref().unwrap_or(&main.state),
            function: convert::copy_function(&found.function),
            arguments: if found.takes_event {
                vec![value]
            } else {
                Vec::new()
            },
            depth: event.depth,
            file: found.place.path.clone(),
        };
        self.perform(script, run, job)
    }

    /// Runs what an earlier run left for later. `script` must be the very version that the wait
    /// names (see [`Host::load_version`]); `event` the event of the run that began it, when it is
    /// still kept.
    pub fn run_wait(
        &self,
        script: &Script,
        wait: &Wait,
        event: Option<&Arc<Event>>,
        now: Timestamp,
    ) -> Run {
        let (path, name) = wait
            .function
            .rsplit_once('#')
            .unwrap_or((&script.name, &wait.function));
        let mut run = Run {
            event: wait.event,
            handler: format!("wait:{}", wait.id),
            title: wait.title.clone(),
            place: Place {
                path: path.to_owned(),
                line: wait.line,
                column: 0,
            },
            ..blank(script, now)
        };
        let found = script.files.get(path).and_then(|file| {
            let mut functions = file.ast.iter_fn_def();
            let wanted = wait.arguments.len();
            let function = functions.find(|one| one.name == name && one.params.len() == wanted)?;
            Some((file, function.clone()))
        });
        let Some((file, function)) = found else {
            run.outcome = Outcome::Error {
                message: format!(
                    "version {} of {} has no function `{name}`",
                    script.hash, script.name
                ),
                place: run.place.clone(),
            };
            return run;
        };
        let view = event.map(|event| self.view(event));
        let value = view.clone().map(|view| Dynamic::from(ScriptEvent(view)));
        let value = value.unwrap_or(Dynamic::UNIT);
        let arguments = wait.arguments.iter();
        let job = Job {
            state: &file.state,
            function: FnPtr::from(function),
            arguments: arguments
                .map(|one| convert::from_wait(one, &value))
                .collect(),
            depth: wait.depth,
            file: path.to_owned(),
        };
        self.perform(script, run, job)
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

    fn perform(&self, script: &Script, mut run: Run, job: Job) -> Run {
        let inner = &*self.inner;
        let begun = Instant::now();
        let running = Running {
            config: inner.config.clone(),
            script: script.clone(),
            event: run.event,
            depth: job.depth,
            now: run.started,
            label: format!("{}/{}", script.name, run.handler),
            logs: Vec::new(),
            actions: Vec::new(),
            writes: Vec::new(),
            overlay: BTreeMap::new(),
            waits: Vec::new(),
            emitted: Vec::new(),
            exceeded: None,
        };
        let deadline = deadline::start(inner.config.limits.run_time, inner.config.limits.memory);
        let file = job.file.clone();
        let current = Current::Running(Box::new(running));
        let (result, current) = current::during(current, || {
            let call = || job.call(&inner.engine);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(call))
        });
        let decided = match current {
            Some(Current::Running(running)) => Some(running),
            _ => None,
        };
        let exceeded = decided
            .as_ref()
            .and_then(|running| running.exceeded.clone());
        run.outcome = outcome(result, exceeded, &file, &run.place);
        drop(deadline);
        if let Some(decided) = decided {
            run.logs = decided.logs;
            if !matches!(run.outcome, Outcome::Limit { .. }) {
                run.actions = decided.actions;
                run.state = decided.writes;
                run.waits = decided.waits.into_iter().flatten().collect();
                run.emitted = decided.emitted;
            }
        }
        inner.config.state.apply(&run.state);
        run.duration_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        run
    }
}

/// A function to call, with everything that it needs.
struct Job<'a> {
    state: &'a GlobalRuntimeState,
    function: FnPtr,
    arguments: Vec<Dynamic>,
    depth: u32,
    file: String,
}

impl Job<'_> {
    fn call(self, engine: &Engine) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut state = self.state.clone();
        state.num_operations = 0;
        let source = state.source.clone();
        let context = NativeCallContext::new_with_all_fields(
            engine,
            self.function.fn_name(),
            source.as_deref(),
            &state,
            Position::NONE,
        );
        self.function.call_raw(&context, None, self.arguments)
    }
}

type Ended = std::thread::Result<Result<Dynamic, Box<EvalAltResult>>>;

fn outcome(result: Ended, exceeded: Option<String>, file: &str, whole: &Place) -> Outcome {
    let mistake = match &result {
        Ok(Ok(_)) => None,
        Ok(Err(wrong)) => Some(explain::mistake(wrong, file)),
        Err(_) => {
            return Outcome::Error {
                message: "the host itself failed in this run; please report it".to_owned(),
                place: whole.clone(),
            };
        }
    };
    let place = mistake.as_ref().map_or(whole, |mistake| &mistake.place);
    let place = if place.line == 0 { whole } else { place }.clone();
    if let Some(message) = exceeded {
        return Outcome::Limit { message, place };
    }
    match mistake {
        None => Outcome::Ok,
        Some(mistake) => {
            let message = if mistake.help.is_empty() {
                mistake.message
            } else {
                format!("{}; {}", mistake.message, mistake.help)
            };
            if mistake.limit {
                Outcome::Limit { message, place }
            } else {
                Outcome::Error { message, place }
            }
        }
    }
}

fn blank(script: &Script, now: Timestamp) -> Run {
    Run {
        event: 0,
        script: script.name.clone(),
        script_hash: script.hash.clone(),
        handler: String::new(),
        place: Place::default(),
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
    }
}

fn skipped(mut run: Run, reason: &str) -> Run {
    run.outcome = Outcome::Skipped {
        reason: reason.to_owned(),
    };
    run
}
