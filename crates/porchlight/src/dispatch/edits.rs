//! What the dispatcher does with the state: takes over what somebody set by hand, knows who listens,
//! and forgets hidden values that have expired.
//!
//! A value set by hand is a row in the journal (see `porchlight_journal::edit_state`). It becomes a
//! run without a script, so that it is stored, remembered and told to scripts in one commit, which
//! also removes the row. The runs of scripts never come here.

use super::committer::Commit;
use super::{Dispatcher, Input};
use porchlight_core::Timestamp;
use porchlight_journal::{Beside, Journal, StateEdit};
use porchlight_script::{SetByHand, State};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often the journal is asked for values set by hand.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often hidden values that have expired are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// The state, as the dispatcher sees to it.
pub struct Values {
    state: State,
    /// What was set by hand before the start.
    first: Vec<StateEdit>,
    /// The last row that was taken over.
    taken: u64,
    pruned: Option<Instant>,
}

impl Values {
    /// Over this state; `first` is what was set by hand while the host did not run.
    pub fn new(state: State, first: Vec<StateEdit>) -> Self {
        Self {
            state,
            first,
            taken: 0,
            pruned: None,
        }
    }

    /// More was set by hand before any script is live.
    pub fn wait_with(&mut self, edits: Vec<StateEdit>) {
        self.first.extend(edits);
    }

    /// Forgets what has expired, at the start and every hour.
    pub fn prune(&mut self, now: Timestamp) {
        if self.pruned.is_some_and(|at| at.elapsed() < PRUNE_EVERY) {
            return;
        }
        self.pruned = Some(Instant::now());
        let count = self.state.prune(now);
        if count > 0 {
            tracing::debug!(count, "forgot hidden values that had expired");
        }
    }
}

impl std::ops::Deref for Values {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl Dispatcher {
    /// Takes over what was set by hand while the host did not run, before any script runs.
    pub(super) fn take_first_edits(&mut self) {
        let first = std::mem::take(&mut self.values.first);
        self.take_edits(first);
    }

    /// Sets what somebody set by hand. Each row once; what is not stored before the host stops is
    /// taken over at the next start.
    pub(super) fn take_edits(&mut self, edits: Vec<StateEdit>) {
        if self.stopping.is_some() {
            return;
        }
        for edit in edits {
            if edit.id <= self.values.taken {
                continue;
            }
            self.values.taken = edit.id;
            let set = SetByHand {
                id: edit.id,
                key: edit.key,
                value: edit.value,
            };
            let (run, order) = set.apply(&self.values.state, (self.clock)());
            let beside = Beside {
                edit: Some(edit.id),
                ..Beside::default()
            };
            self.uncommitted += 1;
            self.hand_over(order, Commit::new(run, beside, false));
        }
    }
}

/// Tells the dispatcher of values set by hand, for as long as the host runs.
pub async fn look_for_edits(journal: Journal, inputs: mpsc::UnboundedSender<Input>) {
    let mut reader = None;
    let mut after = 0;
    loop {
        let asked = journal.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let reader = match reader {
                Some(reader) => reader,
                None => asked.reader()?,
            };
            let edits = reader.state_edits(after)?;
            Ok::<_, porchlight_journal::ReadError>((reader, edits))
        });
        match looked.await {
            Ok(Ok((known, edits))) => {
                reader = Some(known);
                after = edits.last().map_or(after, |edit| edit.id);
                if !edits.is_empty() && inputs.send(Input::Edits(edits)).is_err() {
                    return;
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the journal can't be asked for values set by hand");
                reader = None;
            }
            Err(_) => return, // the host stops
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
