//! The values that scripts keep between runs, shared by all scripts of a host.
//!
//! Runs read it and never write into it while they run: their writes are operations that are
//! applied at the end, all together. The journal stores the same operations with the run.
//!
//! Keys that begin with `~` are hidden: the host keeps cooldowns and budgets there. Each holds until
//! when it counts, so that it can be forgotten afterwards.

mod by_hand;
mod change;
mod grants;
mod listeners;
mod taken_back;

pub use by_hand::SetByHand;
pub(crate) use change::{Changed, KIND, hears, told};
pub use change::{KeyPattern, StateChange};
pub(crate) use grants::{Budget, Grants};

use crate::weight::weight;
use listeners::Listeners;
use porchlight_core::{StateWrite, Timestamp, same_value};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The first character of the keys that scripts don't see.
pub(crate) const HIDDEN: &str = "~";
/// The first text after all hidden keys.
const AFTER_HIDDEN: &str = "\u{7f}";

/// The shared map. A clone is another handle to the same map.
#[derive(Debug, Clone, Default)]
pub struct State {
    values: Arc<RwLock<Values>>,
    listeners: Arc<RwLock<Listeners>>,
}

#[derive(Debug, Default)]
struct Values {
    map: BTreeMap<String, Value>,
    /// The bytes of those that are not hidden.
    size: usize,
    /// How many of them are hidden, by the script that they belong to.
    hidden: HashMap<String, usize>,
    /// Grants of budgets to runs that have not ended.
    granted: BTreeSet<String>,
}

impl Values {
    fn put(&mut self, key: &str, value: Option<Value>) {
        let is = value.as_ref().map(|value| heft(key, value));
        let was = match value {
            Some(value) => self.map.insert(key.to_owned(), value),
            None => self.map.remove(key),
        };
        let was = was.map(|value| heft(key, &value));
        if !key.starts_with(HIDDEN) {
            self.size = self.size + is.unwrap_or(0) - was.unwrap_or(0);
            return;
        }
        let owner = owner(key);
        match (was, is) {
            (None, Some(_)) => *self.hidden.entry(owner.to_owned()).or_default() += 1,
            (Some(_), None) => {
                if let Some(count) = self.hidden.get_mut(owner) {
                    *count -= 1;
                    if *count == 0 {
                        self.hidden.remove(owner);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The bytes of a value with its key.
pub(crate) fn heft(key: &str, value: &Value) -> usize {
    key.len() + weight(value)
}

/// The script that a hidden value belongs to: `~once/SCRIPT/…`, `~cooldown/SCRIPT/…`, and
/// `~budget/NAME/MOMENT/EVENT/SCRIPT/…`.
fn owner(key: &str) -> &str {
    let mut parts = key.split('/');
    let script = match parts.next() {
        Some("~budget") => parts.nth(3),
        _ => parts.next(),
    };
    script.unwrap_or_default()
}

impl From<Vec<(String, Value)>> for State {
    fn from(values: Vec<(String, Value)>) -> Self {
        let state = Self::default();
        let mut all = state.write();
        for (key, value) in values {
            all.put(&key, Some(value));
        }
        drop(all);
        state
    }
}

/// A value that became another.
#[derive(Debug, Clone, PartialEq)]
pub struct Became {
    /// Its key.
    pub key: String,
    /// What it was; none when there was nothing.
    pub from: Option<Value>,
    /// What it is; none when it was removed.
    pub to: Option<Value>,
}

impl State {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.read().map.get(key).cloned()
    }

    /// Applies the writes of one run; nobody sees only some of them. Gives what became different by
    /// all of them together, of the keys that somebody listens to.
    pub fn apply(&self, writes: &[StateWrite]) -> Vec<Became> {
        if writes.is_empty() {
            return Vec::new();
        }
        let listeners = self.listeners();
        let mut before: Vec<(&str, Option<Value>)> = Vec::new();
        let mut values = self.write();
        for write in writes {
            let key = write.key.as_str();
            let was = values.map.get(key);
            let is = write.op.apply(was);
            if listeners.hear(key) && before.iter().all(|(known, _)| *known != key) {
                before.push((key, was.cloned()));
            }
            values.put(key, is);
        }
        let became = before.into_iter().filter_map(|(key, from)| {
            let to = values.map.get(key).cloned();
            let same = match (&from, &to) {
                (Some(from), Some(to)) => same_value(from, to),
                (from, to) => from.is_none() && to.is_none(),
            };
            (!same).then(|| Became {
                key: key.to_owned(),
                from,
                to,
            })
        });
        became.collect()
    }

    /// The keys that begin with a prefix, in order, without the hidden ones.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.read()
            .map
            .range(prefix.to_owned()..)
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix))
            .filter(|key| !key.starts_with(HIDDEN))
            .cloned()
            .collect()
    }

    /// Every value, the hidden ones too.
    pub fn to_vec(&self) -> Vec<(String, Value)> {
        let values = self.read();
        let pairs = values.map.iter();
        pairs.map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// The bytes of all values but the hidden ones.
    pub(crate) fn size(&self) -> usize {
        self.read().size
    }

    /// How many hidden values belong to a script.
    pub(crate) fn hidden(&self, script: &str) -> usize {
        self.read().hidden.get(script).copied().unwrap_or(0)
    }

    /// Forgets the hidden values that count no more; gives their number. To be called at a start
    /// and every hour.
    pub fn prune(&self, now: Timestamp) -> usize {
        let mut values = self.write();
        let hidden = values.map.range(HIDDEN.to_owned()..AFTER_HIDDEN.to_owned());
        let expired = |value: &Value| until(value).is_some_and(|until| until <= now);
        let gone: Vec<String> = hidden
            .filter(|(_, value)| expired(value))
            .map(|(key, _)| key.clone())
            .collect();
        gone.iter().for_each(|key| values.put(key, None));
        gone.len()
    }

    // A poisoned lock means a panic between two whole values; the map itself is sound.
    fn read(&self) -> RwLockReadGuard<'_, Values> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Values> {
        self.values.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until when a hidden value counts.
pub(crate) fn until(value: &Value) -> Option<Timestamp> {
    value.get("until")?.as_i64().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::StateOp;
    use serde_json::json;

    fn write(key: &str, op: StateOp) -> StateWrite {
        StateWrite {
            key: key.to_owned(),
            op,
        }
    }

    #[test]
    fn writes_apply_in_order_and_keys_are_found_by_prefix() {
        let state = State::from(vec![("a.x".to_owned(), json!(1))]);
        let became = state.apply(&[
            write("a.y", StateOp::Set(json!("yes"))),
            write("a.x", StateOp::Add(2.into())),
            write("b", StateOp::Set(json!(true))),
            write("b", StateOp::Remove),
        ]);
        assert!(became.is_empty(), "nobody listens");
        assert_eq!(state.get("a.x"), Some(json!(3)));
        assert_eq!(state.keys("a."), ["a.x", "a.y"]);
        assert_eq!(state.get("b"), None);
    }

    #[test]
    fn all_values_are_weighed_together_and_the_hidden_ones_counted_by_script() {
        let state = State::default();
        let text = |bytes: usize| StateOp::Set(json!("x".repeat(bytes - 3)));
        state.apply(&[write("a", text(100)), write("b", text(50))]);
        assert_eq!(state.size(), 150);
        state.apply(&[
            write("a", text(10)),
            write("b", StateOp::Remove),
            write("c", StateOp::Remove),
        ]);
        assert_eq!(state.size(), 10);
        let hidden = [
            "~once/gate.rhai/~once/other.rhai/x",
            "~cooldown/gate.rhai/ab/c",
            "~budget/door.rhai/000000000000001/17/gate.rhai/0/0",
        ];
        state.apply(&hidden.map(|key| write(key, StateOp::Set(json!({ "until": 5 })))));
        assert_eq!((state.size(), state.hidden("gate.rhai")), (10, 3));
        assert_eq!(state.prune(Timestamp(5)), 3);
        assert_eq!(state.hidden("gate.rhai"), 0);
    }

    #[test]
    fn several_writes_of_one_key_are_one_change_and_there_and_back_is_none() {
        let state = State::from(vec![
            ("b".to_owned(), json!(true)),
            ("one".to_owned(), json!(1)),
        ]);
        state.heed(&porchlight_core::NewWait {
            kind: porchlight_core::WaitKind::Event {
                pattern: "state.*".to_owned(),
                filter: Vec::new(),
                function: String::new(),
                arguments: Vec::new(),
            },
            ..porchlight_core::NewWait::default()
        });
        let became = state.apply(&[
            write("n", StateOp::Add(1.into())),
            write("b", StateOp::Remove),
            write("n", StateOp::Add(2.into())),
            write("b", StateOp::Set(json!(true))),
            write("one", StateOp::Set(json!(1.0))),
            write("~once/a", StateOp::Set(json!({"until": 5}))),
        ]);
        let one = Became {
            key: "n".to_owned(),
            from: None,
            to: Some(json!(3)),
        };
        assert_eq!(became, [one]);
    }

    #[test]
    fn hidden_values_are_not_listed_and_go_when_their_time_is_over() {
        let hidden = |key: &str, until: i64| (key.to_owned(), json!({"until": until}));
        let state = State::from(vec![
            hidden("plain", 1),
            hidden("~once/a", 10),
            hidden("~once/b", 20),
            ("~odd".to_owned(), json!(1)),
        ]);
        assert_eq!(state.keys(""), ["plain"]);
        assert!(state.keys("~").is_empty());
        assert_eq!((state.hidden("a"), state.hidden("b")), (1, 1));
        assert_eq!(state.prune(Timestamp(10)), 1);
        assert_eq!(state.get("~once/a"), None);
        assert_eq!((state.hidden("a"), state.hidden("b")), (0, 1));
        assert_eq!(state.prune(Timestamp(10)), 0);
        assert!(state.get("plain").is_some());
    }
}
