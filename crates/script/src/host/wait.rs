//! The run that ends a wait: its time has come, or the event that it waited for.

use super::call::{Call, Performed};
use super::cause::Cause;
use super::silence::late;
use super::{Host, blank};
use crate::event::ScriptEvent;
use crate::lane::OpenWaits;
use crate::{Handler, Script, convert};
use porchlight_core::{Chain, Event, NewWait, Outcome, Place, Run, Timestamp, Wait, WaitKind};
use rhai::{Dynamic, FnPtr};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// No pause between two attempts is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);

impl Host {
    /// Runs what an earlier run left for later, as if nothing else waited. `script` must be the
    /// version that the wait names (see [`Host::load_version`]); `event` the event of the run that
    /// began it, when it is still kept.
    pub fn run_wait(
        &self,
        script: &Script,
        wait: &Wait,
        event: Option<&Arc<Event>>,
        now: Timestamp,
    ) -> Run {
        let open = OpenWaits::default();
        self.call_wait(script, wait, (event, None), now, open).0
    }

    /// Runs what a wait kept. `events` are that of the run which began it, and the one that it
    /// waited for, where that has come.
    pub(crate) fn call_wait(
        &self,
        script: &Script,
        wait: &Wait,
        (event, matched): (Option<&Arc<Event>>, Option<&Arc<Event>>),
        now: Timestamp,
        open: OpenWaits,
    ) -> Performed {
        let mut run = blank_wait(wait, matched, now);
        let (function, kept) = match (&wait.kind, matched) {
            (
                WaitKind::Event {
                    function,
                    arguments,
                    ..
                },
                Some(_),
            ) => (function, arguments),
            _ => (&wait.function, &wait.arguments),
        };
        let (path, name) = function
            .rsplit_once('#')
            .unwrap_or((&script.name, function));
        run.place.path = path.to_owned();
        run.script_hash.clone_from(&script.hash);
        let found = [kept.len(), kept.len() + 1]
            .into_iter()
            .find_map(|count| script.function(path, name, count));
        let (Some(file), Some(found)) = (script.files.get(path), found) else {
            run.outcome = Outcome::Error {
                message: format!(
                    "version {} of {} has no function `{name}`",
                    script.hash, script.name
                ),
                place: run.place.clone(),
            };
            return (run, open, None);
        };
        let value = |event: Option<&Arc<Event>>| match event {
            Some(event) => Dynamic::from(ScriptEvent(self.view(event))),
            None => Dynamic::UNIT,
        };
        let origin = value(event);
        let mut arguments: Vec<Dynamic> = kept
            .iter()
            .map(|one| convert::from_wait(one, &origin))
            .collect();
        if found.params.len() > kept.len() {
            arguments.push(match matched {
                Some(_) => value(matched),
                None => convert::to_dynamic(argument(wait, now)),
            });
        }
        let call = Call {
            state: &file.state,
            function: FnPtr::from(found.clone()),
            arguments,
            depth: wait.depth.max(matched.map_or(0, |event| event.depth)),
            chain: wait.chain.clone(),
            open,
            writes: Vec::new(),
            retry: next_attempt(wait, now),
        };
        self.perform(script, run, call)
    }

    /// The record of a wait that called nothing.
    pub(crate) fn skipped_wait(
        &self,
        wait: &Wait,
        matched: Option<&Arc<Event>>,
        reason: &str,
        now: Timestamp,
    ) -> Run {
        Run {
            outcome: Outcome::Skipped {
                reason: reason.to_owned(),
            },
            ..blank_wait(wait, matched, now)
        }
    }

    /// The record of a wait whose script could not be had.
    pub(crate) fn failed_wait(
        &self,
        wait: &Wait,
        matched: Option<&Arc<Event>>,
        message: String,
        now: Timestamp,
    ) -> Run {
        let run = blank_wait(wait, matched, now);
        let place = run.place.clone();
        Run {
            outcome: Outcome::Error { message, place },
            ..run
        }
    }
}

/// The wait for the second attempt of a handler with `retry`.
pub(super) fn retry(
    script: &Script,
    handler: &Handler,
    cause: &Cause<'_>,
    run: &Run,
    chain: &Chain,
) -> Option<NewWait> {
    let attempts = handler.options.retry.filter(|one| one.retries > 0)?;
    let captured = handler.function.curry().iter();
    let kept = captured.map(|value| convert::to_json(value, convert::Use::Wait));
    let mut arguments: Vec<_> = kept.collect::<Result<_, _>>().ok()?;
    if handler.takes_event {
        arguments.push(cause.kept(handler));
    }
    let name = handler.function.fn_name();
    let own = [handler.place.path.as_str(), script.name.as_str()];
    let all = own
        .into_iter()
        .chain(script.files.keys().map(String::as_str));
    let mut files = all.filter(|path| script.function(path, name, arguments.len()).is_some());
    let due = run.started.after(attempts.backoff);
    Some(NewWait {
        name: format!("{}#retry", chain.id),
        kind: WaitKind::Job {
            attempt: 1,
            retries: attempts.retries,
            backoff_ms: u64::try_from(attempts.backoff.as_millis()).unwrap_or(u64::MAX),
        },
        chain: chain.clone(),
        began: run.started,
        due: chain.until.map_or(due, |until| due.min(until)),
        cut_off: chain.until.is_some_and(|until| due > until),
        script: script.name.clone(),
        script_hash: script.hash.clone(),
        function: format!("{}#{name}", files.next()?),
        arguments,
        event: run.event,
        title: run.title.clone(),
        line: run.place.line,
        depth: cause.depth(),
        origin: chain.id.clone(),
        ..NewWait::default()
    })
}

fn blank_wait(wait: &Wait, matched: Option<&Arc<Event>>, now: Timestamp) -> Run {
    let path = wait.function.rsplit_once('#').map(|(path, _)| path);
    Run {
        event: matched.map_or(wait.event, |event| event.id),
        handler: format!("wait:{}", wait.id),
        title: wait.title.clone(),
        place: Place {
            path: path.unwrap_or(&wait.script).to_owned(),
            line: wait.line,
            column: 0,
        },
        ..blank(&wait.script, &wait.script_hash, now)
    }
}

/// What the function of a wait is told.
fn argument(wait: &NewWait, now: Timestamp) -> Value {
    let attempt = match wait.kind {
        WaitKind::Job { attempt, .. } => attempt + 1,
        _ => 1,
    };
    json!({
        "id": wait.name,
        "began": wait.began.to_rfc3339(),
        "due": wait.due.to_rfc3339(),
        "late_by": late(now.since(wait.due)),
        "attempt": attempt,
    })
}

/// The wait for another attempt, where there is one left.
fn next_attempt(wait: &NewWait, now: Timestamp) -> Option<NewWait> {
    let WaitKind::Job {
        attempt,
        retries,
        backoff_ms,
    } = wait.kind
    else {
        return None;
    };
    if attempt >= retries {
        return None;
    }
    let pause = Duration::from_millis(backoff_ms.saturating_mul(1 << attempt.min(20)));
    let due = now.after(pause.min(LONGEST_BACKOFF));
    let until = wait.chain.until;
    Some(NewWait {
        kind: WaitKind::Job {
            attempt: attempt + 1,
            retries,
            backoff_ms,
        },
        due: until.map_or(due, |until| due.min(until)),
        cut_off: until.is_some_and(|until| due > until),
        origin: format!("{}+{}", wait.origin, attempt + 1),
        ..wait.clone()
    })
}
