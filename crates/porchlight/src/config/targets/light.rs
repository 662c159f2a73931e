//! Lamps: `[light.NAME]`.

use super::{Driver, Kind, devices, optional, optional_secret, secret, text};

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
        Driver {
            name: "shelly",
            keys: &[
                text("url", "\"http://shelly.lan\""),
                optional("component"),
                optional("channel"),
                optional_secret("password"),
            ],
        },
        Driver {
            name: "shelly-gen1",
            keys: &[
                text("url", "\"http://shelly.lan\""),
                optional("component"),
                optional("channel"),
                optional("user"),
                optional_secret("password"),
            ],
        },
        devices::TASMOTA,
        devices::TASMOTA_MQTT,
        devices::ZIGBEE2MQTT,
        Driver {
            name: "esphome",
            keys: &[
                text("url", "\"http://esphome.lan\""),
                text("entity", "\"Porch Light\""),
                optional("user"),
                optional_secret("password"),
            ],
        },
        Driver {
            name: "lifx-lan",
            keys: &[text("host", "\"192.0.2.20\""), optional("port")],
        },
        Driver {
            name: "lifx-http",
            keys: &[
                text("url", "\"https://api.lifx.com\""),
                secret("token", "{ env = \"LIFX_TOKEN\" }"),
                text("selector", "\"label:Hall\""),
            ],
        },
        Driver {
            name: "govee-lan",
            keys: &[text("host", "\"192.0.2.21\""), optional("port")],
        },
    ],
};
