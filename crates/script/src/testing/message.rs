//! The event that `home.mqtt(topic, payload, #{ … })` makes: that of a message of a broker.

use crate::api::{Fallible, nothing_left, take, wrong};
use crate::convert::{self, Use};
use crate::mqtt::{KIND, PROOFS};
use porchlight_core::{NewEvent, Proof, Timestamp, json, topic};
use rhai::{Dynamic, Map};
use serde_json::{Value, json};

/// Makes the event. Without `broker` it comes from the first that is configured. A topic that begins
/// with `~/` is one of the home's own.
pub(super) fn from_map(
    topic: &str,
    payload: &Dynamic,
    mut options: Map,
    targets: &Value,
    (now, number): (Timestamp, u64),
) -> Fallible<NewEvent> {
    let payload = match convert::to_json(payload, Use::Plain).or_else(wrong)? {
        // As it would come over the wire.
        Value::String(text) => json::parse(&text).unwrap_or(Value::String(text)),
        other => other,
    };
    let brokers = targets.get("mqtt").and_then(Value::as_object);
    let first = brokers.and_then(|named| named.keys().next().cloned());
    let broker = take(&mut options, "broker").map(|broker| broker.to_string());
    let Some(broker) = broker.or(first) else {
        return wrong("there is no broker: add [mqtt.home] to porchlight.toml");
    };
    let base = &targets["mqtt"][&broker]["base"];
    let topic = match topic.strip_prefix("~/") {
        Some(own) => format!("{}/{own}", base.as_str().unwrap_or("porchlight/home")),
        None => topic.to_owned(),
    };
    topic::check_topic(&topic).or_else(wrong)?;
    let retained = take(&mut options, "retained").is_some_and(|it| it.as_bool() == Ok(true));
    nothing_left(&options, "home.mqtt", &["broker", "retained"])?;
    Ok(NewEvent {
        source: broker,
        kind: KIND.to_owned(),
        subject: Some(topic),
        time: now.to_rfc3339(),
        dedup_key: format!("test:{number}"),
        data: payload.to_string().into(),
        facts: json!({ "retained": retained, "qos": 1 }),
        received: now,
        peer: String::new(),
        headers: Vec::new(),
        query: String::new(),
        verified: Proof {
            scheme: PROOFS[0].to_owned(),
            body: true,
            ..Proof::default()
        },
        attachments: Vec::new(),
        redelivered: false,
        depth: 0,
    })
}
