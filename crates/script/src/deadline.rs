//! The wall-clock deadline of the run on this thread.
//!
//! Two rules were found by trying. The count is our own: Rhai's `operations` starts over inside
//! callbacks of natives, so sampling on it overshoots. And the end is sticky: a termination inside
//! a function call arrives as an error that `try … catch` can catch, so every later tick ends
//! the run again.

use crate::host::HostConfig;
use crate::{Limits, limits, memory};
use rhai::Dynamic;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many operations pass between two looks at the clock: some microseconds.
const LOOK_EVERY: u32 = 256;

/// Who has touched fewer new pages (4 MB on most systems) did not make the process large.
const PAGES: u64 = 1024;

thread_local! {
    static MEMORY: Cell<u64> = const { Cell::new(u64::MAX) };
    static SINCE: Cell<u64> = const { Cell::new(u64::MAX) };
    static TOUCHED: Cell<u64> = const { Cell::new(u64::MAX) };
    static ASKED: Cell<u64> = const { Cell::new(0) };
    static GREW: Cell<bool> = const { Cell::new(false) };

    static END: Cell<Option<Instant>> = const { Cell::new(None) };
    static PASSED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u32> = const { Cell::new(0) };

    static WHOSE: RefCell<Option<(Arc<HostConfig>, String)>> = const { RefCell::new(None) };
}

/// Starts the clock of this thread; it stops when the guard is dropped. The limits are those of
/// `config`, for the script of this name.
pub(crate) fn start(time: Duration, config: &Arc<HostConfig>, script: &str) -> Deadline {
    WHOSE.set(Some((config.clone(), script.to_owned())));
    MEMORY.set(config.limits.memory);
    SINCE.set(memory::enter());
    TOUCHED.set(u64::MAX);
    ASKED.set(0);
    GREW.set(false);
    END.set(Instant::now().checked_add(time));
    PASSED.set(false);
    COUNT.set(0);
    Deadline
}

/// Stops the clock when dropped.
pub(crate) struct Deadline;

impl Drop for Deadline {
    fn drop(&mut self) {
        memory::leave(GREW.get());
        WHOSE.set(None);
        END.set(None);
        PASSED.set(false);
        GREW.set(false);
    }
}

/// What people are told of a limit that the run on this thread has reached: what happened, the
/// value, and the key that raises it.
pub(crate) fn limit(what: &str, key: &str, value: impl FnOnce(&Limits) -> String) -> String {
    WHOSE.with_borrow(|whose| match whose {
        Some((config, script)) => {
            let value = value(&config.limits);
            limits::reached(&format!("{what} (the limit is {value})"), key, script)
        }
        None => what.to_owned(),
    })
}

/// Called by the engine at every operation; `Some` ends the run.
pub(crate) fn tick() -> Option<Dynamic> {
    if PASSED.get() || GREW.get() {
        return Some(Dynamic::UNIT);
    }
    let count = COUNT.get().wrapping_add(1);
    COUNT.set(count);
    if count.is_multiple_of(LOOK_EVERY) && left().is_zero() {
        PASSED.set(true);
        return Some(Dynamic::UNIT);
    }
    // A few loads at every operation: thirty of them can double a byte to a gigabyte.
    if !is_long() {
        return None;
    }
    if TOUCHED.get() == u64::MAX {
        TOUCHED.set(memory::touched());
    }
    let growth = memory::growth_beyond(MEMORY.get());
    if growth > 0 && is_too_heavy(growth) {
        GREW.set(true);
        return Some(Dynamic::UNIT);
    }
    None
}

/// Whether this run has been seen by the scales.
fn is_long() -> bool {
    memory::weighed() >= SINCE.get()
}

/// Whether it is this run that has to end for the memory that the process has taken.
fn is_too_heavy(growth: u64) -> bool {
    let most = MEMORY.get();
    if growth > most + most / 2 {
        return true;
    }
    // Asked once for each time that the process is weighed.
    if ASKED.replace(memory::weighed()) == memory::weighed() {
        return false;
    }
    memory::touched().saturating_sub(TOUCHED.get()) >= PAGES
}

/// Whether this run was stopped for the memory it took.
pub(crate) fn grew() -> bool {
    GREW.get()
}

/// Whether this run's time is over.
pub(crate) fn passed() -> bool {
    PASSED.get()
}

/// The time that the run still has; zero ends it at its next operation.
pub(crate) fn left() -> Duration {
    let Some(end) = END.get() else {
        return Duration::MAX;
    };
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        PASSED.set(true);
    }
    left
}
