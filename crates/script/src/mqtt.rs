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
}

impl MqttTopics {
    /// Whether an event is a message that is meant. What a webhook or a script calls so is none:
    /// only a connection to a broker has this proof.
    pub fn hear(&self, event: &Event) -> bool {
        event.kind == KIND
            && event.source == self.broker
            && PROOFS.contains(&event.verified.scheme.as_str())
            && (self.retained || event.facts["retained"] != Value::Bool(true))
            && event
                .subject
                .as_deref()
                .is_some_and(|topic| self.filter.matches(topic))
    }
}
