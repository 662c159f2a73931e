//! A target that a script may speak to, and whether what it is about to do goes there.
//!
//! A target is its address: its `url`, its `host`, or the topic at which it hears commands. Nothing is
//! looked up or parsed beyond that.

use super::grant::{Goes, host_of};
use super::{Need, Port};
use serde_json::Value;

/// A table of the configuration: `[light.porch]`.
pub(super) struct Target<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) table: &'a Value,
}

impl Target<'_> {
    pub(super) fn secret_prefix(&self) -> String {
        format!("{}.{}.", self.kind, self.name)
    }

    /// Host and port of its `url`, unless that is a secret.
    pub(super) fn address(&self) -> Option<(String, u16)> {
        host_of(self.table.get("url")?.as_str()?)
    }

    /// Whether a request goes there.
    pub(super) fn is_where(&self, goes: &Goes) -> bool {
        match goes {
            Goes::Host(host, port) => self.is_at(&Need::of_host(host, *port)),
            Goes::Net(host, port) => self.is_at(&Need::of_net(host, *port)),
            Goes::Secret(address) => *address == format!("{}url", self.secret_prefix()),
            Goes::Hidden => false,
        }
    }

    /// Whether this is where the target is. What speaks no HTTP has a `host`, and every port of it
    /// unless it names one.
    pub(super) fn is_at(&self, wanted: &Need) -> bool {
        if let Need::Net { .. } = wanted {
            let Some(host) = self.table.get("host").and_then(Value::as_str) else {
                return false;
            };
            let port = self.table.get("port").and_then(Value::as_u64);
            let mut own = Need::of_net(host, port.map_or(0, |port| port as u16));
            if let (Need::Net { port: own, .. }, None) = (&mut own, port) {
                *own = Port::Any;
            }
            return own.covers(wanted);
        }
        let address = self.address();
        address.is_some_and(|(host, port)| Need::of_host(&host, port) == *wanted)
    }

    /// Whether this is where the target hears, at its broker, what it shall do. As with addresses,
    /// a script may say there what it likes.
    pub(super) fn is_told(&self, topic: &str, broker: &str) -> bool {
        let key = |name: &str| self.table.get(name).and_then(Value::as_str);
        if key("broker").is_some_and(|own| own != broker) {
            return false;
        }
        match key("driver") {
            Some("zigbee2mqtt") => key("device").is_some_and(|device| {
                let base = key("base").unwrap_or("zigbee2mqtt");
                topic == format!("{base}/{device}/set")
            }),
            Some("tasmota-mqtt") => key("topic").is_some_and(|own| {
                let command = topic.strip_prefix(&format!("cmnd/{own}/"));
                command.is_some_and(|command| !command.contains('/'))
            }),
            _ => false,
        }
    }
}
