//! What a try says about its target, and who is told: the log, and the host when a target goes away
//! or comes back.
//!
//! The host is told by a function that must not block: a lane calls it between two tries.

use super::Shared;
use super::breaker::{Back, Told};
use super::policy::LONGEST_PAUSE;
use porchlight_core::{Action, ActionError, ActionId, Retry, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// What an error says about the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing reached it: certainly not done.
    Away,
    /// It was reached, and failed: perhaps because of this action.
    Sick,
    /// It is well.
    Well,
    /// Nothing was sent, or it is not known.
    Nothing,
}

impl Word {
    /// Status codes with which a gateway speaks for somebody behind it who isn't there.
    const GATEWAY: [u64; 3] = [502, 503, 504];

    pub(super) fn of(error: &ActionError) -> Self {
        let status = error
            .detail
            .get("status")
            .and_then(|status| status.as_u64());
        if status.is_some_and(|status| Self::GATEWAY.contains(&status)) {
            return Self::Away;
        }
        match (error.kind.as_str(), error.retry) {
            ("connect", _) if error.detail.get("connected") == Some(&true.into()) => Self::Sick,
            ("connect", _) => Self::Away,
            ("timeout", _) => Self::Sick,
            ("tls", Retry::Later) => Self::Sick,
            ("vendor", Retry::Later | Retry::AfterMs(_)) => Self::Sick,
            ("auth" | "rejected" | "limit" | "vendor", _) => Self::Well,
            _ => Self::Nothing,
        }
    }
}

/// A target went away, or came back.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetNews {
    /// The lane of the target.
    pub lane: String,
    /// The action whose try showed it.
    pub action: ActionId,
    /// How many tries in a row had failed by then.
    pub failures: u32,
    /// When the first of them was.
    pub since: Timestamp,
    /// Which of the two.
    pub change: TargetChange,
}

/// Whether a target went or came.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetChange {
    /// Its lane is open: it does not answer, and is left alone. With the last failure.
    Away(ActionError),
    /// It answers again, after so long.
    Back(Duration),
}

/// A target that was away when the host stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwayLane {
    /// Its lane.
    pub lane: String,
    /// How many tries in a row had failed.
    pub failures: u32,
    /// When the first of them was.
    pub since: Timestamp,
}

/// Hears of targets that go away and come back, for each lane in order. Must not block.
pub type Hear = Arc<dyn Fn(TargetNews) + Send + Sync>;

/// The target answered.
pub(super) fn well(shared: &Shared, name: &str, id: ActionId) {
    let back = shared.lock().breakers.well(name, (shared.clock)());
    if let Some(back) = back {
        answers_again(shared, name, id, back);
    }
}

/// A try failed: what that says about the target, and about the limiter that it shares.
pub(super) fn failed(
    shared: &Shared,
    name: &str,
    (id, action): (ActionId, &Action),
    error: &ActionError,
) -> Told {
    if let (Some(limiter), Retry::AfterMs(pause)) = (action.limit(), error.retry) {
        let pause = Duration::from_millis(pause).min(LONGEST_PAUSE);
        shared.policy.limiters.close(limiter, pause);
    }
    let (policy, word, now) = (&shared.policy, Word::of(error), (shared.clock)());
    let told = shared
        .lock()
        .breakers
        .failed(name, word, &policy.breaker, now);
    if told.opened {
        tracing::warn!(
            lane = name, failures = told.failures, error = %error,
            "a target does not answer; it is left alone and tried once in a while, at least every minute"
        );
    }
    if let Some(since) = told.away {
        (policy.hear)(TargetNews {
            lane: name.to_owned(),
            action: id,
            failures: told.failures,
            since,
            change: TargetChange::Away(error.clone()),
        });
    }
    // It refused, and so it answered.
    if let Some(back) = told.back {
        answers_again(shared, name, id, back);
    }
    told
}

fn answers_again(shared: &Shared, name: &str, id: ActionId, back: Back) {
    let failures = back.failures;
    tracing::info!(lane = name, failures, "a target answers again");
    if let Some((since, lasted)) = back.away {
        (shared.policy.hear)(TargetNews {
            lane: name.to_owned(),
            action: id,
            failures,
            since,
            change: TargetChange::Back(lasted),
        });
    }
}
