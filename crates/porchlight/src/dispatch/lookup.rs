//! For whom an event is looked up, and what has been done with it already.

use super::backlog::Ran;
use porchlight_core::Event;
use porchlight_script::{Job, Script, Work};
use std::sync::Arc;

/// For whom an event is dispatched.
#[derive(Clone, Copy)]
pub(super) enum Lookup<'a> {
    /// For all scripts; it is new.
    Live,
    /// For all scripts, but not for the handlers that ran before the start.
    Recovered(&'a Ran),
    /// For one script that had deferred it, but not for the handlers that ran before the start.
    Lane(&'a str, &'a Ran),
}

/// The job of a handler that an event concerns.
pub(super) fn job(script: &Arc<Script>, handler: usize, event: &Arc<Event>) -> Job {
    Job {
        script: Some(Arc::clone(script)),
        event: Some(Arc::clone(event)),
        work: Work::Handler(handler),
    }
}

impl Lookup<'_> {
    /// Whether this handler is not meant, or ran before.
    pub(super) fn excludes(self, script: &Script, handler: usize) -> bool {
        let ran = match self {
            Self::Live => return false,
            Self::Lane(name, _) if script.name != name => return true,
            Self::Recovered(ran) | Self::Lane(_, ran) => ran,
        };
        let id = script.handlers.get(handler).map(|handler| &handler.id);
        ran.iter()
            .any(|(name, ran_handler)| *name == script.name && Some(ran_handler) == id)
    }
}
