//! What a script may use up. Rhai has no limit on total memory, so the sizes are chosen small:
//! a value passes its check only after the native function that made it has returned, and
//! `replace` on a 1 MiB string was seen to peak at 70 MB.

use rhai::Engine;
use std::time::Duration;

/// The stack that a thread needs to call [`crate::Host::run`], [`crate::Host::run_wait`],
/// [`crate::Host::load`] or [`crate::Host::load_version`].
///
/// A level of script calls takes about 16 KB of stack in a release build and several times as
/// much without optimisation; an overflow kills the process, which no limit can prevent.
pub const STACK_SIZE: usize = if cfg!(debug_assertions) {
    64 << 20
} else {
    8 << 20
};

/// The limits of one run. `Default` is right for a small computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of a run, with everything that it asks.
    pub run_time: Duration,
    /// Wall-clock time of loading a script: its top level and those of its libraries.
    pub load_time: Duration,
    /// Bytes by which the whole process may grow during a run (Linux only); see `memory`.
    pub memory: u64,
    /// Operations; a second fence only, because callbacks of natives count afresh.
    pub operations: u64,
    /// Depth of script calls.
    pub call_depth: usize,
    /// Bytes in a string.
    pub string_size: usize,
    /// Elements in an array.
    pub array_size: usize,
    /// Members in a map.
    pub map_size: usize,
    /// Variables alive at once.
    pub variables: usize,
    /// Modules imported.
    pub modules: usize,
    /// Actions told in one run.
    pub actions: usize,
    /// Questions asked in one run: `http::get`, `sheet::read`, `command::run` and the like.
    pub asks: usize,
    /// State values written in one run.
    pub state_writes: usize,
    /// Bytes of the state of all scripts together, beyond which this one makes it no larger.
    pub state_size: usize,
    /// Bytes of everything that one run may decide, as JSON: actions, events, state values, and
    /// what waits keep. Attachments count as references.
    pub run_size: usize,
    /// Events emitted in one run.
    pub emitted: usize,
    /// Waits begun in one run.
    pub waits: usize,
    /// Waits of one script that may be open at once.
    pub waits_outstanding: usize,
    /// Bytes of what the open waits of one script keep, together.
    pub waits_size: usize,
    /// How many emitted events may lie between an event and the outside.
    pub emit_depth: u32,
    /// Log lines kept of one run.
    pub log_lines: usize,
    /// Bytes kept of one log line.
    pub log_line_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            run_time: Duration::from_secs(10),
            load_time: Duration::from_secs(2),
            memory: 128 << 20,
            operations: 100_000_000,
            call_depth: 64,
            string_size: 256 * 1024,
            array_size: 10_000,
            map_size: 10_000,
            variables: 1_000,
            modules: 64,
            actions: 100,
            asks: 100,
            state_writes: 1_000,
            state_size: 16 << 20,
            run_size: 16 << 20,
            emitted: 100,
            waits: 100,
            waits_outstanding: 10_000,
            waits_size: 16 << 20,
            emit_depth: 16,
            log_lines: 200,
            log_line_size: 2_048,
        }
    }
}

/// What people are told of a limit: what happened, and the key that raises it.
pub(crate) fn reached(what: &str, key: &str, script: &str) -> String {
    format!(
        "{what}; if it has to be more: `{key}` in [script.{script:?}.limits], or in [limits] for all scripts"
    )
}

impl Limits {
    /// Whether one engine can serve both: Rhai keeps these limits in the engine.
    pub(crate) fn share_an_engine(&self, other: &Self) -> bool {
        let kept = |limits: &Self| {
            (
                limits.operations,
                [
                    limits.call_depth,
                    limits.string_size,
                    limits.array_size,
                    limits.map_size,
                    limits.variables,
                    limits.modules,
                ],
            )
        };
        kept(self) == kept(other)
    }

    /// Puts the limits that Rhai itself watches into an engine.
    pub(crate) fn apply(&self, engine: &mut Engine) {
        engine
            .set_max_operations(self.operations)
            .set_max_call_levels(self.call_depth)
            .set_max_string_size(self.string_size)
            .set_max_array_size(self.array_size)
            .set_max_map_size(self.map_size)
            .set_max_variables(self.variables)
            .set_max_functions(500)
            .set_max_modules(self.modules)
            // The parser's own default (64, 32 in functions) already stops a chain of 65 `+`.
            .set_max_expr_depths(128, 96);
        engine.on_progress(|_| crate::deadline::tick());
    }
}
