//! Runs the tests of one file, each in a world of its own, and says how they ended.

use super::home::{self, Home};
use super::trial::Bench;
use super::{Supplies, deadline};
use crate::check::{self, Functions};
use crate::compile::compile;
use crate::{Host, Limits, Script, convert, explain};
use porchlight_core::{Diagnostic, Severity};
use rhai::{
    Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, Module, NativeCallContext, Position,
    Scope,
};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The function that keeps the engine's state at the end of the file.
const HERE: &str = "__end_of_file";

/// Runs test files. Making one costs about a millisecond; keep it.
#[derive(Clone)]
pub struct Tests {
    engine: Arc<Engine>,
    functions: Arc<Functions>,
    host: Host,
    supplies: Supplies,
}

/// How the tests of a file ended.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// `gate.test.rhai`.
    pub path: String,
    /// In order; empty when the file does not load.
    pub tests: Vec<TestReport>,
    /// What is wrong with the file itself.
    pub problems: Vec<Diagnostic>,
    /// How long all of it took.
    pub took: Duration,
}

/// How a test ended.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// What it is called.
    pub name: String,
    /// Its line in the file.
    pub line: u32,
    /// Why it failed, where it did.
    pub failure: Option<Diagnostic>,
    /// How long it took.
    pub took: Duration,
}

impl FileReport {
    /// How many tests failed.
    pub fn failed(&self) -> usize {
        self.tests
            .iter()
            .filter(|test| test.failure.is_some())
            .count()
    }

    /// Whether the file loads and no test failed.
    pub fn is_good(&self) -> bool {
        let broken = self
            .problems
            .iter()
            .any(|one| one.severity == Severity::Error);
        !broken && self.failed() == 0
    }

    /// All that a person has to mend.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        let failures = self.tests.iter().filter_map(|test| test.failure.as_ref());
        self.problems.iter().chain(failures)
    }
}

/// A test of a file that loads.
struct Test {
    name: String,
    line: u32,
    function: FnPtr,
}

/// What the top level of a test file has asked for so far.
#[derive(Default)]
struct Loading {
    tests: Vec<Test>,
    state: Option<GlobalRuntimeState>,
}

thread_local! {
    static LOADING: RefCell<Option<Loading>> = const { RefCell::new(None) };
}

impl Tests {
    /// Tests of scripts of this host (or a sibling of it), with its settings and targets. Its state,
    /// clock and outside are never used.
    pub fn new(host: &Host, supplies: Supplies) -> Self {
        let mut engine = Engine::new();
        Limits::default().apply(&mut engine);
        deadline::watch(&mut engine);
        engine
            .set_strict_variables(true)
            .set_optimization_level(rhai::OptimizationLevel::None)
            .set_module_resolver(rhai::module_resolvers::DummyModuleResolver::new())
            .disable_symbol("eval");
        // What a test prints belongs to nobody; the terminal is not the library's.
        engine.on_print(|_| {}).on_debug(|_, _, _| {});
        engine
            .register_fn("test", test)
            .register_fn(HERE, |context: NativeCallContext| {
                let state = context.global_runtime_state().clone();
                LOADING.with_borrow_mut(|loading| {
                    if let Some(loading) = loading {
                        loading.state = Some(state);
                    }
                });
            });
        home::register(&mut engine);
        Self {
            functions: Arc::new(Functions::of_engine(&engine)),
            engine: Arc::new(engine),
            host: host.clone(),
            supplies,
        }
    }

    /// The same with other [`Supplies`].
    #[must_use]
    pub fn with_supplies(&self, supplies: Supplies) -> Self {
        Self {
            supplies,
            ..self.clone()
        }
    }

    /// Runs the tests whose name has `filter` in it; all, when the file's path has. The calling
    /// thread needs [`crate::STACK_SIZE`] of stack. After `time` the rest fails.
    pub fn run(
        &self,
        path: &str,
        source: &str,
        script: &Arc<Script>,
        filter: &str,
        time: Duration,
    ) -> FileReport {
        let started = Instant::now();
        let mut report = FileReport {
            path: path.to_owned(),
            tests: Vec::new(),
            problems: Vec::new(),
            took: Duration::ZERO,
        };
        let running = deadline::start(started + time);
        match self.load(path, source) {
            Ok((tests, state)) => {
                let host = self.host.sibling(|config| {
                    config.limits.run_time = config.limits.run_time.min(time);
                });
                let bench = Arc::new(Bench {
                    engine: Arc::clone(&self.engine),
                    host,
                    script: Arc::clone(script),
                    supplies: self.supplies.clone(),
                });
                let wanted = |test: &&Test| path.contains(filter) || test.name.contains(filter);
                for test in tests.iter().filter(wanted) {
                    report
                        .tests
                        .push(self.run_one(&bench, test, &state, (path, source), time));
                }
                if tests.is_empty() {
                    let nothing = Diagnostic::error_in(path, "this file has no tests");
                    let nothing = nothing.with_help("begin with test(\"…\", |home| { … });");
                    report.problems.push(nothing.as_warning());
                }
            }
            Err(problems) => report.problems = problems,
        }
        drop(running);
        report.took = started.elapsed();
        report
    }

    /// What is wrong with a test file; no test is run. The calling thread needs
    /// [`crate::STACK_SIZE`] of stack.
    pub fn check(&self, path: &str, source: &str) -> Vec<Diagnostic> {
        let _running = deadline::start(Instant::now() + Limits::default().load_time);
        self.load(path, source).err().unwrap_or_default()
    }

    fn load(
        &self,
        path: &str,
        source: &str,
    ) -> Result<(Vec<Test>, GlobalRuntimeState), Vec<Diagnostic>> {
        let engine = &*self.engine;
        let ast = match compile(engine, path, source) {
            Ok(ast) => ast,
            Err(broken) => {
                let mut found = broken.mistakes;
                let more = broken
                    .ast
                    .map(|ast| check::alone(path, source, &ast, &self.functions));
                found.extend(more.into_iter().flatten());
                found.sort_by_key(|one| (one.line, one.column));
                return Err(found);
            }
        };
        let found = check::alone(path, source, &ast, &self.functions);
        if found.iter().any(|one| one.severity == Severity::Error) {
            return Err(found);
        }
        LOADING.set(Some(Loading::default()));
        let evaluate = || {
            let mut global = engine.new_global_runtime_state();
            let mut whole = ast.merge(&engine.compile(format!("{HERE}()"))?);
            whole.set_source(path);
            Module::eval_ast_as_new_raw(engine, &mut Scope::new(), &mut global, &whole)
        };
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(evaluate));
        let loading = LOADING.take().unwrap_or_default();
        match (ended, loading.state) {
            (Ok(Ok(_)), Some(mut state)) => {
                state.level = 0;
                state.scope_level = 0;
                Ok((loading.tests, state))
            }
            (Ok(Err(error)), _) => {
                let mistake = explain::mistake(&error, path);
                let sources = [(path.to_owned(), source.to_owned())];
                let wrong = explain::diagnostic(&sources, &mistake.place, mistake.message);
                Err(vec![wrong.with_help(mistake.help)])
            }
            _ => Err(vec![Diagnostic::error_in(
                path,
                "this file could not be loaded",
            )]),
        }
    }

    fn run_one(
        &self,
        bench: &Arc<Bench>,
        test: &Test,
        state: &GlobalRuntimeState,
        (path, source): (&str, &str),
        time: Duration,
    ) -> TestReport {
        let started = Instant::now();
        let home = Home::new(Arc::clone(bench));
        let argument = vec![Dynamic::from(home.clone())];
        let function = convert::copy_function(&test.function);
        let work = || call(&self.engine, state, &function, argument);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let sources = [(path.to_owned(), source.to_owned())];
        let trial = home.trial();
        let mistake = match &ended {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(explain::mistake(error, path)),
            Err(_) => Some(explain::Mistake {
                message: "the host itself failed in this test; please report it".to_owned(),
                help: String::new(),
                place: porchlight_core::Place {
                    path: path.to_owned(),
                    line: test.line,
                    column: 0,
                },
                limit: false,
            }),
        };
        let failure = match (mistake, &trial.failure) {
            _ if deadline::passed() => {
                let time = porchlight_core::units::format_duration(time);
                let message = format!("the tests of this file take longer than {time}");
                Some(Diagnostic::error(path, source, test.line, 1, message))
            }
            (Some(mistake), Some((miss, _))) => {
                let wrong = explain::diagnostic(&sources, &mistake.place, miss.message.clone());
                let called = if mistake.help.starts_with("in ") {
                    mistake.help.as_str()
                } else {
                    ""
                };
                let parts = [called, &miss.help]
                    .into_iter()
                    .filter(|part| !part.is_empty());
                Some(wrong.with_help(parts.collect::<Vec<_>>().join("\n     ")))
            }
            (None, Some((miss, place))) => {
                let wrong = explain::diagnostic(&sources, place, miss.message.clone());
                Some(wrong.with_help(miss.help.clone()))
            }
            (Some(mistake), None) => {
                let wrong = explain::diagnostic(&sources, &mistake.place, mistake.message);
                Some(wrong.with_help(mistake.help))
            }
            (None, None) => trial.unexpected(),
        };
        TestReport {
            name: test.name.clone(),
            line: test.line,
            failure: failure.map(underlined),
            took: started.elapsed(),
        }
    }
}

/// The caret under the whole word.
fn underlined(mut wrong: Diagnostic) -> Diagnostic {
    let rest = wrong
        .source_line
        .chars()
        .skip(wrong.column.max(1) as usize - 1);
    let word = rest
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .count();
    wrong.width = u32::try_from(word).unwrap_or(1).max(1);
    wrong
}

/// `test("name", |home| { … })`.
fn test(context: NativeCallContext, name: &str, function: FnPtr) -> Result<(), Box<EvalAltResult>> {
    let at = context.call_position();
    let wrong = |message: &str| Err(EvalAltResult::ErrorRuntime(message.into(), at).into());
    let wanted = function.curry().len() + 1;
    let mut modules = context.iter_namespaces();
    if !modules.any(|module| module.get_script_fn(function.fn_name(), wanted).is_some()) {
        return wrong("a test is a function with one parameter: |home| { … }");
    }
    let line = u32::try_from(at.line().unwrap_or(0)).unwrap_or(0);
    let name = name.to_owned();
    let registered = LOADING.with_borrow_mut(|loading| {
        let loading = loading.as_mut()?;
        loading.tests.push(Test {
            name,
            line,
            function,
        });
        Some(())
    });
    match registered {
        Some(()) => Ok(()),
        None => wrong("`test` stands at the top level of the file"),
    }
}

/// Calls a function in the state that the engine had at the end of the file.
pub(super) fn call(
    engine: &Engine,
    state: &GlobalRuntimeState,
    function: &FnPtr,
    arguments: Vec<Dynamic>,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let mut state = state.clone();
    state.num_operations = 0;
    let source = state.source.clone();
    let context = NativeCallContext::new_with_all_fields(
        engine,
        function.fn_name(),
        source.as_deref(),
        &state,
        Position::NONE,
    );
    function.call_raw(&context, None, arguments)
}
