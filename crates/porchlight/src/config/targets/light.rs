//! Lamps: `[light.NAME]`.

use super::{Driver, Kind, optional, secret, text};

pub(super) const LIGHT: Kind = Kind {
    name: "light",
    choice: Some("driver"),
    drivers: &[
        Driver {
            name: "wled",
            keys: &[text("url", "\"http://wled.lan\"")],
        },
        Driver {
            name: "hue",
            keys: &[
                text("url", "\"https://hue-bridge.lan\""),
                secret("key", "{ env = \"HUE_KEY\" }"),
                text("id", "\"the light's id on the bridge\""),
                optional("resource"),
            ],
        },
        Driver {
            name: "hue-v1",
            keys: &[
                text("url", "\"http://hue-bridge.lan\""),
                secret("key", "{ env = \"HUE_KEY\" }"),
                text("id", "\"3\""),
                optional("resource"),
            ],
        },
        Driver {
            name: "homeassistant",
            keys: &[
                text("url", "\"http://homeassistant.lan:8123\""),
                secret("token", "{ env = \"HA_TOKEN\" }"),
                text("entity", "\"light.porch\""),
            ],
        },
    ],
};
