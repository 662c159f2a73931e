//! The events that tell of what a run changed in the state, stored with the run.
//!
//! Only keys that somebody listens to come here; see [`crate::State::apply`]. A chain of runs that
//! change the state because it changed ends like one of `emit`: with a mistake that says so.

use crate::Limits;
use crate::state::{self, Became};
use porchlight_core::{Outcome, Run};

/// Adds the events to a run, or says why there are none.
pub(super) fn tell(run: &mut Run, became: Vec<Became>, depth: u32, limits: &Limits) {
    let Some(first) = became.first() else {
        return;
    };
    if depth >= limits.emit_depth {
        let message = format!(
            "{depth} events already led to each other, so nobody is told that {:?} changed; does the script answer its own changes?",
            first.key
        );
        tracing::warn!(
            script = run.script,
            key = first.key,
            depth,
            "changes of the state go in circles"
        );
        if run.outcome == Outcome::Ok {
            let place = run.place.clone();
            run.outcome = Outcome::Error { message, place };
        }
        return;
    }
    let events: Vec<_> = became
        .into_iter()
        .map(|one| state::told(run, one, depth + 1))
        .collect();
    run.emitted.extend(events);
}
