//! A value that somebody sets by hand, as a run that no script has.
//!
//! So that it is stored, remembered and told like any other change, and found in the same lists.

use super::{Order, State, change};
use porchlight_core::{Run, StateOp, StateWrite, Timestamp};
use serde_json::Value;

/// What somebody wants a value to be.
#[derive(Debug, Clone, PartialEq)]
pub struct SetByHand {
    /// What tells it from all others.
    pub id: u64,
    /// The key.
    pub key: String,
    /// The value; none removes it.
    pub value: Option<Value>,
}

impl SetByHand {
    /// Sets it. The run is to be stored; it has the event that tells of the change, if somebody
    /// listens. It belongs to no event and no script. With the place of its write among all.
    pub fn apply(self, state: &State, at: Timestamp) -> (Run, Order) {
        let title = match &self.value {
            Some(_) => format!("state set {}", self.key),
            None => format!("state remove {}", self.key),
        };
        let write = StateWrite {
            key: self.key,
            op: self.value.map_or(StateOp::Remove, StateOp::Set),
        };
        let mut run = Run {
            handler: format!("state:{}:{}", self.id, at.0),
            title,
            state: vec![write],
            ..crate::host::blank("", "", at)
        };
        let (became, order) = state.apply_in_order(&run.state);
        run.emitted = became
            .into_iter()
            .map(|one| change::told(&run, one, 1))
            .collect();
        (run, order)
    }
}
