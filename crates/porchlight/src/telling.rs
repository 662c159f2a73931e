//! Tells scripts what became of actions: `action.failed` and `action.dead`, while one listens. What
//! it knows of listeners is also asked about targets that are away (`whereabouts`).
//!
//! The event is made before the outcome is stored and stored with it, so that a death is told once
//! or not at all. A try that failed is told at most once a minute for each lane.
//!
//! It can't go round: what a handler of such an event tells, and whatever comes of it, begins at a
//! depth at which nothing more is told.

use crate::Clock;
use porchlight_core::action::{DEAD, FAILED, TARGET_AWAY, TARGET_BACK};
use porchlight_core::{ActionError, ActionId, Event, NewEvent, Proof, Settlement, Timestamp};
use porchlight_journal::{ActionRecord, Journal, ReadError, RunRecord};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The depth of events that tell of actions. Scripts may go down to sixteen, so that a handler of
/// one can emit events which lead to others; actions told at this depth or below die in silence.
pub(crate) const DEPTH: u32 = 12;

/// A try that failed is told at most so often for each lane.
const FAILED_EVERY: Duration = Duration::from_secs(60);

/// So many lanes are remembered for that.
const MOST_LANES: usize = 1024;

/// Where events go once they are stored.
pub type Out = Arc<dyn Fn(Arc<Event>) + Send + Sync>;

/// Makes the events and hands them on.
pub struct Telling {
    journal: Journal,
    clock: Clock,
    out: Out,
    failed: AtomicBool,
    dead: AtomicBool,
    targets: AtomicBool,
    /// When a failure of each lane was told last, and how many were not since.
    told: Mutex<HashMap<String, (Instant, u64)>>,
}

impl Telling {
    /// Nothing is known of scripts yet. What dies before they are loaded is told all the same: it
    /// came too late while the host was down, and that is when people ask.
    pub fn new(journal: Journal, clock: Clock, out: Out) -> Self {
        Self {
            journal,
            clock,
            out,
            failed: AtomicBool::new(false),
            dead: AtomicBool::new(true),
            targets: AtomicBool::new(true),
            told: Mutex::default(),
        }
    }

    /// Whether somebody listens for events of a type.
    pub fn listen(&self, hears: impl Fn(&str) -> bool) {
        self.failed.store(hears(FAILED), Ordering::Release);
        self.dead.store(hears(DEAD), Ordering::Release);
        let targets = hears(TARGET_AWAY) || hears(TARGET_BACK);
        self.targets.store(targets, Ordering::Release);
    }

    /// Whether somebody listens for targets that go away or come back.
    pub(crate) fn hears_of_targets(&self) -> bool {
        self.targets.load(Ordering::Acquire)
    }

    /// The event that tells of this outcome; `attempts` counts the tries.
    pub async fn event(
        self: &Arc<Self>,
        id: ActionId,
        settlement: &Settlement,
        attempts: u32,
    ) -> Option<NewEvent> {
        let (kind, error, again) = match settlement {
            Settlement::RetryAt { at, error } if self.failed.load(Ordering::Acquire) => {
                (FAILED, error.clone(), Some(*at))
            }
            Settlement::Dead { error } if self.dead.load(Ordering::Acquire) => {
                (DEAD, error.clone(), None)
            }
            _ => return None,
        };
        let (action, run) = self.find_later(id).await?;
        if run.depth >= DEPTH {
            return None;
        }
        let unsaid = match again {
            Some(_) => self.turn(&action.action.lane)?,
            None => 0,
        };
        let now = (self.clock)();
        let mut data = data(&action, &run, &error, attempts);
        if let Some(again) = again {
            data["again"] = again.to_rfc3339().into();
            data["unsaid"] = unsaid.into();
        }
        let told = Told {
            kind,
            lane: &action.action.lane,
            action: id,
            data,
            message: format!("{}: {error}", action.action.title),
            depth: DEPTH,
        };
        Some(told.event(now))
    }

    /// The event is stored.
    pub fn stored(&self, event: Event) {
        (self.out)(Arc::new(event));
    }

    /// An action and the run that told it, read off the async threads.
    pub(crate) async fn find_later(
        self: &Arc<Self>,
        id: ActionId,
    ) -> Option<(ActionRecord, RunRecord)> {
        let telling = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || telling.find(id)).await;
        match found.ok()? {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, action = id, "scripts are not told of an action that failed");
                None
            }
        }
    }

    fn find(&self, id: ActionId) -> Result<Option<(ActionRecord, RunRecord)>, ReadError> {
        let reader = self.journal.reader()?;
        let Some(action) = reader.action(id)? else {
            return Ok(None);
        };
        let run = reader.run(action.run)?;
        Ok(run.map(|run| (action, run)))
    }

    /// Whether a failure of this lane is told, and how many before it were not.
    fn turn(&self, lane: &str) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((last, unsaid)) = told.get_mut(lane) {
            if now.duration_since(*last) < FAILED_EVERY {
                *unsaid += 1;
                return None;
            }
            *last = now;
            return Some(std::mem::take(unsaid));
        }
        if told.len() >= MOST_LANES {
            told.retain(|_, (last, _)| now.duration_since(*last) < FAILED_EVERY);
        }
        if told.len() >= MOST_LANES {
            return None;
        }
        told.insert(lane.to_owned(), (now, 0));
        Some(0)
    }
}

fn data(action: &ActionRecord, run: &RunRecord, error: &ActionError, attempts: u32) -> Value {
    json!({
        "action": action.id,
        "kind": action.action.kind,
        "title": action.action.title,
        "lane": action.action.lane,
        "attempts": attempts,
        "error": { "kind": error.kind, "message": error.message },
        "run": run.id,
        "script": run.script,
    })
}

/// What is told of a lane.
pub(crate) struct Told<'a> {
    /// The type of the event.
    pub(crate) kind: &'a str,
    pub(crate) lane: &'a str,
    /// The action whose outcome it is about.
    pub(crate) action: ActionId,
    pub(crate) data: Value,
    /// For people.
    pub(crate) message: String,
    pub(crate) depth: u32,
}

impl Told<'_> {
    /// The event.
    pub(crate) fn event(self, now: Timestamp) -> NewEvent {
        let kind = self.kind;
        NewEvent {
            source: "porchlight".to_owned(),
            kind: kind.to_owned(),
            subject: Some(self.lane.to_owned()),
            time: now.to_rfc3339(),
            dedup_key: format!("{kind}:{}:{}", self.action, now.0),
            data: self.data.to_string().into(),
            facts: json!({ "message": self.message }),
            received: now,
            peer: String::new(),
            headers: Vec::new(),
            query: String::new(),
            verified: Proof {
                scheme: "host".to_owned(),
                body: true,
                ..Proof::default()
            },
            attachments: Vec::new(),
            redelivered: false,
            depth: self.depth,
        }
    }
}
