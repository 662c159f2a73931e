//! A silence, as the handler of `on_silence` is told of it.
//!
//! Its identity names the subscription, the beginning of the silence and how often that was told,
//! so that the journal takes it once, and never mistakes it for a handler's run on the event.

use crate::Handler;
use crate::script::Trigger;
use porchlight_core::units::format_duration;
use porchlight_core::{EventId, Timestamp};
use serde_json::{Value, json};
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

impl Silent {
    pub(super) fn identity(&self, handler: &Handler) -> (EventId, String) {
        let mut text = format!("silence:{}:{}", handler.id, self.since.0);
        if self.times > 1 {
            text += &format!(":{}", self.times);
        }
        (if self.last_is_kept { self.last } else { 0 }, text)
    }

    pub(super) fn argument(&self, handler: &Handler) -> Value {
        let duration = match &handler.trigger {
            Trigger::Silence(silence) => silence.text.as_str(),
            _ => "",
        };
        json!({
            "pattern": handler.pattern.as_ref().map(|pattern| pattern.as_str()),
            "since": self.since.to_rfc3339(),
            "duration": duration,
            "last": (self.last != 0).then_some(self.last),
            "late_by": late(self.late_by),
        })
    }
}

/// How late something is, as people say it. Nobody wants to read how many microseconds a timer
/// takes.
pub(crate) fn late(by: Duration) -> String {
    match by {
        none if none < Duration::from_secs(1) => "0s".to_owned(),
        late => format_duration(late),
    }
}
