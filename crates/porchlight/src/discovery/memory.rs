//! What was announced at a broker, in a file beside the journal: Home Assistant and the broker keep
//! it until they are told otherwise, also when the configuration no longer speaks of it.

use super::components;
use porchlight_mqtt::Broker;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What a broker keeps of us.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Announced {
    /// Where it was said what there is.
    pub topic: String,
    /// What the topics of the values begin with.
    pub base: String,
    /// The platform of each component.
    pub components: BTreeMap<String, String>,
}

impl Announced {
    /// Where a value was published.
    pub(super) fn state_topic(&self, id: &str) -> String {
        format!("{}/state/{id}", self.base)
    }

    /// Reads what is remembered; nothing when nothing is, or when it can't be read: then what was
    /// announced stays until somebody deletes it in Home Assistant.
    pub(super) async fn read(path: &Path, broker: &Broker) -> Option<Self> {
        let bytes = tokio::fs::read(path).await.ok()?;
        let all: Value = serde_json::from_slice(&bytes).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        // The first files had the components alone.
        let components = match &all["components"] {
            Value::Object(components) => components,
            _ => all.as_object()?,
        };
        let platform = |(id, one): (&String, &Value)| Some((id.clone(), text(one)?));
        Some(Self {
            topic: text(&all["topic"]).unwrap_or_else(|| components::config_topic(broker)),
            base: text(&all["base"]).unwrap_or_else(|| crate::brokers::base(broker)),
            components: components.iter().filter_map(platform).collect(),
        })
    }

    /// Remembers it, whole or not at all.
    pub(super) async fn write(&self, path: &Path) -> Result<(), String> {
        let text = json!({ "topic": self.topic, "base": self.base, "components": self.components });
        let fresh = path.with_extension("new");
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        tokio::fs::write(&fresh, text.to_string())
            .await
            .map_err(wrong)?;
        tokio::fs::rename(&fresh, path).await.map_err(wrong)
    }
}
