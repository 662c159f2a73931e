//! What a handler did with one event: its outcome, and everything it decided.
//!
//! A run has no effects of its own. The journal stores it whole, in one commit; only then do its
//! actions go out, its state writes count and its waits begin.

use crate::{Action, Asked, NewEvent, NewWait, Timestamp};
use serde::{Deserialize, Serialize};

/// A position in a script, as people say it: `gate.rhai:12`. Lines and columns count from 1; 0 is
/// unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Path relative to `scripts/`: `gate.rhai`, `lib/hue.rhai`.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.path),
            (line, 0) => write!(f, "{}:{line}", self.path),
            (line, column) => write!(f, "{}:{line}:{column}", self.path),
        }
    }
}

/// One handler's work on one event, or the record of why it did none.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The event that it answers. A wait's run belongs to the event whose run began the wait; 0
    /// for a wait begun at load.
    pub event: u64,
    /// The script: `gate.rhai`.
    pub script: String,
    /// Content hash of the script and everything it imports.
    pub script_hash: String,
    /// What identifies the handler within its script over restarts: its number in order of
    /// registration, or `wait:ID`.
    pub handler: String,
    /// Where the handler stands.
    pub place: Place,
    /// What people see: `on("xprotect.*")`, `later("5m")`.
    pub title: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it logged; at most as many lines as the limits allow.
    pub logs: Vec<LogLine>,
    /// What it told, in order.
    pub actions: Vec<Action>,
    /// What it changed in the state, in order.
    pub state: Vec<StateWrite>,
    /// What it will do later.
    pub waits: Vec<NewWait>,
    /// The waits of its script that it cancelled, by name.
    pub cancelled: Vec<String>,
    /// The events that it emitted.
    pub emitted: Vec<NewEvent>,
    /// What it asked, as far as that is kept.
    pub asked: Vec<Asked>,
    /// How many events led to each other before it; 0 for one that came from outside.
    pub depth: u32,
}

/// How a run ended. What a run decided before an `Error` stands, as if the script had stopped
/// there; a run that hit a `Limit` decided nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The handler came to its end.
    Ok,
    /// The handler made a mistake at this place.
    Error {
        /// What happened and what to do about it.
        message: String,
        /// Where.
        place: Place,
    },
    /// The handler was stopped: too many operations, too long, too deep, too big.
    Limit {
        /// Which limit, with its value.
        message: String,
        /// Where it was stopped.
        place: Place,
    },
    /// The handler did not run.
    Skipped {
        /// `filter`, `expired`, `unloaded`, `mode: single`, `queue full`, `superseded`,
        /// `cooldown`, `restarted`, `cancelled`, `reloaded`, `gap`, `deadline`, `too many keys`,
        /// `holding` (a change must last first), `not held` (it did not), `queued` (it did, and its
        /// handler has no time yet).
        reason: String,
    },
}

impl Outcome {
    /// One word for lists: `ok`, `error`, `limit`, `skipped`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error { .. } => "error",
            Self::Limit { .. } => "limit",
            Self::Skipped { .. } => "skipped",
        }
    }
}

/// A line that a script logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text.
    pub message: String,
    /// Line in the script, from 1; 0 when unknown.
    pub line: u32,
}

/// One change of the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateWrite {
    /// The key.
    pub key: String,
    /// What happens to it.
    pub op: StateOp,
}

/// What happens to a state value. `Add` is an operation of its own, not a `Set` of a sum, so that
/// counters of scripts that run in parallel lose nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateOp {
    /// Becomes this value.
    Set(serde_json::Value),
    /// A number grows by this; a missing or non-numeric value counts as 0.
    Add(serde_json::Number),
    /// Is gone.
    Remove,
}

/// Whether two values are the same to people: `1` and `1.0` are, wherever they stand. What is the
/// same is no change, neither told nor remembered.
pub fn same_value(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => a == b || a.as_f64() == b.as_f64() && a.is_f64() != b.is_f64(),
        (Array(a), Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Object(a), Object(b)) => {
            let same = |(name, a)| b.get(name).is_some_and(|b| same_value(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

impl StateOp {
    /// The value after this operation on `before`; `None` when it is gone.
    pub fn apply(&self, before: Option<&serde_json::Value>) -> Option<serde_json::Value> {
        match self {
            Self::Set(value) => Some(value.clone()),
            Self::Remove => None,
            Self::Add(amount) => {
                let whole = before.map_or(Some(0), serde_json::Value::as_i64);
                let sum = match (whole, amount.as_i64()) {
                    (Some(a), Some(b)) => a.checked_add(b).map(serde_json::Value::from),
                    _ => None,
                };
                Some(sum.unwrap_or_else(|| {
                    let a = before.and_then(serde_json::Value::as_f64).unwrap_or(0.0);
                    serde_json::Value::from(a + amount.as_f64().unwrap_or(0.0))
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn adding_keeps_whole_numbers_whole_and_survives_overflow() {
        let add = |n: serde_json::Value, before: Option<serde_json::Value>| {
            let serde_json::Value::Number(n) = n else {
                panic!("not a number")
            };
            StateOp::Add(n).apply(before.as_ref())
        };
        assert_eq!(add(json!(2), None), Some(json!(2)));
        assert_eq!(add(json!(2), Some(json!(40))), Some(json!(42)));
        assert_eq!(add(json!(0.5), Some(json!(1))), Some(json!(1.5)));
        assert_eq!(add(json!(1), Some(json!("text"))), Some(json!(1.0)));
        assert!(add(json!(1), Some(json!(i64::MAX))).is_some_and(|sum| sum.is_f64()));
    }

    #[test]
    fn a_whole_number_and_the_same_fraction_are_one_value() {
        assert!(same_value(&json!({"a": [1]}), &json!({"a": [1.0]})));
        assert!(!same_value(&json!(1), &json!(1.5)));
        assert!(!same_value(&json!([1]), &json!([1, 1])));
        assert!(!same_value(&json!({"a": 1}), &json!({"b": 1})));
        let large = 1_u64 << 60;
        assert!(!same_value(&json!(large), &json!(large + 1)));
    }

    #[test]
    fn a_place_prints_as_people_say_it() {
        let place = Place {
            path: "gate.rhai".into(),
            line: 12,
            column: 3,
        };
        assert_eq!(place.to_string(), "gate.rhai:12:3");
        assert_eq!(
            Place {
                column: 0,
                ..place.clone()
            }
            .to_string(),
            "gate.rhai:12"
        );
        assert_eq!(Place { line: 0, ..place }.to_string(), "gate.rhai");
    }
}
