//! `on_state … for`: a change that must last before the handler is called.
//!
//! What lasts is a wait in the journal, begun in the commit of the run that saw the change and
//! cancelled in that of the run that saw it end. It belongs to the subscription and not to a version
//! of the script: it goes on while the script is edited, as long as the handler stays what it is.
//! When its time has come the value is looked at once more, so that a change whose event is still on
//! its way is not missed; then the handler is admitted as any other trigger's is. Where it must queue,
//! that it has lasted is stored first: the value may be another one by the time of its turn, and a
//! crash in between must not ask for it again.

use super::{Finished, Job, Lane, Work, parts};
use crate::host::cause::Cause;
use crate::state::Changed;
use crate::{Fell, Handler, Host, Script, StateChange, Trigger};
use porchlight_core::{Chain, Event, NewWait, OnGap, Outcome, Run, Wait, WaitKind};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What a handler of `on_state` with `for` wants.
struct Held<'a> {
    change: &'a StateChange,
    length: Duration,
    on_gap: OnGap,
}

impl<'a> Held<'a> {
    fn of(handler: &'a Handler) -> Option<Self> {
        let Trigger::State(change) = &handler.trigger else {
            return None;
        };
        let (length, on_gap) = change.hold?;
        Some(Self {
            change,
            length,
            on_gap,
        })
    }
}

/// The name of the wait for one key.
fn name(handler: &Handler, key: &str) -> String {
    format!("hold/{}/{key}", handler.id)
}

/// The handler for which this wait lasted, in the version of its script that is live.
pub(super) fn handler<'a>(script: &'a Script, wait: &Wait) -> Option<&'a Handler> {
    let name = wait.name.strip_prefix("hold/");
    let name = name.or_else(|| wait.name.strip_prefix("held/"));
    let id = name?.split('/').next()?;
    script.handlers.iter().find(|one| one.id == id)
}

/// Whether this job is a change that such a handler looks at.
pub(super) fn watches(job: &Job) -> bool {
    let handler = parts(job).map(|(_, handler, _)| handler);
    matches!(job.work, Work::Handler(_)) && handler.is_some_and(|one| Held::of(one).is_some())
}

/// Why the handler is not called when the time has come; none when it is.
pub(super) fn moot(host: &Host, wait: &Wait, script: Option<&Arc<Script>>) -> Option<&'static str> {
    let WaitKind::Hold { change, lasted } = &wait.kind else {
        return None;
    };
    let Some(script) = script else {
        return Some("unloaded");
    };
    let Some(held) = handler(script, wait).and_then(Held::of) else {
        return Some("reloaded");
    };
    if *lasted {
        return None;
    }
    let member = |name: &str| change.get(name).cloned().unwrap_or_default();
    let key = member("key");
    let now = host.state().get(key.as_str().unwrap_or_default());
    let lasts = held
        .change
        .still_holds(&member("to"), &now.unwrap_or(Value::Null));
    (!lasts).then_some("not held")
}

/// What is stored in the place of a wait that has lasted, when its handler has no time for it yet.
pub(super) fn to_be_queued(job: &Job, handler: &Handler) -> Option<NewWait> {
    let Work::Wait(wait, _) = &job.work else {
        return None;
    };
    let WaitKind::Hold {
        change,
        lasted: false,
    } = &wait.kind
    else {
        return None;
    };
    let name = format!("held/{}/{}", handler.id, wait.id);
    Some(NewWait {
        kind: WaitKind::Hold {
            change: change.clone(),
            lasted: true,
        },
        chain: Chain {
            id: name.clone(),
            handler: format!("held/{}", handler.id),
            ..Chain::default()
        },
        origin: name.clone(),
        name,
        on_gap: OnGap::Fire,
        ..wait.content.clone()
    })
}

impl Lane {
    /// Whether this job is a wait that has lasted, and whose handler is to be called.
    pub(super) fn has_held(&self, host: &Host, job: &Job) -> bool {
        match &job.work {
            Work::Wait(wait, Fell::Due) => {
                matches!(wait.kind, WaitKind::Hold { .. })
                    && self.open.holds(wait)
                    && moot(host, wait, job.script.as_ref()).is_none()
            }
            _ => false,
        }
    }

    /// Looks at a change: begins to wait, or ends that.
    pub(super) fn watch(&mut self, host: &Host, job: Job, report: &mut dyn FnMut(Finished)) {
        let now = host.now();
        let Some((script, handler, Cause::Event(event))) = parts(&job) else {
            return;
        };
        let (Some(held), Some(changed)) = (Held::of(handler), Changed::read(event)) else {
            let run = host.skipped(script, handler, &Cause::Event(event), "filter", now);
            return report(job.done(run));
        };
        let skipped =
            |reason: &str| host.skipped(script, handler, &Cause::Event(event), reason, now);
        let name = name(handler, &changed.key);
        let refused = handler.options.skips(event, now);
        let starts = held.change.starts(&changed);
        let mut run = match refused {
            None if starts && self.open.len() < host.limits().waits_outstanding => {
                let mut run = skipped("holding");
                run.waits
                    .push(begin(script, handler, (&held, &changed), event, &run));
                run
            }
            None if starts => full(skipped(""), host.limits().waits_outstanding),
            Some(reason) if starts => skipped(reason),
            _ if self.open.contains(&name) => skipped("not held"),
            _ => skipped("filter"),
        };
        // Another value is another wait, or none.
        if run.waits.is_empty() && self.open.contains(&name) {
            run.cancelled.push(name);
        }
        self.settle(&mut run, None, &[]);
        report(job.done(run));
    }
}

fn full(run: Run, most: usize) -> Run {
    let message = format!(
        "{most} waits of this script are open already, so it can't be awaited that this lasts; name fewer keys"
    );
    let place = run.place.clone();
    Run {
        outcome: Outcome::Error { message, place },
        ..run
    }
}

fn begin(
    script: &Script,
    handler: &Handler,
    (held, changed): (&Held<'_>, &Changed),
    event: &Event,
    run: &Run,
) -> NewWait {
    let name = name(handler, &changed.key);
    NewWait {
        kind: WaitKind::Hold {
            change: changed.argument("0s"),
            lasted: false,
        },
        // A chain of its own: a handler is not active while it waits to be called.
        chain: Chain {
            id: name.clone(),
            handler: format!("hold/{}", handler.id),
            key: changed.key.clone(),
            until: None,
        },
        name,
        began: event.received,
        due: event.received.after(held.length),
        on_gap: held.on_gap,
        script: script.name.clone(),
        script_hash: script.hash.clone(),
        event: event.id,
        title: handler.title.clone(),
        line: handler.place.line,
        depth: event.depth,
        origin: format!("{}/{}/{}", run.event, run.script, run.handler),
        ..NewWait::default()
    }
}
