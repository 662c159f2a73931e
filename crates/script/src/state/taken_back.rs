//! Taking back what a run wrote, when it could not be stored.
//!
//! Others may have written the same keys since, and what they wrote is stored. So a sum is taken off
//! again, and a value becomes again what is stored only while it is still the one that the run set.

use super::State;
use porchlight_core::{StateOp, StateWrite, same_value};
use serde_json::{Number, Value};

impl State {
    /// Takes the writes of one run back; `kept` is what is stored under their keys.
    pub fn take_back(&self, writes: &[StateWrite], kept: &[(String, Option<Value>)]) {
        let mut values = self.write();
        for (key, kept) in kept {
            let own = writes.iter().filter(|write| write.key == *key);
            let own: Vec<&StateOp> = own.map(|write| &write.op).collect();
            let is = values.map.get(key).cloned();
            let sums = own.iter().map(|op| match op {
                StateOp::Add(number) => negative(number),
                StateOp::Set(_) | StateOp::Remove => None,
            });
            let was = match sums.collect::<Option<Vec<Number>>>() {
                Some(sums) => sums
                    .into_iter()
                    .fold(is.clone(), |is, sum| StateOp::Add(sum).apply(is.as_ref())),
                None => {
                    let left = own
                        .iter()
                        .fold(kept.clone(), |was, op| op.apply(was.as_ref()));
                    match (&left, &is) {
                        (Some(left), Some(is)) if same_value(left, is) => kept.clone(),
                        (None, None) => kept.clone(),
                        _ => continue,
                    }
                }
            };
            // A count that began with this run began with nothing.
            let began = kept.is_none() && was.as_ref().and_then(Value::as_f64) == Some(0.0);
            values.put(key, was.filter(|_| !began));
        }
    }
}

fn negative(number: &Number) -> Option<Number> {
    match number.as_i64() {
        Some(whole) => whole.checked_neg().map(Number::from),
        None => Number::from_f64(-number.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write(key: &str, op: StateOp) -> StateWrite {
        let key = key.to_owned();
        StateWrite { key, op }
    }

    #[test]
    fn what_a_run_wrote_is_taken_back_and_what_others_wrote_since_is_not() {
        let stored = [
            ("mode", json!("day")),
            ("count", json!(5)),
            ("gone", json!(1)),
        ];
        let stored = stored.map(|(key, value)| (key.to_owned(), value));
        let state = State::from(stored.to_vec());
        let writes = [
            write("mode", StateOp::Set(json!("night"))),
            write("count", StateOp::Add(2.into())),
            write("gone", StateOp::Remove),
            write("first", StateOp::Add(1.into())),
            write("other", StateOp::Set(json!(1))),
        ];
        state.apply(&writes);
        state.apply(&[
            write("count", StateOp::Add(10.into())),
            write("other", StateOp::Set(json!("theirs"))),
        ]);
        let mut kept: Vec<(String, Option<Value>)> = stored
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect();
        kept.push(("first".to_owned(), None));
        kept.push(("other".to_owned(), None));
        state.take_back(&writes, &kept);
        assert_eq!(state.get("mode"), Some(json!("day")));
        assert_eq!(state.get("count"), Some(json!(15)));
        assert_eq!(state.get("gone"), Some(json!(1)));
        assert_eq!(state.get("first"), None);
        assert_eq!(state.get("other"), Some(json!("theirs")));
    }
}
