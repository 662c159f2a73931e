//! What scripts show and offer to Home Assistant: its name for such a thing is an entity.
//!
//! A script only declares them, at its top level. What a sensor or switch shows is a value of the
//! state, so it is there again after a restart; who tells the broker is not this crate.

use serde_json::{Map, Value};

/// An entity of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// The broker whose Home Assistant it is for.
    pub broker: String,
    /// What it is.
    pub kind: EntityKind,
    /// Its id within the script: `last_plate`.
    pub id: String,
    /// The key of the state that it shows; a button shows nothing.
    pub key: Option<String>,
    /// What Home Assistant is told of it, under its own names: `name`, `icon`, `device_class`, …
    pub about: Map<String, Value>,
}

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityKind {
    /// Shows a value.
    Sensor,
    /// Shows yes or no.
    BinarySensor,
    /// Is pressed.
    Button,
    /// Shows yes or no, and is switched.
    Switch,
}

impl EntityKind {
    /// Home Assistant's name for it.
    pub fn platform(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::BinarySensor => "binary_sensor",
            Self::Button => "button",
            Self::Switch => "switch",
        }
    }
}

impl Entity {
    /// Where its commands come, below the topics of the home.
    pub fn command_topic(&self, base: &str, script: &str) -> String {
        format!("{base}/{script}/{}/set", self.id)
    }
}
