//! The values that scripts keep between runs, shared by all scripts of a host.
//!
//! Runs read it and never write into it while they run: their writes are operations that are
//! applied at the end, all together. The journal stores the same operations with the run.

use porchlight_core::StateWrite;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The shared map. A clone is another handle to the same map.
#[derive(Debug, Clone, Default)]
pub struct State {
    values: Arc<RwLock<BTreeMap<String, Value>>>,
}

impl From<Vec<(String, Value)>> for State {
    fn from(values: Vec<(String, Value)>) -> Self {
        Self {
            values: Arc::new(RwLock::new(values.into_iter().collect())),
        }
    }
}

impl State {
    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.read().get(key).cloned()
    }

    /// Applies the writes of one run; nobody sees only some of them.
    pub fn apply(&self, writes: &[StateWrite]) {
        if writes.is_empty() {
            return;
        }
        // A poisoned lock means a panic between two whole values; the map itself is sound.
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            match write.op.apply(values.get(&write.key)) {
                Some(value) => values.insert(write.key.clone(), value),
                None => values.remove(&write.key),
            };
        }
    }

    /// The keys that begin with a prefix, in order.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.read()
            .range(prefix.to_owned()..)
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Every value, for the journal and the dashboard.
    pub fn to_vec(&self) -> Vec<(String, Value)> {
        let pairs = self.read();
        pairs.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Value>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porchlight_core::StateOp;
    use serde_json::json;

    #[test]
    fn writes_apply_in_order_and_keys_are_found_by_prefix() {
        let state = State::from(vec![("a.x".to_owned(), json!(1))]);
        let write = |key: &str, op| StateWrite {
            key: key.to_owned(),
            op,
        };
        state.apply(&[
            write("a.y", StateOp::Set(json!("yes"))),
            write("a.x", StateOp::Add(2.into())),
            write("b", StateOp::Set(json!(true))),
            write("b", StateOp::Remove),
        ]);
        assert_eq!(state.get("a.x"), Some(json!(3)));
        assert_eq!(state.keys("a."), ["a.x", "a.y"]);
        assert_eq!(state.get("b"), None);
    }
}
