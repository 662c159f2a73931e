//! Messages of a broker as handlers want them: which event is one, and whom it concerns.

use porchlight_core::{Event, TopicFilter};
use serde_json::Value;

/// The type of the event of a message.
pub const KIND: &str = "mqtt.message";

/// What the proof of a message is called: over a connection that TLS proves, and over one that
/// nothing does.
pub const PROOFS: [&str; 2] = ["mqtts", "mqtt"];

/// What `on_mqtt` wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttTopics {
    /// The broker's name in the configuration.
    pub broker: String,
    /// The topics.
    pub filter: TopicFilter,
    /// Whether messages count that the broker had kept.
    pub retained: bool,
    /// What a message means to the handler.
    pub means: Means,
}

/// What a message means to a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    /// What it says.
    Message,
    /// That a button was pressed.
    Press,
    /// That a switch was switched, which shows this key of the state.
    Switch(String),
}

impl MqttTopics {
    /// Whether an event is a message that is meant. What a webhook or a script calls so is none:
    /// only a connection to a broker has this proof.
    pub fn hear(&self, event: &Event) -> bool {
        event.kind == KIND
            && event.source == self.broker
            && PROOFS.contains(&event.verified.scheme.as_str())
            && (self.retained || event.facts["retained"] != Value::Bool(true))
            && (!matches!(self.means, Means::Switch(_)) || switched(event).is_some())
            && event
                .subject
                .as_deref()
                .is_some_and(|topic| self.filter.matches(topic))
    }
}

/// What a command of Home Assistant switches to: its words for it are `ON` and `OFF`.
pub(crate) fn switched(event: &Event) -> Option<bool> {
    match &event.data[..] {
        b"\"ON\"" | b"true" => Some(true),
        b"\"OFF\"" | b"false" => Some(false),
        _ => None,
    }
}
