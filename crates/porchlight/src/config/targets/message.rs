//! Channels to people: `[message.NAME]`.

use super::{Driver, Kind, optional_secret, secret, text};

pub(super) const MESSAGE: Kind = Kind {
    name: "message",
    choice: Some("service"),
    drivers: &[
        Driver {
            name: "teams",
            keys: &[secret("url", "{ env = \"TEAMS_URL\" }")],
        },
        Driver {
            name: "slack",
            keys: &[secret("url", "{ env = \"SLACK_URL\" }")],
        },
        Driver {
            name: "discord",
            keys: &[secret("url", "{ env = \"DISCORD_URL\" }")],
        },
        Driver {
            name: "ntfy",
            keys: &[
                text("url", "\"https://ntfy.lan\""),
                text("topic", "\"house\""),
                optional_secret("token"),
            ],
        },
    ],
};
