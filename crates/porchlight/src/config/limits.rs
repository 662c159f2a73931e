//! `[limits]` and `[script."gate.rhai".limits]`: what one run of a script may use.
//!
//! A key that a script's own table leaves out is that of `[limits]`, and what that leaves out is
//! the default.

use super::reader::Section;
use porchlight_script::Limits;

/// Reads one table of limits over those that hold without it.
pub fn read(section: &Section<'_>, base: &Limits) -> Limits {
    let count = |key: &str, least: u64, most: u64, base: usize| {
        let found = section.number(key, least..=most);
        found.and_then(|n| usize::try_from(n).ok()).unwrap_or(base)
    };
    // An upper bound is where the host itself would be at risk, whoever asks for more.
    let size = |key: &str, most: u64, base: usize| {
        let Some(bytes) = section.size(key) else {
            return base;
        };
        if bytes == 0 || bytes > most {
            let span = section
                .value(key)
                .map_or(section.span(), |value| value.span());
            let message = format!("`{key}` must be from 1B to {} MiB", most >> 20);
            section.source().error(span, message, "");
        }
        usize::try_from(bytes).unwrap_or(base)
    };
    Limits {
        operations: section
            .number("operations", 1_000..=10_000_000_000)
            .unwrap_or(base.operations),
        run_time: section.duration("time").unwrap_or(base.run_time),
        memory: size(
            "memory",
            64 << 30,
            usize::try_from(base.memory).unwrap_or(usize::MAX),
        ) as u64,
        // More would overflow the stack of the threads that scripts run on.
        call_depth: count("call_depth", 1, 64, base.call_depth),
        string_size: size("string_size", 16 << 20, base.string_size),
        array_size: count("array_size", 1, 1_000_000, base.array_size),
        map_size: count("map_size", 1, 1_000_000, base.map_size),
        actions: count("actions", 0, 10_000, base.actions),
        asks: count("asks", 0, 10_000, base.asks),
        waits: count("waits", 0, 10_000, base.waits),
        waits_outstanding: count("waits_outstanding", 0, 100_000, base.waits_outstanding),
        waits_size: size("waits_size", 1 << 30, base.waits_size),
        emitted: count("emitted", 0, 10_000, base.emitted),
        log_lines: count("log_lines", 0, 10_000, base.log_lines),
        state_writes: count("state_writes", 0, 100_000, base.state_writes),
        state_size: size("state_size", 1 << 30, base.state_size),
        run_size: size("run_size", 256 << 20, base.run_size),
        ..base.clone()
    }
}
