//! Sirens: `[siren.NAME]`.

use super::{Driver, Kind, optional, optional_secret, secret, text};

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
        Driver {
            name: "tasmota",
            keys: &[
                text("url", "\"http://tasmota.lan\""),
                optional("relay"),
                optional("user"),
                optional_secret("password"),
            ],
        },
        Driver {
            name: "tasmota-mqtt",
            keys: &[
                text("topic", "\"tasmota_1A2B3C\""),
                optional("relay"),
                optional("broker"),
            ],
        },
        Driver {
            name: "zigbee2mqtt",
            keys: &[
                text("device", "\"porch\""),
                optional("base"),
                optional("broker"),
            ],
        },
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
