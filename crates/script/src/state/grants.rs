//! Budgets: how often something may happen in a while, whoever does it.
//!
//! Each grant is a hidden value of its own, because scripts run in parallel and two of them that
//! rewrite one list would lose a grant. A grant counts from the moment it is given, also before its
//! run has ended, so that two runs can't both take the last one; if the run decides nothing in the
//! end, it is given back.

use super::{HIDDEN, State};
use porchlight_core::{StateOp, StateWrite, Timestamp};
use serde_json::json;
use std::time::Duration;

/// No run lasts longer.
const AHEAD: Duration = Duration::from_secs(60);

/// What a run asks of a budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget<'a> {
    /// Its name, without `/`.
    pub(crate) name: &'a str,
    /// How many are granted in any span of this length.
    pub(crate) most: usize,
    pub(crate) within: Duration,
    pub(crate) now: Timestamp,
}

impl Budget<'_> {
    fn prefix(&self) -> String {
        format!("{HIDDEN}budget/{}/", self.name)
    }

    /// The first key that counts: those granted before are over.
    fn first(&self) -> String {
        let within = i64::try_from(self.within.as_millis()).unwrap_or(i64::MAX);
        let after = self.now.0.saturating_sub(within).saturating_add(1).max(0);
        format!("{}{after:015}", self.prefix())
    }

    /// The first key that doesn't: of a clock that ran ahead. A run that began a little later is
    /// none of these.
    fn end(&self) -> String {
        let end = self.now.after(AHEAD).0.max(0);
        format!("{}{end:015}", self.prefix())
    }

    /// The value that a grant is.
    pub(crate) fn write(&self, key: &str) -> StateWrite {
        StateWrite {
            key: key.to_owned(),
            op: StateOp::Set(json!({ "until": self.now.after(self.within).0 })),
        }
    }
}

impl State {
    /// How many more a budget grants now.
    pub(crate) fn left(&self, budget: &Budget<'_>) -> usize {
        left(&self.read(), budget)
    }

    /// Takes one of a budget; `by` tells the run from all others. The key of the grant, to be
    /// written with the run, or none when the budget is used up.
    pub(crate) fn grant(
        &self,
        budget: &Budget<'_>,
        by: &str,
        grants: &mut Grants,
    ) -> Option<String> {
        let mut values = self.write();
        if left(&values, budget) == 0 {
            return None;
        }
        let (prefix, now) = (budget.prefix(), budget.now.0.max(0));
        let key = format!("{prefix}{now:015}/{by}/{}", grants.keys.len());
        values.granted.insert(key.clone());
        drop(values);
        grants.state.get_or_insert_with(|| self.clone());
        grants.keys.push(key.clone());
        Some(key)
    }
}

fn left(values: &super::Values, budget: &Budget<'_>) -> usize {
    let (first, prefix) = (budget.first(), budget.prefix());
    let ended = values.map.range(first.clone()..budget.end());
    let ended = ended.map(|(key, _)| key);
    let running = values.granted.range(first..);
    let running = running.take_while(|key| key.starts_with(&prefix));
    let running = running.filter(|key| !values.map.contains_key(*key));
    let used = ended.chain(running).take(budget.most).count();
    budget.most - used
}

/// What a run was granted. When it is dropped, only what is stored counts.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    state: Option<State>,
    keys: Vec<String>,
}

impl Drop for Grants {
    fn drop(&mut self) {
        if let Some(state) = &self.state {
            let mut values = state.write();
            for key in &self.keys {
                values.granted.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(now: i64) -> Budget<'static> {
        Budget {
            name: "sms",
            most: 2,
            within: Duration::from_secs(10),
            now: Timestamp(now),
        }
    }

    #[test]
    fn two_runs_at_once_do_not_both_get_the_last_one() {
        let state = State::default();
        let (mut one, mut two) = (Grants::default(), Grants::default());
        let first = state.grant(&budget(1_000), "1/a", &mut one);
        let second = state.grant(&budget(1_000), "1/b", &mut two);
        assert!(first.is_some() && second.is_some());
        assert!(state.grant(&budget(1_001), "1/c", &mut two).is_none());
        drop(one); // it decided nothing
        assert_eq!(state.left(&budget(1_002)), 1);
        state.apply(&[budget(1_000).write(&second.unwrap())]);
        drop(two);
        assert_eq!(state.left(&budget(1_003)), 1, "what is stored counts once");
    }

    #[test]
    fn a_grant_counts_for_exactly_so_long() {
        let state = State::default();
        let mut grants = Grants::default();
        let key = state.grant(&budget(5_000), "1/a", &mut grants).unwrap();
        state.apply(&[budget(5_000).write(&key)]);
        drop(grants);
        assert_eq!(state.left(&budget(14_999)), 1);
        assert_eq!(state.left(&budget(15_000)), 2);
        let back = state.left(&budget(-100_000));
        assert_eq!(
            back, 2,
            "a grant of the future is of a clock that ran ahead"
        );
        assert_eq!(state.prune(Timestamp(14_999)), 0);
        assert_eq!(state.prune(Timestamp(15_000)), 1);
    }
}
