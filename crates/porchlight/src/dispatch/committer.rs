//! Takes finished runs to the journal, in order, and lets their effects out once they are stored.
//!
//! Nothing that a run decided happens before its commit. A journal that can't store (a full disk)
//! stops this queue, not the scripts' past: the run waits here and is tried again until it fits. A
//! run that the journal refuses for good is stored as one that failed, and nobody waits for it.

use super::{CommittedRun, Input, TakenBack};
use crate::outgoing::Outgoing;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use porchlight_core::{OpenAction, Outcome, Run, Timestamp};
use porchlight_journal::{Beside, Committed, Journal, Reason, Turns, Unavailable};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Commits under way at once. They share the journal's transactions; more would only wait there.
const MAX_UNDER_WAY: usize = 1024;

/// Of the title of a run that was refused so much is kept: it may be what was too large.
const LONGEST_TITLE: usize = 200;

/// The pause before what could not be stored is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A run to store.
pub struct Commit {
    /// The run.
    pub(super) run: Run,
    /// What is stored together with it; its turn is given here.
    pub(super) beside: Beside,
    /// Whether its event counts the run: it is a handler's, or a wait's that the event ended.
    of_event: bool,
    /// The run that the journal refused, in whose place this one is.
    refused: Option<Box<TakenBack>>,
}

impl Commit {
    /// A run, what is stored together with it, and whether its event counts it.
    pub fn new(run: Run, beside: Beside, of_event: bool) -> Self {
        Self {
            run,
            beside,
            of_event,
            refused: None,
        }
    }

    /// The record of a run that the journal refuses: as one that failed and decided nothing.
    fn refused(self, error: &Unavailable) -> Self {
        let message = format!("{error}; what this run decided was dropped");
        let place = self.run.place.clone();
        let failed = Run {
            title: self.run.title.chars().take(LONGEST_TITLE).collect(),
            outcome: Outcome::Error { message, place },
            logs: Vec::new(),
            actions: Vec::new(),
            state: Vec::new(),
            waits: Vec::new(),
            cancelled: Vec::new(),
            emitted: Vec::new(),
            asked: Vec::new(),
            ..self.run.clone()
        };
        Self {
            refused: Some(Box::new(TakenBack {
                run: self.run,
                kept: Vec::new(),
            })),
            run: failed,
            ..self
        }
    }
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
    /// Counts the runs that may have changed values of the state.
    pub changed: watch::Sender<u64>,
}

/// Runs until the dispatcher is gone and all is stored.
pub async fn run(commits: mpsc::UnboundedReceiver<Commit>, exits: Exits) {
    let let_out = |commit: &Commit, committed| let_out(commit, committed, &exits);
    store_all(commits, &exits.journal, let_out).await;
}

/// Stores all runs, those of one script, and those that write one key, in the order in which they
/// come.
///
/// Many are under way at once. When one can't be stored, those behind it that belong together with
/// it are not stored either (see [`Turns`]); nothing new is taken until all of them are handed over
/// again, in order and under new turns.
async fn store_all(
    mut commits: mpsc::UnboundedReceiver<Commit>,
    journal: &Journal,
    let_out: impl Fn(&Commit, Committed),
) {
    let mut under_way = FuturesOrdered::new();
    let mut again: VecDeque<Commit> = VecDeque::new();
    let mut turns = Turns::default();
    let mut open = true;
    let settle = |(commit, result): Stored, again: &mut VecDeque<Commit>| match result {
        Ok(committed) => let_out(&commit, committed),
        Err(error) => {
            tracing::warn!(%error, script = commit.run.script, "a run can't be stored yet; it waits");
            again.push_back(commit);
        }
    };
    while open || !under_way.is_empty() || !again.is_empty() {
        if again.is_empty() {
            tokio::select! {
                biased;
                Some(result) = under_way.next() => settle(result, &mut again),
                commit = commits.recv(), if open && under_way.len() < MAX_UNDER_WAY => match commit {
                    Some(commit) => under_way.push_back(store(commit, journal.clone(), &turns)),
                    None => open = false,
                },
            }
        } else if let Some(result) = under_way.next().await {
            settle(result, &mut again);
        } else {
            tokio::time::sleep(RETRY_AFTER).await;
            turns = Turns::default();
            for commit in again.drain(..) {
                under_way.push_back(store(commit, journal.clone(), &turns));
            }
        }
    }
}

type Stored = (Commit, Result<Committed, Unavailable>);

fn store(
    mut commit: Commit,
    journal: Journal,
    turns: &Turns,
) -> impl Future<Output = Stored> + use<> {
    let script = [("script", commit.run.script.as_str())];
    let keys = commit.run.state.iter();
    let keys = keys.map(|write| ("key", write.key.as_str()));
    commit.beside.turn = Some(turns.of(script.into_iter().chain(keys)));
    async move {
        let result = try_to_store(&commit, &journal).await;
        let error = match result {
            Err(error) if error.reason == Reason::Refused => error,
            result => return (commit, result),
        };
        tracing::error!(%error, script = commit.run.script, "a run can't be stored; it is recorded as one that failed");
        let mut commit = match commit.refused {
            Some(_) => commit,
            None => commit.refused(&error),
        };
        if let Some(refused) = &mut commit.refused {
            refused.read_kept(&journal).await;
        }
        let result = match try_to_store(&commit, &journal).await {
            // Not even that. What ends with it stays as it is until the next start.
            Err(error) if error.reason == Reason::Refused => Ok(Committed::default()),
            result => result,
        };
        (commit, result)
    }
}

async fn try_to_store(commit: &Commit, journal: &Journal) -> Result<Committed, Unavailable> {
    let (run, beside) = (commit.run.clone(), commit.beside.clone());
    journal.commit_beside(run, beside).await
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
    if !commit.run.state.is_empty() {
        exits.changed.send_modify(|count| *count += 1);
    }
    let event = commit.of_event.then_some(commit.run.event);
    _ = exits.inputs.send(Input::Committed(Box::new(CommittedRun {
        event,
        waits: committed.waits,
        removed: committed.removed,
        emitted: committed.emitted,
        refused: commit.refused.clone(),
    })));
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::{Outcome, Place, StateOp, StateWrite};
    use porchlight_journal::Options;
    use serde_json::json;
    use std::sync::Mutex;

    fn commit(script: &str, handler: &str, value: &str, bytes: usize) -> Commit {
        let run = Run {
            event: 0,
            script: script.to_owned(),
            script_hash: String::new(),
            handler: handler.to_owned(),
            place: Place::default(),
            title: "x".repeat(bytes),
            started: Timestamp(1),
            duration_us: 0,
            outcome: Outcome::Ok,
            logs: Vec::new(),
            actions: Vec::new(),
            state: vec![StateWrite {
                key: "gate".to_owned(),
                op: StateOp::Set(json!(value)),
            }],
            waits: Vec::new(),
            cancelled: Vec::new(),
            emitted: Vec::new(),
            asked: Vec::new(),
            depth: 0,
        };
        Commit::new(run, Beside::default(), false)
    }

    #[tokio::test]
    async fn runs_that_write_one_key_are_stored_in_their_order_also_when_the_first_did_not_fit() {
        let home = tempfile::tempdir().unwrap();
        let journal = |max_pages| {
            let options = Options {
                max_pages,
                ..Options::default()
            };
            Journal::open(home.path(), options).unwrap()
        };
        let filled = journal(None);
        let ballast = commit("ballast.rhai", "0", "", 2_000_000).run;
        let beside = Beside::default();
        filled.commit_beside(ballast, beside).await.unwrap();
        filled.close().await;
        let full = journal(Some(1_200));

        let (sender, commits) = mpsc::unbounded_channel();
        // More than one batch of the journal takes, so that some come after the one that fails.
        let last = 1_000;
        let send = |handler: u32, bytes| {
            let name = handler.to_string();
            let script = ["gate.rhai", "door.rhai", "hall.rhai"][handler as usize % 3];
            sender.send(commit(script, &name, &name, bytes)).unwrap();
        };
        send(1, 1_500_000);
        (2..=last).for_each(|handler| send(handler, 10));
        drop(sender);
        let stored = Arc::new(Mutex::new(Vec::new()));
        let (noted, worker) = (Arc::clone(&stored), full.clone());
        let all = tokio::spawn(async move {
            let note = |commit: &Commit, _| {
                let number: u32 = commit.run.handler.parse().unwrap();
                noted.lock().unwrap().push(number);
            };
            store_all(commits, &worker, note).await;
        });
        tokio::task::yield_now().await; // all are handed over now
        // A batch that has the large one in it is refused as a whole, and it may have this one too.
        let probe = commit("probe.rhai", "0", "", 10).run;
        while full
            .commit_beside(probe.clone(), Beside::default())
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
        assert!(!stored.lock().unwrap().contains(&1), "it did not fit");
        let file = rusqlite::Connection::open(home.path().join("porchlight.db")).unwrap();
        file.execute("DELETE FROM runs WHERE script = 'ballast.rhai'", [])
            .unwrap();
        let done = tokio::time::timeout(Duration::from_secs(60), all).await;
        done.unwrap().unwrap();
        let expected: Vec<u32> = (1..=last).collect();
        assert_eq!(*stored.lock().unwrap(), expected);
        let reader = full.reader().unwrap();
        let kept = reader.state_value("gate").unwrap();
        assert_eq!(kept, Some(json!(last.to_string())));
    }
}
