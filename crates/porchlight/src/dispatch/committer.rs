//! Takes finished runs to the journal, in order, and lets their effects out once they are stored.
//!
//! Nothing that a run decided happens before its commit. A journal that can't store (a full disk)
//! stops this queue, not the scripts' past: the run waits here and is tried again until it fits.

use super::{CommittedRun, Input};
use crate::outgoing::Outgoing;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use porchlight_core::{OpenAction, Run, Timestamp};
use porchlight_journal::{Beside, Committed, Journal, Turn, Unavailable};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Commits under way at once. They share the journal's transactions; more would only wait there.
const MAX_UNDER_WAY: usize = 1024;

/// The pause before what could not be stored is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A run to store.
pub struct Commit {
    /// The run.
    pub run: Run,
    /// What is stored together with it; its turn is given here.
    pub beside: Beside,
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
pub async fn run(commits: mpsc::UnboundedReceiver<Commit>, exits: Exits) {
    let let_out = |commit: &Commit, committed| let_out(commit, committed, &exits);
    store_all(commits, &exits.journal, let_out).await;
}

/// Stores all runs, those of one script in the order in which they come.
///
/// Many are under way at once. When one can't be stored, those behind it of its script are not
/// stored either (see [`Turn`]); nothing new is taken until all of them are handed over again, in
/// order and under a new turn.
async fn store_all(
    mut commits: mpsc::UnboundedReceiver<Commit>,
    journal: &Journal,
    let_out: impl Fn(&Commit, Committed),
) {
    let mut under_way = FuturesOrdered::new();
    let mut again: VecDeque<Commit> = VecDeque::new();
    let mut turns: HashMap<String, Turn> = HashMap::new();
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
                    Some(commit) => under_way.push_back(store(commit, journal.clone(), &mut turns)),
                    None => open = false,
                },
            }
        } else if let Some(result) = under_way.next().await {
            settle(result, &mut again);
        } else {
            tokio::time::sleep(RETRY_AFTER).await;
            turns.clear();
            for commit in again.drain(..) {
                under_way.push_back(store(commit, journal.clone(), &mut turns));
            }
        }
    }
}

type Stored = (Commit, Result<Committed, Unavailable>);

fn store(
    mut commit: Commit,
    journal: Journal,
    turns: &mut HashMap<String, Turn>,
) -> impl Future<Output = Stored> + use<> {
    let turn = turns.entry(commit.run.script.clone()).or_default();
    commit.beside.turn = Some(turn.clone());
    async move {
        let (run, beside) = (commit.run.clone(), commit.beside.clone());
        let result = journal.commit_beside(run, beside).await;
        (commit, result)
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
        Commit {
            run,
            beside: Beside::default(),
            of_event: false,
        }
    }

    #[tokio::test]
    async fn runs_of_one_script_are_stored_in_their_order_also_when_the_first_did_not_fit() {
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
            sender
                .send(commit("gate.rhai", &name, &name, bytes))
                .unwrap();
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
