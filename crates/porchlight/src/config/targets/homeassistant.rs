//! Home Assistant: `[homeassistant.NAME]`.

use super::{Driver, Kind, secret, text};

pub(super) const HOMEASSISTANT: Kind = Kind {
    name: "homeassistant",
    choice: None,
    drivers: &[Driver {
        name: "homeassistant",
        keys: &[
            text("url", "\"http://homeassistant.lan:8123\""),
            secret("token", "{ env = \"HA_TOKEN\" }"),
        ],
    }],
};
