//! What the dispatcher does when the journal refuses a run for good: what the run had already changed
//! in memory is taken back, so that memory and disk agree.
//!
//! A run counts in memory as soon as it is decided, because the next one of its script must see it.
//! That the journal refuses one entry and takes others is a damaged row or a mistake of ours; the
//! record of the failed run says what it was.

use super::Dispatcher;
use crate::output;
use porchlight_core::{Run, Wait};
use porchlight_journal::Journal;
use porchlight_script::{Job, Undone, Work};
use serde_json::Value;

/// A run that the journal refused.
#[derive(Clone)]
pub struct TakenBack {
    /// The run, with all that it had decided.
    pub run: Run,
    /// What the journal keeps under the keys that the run wrote.
    pub kept: Vec<(String, Option<Value>)>,
}

impl TakenBack {
    /// Asks the journal what it keeps under the run's keys. What can't be read stays as it is.
    pub(super) async fn read_kept(&mut self, journal: &Journal) {
        let keys: Vec<String> = self.run.state.iter().map(|one| one.key.clone()).collect();
        let journal = journal.clone();
        let read = tokio::task::spawn_blocking(move || {
            let reader = journal.reader()?;
            let value = |key: String| Ok((key.clone(), reader.state_value(&key)?));
            keys.into_iter().map(value).collect()
        });
        match read.await {
            Ok(Ok(kept)) => self.kept = kept,
            Ok::<Result<_, porchlight_journal::ReadError>, _>(Err(error)) => {
                tracing::warn!(%error, "what a refused run wrote can't be taken back");
            }
            Err(_) => {} // the host stops
        }
    }
}

impl Dispatcher {
    /// Takes back what this run did in memory: state, waits begun, waits cancelled.
    pub(super) fn take_back(&mut self, refused: TakenBack) {
        let TakenBack { run, kept } = refused;
        output::complain(&format!(
            "a run of {} at {} could not be stored and is recorded as failed; the log says why",
            run.script, run.place
        ));
        self.values.take_back(&run.state, &kept);
        // Stored, so these are still open: it cancelled them, or began others of their names.
        let ended = |wait: &&Wait| {
            let begun = run.waits.iter().any(|one| one.name == wait.name);
            begun || run.cancelled.contains(&wait.name)
        };
        let open = self.agenda.of_script(&run.script).filter(ended);
        let undone = Undone {
            cancelled: open.map(|wait| wait.content.clone()).collect(),
            begun: run.waits.clone(),
        };
        let job = Job {
            script: self.live(&run.script).cloned(),
            event: None,
            work: Work::TakeBack(Box::new(undone)),
        };
        self.lanes.push(&run.script, job);
    }
}
