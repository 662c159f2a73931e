//! Scripts without consequences: what `test`, `replay` and `check --against` have in common.
//!
//! The host that is made here asks nobody and has no state of the house; whoever rehearses gives it
//! both. The journal is only read.

mod supplies;

pub use supplies::supplies;

use crate::config::{Config, FILE};
use crate::dispatch::system_clock;
use crate::home::Home;
use porchlight_core::Diagnostic;
use porchlight_script::{Host, HostConfig};
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

/// A host with the configuration's settings and targets.
pub fn host(home: &Home, config: Option<&Config>) -> Host {
    let empty = || serde_json::json!({});
    Host::new(HostConfig {
        scripts_dir: home.scripts(),
        settings: config.map_or_else(empty, |config| config.settings.clone()),
        targets: config.map_or_else(empty, |config| config.targets.seen.clone().into()),
        clock: system_clock(),
        ..HostConfig::default()
    })
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
