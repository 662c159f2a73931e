//! Sirens: `[siren.NAME]`.

use super::{Driver, Kind, devices, optional, optional_secret, secret, text};

pub(super) const SIREN: Kind = Kind {
    name: "siren",
    choice: Some("driver"),
    drivers: &[
        Driver {
            name: "shelly",
            keys: &[
                text("url", "\"http://shelly.lan\""),
                optional("channel"),
                optional_secret("password"),
            ],
        },
        Driver {
            name: "shelly-gen1",
            keys: &[
                text("url", "\"http://shelly.lan\""),
                optional("channel"),
                optional("user"),
                optional_secret("password"),
            ],
        },
        devices::TASMOTA,
        devices::TASMOTA_MQTT,
        devices::ZIGBEE2MQTT,
        Driver {
            name: "homeassistant",
            keys: &[
                text("url", "\"http://homeassistant.lan:8123\""),
                secret("token", "{ env = \"HA_TOKEN\" }"),
                text("entity", "\"siren.yard\""),
            ],
        },
    ],
};
