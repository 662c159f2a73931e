//! Takes finished runs to the journal, in order, and lets their effects out once they are stored.
//!
//! Nothing that a run decided happens before its commit. A journal that can't store (a full disk)
//! stops this queue, not the scripts' past: the run waits here and is tried again until it fits.

use super::{CommittedRun, Input};
use crate::outgoing::Outgoing;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use porchlight_core::{OpenAction, Run, Timestamp};
use porchlight_journal::{Committed, Ends, Journal, ScheduleRow, Silence, Unavailable};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Commits under way at once. They share the journal's transactions; more would only wait there.
const MAX_UNDER_WAY: usize = 1024;

/// A run to store.
pub struct Commit {
    /// The run.
    pub run: Run,
    /// What ends with it.
    pub ends: Ends,
    /// The silence that it was told of; marked as reported with it.
    pub silence: Option<Silence>,
    /// How far its schedule has come with it.
    pub schedule: Option<ScheduleRow>,
    /// Whether its event counts the run: it is a handler's, or a wait's that the event ended.
    pub of_event: bool,
}

/// Where committed effects go.
#[derive(Clone)]
pub struct Exits {
    /// The journal.
    pub journal: Journal,
    /// Performs actions.
    pub outgoing: Arc<Outgoing>,
    /// The dispatcher.
    pub inputs: mpsc::UnboundedSender<Input>,
}

/// Runs until the dispatcher is gone and all is stored.
pub async fn run(mut commits: mpsc::UnboundedReceiver<Commit>, exits: Exits) {
    let mut under_way = FuturesOrdered::new();
    let mut again: VecDeque<Commit> = VecDeque::new();
    let mut open = true;
    while open || !under_way.is_empty() || !again.is_empty() {
        if again.is_empty() {
            tokio::select! {
                biased;
                Some(result) = under_way.next() => settle(result, &exits, &mut again),
                commit = commits.recv(), if open && under_way.len() < MAX_UNDER_WAY => match commit {
                    Some(commit) => under_way.push_back(store(commit, exits.journal.clone())),
                    None => open = false,
                },
            }
        } else if let Some(result) = under_way.next().await {
            settle(result, &exits, &mut again);
        } else {
            tokio::time::sleep(Duration::from_millis(500)).await;
            for commit in again.drain(..) {
                under_way.push_back(store(commit, exits.journal.clone()));
            }
        }
    }
}

type Stored = (Commit, Result<Committed, Unavailable>);

async fn store(commit: Commit, journal: Journal) -> Stored {
    let run = commit.run.clone();
    let result = match (commit.silence.clone(), commit.schedule.clone()) {
        (Some(silence), _) => journal.commit_silence(run, silence).await,
        (None, Some(schedule)) => journal.commit_tick(run, schedule).await,
        (None, None) => journal.commit(run, commit.ends).await,
    };
    (commit, result)
}

fn settle((commit, result): Stored, exits: &Exits, again: &mut VecDeque<Commit>) {
    match result {
        Ok(committed) => let_out(&commit, committed, exits),
        Err(error) => {
            tracing::warn!(%error, script = commit.run.script, "a run can't be stored yet; it waits");
            again.push_back(commit);
        }
    }
}

fn let_out(commit: &Commit, committed: Committed, exits: &Exits) {
    let (script, outcome) = (&commit.run.script, commit.run.outcome.word());
    tracing::debug!(
        run = committed.run,
        event = commit.run.event,
        script,
        outcome,
        "run stored"
    );
    for (id, action) in committed.actions {
        let open = OpenAction {
            id,
            action,
            attempts: 0,
            not_before: Timestamp(0),
        };
        exits.outgoing.submit(open);
    }
    let event = commit.of_event.then_some(commit.run.event);
    _ = exits.inputs.send(Input::Committed(Box::new(CommittedRun {
        event,
        waits: committed.waits,
        removed: committed.removed,
        emitted: committed.emitted,
    })));
}
