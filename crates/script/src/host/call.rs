//! Calls a function of a script under its limits, and takes what it decided into a run.
//!
//! A call happens on the calling thread. It has no effect but on the shared state, and on that only
//! once it has ended; a call that is to be tried again decides nothing.

use super::{Host, state_events};
use crate::current::{self, Current, Running};
use crate::lane::OpenWaits;
use crate::state::{Grants, Order};
use crate::{Script, deadline, explain};
use porchlight_core::{Chain, NewWait, Outcome, Place, Run, StateOp, StateWrite};
use rhai::{
    Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext, Position,
};
use std::time::Instant;

impl Host {
    /// Calls a function and takes what it decided into the run.
    pub(super) fn perform(&self, script: &Script, mut run: Run, mut call: Call<'_>) -> Performed {
        let begun = Instant::now();
        let (retry, depth) = (call.retry.take(), call.depth);
        run.depth = depth;
        let ended = self.call(script, &run, call);
        run.outcome = outcome(&ended.result, ended.exceeded(), &run.place.path, &run.place);
        let mut open = OpenWaits::default();
        // What it was granted counts until its writes do.
        let mut grants = Grants::default();
        if let Some(decided) = ended.decided {
            let decided = *decided;
            run.logs = decided.logs;
            run.asked = decided.asked;
            open = decided.open;
            grants = decided.grants;
            match (&run.outcome, retry) {
                // It decides nothing: the next attempt begins from the same point.
                (Outcome::Error { .. }, Some(next)) => run.waits = vec![next],
                (Outcome::Limit { .. }, _) => {}
                _ => {
                    run.actions = decided.actions;
                    run.state = decided.writes;
                    run.waits = decided.waits.into_iter().flatten().collect();
                    run.cancelled = decided.cancelled;
                    run.emitted = decided.emitted;
                }
            }
        }
        let (became, order) = self.inner.config.state.apply_in_order(&run.state);
        drop(grants);
        state_events::tell(&mut run, became, depth, self.limits());
        run.duration_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        (run, open, order)
    }

    pub(super) fn call(&self, script: &Script, run: &Run, call: Call<'_>) -> Ended {
        let (engine, config) = self.inner.engines.of(&script.name);
        let overlay = call.writes.iter().filter_map(|write| match &write.op {
            StateOp::Set(value) => Some((write.key.clone(), Some(value.clone()))),
            _ => None,
        });
        let running = Running {
            config: config.clone(),
            script: script.clone(),
            event: run.event,
            depth: call.depth,
            now: run.started,
            label: format!("{}/{}/{}", run.event, script.name, run.handler),
            chain: call.chain,
            logs: Vec::new(),
            actions: Vec::new(),
            overlay: overlay.collect(),
            writes: call.writes,
            waits: Vec::new(),
            open: call.open,
            cancelled: Vec::new(),
            emitted: Vec::new(),
            grants: Grants::default(),
            asked: Vec::new(),
            asks: 0,
            kept: 0,
            grown: 0,
            size: 0,
            exceeded: None,
        };
        let deadline = deadline::start(config.limits.run_time, config, &script.name);
        let current = Current::Running(Box::new(running));
        let function = Function {
            state: call.state,
            function: call.function,
            arguments: call.arguments,
        };
        let (result, current) = current::during(current, || {
            let call = || function.call(engine);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(call))
        });
        let decided = match current {
            Some(Current::Running(running)) => Some(running),
            _ => None,
        };
        Ended {
            result,
            decided,
            _deadline: deadline,
        }
    }
}

/// A run, the open waits as they were, and the place of its writes among all.
pub(crate) type Performed = (Run, OpenWaits, Order);

/// A function to call, with everything that it needs and what its run begins with.
pub(super) struct Call<'a> {
    pub(super) state: &'a GlobalRuntimeState,
    pub(super) function: FnPtr,
    pub(super) arguments: Vec<Dynamic>,
    pub(super) depth: u32,
    pub(super) chain: Chain,
    pub(super) open: OpenWaits,
    pub(super) writes: Vec<StateWrite>,
    /// What is begun instead of everything that it decided, when it makes a mistake.
    pub(super) retry: Option<NewWait>,
}

struct Function<'a> {
    state: &'a GlobalRuntimeState,
    function: FnPtr,
    arguments: Vec<Dynamic>,
}

impl Function<'_> {
    fn call(self, engine: &Engine) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut state = self.state.clone();
        state.num_operations = 0;
        let source = state.source.clone();
        let context = NativeCallContext::new_with_all_fields(
            engine,
            self.function.fn_name(),
            source.as_deref(),
            &state,
            Position::NONE,
        );
        self.function.call_raw(&context, None, self.arguments)
    }
}

type Returned = std::thread::Result<Result<Dynamic, Box<EvalAltResult>>>;

/// A function that has returned. The deadline lasts until its outcome is known.
pub(super) struct Ended {
    pub(super) result: Returned,
    decided: Option<Box<Running>>,
    _deadline: deadline::Deadline,
}

impl Ended {
    pub(super) fn exceeded(&self) -> Option<String> {
        self.decided.as_ref()?.exceeded.clone()
    }
}

pub(super) fn outcome(
    result: &Returned,
    exceeded: Option<String>,
    file: &str,
    whole: &Place,
) -> Outcome {
    let mistake = match result {
        Ok(Ok(_)) => None,
        Ok(Err(wrong)) => Some(explain::mistake(wrong, file)),
        Err(_) => {
            return Outcome::Error {
                message: "the host itself failed in this run; please report it".to_owned(),
                place: whole.clone(),
            };
        }
    };
    let place = mistake.as_ref().map_or(whole, |mistake| &mistake.place);
    let place = if place.line == 0 { whole } else { place }.clone();
    if let Some(message) = exceeded {
        return Outcome::Limit { message, place };
    }
    match mistake {
        None => Outcome::Ok,
        Some(mistake) => {
            let message = if mistake.help.is_empty() {
                mistake.message
            } else {
                format!("{}; {}", mistake.message, mistake.help)
            };
            if mistake.limit {
                Outcome::Limit { message, place }
            } else {
                Outcome::Error { message, place }
            }
        }
    }
}
