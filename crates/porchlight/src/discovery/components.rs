//! What Home Assistant is told of each entity, in its words: MQTT discovery of a device with its
//! components.

use super::Sources;
use porchlight_mqtt::Broker;
use porchlight_script::{Entity, EntityKind, State};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Home Assistant keeps no longer state than this, in characters.
const LONGEST: usize = 255;

/// An entity that is shown.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// The one broker whose Home Assistant shows it; all of them when there is none.
    broker: Option<String>,
    /// Unique within the home: `gate/last_plate`.
    path: String,
    platform: &'static str,
    about: Map<String, Value>,
    from: From,
}

/// Where its value comes from.
#[derive(Clone, Debug)]
enum From {
    Nothing,
    /// A key of the state, as it is.
    Value(String),
    /// A key of the state, as yes or no.
    OnOff {
        key: String,
        switch: bool,
    },
    /// The time of the last event of a source.
    LastEvent(String),
    /// How many events a source had.
    Count(String),
    LastPlate,
}

impl Shown {
    pub(super) fn of_script(script: &str, entity: &Entity) -> Self {
        let from = match (entity.kind, entity.key.clone()) {
            (EntityKind::Sensor, Some(key)) => From::Value(key),
            (EntityKind::Switch, Some(key)) => From::OnOff { key, switch: true },
            (_, Some(key)) => From::OnOff { key, switch: false },
            (_, None) => From::Nothing,
        };
        Self {
            broker: Some(entity.broker.clone()),
            path: format!("{script}/{}", entity.id),
            platform: entity.kind.platform(),
            about: entity.about.clone(),
            from,
        }
    }

    /// Whether this broker's Home Assistant shows it.
    pub(super) fn is_for(&self, broker: &Broker) -> bool {
        self.broker.as_ref().is_none_or(|name| *name == broker.name)
    }

    /// The id of its component.
    fn id(&self) -> String {
        self.path.replace('/', "_")
    }

    pub(super) fn state_topic(&self, broker: &Broker) -> String {
        state_topic_of(broker, &self.id())
    }

    /// What it shows; nothing where that is not known yet.
    pub(super) fn value(&self, state: &State, sources: &Sources) -> Option<String> {
        match &self.from {
            From::Nothing => None,
            From::Value(key) => Some(text(state.get(key))),
            From::OnOff { key, switch } => Some(match state.get(key) {
                Some(value) => on_off(&value).to_owned(),
                None if *switch => "OFF".to_owned(),
                None => "None".to_owned(),
            }),
            From::LastEvent(source) => sources.last_event(source),
            From::Count(source) => sources.count(source).map(|count| count.to_string()),
            From::LastPlate => sources.last_plate(),
        }
    }

    fn component(&self, broker: &Broker) -> Value {
        let mut about = self.about.clone();
        let client = &broker.client_id;
        about.insert("platform".to_owned(), self.platform.into());
        about.insert(
            "unique_id".to_owned(),
            format!("{client}_{}", self.id()).into(),
        );
        if !matches!(self.from, From::Nothing) {
            about.insert("state_topic".to_owned(), self.state_topic(broker).into());
        }
        if matches!(self.platform, "button" | "switch") {
            let topic = format!("{}/{}/set", base(broker), self.path);
            about.insert("command_topic".to_owned(), topic.into());
        }
        Value::Object(about)
    }
}

/// The entities of the house itself: when each source was heard last, how often, and the last plate.
pub(super) fn sources(webhooks: &[&str]) -> Vec<Shown> {
    let own = |path: String, about: Value, from| Shown {
        broker: None,
        path,
        platform: "sensor",
        about: about.as_object().cloned().unwrap_or_default(),
        from,
    };
    let mut all = Vec::new();
    for name in webhooks {
        let (id, source) = (clean(name), (*name).to_owned());
        let about = json!({ "name": format!("{name} last event"), "device_class": "timestamp" });
        let last = From::LastEvent(source.clone());
        all.push(own(format!("source/{id}_last"), about, last));
        let about = json!({
            "name": format!("{name} events"), "state_class": "total_increasing", "icon": "mdi:counter",
        });
        all.push(own(
            format!("source/{id}_count"),
            about,
            From::Count(source),
        ));
    }
    let about = json!({ "name": "Last plate", "icon": "mdi:car" });
    all.push(own("source/last_plate".to_owned(), about, From::LastPlate));
    all
}

/// What there is, as one device.
pub(super) fn config(broker: &Broker, all: &[&Shown]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let components: Map<String, Value> = all
        .iter()
        .map(|one| (one.id(), one.component(broker)))
        .collect();
    let mut config = json!({
        "device": {
            "identifiers": [broker.client_id],
            "name": "Porchlight",
            "manufacturer": "Porchlight",
            "sw_version": version,
        },
        "origin": { "name": "Porchlight", "sw_version": version },
        "components": components,
    });
    if let Some(status) = &broker.status {
        config["availability_topic"] = status.as_str().into();
    }
    config
}

/// The platform of each component.
pub(super) fn platforms(config: &Value) -> BTreeMap<String, String> {
    let components = config["components"].as_object().into_iter().flatten();
    let platform = |one: &Value| one["platform"].as_str().unwrap_or_default().to_owned();
    components
        .map(|(id, component)| (id.clone(), platform(component)))
        .collect()
}

/// Where it is said what there is.
pub(super) fn config_topic(broker: &Broker) -> String {
    let prefix = broker.discovery.as_deref().unwrap_or("homeassistant");
    format!("{prefix}/device/{}/config", broker.client_id)
}

/// Where a component's value is published.
pub(super) fn state_topic_of(broker: &Broker, id: &str) -> String {
    format!("{}/state/{id}", base(broker))
}

fn base(broker: &Broker) -> String {
    crate::brokers::base(broker)
}

/// A name as part of an id: whatever else becomes `_`.
pub(super) fn clean(name: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.chars()
        .map(|c| if good(c) { c } else { '_' })
        .collect()
}

/// A value as a sensor shows it; `None` is Home Assistant's word for "not known".
fn text(value: Option<Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "None".to_owned(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    text.chars().take(LONGEST).collect()
}

fn on_off(value: &Value) -> &'static str {
    let on = match value {
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => matches!(text.as_str(), "on" | "ON" | "true" | "open" | "yes"),
        _ => false,
    };
    if on { "ON" } else { "OFF" }
}
