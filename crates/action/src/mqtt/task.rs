//! The arguments of `mqtt.publish` and `mqtt.request`, read once.

use crate::failure::config;
use crate::fields::Fields;
use crate::resolve::{Sources, is_blob};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use porchlight_core::{ActionError, TopicFilter, topic};
use porchlight_mqtt::packet::{Message, Properties, Qos};
use serde_json::Value;
use std::time::Duration;

/// A message for a broker.
pub(crate) struct MqttTask {
    pub(super) broker: String,
    pub(super) message: Message,
    pub(super) what: What,
}

/// What is to be done with it.
pub(super) enum What {
    Publish,
    /// Await the first message on another topic.
    Request {
        reply: TopicFilter,
        timeout: Duration,
    },
}

/// How long an answer is awaited where the script does not say.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

const PUBLISH: &[&str] = &[
    "broker",
    "topic",
    "payload",
    "json",
    "qos",
    "retain",
    "expiry_ms",
];
const REQUEST: &[&str] = &[
    "broker",
    "topic",
    "payload",
    "json",
    "qos",
    "reply",
    "timeout_ms",
];

impl MqttTask {
    pub(crate) fn parse(kind: &str, args: &Value, sources: &Sources) -> Result<Self, ActionError> {
        let asks = kind == "mqtt.request";
        let fields = Fields::new(kind, args, if asks { REQUEST } else { PUBLISH })?;
        let topic = fields.required_text("topic")?;
        topic::check_topic(topic).map_err(config)?;
        let qos = match fields.whole("qos")?.unwrap_or(1) {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => return Err(config(format!("{kind}: `qos` is 0 or 1"))),
        };
        let (payload, properties) = payload(kind, &fields, sources)?;
        let millis = |name| Ok(fields.whole(name)?.map(Duration::from_millis));
        let (retain, expiry, what) = if asks {
            let reply = TopicFilter::parse(fields.required_text("reply")?).map_err(config)?;
            let timeout = millis("timeout_ms")?.unwrap_or(USUAL_TIMEOUT);
            (false, None, What::Request { reply, timeout })
        } else {
            let retain = match fields.get("retain") {
                None => false,
                Some(value) => value
                    .as_bool()
                    .ok_or_else(|| fields.wrong("retain", "true or false"))?,
            };
            (retain, millis("expiry_ms")?, What::Publish)
        };
        // Whole seconds, and never none: that would mean "now".
        let expiry = expiry.map(|time| u32::try_from(time.as_secs().max(1)).unwrap_or(u32::MAX));
        Ok(Self {
            broker: fields.required_text("broker")?.to_owned(),
            message: Message {
                topic: topic.to_owned(),
                payload,
                qos,
                retain,
                properties: Properties {
                    expiry,
                    ..properties
                },
            },
            what,
        })
    }
}

/// The bytes, and what MQTT 5 can say about them.
fn payload(
    kind: &str,
    fields: &Fields<'_>,
    sources: &Sources,
) -> Result<(Bytes, Properties), ActionError> {
    if let Some(json) = fields.get("json") {
        let about = Properties {
            text: true,
            content_type: Some("application/json".to_owned()),
            ..Properties::default()
        };
        return Ok((json.to_string().into(), about));
    }
    let value = fields.required("payload")?;
    let plain = Properties::default();
    if is_blob(value) {
        return Ok((sources.blob(value)?, plain));
    }
    if let Some(encoded) = value.get("$bytes").and_then(Value::as_str) {
        let bytes = BASE64.decode(encoded);
        let bytes = bytes.map_err(|_| config(format!("{kind}: `$bytes` is no base64")))?;
        return Ok((bytes.into(), plain));
    }
    let text = value
        .as_str()
        .ok_or_else(|| fields.wrong("payload", "a text, bytes or an attachment"))?;
    let about = Properties {
        text: true,
        ..plain
    };
    Ok((text.to_owned().into(), about))
}
