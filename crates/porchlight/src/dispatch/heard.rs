//! What the dispatcher does with silences: takes subscriptions over from a set of scripts, looks
//! back in the journal for what they heard last, and queues the handlers that are to be told.
//!
//! The look back reads types and arrivals only, off the async threads, once after a start. Where it
//! does not reach far enough to know, a silence is told too late and not wrongly.

use super::silences::Key;
use super::{Dispatcher, Input, ScriptSet};
use porchlight_core::{EventId, Pattern, Timestamp};
use porchlight_journal::{Journal, LookedBack};
use porchlight_script::{Job, Work};
use std::collections::HashMap;
use std::sync::Arc;

/// So many events are looked at for the last of each subscription: a quarter of a second.
const LOOK_BACK: usize = 50_000;

/// What a look back at the journal found for each subscription: its last event.
pub struct Found {
    pub(super) last: HashMap<Key, (EventId, Timestamp)>,
    pub(super) extent: LookedBack,
}

/// What a look back is to find.
pub struct Wanted {
    pub(super) subscriptions: Vec<(Key, Pattern)>,
    /// Older events don't matter.
    pub(super) oldest: Timestamp,
}

impl Dispatcher {
    /// From now on these scripts are live.
    pub(super) fn take_scripts(&mut self, set: Arc<ScriptSet>) {
        let (rows, wanted) = self.silences.take_set(&set, (self.clock)());
        let names = |set: &ScriptSet| set.scripts.iter().map(|one| one.name.clone()).collect();
        let mut changed: Vec<String> = names(&self.set);
        changed.extend::<Vec<String>>(names(&set));
        changed.sort_unstable();
        changed.dedup();
        self.values.set_listeners(&set.scripts);
        let before = std::mem::replace(&mut self.set, set);
        self.take_schedules(&before);
        self.end_reloaded_waits(&changed);
        if self.kept_silences > 0 || !rows.is_empty() {
            self.kept_silences = rows.len();
            self.journal.keep_silences(rows);
        }
        let Some(wanted) = wanted else { return };
        let (journal, inputs) = (self.journal.clone(), self.backlog.inputs());
        tokio::task::spawn_blocking(move || {
            _ = inputs.send(Input::Heard(look_back(&journal, wanted)));
        });
    }

    /// Queues a job for each silence that has lasted long enough.
    ///
    /// While the host stops no lane begins another job, so these are told after the next start.
    pub(super) fn start_due_silences(&mut self) {
        for (script, told) in self.silences.take_due() {
            let name = script.name.clone();
            let job = Job {
                script: Some(script),
                event: None,
                work: Work::Silence(told),
            };
            self.lanes.push(&name, job);
        }
    }
}

/// Looks for the last event of each subscription among the newest of the journal. Blocks.
pub fn look_back(journal: &Journal, wanted: Wanted) -> Found {
    let mut found = Found {
        last: HashMap::new(),
        extent: LookedBack::Whole,
    };
    let mut open = wanted.subscriptions;
    let reader = journal.reader();
    let looked = reader.and_then(|reader| {
        reader.look_back(LOOK_BACK, |id, received, kind| {
            open.retain(|(key, pattern)| {
                let matches = pattern.matches(kind);
                if matches {
                    found.last.insert(key.clone(), (id, received));
                }
                !matches
            });
            !open.is_empty() && received >= wanted.oldest
        })
    });
    match looked {
        Ok(extent) => found.extent = extent,
        Err(error) => {
            tracing::error!(%error, "the journal can't be asked for the last events; silences count from what it kept of them");
        }
    }
    found
}
