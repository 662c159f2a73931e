//! Services on the Internet: `[aws.NAME]`, `[connectit.NAME]`, `[gsheet.NAME]`,
//! `[hook.NAME]`, `[ifttt.NAME]`.

use super::{Driver, Kind, optional, optional_secret, secret, text};

pub(super) const AWS: Kind = Kind {
    name: "aws",
    choice: None,
    drivers: &[Driver {
        name: "aws",
        keys: &[
            text("region", "\"eu-west-1\""),
            text("key", "\"AKIA…\""),
            secret("secret", "{ env = \"AWS_SECRET\" }"),
            optional("bucket"),
            optional("url"),
        ],
    }],
};

pub(super) const GSHEET: Kind = Kind {
    name: "gsheet",
    choice: None,
    drivers: &[Driver {
        name: "gsheet",
        keys: &[
            text("id", "\"the long word in the sheet's address\""),
            text("oauth", "\"google\""),
            optional("range"),
            optional("url"),
        ],
    }],
};

pub(super) const IFTTT: Kind = Kind {
    name: "ifttt",
    choice: None,
    drivers: &[Driver {
        name: "ifttt",
        keys: &[secret("key", "{ env = \"IFTTT_KEY\" }"), optional("url")],
    }],
};

pub(super) const HOOK: Kind = Kind {
    name: "hook",
    choice: None,
    drivers: &[Driver {
        name: "hook",
        keys: &[
            secret("url", "{ env = \"HOOK_URL\" }"),
            optional_secret("secret"),
        ],
    }],
};

pub(super) const CONNECTIT: Kind = Kind {
    name: "connectit",
    choice: None,
    drivers: &[Driver {
        name: "connectit",
        keys: &[
            text("plugin", "\"the plugin's installation uuid\""),
            secret("secret", "{ env = \"CONNECTIT_SECRET\" }"),
            optional("url"),
        ],
    }],
};
