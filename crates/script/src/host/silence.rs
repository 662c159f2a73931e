//! The run of a handler that is told of a silence.
//!
//! Its handler text names the subscription, the beginning of the silence and how often that was
//! told, so that the journal takes it once, and never mistakes it for a handler's run on the event.

use super::{Host, Job, blank, skipped};
use crate::Script;
use crate::convert;
use crate::script::Trigger;
use porchlight_core::units::format_duration;
use porchlight_core::{EventId, Run, Timestamp};
use rhai::{Dynamic, Map};
use std::time::Duration;

/// A silence that has lasted as long as a handler wanted to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// When the last event arrived; when the subscription was first loaded, if none did since.
    pub since: Timestamp,
    /// The last event; 0 when there was none.
    pub last: EventId,
    /// Whether that event is still in the journal.
    pub last_is_kept: bool,
    /// How often this silence has been told, this time included.
    pub times: u32,
    /// How much later this is than it should be, because the host did not run.
    pub late_by: Duration,
}

impl Host {
    /// Runs a handler of `on_silence`. An unknown handler number gives a run that was skipped.
    pub fn run_silence(
        &self,
        script: &Script,
        handler: usize,
        silent: &Silent,
        now: Timestamp,
    ) -> Run {
        let mut run = Run {
            event: if silent.last_is_kept { silent.last } else { 0 },
            handler: handler.to_string(),
            ..blank(script, now)
        };
        let Some(found) = script.handlers.get(handler) else {
            return skipped(run, "unloaded");
        };
        let Trigger::Silence(silence) = &found.trigger else {
            return skipped(run, "unloaded");
        };
        run.handler = format!("silence:{}:{}", silence.subscription, silent.since.0);
        if silent.times > 1 {
            run.handler += &format!(":{}", silent.times);
        }
        run.place = found.place.clone();
        run.title.clone_from(&found.title);
        let Some(main) = script.files.get(&script.name) else {
            return skipped(run, "unloaded");
        };
        let last = match silent.last {
            0 => Dynamic::UNIT,
            id => Dynamic::from(i64::try_from(id).unwrap_or(i64::MAX)),
        };
        // Nobody wants to read how many microseconds a timer takes.
        let late = match silent.late_by {
            none if none < Duration::from_secs(1) => "0s".to_owned(),
            late => format_duration(late),
        };
        let text = |text: String| Dynamic::from(rhai::ImmutableString::from(text));
        let value = Map::from_iter([
            ("pattern".into(), text(found.pattern.as_str().to_owned())),
            ("since".into(), text(silent.since.to_rfc3339())),
            ("duration".into(), text(silence.text.clone())),
            ("last".into(), last),
            ("late_by".into(), text(late)),
        ]);
        let job = Job {
            state: found.state.as_ref().unwrap_or(&main.state),
            function: convert::copy_function(&found.function),
            arguments: if found.takes_event {
                vec![Dynamic::from(value)]
            } else {
                Vec::new()
            },
            depth: 0,
            file: found.place.path.clone(),
        };
        self.perform(script, run, job)
    }
}
