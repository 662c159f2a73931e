//! A script that fails again and again is parked, and comes back changed.

use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::{Value, json};
use std::sync::Arc;

struct Bench {
    host: Host,
    lane: Lane,
    before: Before,
}

impl Bench {
    fn new(park_after: u32) -> Self {
        let rules = Rules {
            park_after,
            ..Rules::default()
        };
        let host = Host::new(HostConfig {
            rules,
            clock: Arc::new(|| NOW),
            ..HostConfig::default()
        });
        Self {
            host,
            lane: Lane::default(),
            before: Before::default(),
        }
    }

    fn load(&mut self, source: &str) -> Arc<Script> {
        let script = Arc::new(self.host.load("gate.rhai", source).unwrap());
        self.before.versions.push(script.clone());
        script
    }

    fn perform(&mut self, script: &Arc<Script>, work: Work, data: Value) -> Run {
        let job = Job {
            script: Some(script.clone()),
            event: matches!(work, Work::Handler(_)).then(|| event("a", data)),
            work,
        };
        let mut runs = Vec::new();
        let before = &mut self.before;
        self.lane
            .perform(&self.host, before, job, &mut |one| runs.push(one.run));
        runs.pop().unwrap()
    }

    fn send(&mut self, script: &Arc<Script>, fails: bool) -> Run {
        self.perform(script, Work::Handler(0), json!({ "fails": fails }))
    }
}

const SOURCE: &str = "on(\"a\", |event| {
    if event.data.fails { later(\"1s\", || { later(\"1s\", || ()); throw \"again\"; }); throw \"no\"; }
});";

fn skipped(reason: &str) -> Outcome {
    let reason = reason.to_owned();
    Outcome::Skipped { reason }
}

fn told(run: &Run) -> Vec<Value> {
    let events = run.emitted.iter().filter(|event| event.kind == PARKED);
    events
        .map(|event| serde_json::from_slice(&event.data).unwrap())
        .collect()
}

#[test]
fn a_script_that_fails_too_often_in_a_row_is_parked_and_a_new_version_is_not() {
    on_big_stack(|| {
        let mut bench = Bench::new(3);
        let script = bench.load(SOURCE);
        // A good run between counts from the start.
        for fails in [true, true, false, true, true] {
            let run = bench.send(&script, fails);
            assert!(told(&run).is_empty());
        }
        let last = bench.send(&script, true);
        assert_eq!(
            told(&last),
            [
                json!({ "script": "gate.rhai", "failures": 3, "error": "no", "place": "gate.rhai:2:83" })
            ]
        );
        for _ in 0..3 {
            let run = bench.send(&script, false);
            assert_eq!(run.outcome, skipped("parked"));
        }
        let mended = bench.load("on(\"a\", |event| print(1));");
        assert_eq!(bench.send(&mended, false).outcome, Outcome::Ok);
        assert!(bench.send(&mended, false).emitted.is_empty());
    });
}

#[test]
fn a_wait_of_a_parked_script_still_runs_and_leaves_nothing_when_it_fails() {
    on_big_stack(|| {
        let mut bench = Bench::new(2);
        let script = bench.load(SOURCE);
        bench.send(&script, true);
        let last = bench.send(&script, true);
        assert_eq!(told(&last).len(), 1);
        let wait = Wait {
            id: 7,
            content: last.waits[0].clone(),
        };
        let work = Work::Wait(Box::new(wait), Fell::Due);
        let run = bench.perform(&script, work, json!({}));
        assert!(
            matches!(run.outcome, Outcome::Error { .. }),
            "{:?}",
            run.outcome
        );
        assert!(run.waits.is_empty() && run.emitted.is_empty());
        assert_eq!(bench.send(&script, false).outcome, skipped("parked"));
    });
}

#[test]
fn a_script_is_never_parked_where_nobody_wants_that() {
    on_big_stack(|| {
        let mut bench = Bench::new(0);
        let script = bench.load(SOURCE);
        for _ in 0..50 {
            let run = bench.send(&script, true);
            assert!(matches!(run.outcome, Outcome::Error { .. }));
            assert!(told(&run).is_empty());
        }
    });
}
