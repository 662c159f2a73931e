//! A run made ready for the writer: every JSON text is written on the caller's thread.

use crate::rows::EventRow;
use crate::turn::Turn;
use crate::{Committed, Ends, ScheduleRow, Silence, waits};
use porchlight_core::{
    Action, Asked, Event, EventId, LogLine, NewEvent, Outcome, Run, StateWrite, Wait,
};
use serde::{Deserialize, Serialize};

/// What of a run nobody searches for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Detail {
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) logs: Vec<LogLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) state: Vec<StateWrite>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) emitted: Vec<EventId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) asked: Vec<Asked>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) depth: u32,
}

fn is_zero(depth: &u32) -> bool {
    *depth == 0
}

/// A run and the texts of its columns.
pub(crate) struct Prepared {
    pub(crate) run: Run,
    pub(crate) ends: Ends,
    /// The silence that the run reports.
    pub(crate) silence: Option<Silence>,
    /// How far its schedule has come with the run.
    pub(crate) schedule: Option<ScheduleRow>,
    /// The value set by hand that it takes over.
    pub(crate) edit: Option<u64>,
    /// Its place among the runs of its script.
    pub(crate) turn: Option<Turn>,
    pub(crate) detail: Detail,
    /// The arguments of each action, as JSON.
    pub(crate) args: Vec<String>,
    /// The arguments and the rest of each wait, as JSON.
    pub(crate) wait_texts: Vec<(String, String)>,
    pub(crate) emitted: Vec<(NewEvent, EventRow)>,
}

impl Prepared {
    pub(crate) fn new(mut run: Run, ends: Ends) -> Self {
        let emitted = std::mem::take(&mut run.emitted)
            .into_iter()
            .map(|event| (event.clone(), EventRow::new(event, None)))
            .collect();
        Self {
            detail: Detail {
                outcome: run.outcome.clone(),
                logs: std::mem::take(&mut run.logs),
                state: run.state.clone(),
                emitted: Vec::new(),
                asked: std::mem::take(&mut run.asked),
                depth: run.depth,
            },
            args: run.actions.iter().map(|a| a.args.to_string()).collect(),
            wait_texts: run.waits.iter().map(waits::texts).collect(),
            emitted,
            run,
            ends,
            silence: None,
            schedule: None,
            edit: None,
            turn: None,
        }
    }

    /// The answer, once the rows have their numbers.
    pub(crate) fn committed(&self, ids: &RunIds) -> Committed {
        let actions = (0..).zip(&self.run.actions);
        let emitted = ids.events.iter().zip(&self.emitted);
        Committed {
            run: ids.run,
            actions: actions
                .map(|(index, action)| (ids.first_action + index, self.keyed(ids, index, action)))
                .collect(),
            waits: ids
                .waits
                .iter()
                .zip(&self.run.waits)
                .map(|(id, wait)| Wait {
                    id: *id,
                    content: wait.clone(),
                })
                .collect(),
            removed: ids.removed.clone(),
            emitted: emitted
                .map(|(id, (event, _))| Event {
                    id: *id,
                    content: event.clone(),
                })
                .collect(),
        }
    }

    fn keyed(&self, ids: &RunIds, index: u64, action: &Action) -> Action {
        let mut action = action.clone();
        if action.key.is_empty() {
            action.key = action_key(ids.home, ids.run, index);
        }
        action
    }
}

/// The numbers that the writer gave to a run's rows.
pub(crate) struct RunIds {
    pub(crate) home: u64,
    pub(crate) run: u64,
    pub(crate) first_action: u64,
    pub(crate) waits: Vec<u64>,
    pub(crate) removed: Vec<u64>,
    pub(crate) events: Vec<EventId>,
}

/// The idempotency key of an action that named none. Runs are numbered anew in a fresh journal, so
/// the key begins with the journal's own number.
pub(crate) fn action_key(home: u64, run: u64, index: u64) -> String {
    format!("{home:08x}:{run}:{index}")
}
