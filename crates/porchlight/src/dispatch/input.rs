//! What can happen to the dispatcher, and the set of scripts that it dispatches to.

use super::backlog::Page;
use super::heard;
use super::refused::TakenBack;
use porchlight_core::{Event, EventId, Wait, WaitId};
use porchlight_journal::StateEdit;
use porchlight_script::{Finished, Lane, Script, Subscriptions};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The scripts that are live, and who subscribes to what.
pub struct ScriptSet {
    /// The scripts, by name: the order in which the subscriptions count them.
    pub scripts: Vec<Arc<Script>>,
    /// The index over their patterns.
    pub subscriptions: Subscriptions,
}

impl ScriptSet {
    /// Indexes these scripts.
    pub fn new(mut scripts: Vec<Arc<Script>>) -> Self {
        scripts.sort_by(|one, two| one.name.cmp(&two.name));
        let subscriptions = Subscriptions::build(&scripts);
        Self {
            scripts,
            subscriptions,
        }
    }

    /// Whether a handler listens for events of this type, and not just for everything.
    pub fn hears_by_name(&self, kind: &str) -> bool {
        let mut found = self.subscriptions.matching(kind);
        found.any(|(script, handler)| self.scripts[script].handlers[handler].names(kind))
    }

    /// The live version of a script.
    pub fn named(&self, name: &str) -> Option<&Arc<Script>> {
        let found = self
            .scripts
            .binary_search_by(|script| script.name.as_str().cmp(name));
        found.ok().and_then(|at| self.scripts.get(at))
    }
}

/// All that can happen to the dispatcher.
pub enum Input {
    /// The scripts changed: from now on these are live.
    Scripts(Arc<ScriptSet>),
    /// A worker finished one job.
    Ran(Box<Finished>),
    /// A worker is done with its batch, and gives the script's lane back.
    LaneFree(String, Box<Lane>),
    /// A run is in the journal.
    Committed(Box<CommittedRun>),
    /// Unfinished events, read back from the journal.
    Page(Page),
    /// Values that somebody set by hand.
    Edits(Vec<StateEdit>),
    /// The last events of the subscriptions to silence, found in the journal.
    Heard(heard::Found),
    /// Stop: no new jobs; answer when those under way are committed.
    Stop(oneshot::Sender<()>),
}

/// What the dispatcher needs to know of a committed run.
pub struct CommittedRun {
    /// The event that counts it, if one does.
    pub event: Option<EventId>,
    /// The waits that it began.
    pub waits: Vec<Wait>,
    /// The waits that it cancelled, or took the place of.
    pub removed: Vec<WaitId>,
    /// The events that it emitted.
    pub emitted: Vec<Event>,
    /// The run that the journal refused, when it stored only that there was one.
    pub refused: Option<Box<TakenBack>>,
}
