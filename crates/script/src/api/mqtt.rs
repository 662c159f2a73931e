//! `mqtt::publish` tells, `mqtt::request` asks, and `on_mqtt` at the top level listens.

use super::tell::{self, HOUR, Told};
use super::trigger::{self, Wish, at_top_level, note, warn};
use super::{Fallible, duration, empty, function, nothing_left, take, wrong};
use crate::convert::{self, Use};
use crate::mqtt::{KIND, Means, MqttTopics};
use crate::script::Trigger;
use crate::{current, explain};
use porchlight_core::diagnostic::nearest;
use porchlight_core::{Pattern, TopicFilter, topic};
use rhai::{Dynamic, Engine, FnPtr, Map, Module, NativeCallContext};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn module() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Publishes a message, once the run is stored; it is done when the broker has acknowledged it.
        ///
        /// Messages to one broker leave one after the other, in the order told. While the broker is
        /// away they wait, for as long as they are worth sending (`ttl`).
        ///
        /// * `topic` (text): where to: "zigbee2mqtt/porch/set"
        /// * `payload` (any): text and attachments as they are, everything else as JSON
        /// * `options` (map):
        ///   * `broker` (text): the NAME of `[mqtt.NAME]`; may be left out when there is one
        ///   * `qos` (whole number): 1 (when nothing is said): until it is acknowledged; 0: once, whatever becomes of it
        ///   * `retain` (yes or no): the broker keeps it for those who subscribe later; an empty payload removes what it kept
        ///   * `expiry` (duration): so long it may wait at the broker for those who are away; MQTT 5 only
        ///   * the options of every told action
        ///
        /// Fails when the topic is none, there is no such broker, or an option is unknown.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     mqtt::publish("zigbee2mqtt/porch/set", #{ effect: "blink" });
        ///     mqtt::publish("house/door", event.data.door, #{ retain: true });
        /// });
        /// ```
        "publish",
        (topic: &str, payload: Dynamic) => publish(topic, &payload, Map::new()),
        (topic: &str, payload: Dynamic, options: Map) => publish(topic, &payload, options),
    }
    function! {
        module,
        /// Publishes a message now, and gives the first message that comes as an answer.
        ///
        /// Under MQTT 5 the message says where the answer is expected. What the broker had kept is no answer.
        ///
        /// * `topic` (text): where to
        /// * `payload` (any): text and attachments as they are, everything else as JSON
        /// * `reply` (text): where the answer comes; `+` and `#` may stand in it
        /// * `options` (map):
        ///   * `timeout` (duration): how long to wait; "10s" when nothing is said
        ///   * `broker` (text): the NAME of `[mqtt.NAME]`; may be left out when there is one
        ///
        /// Gives (map): `#{ topic, text, json }`; `json` is `()` when the answer is none
        ///
        /// Fails when the broker is away, and when nothing comes in time.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     let answer = mqtt::request("cmnd/porch/STATUS", "8", "stat/porch/STATUS8", #{ timeout: "2s" });
        ///     state::set("porch.power", answer.json.StatusSNS.ENERGY.Power);
        /// });
        /// ```
        "request",
        (topic: &str, payload: Dynamic, reply: &str) => request(topic, &payload, reply, Map::new()),
        (topic: &str, payload: Dynamic, reply: &str, options: Map) => {
            request(topic, &payload, reply, options)
        },
    }
    module
}

pub(super) fn register(engine: &mut Engine) {
    function! {
        engine,
        /// Calls a handler for every message whose topic matches; the host subscribes to it.
        ///
        /// `event.subject` is the topic, `event.data` the payload: JSON as a value, other text as a
        /// text. A payload that is no text is in `event.attachments`. `event.facts.retained` says
        /// whether the broker had kept it.
        ///
        /// * `filter` (text): the topics: `+` is one level, `#` at the end all further ones: "zigbee2mqtt/+", "frigate/#"
        /// * `options` (map): which of these messages, and how often
        ///   * `broker` (text): the NAME of `[mqtt.NAME]`; may be left out when there is one
        ///   * `retained` (yes or no): whether messages count that the broker had kept, which come when a script is loaded; they do when nothing is said
        ///   * the options of every trigger
        /// * `handler` (function): what to do, with the Event as its parameter or without one
        ///
        /// Fails when the filter is none, there is no such broker, an option is unknown, or in a handler.
        ///
        /// ```rhai
        /// on_mqtt("zigbee2mqtt/+", #{ key: "subject", cooldown: "1m", retained: false }, |event| {
        ///     if event.data.contact == false { emit("door.opened", #{ door: event.subject }); }
        /// });
        /// ```
        "on_mqtt",
        [context] (filter: &str, handler: FnPtr) => on_mqtt(context, filter, Map::new(), handler),
        [context] (filter: &str, options: Map, handler: FnPtr) => {
            on_mqtt(context, filter, options, handler)
        },
    }
}

const PUBLISH: &[&str] = &["broker", "qos", "retain", "expiry"];
const REQUEST: &[&str] = &["broker", "timeout"];
const OWN: &[&str] = &["broker", "retained"];

fn publish(topic: &str, payload: &Dynamic, mut options: Map) -> Fallible<()> {
    let mut args = message(topic, payload, &mut options)?;
    match take(&mut options, "qos").map(|qos| qos.as_int()) {
        None => {}
        Some(Ok(qos @ 0..=1)) => args["qos"] = qos.into(),
        Some(Ok(2)) => {
            return wrong(
                "`qos: 2` is not offered: what it promises ends at the broker. 1 repeats a message until the broker has it",
            );
        }
        Some(_) => return wrong("`qos` is 0 or 1"),
    }
    match take(&mut options, "retain").map(|retain| retain.as_bool()) {
        None => {}
        Some(Ok(retain)) => args["retain"] = retain.into(),
        Some(Err(_)) => return wrong("`retain` is true or false"),
    }
    if let Some(expiry) = take(&mut options, "expiry") {
        args["expiry_ms"] = millis(duration(&expiry, "`expiry`")?);
    }
    let told = Told {
        kind: "mqtt.publish",
        title: format!("mqtt::publish({topic:?})"),
        lane: format!("mqtt:{}", args["broker"].as_str().unwrap_or_default()),
        args,
        ttl: HOUR,
    };
    let known = [PUBLISH, tell::OPTIONS].concat();
    tell::tell(told, &mut options)?;
    nothing_left(&options, "mqtt::publish", &known).inspect_err(|_| {
        current::running(|running| running.actions.pop());
    })
}

fn request(topic: &str, payload: &Dynamic, reply: &str, mut options: Map) -> Fallible<Dynamic> {
    let mut args = message(topic, payload, &mut options)?;
    TopicFilter::parse(reply).or_else(wrong)?;
    args["reply"] = reply.into();
    let timeout = match take(&mut options, "timeout") {
        Some(timeout) => duration(&timeout, "`timeout`")?,
        None => Duration::from_secs(10),
    };
    args["timeout_ms"] = millis(timeout);
    nothing_left(&options, "mqtt::request", REQUEST)?;
    // A moment more than the wait itself, so that the reason of a failure comes back.
    let limit = timeout.saturating_add(Duration::from_secs(1));
    tell::ask("mqtt.request", &args, Some(limit))
}

fn millis(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

/// Broker, topic and payload, as both have them.
fn message(topic: &str, payload: &Dynamic, options: &mut Map) -> Fallible<Value> {
    topic::check_topic(topic).or_else(wrong)?;
    let broker = broker(options)?;
    if payload.is_unit() {
        return wrong("the payload is `()`; write \"\" for an empty one");
    }
    let payload = convert::to_json(payload, Use::Action).or_else(wrong)?;
    let reference = |name| payload.get(name).is_some();
    let bytes = ["$secret", "$join", "$blob", "$bytes"];
    let name = if payload.is_string() || bytes.into_iter().any(reference) {
        "payload"
    } else {
        "json"
    };
    Ok(json!({ "broker": broker, "topic": topic, name: payload }))
}

/// The broker that is meant.
pub(super) fn broker(options: &mut Map) -> Fallible<String> {
    let named = match take(options, "broker").map(Dynamic::into_string) {
        None => None,
        Some(Ok(name)) => Some(name),
        Some(Err(_)) => return wrong("`broker` is the NAME of [mqtt.NAME]"),
    };
    let Some(known) = brokers() else {
        return Ok(named.unwrap_or_else(|| "home".to_owned()));
    };
    match named {
        Some(name) if known.contains(&name) => Ok(name),
        Some(name) => match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => wrong(format!(
                "there is no broker {name:?}; did you mean {near:?}?"
            )),
            None => wrong(format!(
                "there is no broker {name:?}; add it to porchlight.toml:\n[mqtt.{name}]\nurl = \"mqtt://broker.lan\""
            )),
        },
        None => match known.as_slice() {
            [only] => Ok(only.clone()),
            [] => wrong(
                "there is no broker; add one to porchlight.toml:\n[mqtt.home]\nurl = \"mqtt://broker.lan\"",
            ),
            several => wrong(format!(
                "there are several brokers ({}): say which with `broker: {:?}`",
                several.join(", "),
                several[0]
            )),
        },
    }
}

/// The names of the configured brokers; none where the configuration is not known, since it has
/// mistakes of its own.
fn brokers() -> Option<Vec<String>> {
    let config = current::config()?;
    let named = config.targets.get("mqtt")?.as_object()?;
    Some(named.keys().cloned().collect())
}

fn on_mqtt(
    context: &NativeCallContext,
    text: &str,
    mut options: Map,
    function: FnPtr,
) -> Fallible<()> {
    at_top_level("on_mqtt")?;
    let Ok(pattern) = Pattern::parse(KIND) else {
        return Ok(()); // it is one
    };
    let filter = TopicFilter::parse(text)
        .map_err(|message| note(context, message, "write one such as \"zigbee2mqtt/+\""))
        .ok();
    let broker = broker(&mut options)
        .map_err(|wrong| note(context, explain::mistake(&wrong, "").message, ""))
        .ok();
    let retained = match take(&mut options, "retained").map(|value| value.as_bool()) {
        None => Some(true),
        Some(Ok(yes)) => Some(yes),
        Some(Err(_)) => {
            note(context, "`retained` is true or false".to_owned(), "");
            None
        }
    };
    let (Some(filter), Some(broker), Some(retained)) = (filter, broker, retained) else {
        return Ok(());
    };
    if text == "#" {
        let message = "this subscribes to everything that the broker has".to_owned();
        warn(
            context,
            message,
            "each message is stored; name the topics that matter",
        );
    }
    let wish = Wish {
        of: "on_mqtt",
        title: format!("on_mqtt({text:?})"),
        identity: &["on_mqtt", &broker.clone(), text],
        pattern: Some(pattern),
        trigger: Trigger::Mqtt(MqttTopics {
            broker,
            filter,
            retained,
            means: Means::Message,
        }),
        options,
        own_options: OWN,
        parameter: "event",
        function,
    };
    trigger::register(context, wish);
    Ok(())
}
