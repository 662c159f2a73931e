//! From a text to a loaded script: compile, check, run the top level once, keep what it asked for.
//!
//! The top level runs in isolation and under a short deadline; telling or asking there is an error.
//! Everything that can be found at once is reported at once.

use crate::check::{self, Functions};
use crate::compile::compile;
use crate::current::{self, Current, Loading};
use crate::explain;
use crate::host::HostConfig;
use crate::script::{self, File, Inner, Script};
use crate::{apart, deadline, permissions, resolve, stdlib};
use porchlight_core::{Diagnostic, Severity};
use rhai::{AST, Engine, EvalAltResult, GlobalRuntimeState, Module, Scope};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// The native function that keeps the engine's state of the place where it is called, and the name
/// under which [`library`] calls it in a library.
pub(crate) const HERE: &str = "__here";
pub(crate) const LIBRARY: &str = "__library";

/// Loads a script, from disk or from the sources of a pinned version (its own text first).
pub(crate) fn script(
    engine: &Engine,
    functions: &dyn Fn() -> Arc<Functions>,
    config: &Arc<HostConfig>,
    name: &str,
    sources: Vec<(String, String)>,
    pinned: bool,
) -> Result<Script, Vec<Diagnostic>> {
    let source = sources.first().map(|(_, text)| text.clone());
    let source = source.unwrap_or_default();
    let mut loading = Loading {
        sources,
        pinned,
        stack: vec![name.to_owned()],
        ..empty(config, name)
    };
    let policy = &config.rules.permissions;
    let kinds = permissions::kinds(&config.targets);
    let (needs, mut mistakes) = permissions::read(name, &source, &kinds);
    loading.rights = policy.rights(name, &needs);
    if loading.rights.is_none() || pinned {
        // Nothing depends on it, so it may as well be a sentence of somebody's description; and what
        // was not understood when it went live was not granted either.
        mistakes = mistakes.into_iter().map(Diagnostic::as_warning).collect();
    }
    loading.diagnostics = mistakes;
    if source.len() > config.limits.string_size * 4 {
        let wrong = Diagnostic::error_in(name, "the script is larger than 1 MiB");
        return Err(vec![wrong]);
    }
    let ast = match compile(engine, name, &source) {
        Ok(ast) => ast,
        Err(broken) => {
            let mut found = broken.and_more(&loading, &functions());
            sort(&mut found);
            return Err(found);
        }
    };
    let deadline = deadline::start(config.limits.load_time, config, name);
    let current = Current::Loading(Box::new(std::mem::replace(
        &mut loading,
        empty(config, name),
    )));
    let (result, current) = current::during(current, || {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            evaluate(engine, &ast, name, &source)
        }))
    });
    if let Some(Current::Loading(kept)) = current {
        loading = *kept;
    }
    let mut stopped = None;
    match result {
        Ok(Ok(())) => {}
        Ok(Err(wrong)) => {
            let mistake = explain::mistake(&wrong, name);
            // A library that does not compile was noted with its own place already.
            let already = |known: &Diagnostic| {
                known.severity == Severity::Error
                    && (known.path == mistake.place.path && known.line == mistake.place.line
                        || known.path != name && mistake.message.ends_with(&known.message))
            };
            if !loading.diagnostics.iter().any(already) {
                let message = mistake.message;
                let wrong = explain::diagnostic(&loading.sources, &mistake.place, message);
                stopped = Some(wrong.with_help(mistake.help));
            }
        }
        Err(_) => loading.diagnostics.push(Diagnostic::error_in(
            name,
            "the host itself failed while loading this script; please report it",
        )),
    }
    drop(deadline);
    finish(loading, stopped, &ast, &functions())
}

/// Errors first, each kind in the order of the text.
fn sort(found: &mut Vec<Diagnostic>) {
    found.sort_by(|a, b| {
        (b.severity, &a.path, a.line, a.column).cmp(&(a.severity, &b.path, b.line, b.column))
    });
    found.dedup();
}

fn empty(config: &Arc<HostConfig>, name: &str) -> Loading {
    Loading {
        config: config.clone(),
        script: name.to_owned(),
        rights: None,
        sources: Vec::new(),
        pinned: true,
        stack: Vec::new(),
        modules: HashMap::new(),
        files: BTreeMap::new(),
        captured: None,
        handlers: Vec::new(),
        settings: Vec::new(),
        defaults: BTreeMap::new(),
        entities: Vec::new(),
        diagnostics: Vec::new(),
    }
}

/// Runs the top level of the script and keeps the engine's state at its end.
fn evaluate(engine: &Engine, ast: &AST, name: &str, source: &str) -> Fallible<()> {
    let mut global = engine.new_global_runtime_state();
    push_standard(engine, ast, name, &mut global)?;
    let runs = apart::runs(engine, name, source, ast);
    let mut whole = runs.merge(&engine.compile(format!("{HERE}()"))?);
    whole.set_source(name);
    Module::eval_ast_as_new_raw(engine, &mut Scope::new(), &mut global, &whole)?;
    let state = current::loading(|loading| loading.captured.take()).flatten();
    keep(name, ast, runs, state)
}

/// Loads a library; called by the resolver.
pub(crate) fn library(engine: &Engine, key: &str, text: &str) -> Fallible<rhai::Shared<Module>> {
    let (ast, runs) = match crate::compile::library(engine, key, text) {
        Ok(both) => both,
        Err(broken) => {
            let first = broken.mistakes.first();
            let message = first.map(|first| format!("{key}:{}: {}", first.line, first.message));
            current::loading(|loading| loading.diagnostics.extend(broken.mistakes));
            return Err(message.unwrap_or_default().into());
        }
    };
    let mut global = engine.new_global_runtime_state();
    push_standard(engine, &ast, key, &mut global)?;
    let here = engine.compile(format!("fn {HERE}{HERE}() {{ {HERE}() }}"))?;
    let mut whole = runs.merge(&here);
    whole.set_source(key);
    let module = Module::eval_ast_as_new_raw(engine, &mut Scope::new(), &mut global, &whole)?;
    let module: rhai::Shared<Module> = module.into();
    // Ask the library itself for the state in which its functions run.
    global.push_import(LIBRARY, module.clone());
    let ask = engine.compile(format!("{LIBRARY}::{HERE}{HERE}()"))?;
    Module::eval_ast_as_new_raw(engine, &mut Scope::new(), &mut global, &ask)?;
    let state = current::loading(|loading| loading.captured.take()).flatten();
    keep(key, &ast, runs, state)?;
    Ok(module)
}

fn keep(path: &str, ast: &AST, runs: AST, state: Option<GlobalRuntimeState>) -> Fallible<()> {
    let Some(mut state) = state else {
        return Err("the top level ended early; `return` belongs into functions".into());
    };
    state.level = 0;
    state.scope_level = 0;
    let ast = ast.clone();
    current::loading(|loading| {
        loading
            .files
            .insert(path.to_owned(), File { ast, runs, state });
    });
    Ok(())
}

/// Puts the parts of the standard library that a file mentions into its scope.
fn push_standard(
    engine: &Engine,
    ast: &AST,
    own: &str,
    global: &mut GlobalRuntimeState,
) -> Fallible<()> {
    let (_, roots) = check::imports(ast);
    for (name, path) in stdlib::names() {
        if path != own && roots.contains(name) {
            global.push_import(name, resolve::module(engine, path)?);
        }
    }
    Ok(())
}

/// Checks all files, and makes the script of what its top level asked for.
///
/// What stopped the top level is left out where the check says what is wrong with that line.
fn finish(
    mut loading: Loading,
    stopped: Option<Diagnostic>,
    ast: &AST,
    functions: &Functions,
) -> Result<Script, Vec<Diagnostic>> {
    let name = loading.script.clone();
    let mut asts: Vec<(String, AST)> = vec![(name.clone(), ast.clone())];
    for (path, file) in &loading.files {
        if *path != name {
            asts.push((path.clone(), file.ast.clone()));
        }
    }
    // What was checked when it went live is not judged again by what is known since.
    if !loading.pinned {
        let found = check::files(&loading, functions, &asts);
        loading.diagnostics.extend(found);
        for (path, ast) in &asts {
            permissions::undeclared(&mut loading, path, ast);
        }
    }
    let known = stopped.as_ref().is_some_and(|stopped| {
        let errors = loading.diagnostics.iter();
        let mut errors = errors.filter(|one| one.severity == Severity::Error);
        errors.any(|one| one.path == stopped.path && one.line == stopped.line)
    });
    loading.diagnostics.extend(stopped.filter(|_| !known));
    if loading.handlers.is_empty() && !has_errors(&loading.diagnostics) {
        let message = "this script waits for nothing, so it never does anything";
        let help = "begin with `on(\"**\", |event| { … });`, or move it into scripts/lib/";
        let nothing = Diagnostic::error_in(&name, message);
        loading
            .diagnostics
            .push(nothing.with_help(help).as_warning());
    }
    sort(&mut loading.diagnostics);
    if has_errors(&loading.diagnostics) {
        return Err(loading.diagnostics);
    }
    // Functions of libraries find the standard library where the script's own do.
    let standard: Vec<_> = stdlib::names()
        .filter_map(|(name, path)| Some((name, loading.modules.get(path)?.clone())))
        .collect();
    let complete = |state: &mut GlobalRuntimeState| {
        for (name, module) in &standard {
            if state.find_import(name).is_none() {
                state.push_import(*name, module.clone());
            }
        }
    };
    loading
        .files
        .values_mut()
        .for_each(|file| complete(&mut file.state));
    let mut handlers = loading.handlers;
    handlers
        .iter_mut()
        .filter_map(|one| one.state.as_mut())
        .for_each(complete);

    let (own, mut libraries): (Vec<_>, Vec<_>) = loading
        .sources
        .into_iter()
        .partition(|(path, _)| *path == name);
    if loading.pinned {
        libraries.retain(|(path, _)| loading.modules.contains_key(path));
    }
    libraries.sort();
    let mut emits: Vec<String> = asts.iter().flat_map(|(_, ast)| check::emits(ast)).collect();
    emits.sort();
    emits.dedup();
    let imports = libraries.iter().map(|(path, _)| path.clone()).collect();
    let sources: Vec<_> = own.into_iter().chain(libraries).collect();
    Ok(Script::new(Inner {
        hash: script::hash(&sources),
        description: description(sources.first().map_or("", |(_, text)| text)),
        name,
        handlers,
        imports,
        sources,
        warnings: loading.diagnostics,
        rights: loading.rights,
        settings: loading.settings,
        defaults: loading.defaults,
        entities: loading.entities,
        emits,
        files: loading.files,
    }))
}

fn has_errors(found: &[Diagnostic]) -> bool {
    found.iter().any(|one| one.severity == Severity::Error)
}

/// The leading `//!` comment, without its marks.
pub(crate) fn description(source: &str) -> String {
    let lines = source.lines().map(str::trim_start);
    let lines = lines.map_while(|line| line.strip_prefix("//!"));
    lines.map(str::trim).collect::<Vec<_>>().join("\n")
}
