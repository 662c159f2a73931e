//! A tick of a schedule and a start of the host, as their handlers are told of them.
//!
//! Their runs belong to no event. What they are known by names the moment, so that the journal takes
//! each once, also when the host is killed between the run and its commit.

use super::silence::late;
use crate::options::{HandlerOptions, Mode};
use crate::schedule::{Scheduled, Tick, TickKey, TickKind};
use crate::{Handler, Script, Trigger};
use porchlight_core::{LogLine, Run, Timestamp};
use serde_json::{Value, json};

/// That the host has started, or that a script was added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// Which of the two.
    pub reason: StartReason,
}

/// Why a handler of `on_start` is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartReason {
    /// The host has started.
    Start,
    /// The script's file was put into the folder while the host ran.
    Added,
}

impl Start {
    pub(super) fn identity(&self, handler: &Handler) -> String {
        format!("start:{}:{}", handler.id, self.at.0)
    }

    pub(super) fn argument(&self) -> Value {
        let reason = match self.reason {
            StartReason::Start => "start",
            StartReason::Added => "added",
        };
        json!({ "reason": reason })
    }
}

impl Tick {
    pub(super) fn argument(&self, handler: &Handler) -> Value {
        json!({
            "scheduled": self.scheduled.to_rfc3339(),
            "late_by": late(self.late_by),
            "schedule": handler.title,
        })
    }

    pub(super) fn skips(&self, options: &HandlerOptions, now: Timestamp) -> Option<&'static str> {
        let late = now.since(self.scheduled);
        match self.kind {
            TickKind::Skip { .. } => Some("gap"),
            TickKind::Run => options
                .expires
                .is_some_and(|limit| late > limit)
                .then_some("expired"),
        }
    }

    /// Says in the record of ticks that are left out how many there were.
    pub(super) fn explain(&self, run: &mut Run) {
        let TickKind::Skip { first, count, more } = self.kind else {
            return;
        };
        let message = match count {
            1 => format!("missed the tick of {}", self.scheduled),
            count => format!(
                "missed {}{count} ticks, from {first} to {}",
                if more { "more than " } else { "" },
                self.scheduled
            ),
        };
        run.logs.push(LogLine {
            level: "info".to_owned(),
            message,
            line: run.place.line,
        });
    }
}

impl Scheduled {
    /// All schedules of a script.
    pub fn of(script: &Script) -> Vec<Self> {
        let scheduled = |handler: &Handler| {
            let Trigger::Schedule(timed) = &handler.trigger else {
                return None;
            };
            Some(Self {
                key: TickKey {
                    script: script.name.clone(),
                    id: handler.id.clone(),
                },
                handler: handler.number,
                schedule: timed.schedule.clone(),
                on_gap: timed.on_gap,
                queue: match handler.options.mode {
                    Mode::Queued => handler.options.max,
                    _ => 1,
                },
            })
        };
        script.handlers.iter().filter_map(scheduled).collect()
    }
}
