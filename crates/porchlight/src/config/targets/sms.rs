//! Phones that get text messages: `[sms.NAME]`.

use super::{Driver, Kind, optional, secret, text};

pub(super) const SMS: Kind = Kind {
    name: "sms",
    choice: Some("driver"),
    drivers: &[
        Driver {
            name: "twilio",
            keys: &[
                text("sid", "\"AC…\""),
                secret("token", "{ env = \"TWILIO_TOKEN\" }"),
                text("from", "\"+15551234567\""),
                text("to", "\"+15557654321\""),
                optional("url"),
            ],
        },
        Driver {
            name: "vonage",
            keys: &[
                text("key", "\"abcdef12\""),
                secret("secret", "{ env = \"VONAGE_SECRET\" }"),
                text("from", "\"House\""),
                text("to", "\"15557654321\""),
                optional("url"),
            ],
        },
        Driver {
            name: "sns",
            keys: &[
                text("region", "\"eu-west-1\""),
                text("key", "\"AKIA…\""),
                secret("secret", "{ env = \"AWS_SECRET\" }"),
                text("to", "\"+15557654321\""),
                optional("url"),
            ],
        },
        Driver {
            name: "command",
            keys: &[text("command", "\"the NAME of [command.NAME]\"")],
        },
    ],
};
