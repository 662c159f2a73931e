//! `mqtt.publish` and `mqtt.request`: a message to a broker, and one that an answer is awaited to.
//!
//! Each broker has one connection of its own for this (client id `…-out`), opened at the first
//! action and kept. A message counts as done when the broker has acknowledged it. While the broker is
//! away an action waits here for a minute at a time and stays open in the outbox between, so it
//! leaves as soon as the broker is back; a lane holds one action at a time, so the order stays.
//!
//! Twice is possible in one case: the connection breaks, or we do, between the broker's taking a
//! message and our hearing so. Nothing in MQTT can tell that apart, also not its quality of service
//! 2, whose memory ends with the session. Under MQTT 5 each message carries the action's key as user
//! property `idempotency-key`, the same for each try.

mod asking;
mod flight;
mod publisher;
mod queue;
mod task;

pub(crate) use task::MqttTask;

use crate::failure::config;
use bytes::Bytes;
use porchlight_core::diagnostic::nearest;
use porchlight_core::{ActionError, Receipt};
use porchlight_mqtt::packet::{Message, Properties};
use porchlight_mqtt::{Broker, Trouble};
use publisher::{Failed, Publisher};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use task::What;
use tokio::sync::watch;

/// How long one try waits for a broker that is away. Not for the whole of its deadline: who waits
/// holds one of the places for actions in flight.
const WAIT: Duration = Duration::from_secs(60);

/// The pause between two tries: the broker may be back at any moment.
const PAUSE: Duration = Duration::from_secs(1);

/// The name of the user property with the action's key.
const KEY: &str = "idempotency-key";

/// The brokers that can be published to.
pub(crate) struct Mqtt {
    publishers: HashMap<String, Publisher>,
}

impl Mqtt {
    /// Connects to nothing yet.
    pub(crate) fn new(brokers: &[Arc<Broker>]) -> Self {
        let publishers = brokers.iter().map(|broker| {
            let publisher = Publisher::new(Arc::clone(broker));
            (broker.name.clone(), publisher)
        });
        Self {
            publishers: publishers.collect(),
        }
    }

    /// Connects to every broker that has something to say there by itself: that we are online.
    /// Must be called inside a tokio runtime, as all that follows.
    pub(crate) fn connect(&self) {
        self.publishers.values().for_each(Publisher::start);
    }

    /// Counts the connections to a broker: whoever keeps something there says it again when this
    /// changes.
    pub(crate) fn connections(&self, broker: &str) -> Option<watch::Receiver<u64>> {
        Some(self.publishers.get(broker)?.connections())
    }

    /// Nobody waits for a broker any more; what is on its way is still acknowledged.
    pub(crate) fn let_go(&self) {
        self.publishers.values().for_each(Publisher::let_go);
    }

    /// Says `offline` where we said `online`, and hangs up.
    pub(crate) async fn close(&self) {
        for publisher in self.publishers.values() {
            publisher.close().await;
        }
    }

    pub(crate) async fn perform(
        &self,
        task: MqttTask,
        key: &str,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        let publisher = self.publisher(&task.broker)?;
        let mut message = task.message;
        if !key.is_empty() {
            let property = (KEY.to_owned(), key.to_owned());
            message.properties.user.push(property);
        }
        match task.what {
            What::Publish => publish(publisher, message, deadline).await,
            What::Request { reply, timeout } => {
                let limit = timeout.min(deadline);
                let waited = tokio::time::timeout(limit, publisher.ask(message, reply));
                match waited.await {
                    Ok(Ok(answer)) => Ok(receipt_of(&answer)),
                    Ok(Err(failed)) => Err(error(publisher, failed)),
                    Err(_) => Err(match publisher.trouble() {
                        Some(trouble) => ActionError::later(
                            trouble.kind(),
                            format!("broker `{}`: {trouble}", publisher.name()),
                        ),
                        None => ActionError::later(
                            "timeout",
                            format!("no answer within {} s", limit.as_secs_f32()),
                        ),
                    }),
                }
            }
        }
    }

    fn publisher(&self, broker: &str) -> Result<&Publisher, ActionError> {
        let names = || self.publishers.keys().map(String::as_str);
        if let Some(publisher) = self.publishers.get(broker) {
            return Ok(publisher);
        }
        let advice = match nearest(broker, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add [mqtt.{broker}] to the configuration"),
        };
        Err(config(format!("there is no broker `{broker}`; {advice}")))
    }
}

async fn publish(
    publisher: &Publisher,
    message: Message,
    deadline: Duration,
) -> Result<Receipt, ActionError> {
    let size = message.payload.len();
    let limit = deadline.saturating_sub(PAUSE).min(WAIT);
    match tokio::time::timeout(limit, publisher.publish(message)).await {
        Ok(Ok(heard)) => {
            let said = if heard {
                "acknowledged"
            } else {
                "acknowledged, nobody subscribes"
            };
            Ok(Receipt {
                summary: format!("{said} ({size} bytes)"),
                detail: json!({ "broker": publisher.name() }),
            })
        }
        Ok(Err(failed)) => Err(error(publisher, failed)),
        Err(_) => Err(match publisher.trouble() {
            Some(trouble) => away(publisher, &trouble),
            None => ActionError::after("timeout", "the broker does not acknowledge it", PAUSE),
        }),
    }
}

fn error(publisher: &Publisher, failed: Failed) -> ActionError {
    match failed {
        Failed::Away(trouble) => away(publisher, &trouble),
        Failed::Unsure => ActionError {
            // For the outbox: this one may have reached it.
            detail: json!({ "connected": true }),
            ..ActionError::after(
                "connect",
                "the connection broke before the broker acknowledged it; it may have arrived",
                PAUSE,
            )
        },
        Failed::Refused { code, message } => {
            let kind = porchlight_mqtt::kind_of(code);
            match kind {
                "limit" | "connect" => ActionError::later(kind, message),
                _ => ActionError::never(kind, message),
            }
        }
        Failed::Impossible(message) => ActionError::never("rejected", message),
        Failed::Busy => match publisher.trouble() {
            // That others wait as well says nothing of the broker.
            Some(trouble) => away(publisher, &trouble),
            None => ActionError::later("limit", "too much is under way to this broker"),
        },
    }
}

/// A broker that is away, or does not want us, is waited for until the action's time is over:
/// people mend passwords, too. For the outbox both are "nothing reached it".
fn away(publisher: &Publisher, trouble: &Trouble) -> ActionError {
    let message = format!("broker `{}`: {trouble}", publisher.name());
    ActionError::after("connect", message, PAUSE)
}

/// What a script gets that asked.
fn receipt_of(answer: &Message) -> Receipt {
    let text = String::from_utf8_lossy(&answer.payload);
    let json = porchlight_core::json::parse(&text).unwrap_or(Value::Null);
    Receipt {
        summary: format!("answered on {}", answer.topic),
        detail: json!({ "topic": answer.topic, "text": text, "json": json }),
    }
}

/// A message without anything beside it.
fn plain(topic: &str, payload: &'static str, retain: bool) -> Message {
    Message {
        topic: topic.to_owned(),
        payload: Bytes::from_static(payload.as_bytes()),
        qos: porchlight_mqtt::packet::Qos::AtLeastOnce,
        retain,
        properties: Properties::default(),
    }
}
