//! Logging: coloured lines on a terminal, JSON lines elsewhere, always on standard error.
//!
//! Standard output belongs to the commands' results, so that `porchlight events --json | jq` works
//! while the log goes where the system collects it.

use std::io::IsTerminal;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Sets up logging for the whole program.
///
/// # Errors
/// When `levels` can't be read; the text says what was expected.
pub fn start(levels: &str) -> Result<(), String> {
    let filter: Targets = levels.parse().map_err(|_| {
        format!("--log can't be `{levels}`; write error, warn, info, debug or trace")
    })?;
    let terminal = std::io::stderr().is_terminal();
    let person = terminal.then(|| fmt::layer().with_writer(std::io::stderr).with_target(false));
    let machine = (!terminal).then(|| {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
    });
    tracing_subscriber::registry()
        .with(person)
        .with(machine)
        .with(filter)
        .try_init()
        .map_err(|e| e.to_string())
}
