//! Scripts without consequences: what `test`, `replay` and `check --against` have in common.
//!
//! The host that is made here asks nobody and has no state of the house; whoever rehearses gives it
//! both. The journal is only read.

pub mod deeds;
pub mod recording;
mod supplies;

pub use supplies::supplies;

use crate::config::{Config, FILE, ScriptRules};
use crate::dispatch::system_clock;
use crate::home::Home;
use crate::scripts::is_library;
use porchlight_core::Diagnostic;
use porchlight_script::schedule::HomePlace;
use porchlight_script::testing::{Supplies, Tests, tested_by, tests_of};
use porchlight_script::watch::{Batch, Content, scan};
use porchlight_script::{Host, HostConfig, Script};
use std::sync::Arc;
use std::time::Duration;

/// How long the tests of one file may take; more is no test of a script but a program.
pub const FILE_TIME: Duration = Duration::from_secs(5);

/// The configuration; none in a folder that has no `porchlight.toml`, such as one of scripts alone.
///
/// # Errors
/// Every mistake in the file.
pub fn config(home: &Home) -> Result<Option<Config>, Vec<Diagnostic>> {
    if home.dir.join(FILE).exists() {
        Config::load(&home.dir).map(Some)
    } else {
        Ok(None)
    }
}

/// A host with the configuration's settings, targets, limits and permissions.
pub fn host(home: &Home, config: Option<&Config>) -> Host {
    let empty = || serde_json::json!({});
    let rules = config.map_or_else(ScriptRules::default, |config| config.rules.clone());
    Host::new(HostConfig {
        scripts_dir: home.scripts(),
        settings: config.map_or_else(empty, |config| config.settings.clone()),
        targets: config.map_or_else(empty, |config| config.targets.seen.clone().into()),
        named: config.map_or_else(Default::default, Config::named),
        place: config.map_or_else(HomePlace::default, |config| config.place.clone()),
        limits: rules.limits,
        rules: rules.rules,
        clock: system_clock(),
        ..HostConfig::default()
    })
}

/// All scripts of a home that load, and what is wrong with the others. The calling thread needs the
/// stack that scripts need.
///
/// # Errors
/// The folder can't be read.
pub fn load_all(home: &Home, host: &Host) -> Result<(Vec<Arc<Script>>, Vec<Diagnostic>), String> {
    let batch = scan(&home.scripts(), &[]);
    let batch = batch.map_err(|error| format!("scripts can't be read: {error}"))?;
    let (mut scripts, mut problems) = (Vec::new(), Vec::new());
    for entry in batch.entries {
        if is_library(&entry.path) || tested_by(&entry.path).is_some() {
            continue;
        }
        let loaded = match entry.content {
            Content::Text(source) => host.load(&entry.path, &source),
            Content::Gone => continue,
            Content::Unreadable { message } => {
                Err(vec![Diagnostic::error_in(&entry.path, message)])
            }
        };
        match loaded {
            Ok(script) => scripts.push(Arc::new(script)),
            Err(wrong) => problems.extend(wrong),
        }
    }
    Ok((scripts, problems))
}

/// What is wrong with the test files of a folder, without running a test.
pub fn check_tests(host: &Host, batch: &Batch) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut tests = None;
    for entry in &batch.entries {
        let Some(script) = tested_by(&entry.path) else {
            continue;
        };
        let Content::Text(source) = &entry.content else {
            continue; // the library tells of it
        };
        let is_there = batch.entries.iter().any(|other| other.path == script);
        problems.extend(nothing_to_test(&script, is_there));
        let tests = tests.get_or_insert_with(|| Tests::new(host, Supplies::none()));
        problems.extend(tests.check(&entry.path, source));
    }
    problems
}

/// Why a file of tests can't be one for this script.
pub fn nothing_to_test(script: &str, is_there: bool) -> Option<Diagnostic> {
    let path = tests_of(script);
    if is_library(script) {
        let help = "test it through a script that uses it";
        let wrong =
            Diagnostic::error_in(&path, "a library has no handlers that a test could reach");
        return Some(wrong.with_help(help));
    }
    let missing = || Diagnostic::error_in(&path, format!("{script}, which it tests, is not there"));
    (!is_there).then(missing)
}

/// Does something on a thread with the stack that scripts need.
///
/// # Errors
/// When the system gives no thread, or the work panicked.
pub fn on_big_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(porchlight_script::STACK_SIZE)
            .spawn_scoped(scope, work)
            .map_err(|error| format!("the system gives no threads: {error}"))?;
        thread
            .join()
            .map_err(|_| "it failed; please report it".to_owned())
    })
}
