//! After a run, rest: a hidden state value says until when, so that it survives a restart and is
//! written in the commit of the run.

use crate::State;
use porchlight_core::{StateOp, StateWrite, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Longer keys of handlers are hashed: a state key is no place for a sender's long text.
const LONGEST: usize = 100;

/// The state key for a handler and its key.
pub(super) fn key(script: &str, handler: &str, key: &str) -> String {
    if key.len() <= LONGEST {
        return format!("~cooldown/{script}/{handler}/{key}");
    }
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    format!("~cooldown/{script}/{handler}/#{digest}")
}

/// Whether it is still too early for one that rests so long. One that would last longer is of a clock
/// that ran ahead.
pub(super) fn is_on(state: &State, key: &str, rest: Duration, now: Timestamp) -> bool {
    let until = state.get(key);
    let until = until
        .as_ref()
        .and_then(|value| value.get("until")?.as_i64());
    until.is_some_and(|until| now.0 < until && until <= now.after(rest).0)
}

/// Rest until then.
pub(super) fn write(key: &str, until: Timestamp) -> StateWrite {
    StateWrite {
        key: key.to_owned(),
        op: StateOp::Set(json!({ "until": until.0 })),
    }
}
