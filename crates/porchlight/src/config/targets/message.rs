//! Channels to people: `[message.NAME]`.

use super::{Driver, Key, Kind, optional, optional_secret, secret, text};

/// A hook: its whole address is the secret.
const fn hook(name: &'static str, keys: &'static [Key]) -> Driver {
    Driver { name, keys }
}

pub(super) const MESSAGE: Kind = Kind {
    name: "message",
    choice: Some("service"),
    drivers: &[
        hook("teams", &[secret("url", "{ env = \"TEAMS_URL\" }")]),
        hook("slack", &[secret("url", "{ env = \"SLACK_URL\" }")]),
        hook("discord", &[secret("url", "{ env = \"DISCORD_URL\" }")]),
        Driver {
            name: "slack-app",
            keys: &[
                secret("token", "{ env = \"SLACK_TOKEN\" }"),
                text("channel", "\"C0123456789\""),
                optional("api"),
            ],
        },
        Driver {
            name: "ntfy",
            keys: &[
                text("url", "\"https://ntfy.lan\""),
                text("topic", "\"house\""),
                optional_secret("token"),
            ],
        },
        Driver {
            name: "telegram",
            keys: &[
                secret("token", "{ env = \"BOT_TOKEN\" }"),
                text("chat", "\"123456789\""),
                optional("url"),
            ],
        },
        Driver {
            name: "pushover",
            keys: &[
                secret("token", "{ env = \"PUSHOVER_TOKEN\" }"),
                secret("user", "{ env = \"PUSHOVER_USER\" }"),
                optional("url"),
            ],
        },
        Driver {
            name: "gotify",
            keys: &[
                text("url", "\"http://gotify.lan\""),
                secret("token", "{ env = \"GOTIFY_TOKEN\" }"),
            ],
        },
        Driver {
            name: "matrix",
            keys: &[
                text("url", "\"https://matrix.lan\""),
                secret("token", "{ env = \"MATRIX_TOKEN\" }"),
                text("room", "\"!abc:matrix.lan\""),
            ],
        },
    ],
};
