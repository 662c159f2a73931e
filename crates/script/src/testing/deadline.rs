//! How long a test file may take: a clock beside that of the scripts it runs, on the same thread.

use rhai::{Dynamic, Engine};
use std::cell::Cell;
use std::time::Instant;

/// How many operations pass between two looks at the clock.
const LOOK_EVERY: u32 = 256;

thread_local! {
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

/// Makes the engine stop when the time of this thread is over.
pub(super) fn watch(engine: &mut Engine) {
    engine.on_progress(|_| {
        let count = COUNT.get().wrapping_add(1);
        COUNT.set(count);
        // The end does not go away, so a test that catches it is stopped again.
        let over = count.is_multiple_of(LOOK_EVERY) && passed();
        over.then_some(Dynamic::UNIT)
    });
}

/// Starts the clock of this thread; it stops when the guard is dropped.
pub(super) fn start(end: Instant) -> Running {
    END.set(Some(end));
    Running
}

/// Whether the time is over.
pub(super) fn passed() -> bool {
    END.get().is_some_and(|end| Instant::now() >= end)
}

/// When it will be.
pub(super) fn end() -> Option<Instant> {
    END.get()
}

/// Stops the clock when dropped.
pub(super) struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        END.set(None);
    }
}
