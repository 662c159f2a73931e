//! Devices that are a lamp to one person and a siren to another, with the same keys for both.
//!
//! Where a kind has a key of its own (`component` of a Shelly), the row stands with the kind.

use super::{Driver, optional, optional_secret, text};

pub(super) const TASMOTA: Driver = Driver {
    name: "tasmota",
    keys: &[
        text("url", "\"http://tasmota.lan\""),
        optional("relay"),
        optional("user"),
        optional_secret("password"),
    ],
};

pub(super) const TASMOTA_MQTT: Driver = Driver {
    name: "tasmota-mqtt",
    keys: &[
        text("topic", "\"tasmota_1A2B3C\""),
        optional("relay"),
        optional("broker"),
    ],
};

pub(super) const ZIGBEE2MQTT: Driver = Driver {
    name: "zigbee2mqtt",
    keys: &[
        text("device", "\"porch\""),
        optional("base"),
        optional("broker"),
    ],
};
