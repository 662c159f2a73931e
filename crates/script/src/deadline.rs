//! The wall-clock deadline of the run on this thread.
//!
//! Two rules were found by trying. The count is our own: Rhai's `operations` starts over inside
//! callbacks of natives, so sampling on it overshoots. And the end is sticky: a termination inside
//! a function call arrives as an error that `try … catch` can catch, so every later tick ends
//! the run again.

use crate::memory;
use rhai::Dynamic;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How many operations pass between two looks at the clock: some microseconds.
const LOOK_EVERY: u32 = 256;

/// How many operations pass between two looks at the memory. A look costs some microseconds; the
/// largest values a script can make would fill about 100 MB in between.
const WEIGH_EVERY: u32 = 1024;

thread_local! {
    static MEMORY: Cell<u64> = const { Cell::new(u64::MAX) };
    static MOST: Cell<u64> = const { Cell::new(u64::MAX) };
    static GREW: Cell<bool> = const { Cell::new(false) };

    static END: Cell<Option<Instant>> = const { Cell::new(None) };
    static PASSED: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// Starts the clock of this thread; it stops when the guard is dropped.
pub(crate) fn start(time: Duration, memory: u64) -> Deadline {
    MEMORY.set(memory);
    MOST.set(u64::MAX);
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
        END.set(None);
        PASSED.set(false);
        GREW.set(false);
    }
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
    if count.is_multiple_of(WEIGH_EVERY) && too_heavy() {
        GREW.set(true);
        return Some(Dynamic::UNIT);
    }
    None
}

/// Whether the process has grown too much since the first look of this run. Short runs never look.
fn too_heavy() -> bool {
    let Some(now) = memory::resident() else {
        return false;
    };
    if MOST.get() == u64::MAX {
        MOST.set(now.saturating_add(MEMORY.get()));
    }
    now > MOST.get()
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
