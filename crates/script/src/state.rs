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
/// Hidden values of one script, some 200 bytes each: keys come from strangers. A bound for all
/// scripts together would let one that uses it up silence the others.
pub(crate) const MOST_HIDDEN: usize = 50_000;
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
    /// How many runs have written.
    runs: u64,
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

/// The place of a run's writes among those of all runs since the start, without gaps from 1 on; none
/// where it wrote nothing. Whoever stores the runs must keep this order, or what is stored would
/// become another state than that which scripts saw.
pub type Order = Option<u64>;

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
        self.apply_in_order(writes).0
    }

    /// The same, with the place of these writes among those of all runs.
    pub fn apply_in_order(&self, writes: &[StateWrite]) -> (Vec<Became>, Order) {
        if writes.is_empty() {
            return (Vec::new(), None);
        }
        let listeners = self.listeners();
        let mut before: Vec<(&str, Option<Value>)> = Vec::new();
        let mut values = self.write();
        values.runs += 1;
        let order = Some(values.runs);
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
        (became.collect(), order)
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

    /// Whether a script may have another hidden value; forgets those that count no more, if need be.
    pub(crate) fn has_room(&self, script: &str, now: Timestamp) -> bool {
        if self.hidden(script) < MOST_HIDDEN {
            return true;
        }
        self.prune(now);
        self.hidden(script) < MOST_HIDDEN
    }

    /// How many hidden values belong to a script.
    fn hidden(&self, script: &str) -> usize {
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
mod tests;
