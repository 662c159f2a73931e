//! `entity::sensor`, `binary_sensor`, `button` and `toggle`: what Home Assistant finds by itself.
//! (`switch` is a word of Rhai itself, so a switch is declared with `toggle`.)
//!
//! They stand at the top level. A button and a switch are handlers of the topic on which Home
//! Assistant sends their commands; what the broker had kept there presses nothing.

use super::mqtt::broker;
use super::trigger::{self, Wish, at_top_level, note};
use super::{Fallible, empty, entity_words, function, take, wrong};
use crate::convert::{self, Use};
use crate::entity::{Entity, EntityKind};
use crate::mqtt::{KIND, Means, MqttTopics};
use crate::permissions::{self, Need};
use crate::script::Trigger;
use crate::{current, explain};
use porchlight_core::diagnostic::nearest;
use porchlight_core::{Pattern, TopicFilter};
use rhai::{FnPtr, Map, Module, NativeCallContext};
use serde_json::Value;

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Shows a value of the state in Home Assistant.
        ///
        /// It stands at the top level of a file. Home Assistant finds it by itself where `[mqtt.NAME]` has `discovery`.
        ///
        /// * `id` (text): its id: letters, digits and `_`
        /// * `options` (map):
        ///   * `name` (text): what people see; the id with spaces when nothing is said
        ///   * `state` (text): the key of the state; SCRIPT.ID when nothing is said
        ///   * `unit` (text): "°C", "W"
        ///   * `device_class` (text): as Home Assistant calls it: "temperature", "timestamp"
        ///   * `state_class` (text): "measurement", "total_increasing"
        ///   * `icon` (text): "mdi:gate"
        ///   * `broker` (text): the NAME of `[mqtt.NAME]`; may be left out when there is one
        ///
        /// Fails in a handler, and when there is no such broker or an option is unknown.
        ///
        /// ```rhai
        /// entity::sensor("visitors", #{ name: "Visitors today", state_class: "total_increasing" });
        ///
        /// on("door.opened", |event| state::add("example.visitors", 1));
        /// ```
        "sensor",
        [context] (id: &str) => shows(context, EntityKind::Sensor, id, Map::new()),
        [context] (id: &str, options: Map) => shows(context, EntityKind::Sensor, id, options),
    }
    function! {
        module,
        /// Shows a value of the state in Home Assistant as yes or no.
        ///
        /// * `id` (text): its id: letters, digits and `_`
        /// * `options` (map):
        ///   * `name` (text): what people see; the id with spaces when nothing is said
        ///   * `state` (text): the key of the state; SCRIPT.ID when nothing is said
        ///   * `device_class` (text): as Home Assistant calls it: "door", "motion", "problem"
        ///   * `icon` (text): "mdi:gate"
        ///   * `broker` (text): the NAME of `[mqtt.NAME]`; may be left out when there is one
        ///
        /// Fails in a handler, and when there is no such broker or an option is unknown.
        ///
        /// ```rhai
        /// entity::binary_sensor("front_door", #{ device_class: "door" });
        ///
        /// on("door.opened", |event| state::set("example.front_door", true));
        /// ```
        "binary_sensor",
        [context] (id: &str) => shows(context, EntityKind::BinarySensor, id, Map::new()),
        [context] (id: &str, options: Map) => {
            shows(context, EntityKind::BinarySensor, id, options)
        },
    }
    function! {
        module,
        /// Offers a button in Home Assistant, and calls a handler when it is pressed.
        ///
        /// * `id` (text): its id: letters, digits and `_`
        /// * `options` (map): what it looks like, and how often it may be pressed
        ///   * `name` (text): what people see; the id with spaces when nothing is said
        ///   * `device_class` (text): as Home Assistant calls it: "restart"
        ///   * `icon` (text): "mdi:gate-open"
        ///   * `broker` (text): the NAME of `[mqtt.NAME]`; may be left out when there is one
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with the Event of the message as its parameter or without one
        ///
        /// Fails in a handler, and when there is no such broker or an option is unknown.
        ///
        /// ```rhai
        /// entity::button("open_gate", #{ name: "Open the gate", cooldown: "5s" }, || {
        ///     http::send("http://gate.lan/open");
        /// });
        /// ```
        "button",
        [context] (id: &str, handler: FnPtr) => {
            offers(context, EntityKind::Button, id, Map::new(), handler)
        },
        [context] (id: &str, options: Map, handler: FnPtr) => {
            offers(context, EntityKind::Button, id, options, handler)
        },
    }
    function! {
        module,
        /// Offers a switch in Home Assistant: it shows a value of the state, and sets it.
        ///
        /// When it is switched, the value is set and the handler called, in one run.
        ///
        /// * `id` (text): its id: letters, digits and `_`
        /// * `options` (map): what it looks like, and how often it may be switched
        ///   * `name` (text): what people see; the id with spaces when nothing is said
        ///   * `state` (text): the key of the state; SCRIPT.ID when nothing is said
        ///   * `icon` (text): "mdi:weather-night"
        ///   * `broker` (text): the NAME of `[mqtt.NAME]`; may be left out when there is one
        ///   * the options of every trigger
        /// * `handler` (function): gets `true` or `false`: what it was switched to
        ///
        /// Fails in a handler, and when there is no such broker or an option is unknown.
        ///
        /// ```rhai
        /// entity::toggle("night_mode", #{ icon: "mdi:weather-night" }, |on| {
        ///     if on { light::off("hall"); }
        /// });
        /// ```
        "toggle",
        [context] (id: &str, handler: FnPtr) => {
            offers(context, EntityKind::Switch, id, Map::new(), handler)
        },
        [context] (id: &str, options: Map, handler: FnPtr) => {
            offers(context, EntityKind::Switch, id, options, handler)
        },
    }
    module
}

const SENSOR: &[&str] = &[
    "name",
    "state",
    "unit",
    "device_class",
    "state_class",
    "icon",
    "broker",
];
const BINARY: &[&str] = &["name", "state", "device_class", "icon", "broker"];
const BUTTON: &[&str] = &["name", "device_class", "icon", "broker"];
const SWITCH: &[&str] = &["name", "state", "icon", "broker"];

/// What a kind takes beside the options of triggers.
fn own(kind: EntityKind) -> &'static [&'static str] {
    match kind {
        EntityKind::Sensor => SENSOR,
        EntityKind::BinarySensor => BINARY,
        EntityKind::Button => BUTTON,
        EntityKind::Switch => SWITCH,
    }
}

fn shows(
    context: &NativeCallContext,
    kind: EntityKind,
    id: &str,
    mut options: Map,
) -> Fallible<()> {
    let of = format!("entity::{}", kind.platform());
    at_top_level("entity")?;
    match read(kind, id, &mut options) {
        Ok(entity) => keep(context, entity),
        Err(mistake) => note(context, explain::mistake(&mistake, "").message, ""),
    }
    let known = own(kind);
    for name in options.keys() {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the options are {}", known.join(", ")),
        };
        note(context, format!("`{of}` has no option `{name}`"), &help);
    }
    Ok(())
}

fn offers(
    context: &NativeCallContext,
    kind: EntityKind,
    id: &str,
    mut options: Map,
    function: FnPtr,
) -> Fallible<()> {
    at_top_level("entity")?;
    let entity = match read(kind, id, &mut options) {
        Ok(entity) => entity,
        Err(mistake) => {
            note(context, explain::mistake(&mistake, "").message, "");
            return Ok(());
        }
    };
    let of = match kind {
        EntityKind::Button => "entity::button",
        _ => "entity::toggle",
    };
    let topic = entity.command_topic(&base(&entity.broker), &script());
    let (Ok(pattern), Ok(filter)) = (Pattern::parse(KIND), TopicFilter::parse(&topic)) else {
        return Ok(()); // they are
    };
    let means = match &entity.key {
        Some(key) => Means::Switch(key.clone()),
        None => Means::Press,
    };
    let wish = Wish {
        of,
        title: format!("{of}({id:?})"),
        identity: &[of, id],
        pattern: Some(pattern),
        trigger: Trigger::Mqtt(MqttTopics {
            broker: entity.broker.clone(),
            filter,
            retained: false,
            means,
        }),
        options,
        own_options: own(kind),
        parameter: if kind == EntityKind::Switch {
            "on"
        } else {
            "event"
        },
        function,
    };
    keep(context, entity);
    trigger::register(context, wish);
    Ok(())
}

/// Takes the options that say what it is out of the map.
fn read(kind: EntityKind, id: &str, options: &mut Map) -> Fallible<Entity> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if id.is_empty() || id.len() > 60 || !id.chars().all(good) {
        return wrong(format!(
            "{id:?} is no id of an entity: 1 to 60 letters, digits and `_`"
        ));
    }
    let broker = broker(options)?;
    let mut text = |name: &str| {
        if !own(kind).contains(&name) {
            return Ok(None);
        }
        match take(options, name).map(|value| convert::to_json(&value, Use::Plain)) {
            None => Ok(None),
            Some(Ok(Value::String(text))) => Ok(Some(text)),
            Some(_) => wrong(format!("`{name}` is text")),
        }
    };
    let key = match kind {
        EntityKind::Button => None,
        _ => Some(text("state")?.unwrap_or_else(|| format!("{}.{id}", script()))),
    };
    if let Some(key) = &key {
        permissions::check(|| Need::State(key.clone()))?;
    }
    let mut about = serde_json::Map::new();
    let name = text("name")?.unwrap_or_else(|| words(id));
    about.insert("name".to_owned(), name.into());
    for (option, told) in [
        ("unit", "unit_of_measurement"),
        ("device_class", "device_class"),
        ("state_class", "state_class"),
        ("icon", "icon"),
    ] {
        if let Some(value) = text(option)? {
            about.insert(told.to_owned(), value.into());
        }
    }
    Ok(Entity {
        broker,
        kind,
        id: id.to_owned(),
        key,
        about,
    })
}

/// `open_gate` to `Open gate`.
fn words(id: &str) -> String {
    let mut letters = id.chars().map(|c| if c == '_' { ' ' } else { c });
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Notes an entity; two of one id would be one in Home Assistant.
fn keep(context: &NativeCallContext, entity: Entity) {
    entity_words::look(context, &entity);
    let taken = current::loading(|loading| {
        let taken = loading.entities.iter().any(|one| one.id == entity.id);
        if !taken {
            loading.entities.push(entity.clone());
        }
        taken
    });
    if taken == Some(true) {
        let message = format!("this script has an entity {:?} already", entity.id);
        note(context, message, "give each its own id");
    }
}

/// The script's name as a level of a topic.
fn script() -> String {
    let name = current::loading(|loading| crate::script::stem(&loading.script).to_owned());
    name.unwrap_or_default()
}

/// What the topics of the home begin with at a broker.
fn base(broker: &str) -> String {
    let config = current::config();
    let base = config.as_ref().and_then(|config| {
        let base = &config.targets["mqtt"][broker]["base"];
        Some(base.as_str()?.to_owned())
    });
    // Where the home is not known, as in a check or a test, any.
    base.unwrap_or_else(|| "porchlight/+".to_owned())
}
