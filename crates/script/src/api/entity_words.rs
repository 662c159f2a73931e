//! Home Assistant's own words about an entity, looked at when a script is loaded.
//!
//! Home Assistant leaves an entity out that is described by a word it doesn't know, and says so in
//! its own log alone. New words come with its versions, so one that is not among these is a warning
//! and no mistake. The lists are those of Home Assistant 2025.4: the classes of its `sensor`,
//! `binary_sensor` and `button`.

use super::trigger::{note, warn};
use crate::entity::{Entity, EntityKind};
use porchlight_core::diagnostic::nearest;
use rhai::NativeCallContext;
use serde_json::Value;

#[rustfmt::skip]
const SENSORS: &[&str] = &[
    "absolute_humidity", "apparent_power", "aqi", "area", "atmospheric_pressure", "battery",
    "blood_glucose_concentration", "carbon_dioxide", "carbon_monoxide", "conductivity", "current",
    "data_rate", "data_size", "date", "distance", "duration", "energy", "energy_distance",
    "energy_storage", "enum", "frequency", "gas", "humidity", "illuminance", "irradiance",
    "moisture", "monetary", "nitrogen_dioxide", "nitrogen_monoxide", "nitrous_oxide", "ozone", "ph",
    "pm1", "pm10", "pm25", "power", "power_factor", "precipitation", "precipitation_intensity",
    "pressure", "reactive_energy", "reactive_power", "signal_strength", "sound_pressure", "speed",
    "sulphur_dioxide", "temperature", "timestamp", "volatile_organic_compounds",
    "volatile_organic_compounds_parts", "voltage", "volume", "volume_flow_rate", "volume_storage",
    "water", "weight", "wind_direction", "wind_speed",
];

#[rustfmt::skip]
const BINARY_SENSORS: &[&str] = &[
    "battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door", "garage_door",
    "gas", "heat", "light", "lock", "moisture", "motion", "moving", "occupancy", "opening", "plug",
    "power", "presence", "problem", "running", "safety", "smoke", "sound", "tamper", "update",
    "vibration", "window",
];

const BUTTONS: &[&str] = &["identify", "restart", "update"];

const STATES: &[&str] = &[
    "measurement",
    "measurement_angle",
    "total",
    "total_increasing",
];

/// Notes what Home Assistant would leave the entity out for.
pub(super) fn look(context: &NativeCallContext, entity: &Entity) {
    let said = |name: &str| entity.about.get(name).and_then(Value::as_str);
    let classes = match entity.kind {
        EntityKind::Sensor => SENSORS,
        EntityKind::BinarySensor => BINARY_SENSORS,
        EntityKind::Button => BUTTONS,
        EntityKind::Switch => &[],
    };
    for (name, known) in [("device_class", classes), ("state_class", STATES)] {
        let Some(word) = said(name).filter(|word| !known.contains(word)) else {
            continue;
        };
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it knows {}", known.join(", ")),
        };
        let kind = entity.kind.platform();
        let message = format!(
            "Home Assistant shows no {kind} whose `{name}` it doesn't know, such as {word:?}"
        );
        warn(context, message, &help);
    }
    let whole = |icon: &str| {
        let parts = icon.split_once(':');
        parts.is_some_and(|(from, name)| !from.is_empty() && !name.is_empty())
    };
    if let Some(icon) = said("icon").filter(|icon| !whole(icon)) {
        let message = format!("Home Assistant shows nothing with the icon {icon:?}");
        note(context, message, &format!("did you mean \"mdi:{icon}\"?"));
    }
    if said("name").is_some_and(|name| name.trim().is_empty()) {
        let help = "leave `name` out, and it is called by its id";
        note(context, "an entity without a name".to_owned(), help);
    }
}
