//! Brings finished runs into the order in which they wrote the state.
//!
//! Scripts run in parallel, and a run's writes count in memory a moment before the dispatcher hears of
//! it. So two runs that set one key may arrive the other way round, and after the next start the value
//! would be that of the earlier one. A run that comes too early is held until those before it are
//! there; microseconds later, since nothing but the thread's own pace lies in between.

use super::Dispatcher;
use super::committer::Commit;
use porchlight_script::Order;
use std::collections::VecDeque;

/// With so many runs held, the one that they wait for will not come: its thread has died. The order
/// of the others still holds.
const MOST_HELD: usize = 1_000;

/// Runs that came before their turn.
pub(super) struct InOrder<T = Commit> {
    /// The place of the last one that was handed over.
    last: u64,
    held: VecDeque<(Order, T)>,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self {
            last: 0,
            held: VecDeque::new(),
        }
    }
}

impl<T> InOrder<T> {
    /// Takes a run; gives those whose turn it is, in order. Those of one script, as `script` names
    /// it, stay in the order in which they come.
    fn take(&mut self, order: Order, run: T, script: fn(&T) -> &str) -> Vec<T> {
        self.held.push_back((order, run));
        if self.held.len() > MOST_HELD {
            let first = self.held.iter().filter_map(|(order, _)| *order).min();
            self.last = first.map_or(self.last, |first| first.saturating_sub(1));
        }
        let mut ready = Vec::new();
        while let Some(at) = self.next(script) {
            let Some((order, run)) = self.held.remove(at) else {
                break;
            };
            self.last = order.map_or(self.last, |order| order.max(self.last));
            ready.push(run);
        }
        ready
    }

    fn next(&self, script: fn(&T) -> &str) -> Option<usize> {
        let mut behind: Vec<&str> = Vec::new();
        self.held.iter().position(|(order, run)| {
            let script = script(run);
            let turn = order.is_none_or(|order| order <= self.last + 1);
            let ready = turn && !behind.contains(&script);
            if !ready {
                behind.push(script);
            }
            ready
        })
    }
}

impl Dispatcher {
    /// Hands a run over to the committer, or holds it until those that wrote before it are there.
    pub(super) fn hand_over(&mut self, order: Order, commit: Commit) {
        for commit in self.in_order.take(order, commit, script) {
            _ = self.commits.send(commit);
        }
    }
}

fn script(commit: &Commit) -> &str {
    &commit.run.script
}

#[cfg(test)]
mod tests {
    use super::*;

    type Run = (&'static str, u32);

    fn take(runs: &mut InOrder<Run>, order: u64, run: Run) -> Vec<u32> {
        let order = (order > 0).then_some(order);
        let ready = runs.take(order, run, |run| run.0);
        ready.into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn runs_are_handed_over_in_the_order_of_their_writes_and_those_of_a_script_as_they_come() {
        let mut runs = InOrder::default();
        assert_eq!(take(&mut runs, 1, ("a", 1)), [1]);
        assert!(take(&mut runs, 3, ("a", 2)).is_empty());
        assert!(
            take(&mut runs, 0, ("a", 3)).is_empty(),
            "behind one of its script"
        );
        assert_eq!(take(&mut runs, 0, ("b", 4)), [4], "it wrote nothing");
        assert!(take(&mut runs, 4, ("c", 5)).is_empty());
        assert_eq!(take(&mut runs, 2, ("b", 6)), [6, 2, 3, 5]);
        assert_eq!(take(&mut runs, 5, ("b", 7)), [7]);
    }

    #[test]
    fn a_run_that_never_comes_holds_no_other_up_for_ever() {
        let mut runs = InOrder::default();
        for number in 2..=MOST_HELD as u64 + 1 {
            assert!(take(&mut runs, number, ("a", 1)).is_empty());
        }
        let ready = take(&mut runs, MOST_HELD as u64 + 2, ("a", 1));
        assert_eq!(ready.len(), MOST_HELD + 1);
        assert_eq!(
            take(&mut runs, 1, ("b", 9)),
            [9],
            "should it come after all"
        );
    }
}
