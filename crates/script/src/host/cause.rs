//! What calls a handler, and what the handler is told of it.
//!
//! A cause also says what the run is known by: event, script and a text. The journal takes no second
//! run of the same identity, which is what keeps one from happening twice after a crash.

use super::Host;
use super::silence::{Silent, late};
use super::tick::Start;
use crate::convert::{self, Use};
use crate::event::ScriptEvent;
use crate::options::{HandlerOptions, Key};
use crate::schedule::Tick;
use crate::state::Changed;
use crate::{Handler, Script, Trigger, filter, mqtt};
use porchlight_core::{Event, EventId, Run, StateOp, StateWrite, Timestamp, Wait, WaitKind};
use rhai::Dynamic;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What calls a handler.
pub(crate) enum Cause<'a> {
    /// An event whose type it wants.
    Event(&'a Arc<Event>),
    /// That none came for a while.
    Silence(&'a Silent),
    /// The clock.
    Tick(&'a Tick),
    /// The start of the host.
    Start(&'a Start),
    /// A change of the state that has lasted.
    Held(&'a Wait),
}

impl Cause<'_> {
    /// The event that the run belongs to, and the text that tells it from the event's others.
    pub(crate) fn identity(&self, handler: &Handler) -> (EventId, String) {
        match self {
            Self::Event(event) => (event.id, handler.id.clone()),
            Self::Silence(silent) => silent.identity(handler),
            Self::Tick(tick) => (0, tick.name()),
            Self::Start(start) => (0, start.identity(handler)),
            Self::Held(wait) => (wait.event, format!("wait:{}", wait.id)),
        }
    }

    /// What the chain of the run is known by.
    pub(crate) fn chain(&self, script: &Script, handler: &Handler) -> String {
        let (event, text) = self.identity(handler);
        format!("{event}/{}/{text}", script.name)
    }

    /// Why a handler with these options does not run, whatever else is active.
    pub(crate) fn skips(&self, options: &HandlerOptions, now: Timestamp) -> Option<&'static str> {
        match self {
            Self::Event(event) => options.skips(event, now),
            Self::Tick(tick) => tick.skips(options, now),
            Self::Held(wait) => options
                .expires
                .is_some_and(|limit| now.since(wait.due) > limit)
                .then_some("expired"),
            Self::Silence(_) | Self::Start(_) => None,
        }
    }

    /// What is set before the handler is called: the value that a switch shows.
    pub(super) fn writes(&self, handler: &Handler) -> Option<StateWrite> {
        let Self::Event(event) = self else {
            return None;
        };
        Some(StateWrite {
            key: handler.switches()?.to_owned(),
            op: StateOp::Set(mqtt::switched(event)?.into()),
        })
    }

    /// How many emitted events lie behind it.
    pub(super) fn depth(&self) -> u32 {
        match self {
            Self::Event(event) => event.depth,
            Self::Held(wait) => wait.depth,
            Self::Silence(_) | Self::Tick(_) | Self::Start(_) => 0,
        }
    }

    /// The handler's argument.
    pub(super) fn argument(&self, host: &Host, handler: &Handler) -> Dynamic {
        match self {
            Self::Event(event) if handler.switches().is_some() => {
                let on = mqtt::switched(event);
                on.map_or(Dynamic::UNIT, Dynamic::from)
            }
            Self::Event(event) if !matches!(handler.trigger, Trigger::State(_)) => {
                Dynamic::from(ScriptEvent(host.view(event)))
            }
            Self::Event(event) => told_late(self.kept(handler), host.now().since(event.received)),
            Self::Held(wait) => told_late(self.kept(handler), host.now().since(wait.due)),
            _ => convert::to_dynamic(self.kept(handler)),
        }
    }

    /// The argument as a wait keeps it.
    pub(super) fn kept(&self, handler: &Handler) -> Value {
        match self {
            Self::Event(event) if matches!(handler.trigger, Trigger::State(_)) => {
                let changed = Changed::read(event).map(|changed| changed.argument("0s"));
                changed.unwrap_or_default()
            }
            Self::Event(event) if handler.switches().is_some() => {
                mqtt::switched(event).map_or(Value::Null, Value::Bool)
            }
            Self::Event(_) => json!({ convert::EVENT: true }),
            Self::Held(wait) => match &wait.kind {
                WaitKind::Hold { change, .. } => change.clone(),
                _ => json!({}),
            },
            Self::Silence(silent) => silent.argument(handler),
            Self::Tick(tick) => tick.argument(handler),
            Self::Start(start) => start.argument(),
        }
    }
}

/// A change and how late its handler is told of it.
fn told_late(mut change: Value, by: Duration) -> Dynamic {
    change["late_by"] = late(by).into();
    convert::to_dynamic(change)
}

impl Host {
    /// The value of a handler's `key`, as text.
    ///
    /// # Errors
    /// The failed run, when the function made a mistake.
    pub(crate) fn key(
        &self,
        script: &Script,
        handler: &Handler,
        key: &Key,
        cause: &Cause<'_>,
        now: Timestamp,
    ) -> Result<String, Box<Run>> {
        let function = match (key, cause) {
            (Key::Path(path), Cause::Event(event)) => return Ok(filter::text(event, path)),
            (Key::Path(path), Cause::Held(_)) => {
                let change = cause.kept(handler);
                let path = path.strip_prefix("data.").unwrap_or(path);
                let name = if path == "subject" { "key" } else { path };
                return Ok(filter::as_text(change.get(name)));
            }
            (Key::Path(_), _) => return Ok(String::new()),
            (Key::Function(function), _) => function,
        };
        let (run, value) = self.evaluate(script, handler, cause, function, now);
        let Some(value) = value else {
            return Err(Box::new(run));
        };
        match convert::to_json(&value, Use::Plain) {
            Ok(Value::Null) => Ok(String::new()),
            Ok(Value::String(text)) => Ok(text),
            Ok(other) => Ok(other.to_string()),
            Err(message) => Err(Box::new(Run {
                outcome: porchlight_core::Outcome::Error {
                    message: format!("`key` gave something that is no key: {message}"),
                    place: run.place.clone(),
                },
                ..run
            })),
        }
    }
}
