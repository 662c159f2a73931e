//! Video systems that are told of events: `[nx.NAME]`, `[openeye.NAME]`, `[salient.NAME]`,
//! `[synology.NAME]`, `[xprotect.NAME]`; and Rhombus, where clips are.

use super::{Driver, Kind, optional, secret, text};

pub(super) const NX: Kind = Kind {
    name: "nx",
    choice: None,
    drivers: &[Driver {
        name: "nx",
        keys: &[
            text("url", "\"https://192.0.2.5:7001\""),
            text("user", "\"porchlight\""),
            secret("password", "{ env = \"NX_PASSWORD\" }"),
        ],
    }],
};

pub(super) const OPENEYE: Kind = Kind {
    name: "openeye",
    choice: None,
    drivers: &[Driver {
        name: "openeye",
        keys: &[
            optional("url"),
            text("key_id", "\"the id of the key\""),
            secret("key_secret", "{ env = \"OPENEYE_SECRET\" }"),
        ],
    }],
};

pub(super) const SALIENT: Kind = Kind {
    name: "salient",
    choice: None,
    drivers: &[Driver {
        name: "salient",
        keys: &[
            text("url", "\"https://192.0.2.6:4502\""),
            text("user", "\"porchlight\""),
            secret("password", "{ env = \"SALIENT_PASSWORD\" }"),
            optional("camera"),
        ],
    }],
};

pub(super) const SYNOLOGY: Kind = Kind {
    name: "synology",
    choice: None,
    drivers: &[Driver {
        name: "synology",
        keys: &[secret("url", "{ env = \"SYNOLOGY_URL\" }")],
    }],
};

pub(super) const XPROTECT: Kind = Kind {
    name: "xprotect",
    choice: None,
    drivers: &[Driver {
        name: "xprotect",
        keys: &[
            text("url", "\"https://vms.lan\""),
            text("user", "\"porchlight\""),
            secret("password", "{ env = \"XPROTECT_PASSWORD\" }"),
        ],
    }],
};

pub(super) const RHOMBUS: Kind = Kind {
    name: "rhombus",
    choice: None,
    drivers: &[Driver {
        name: "rhombus",
        keys: &[
            secret("token", "{ env = \"RHOMBUS_TOKEN\" }"),
            optional("url"),
        ],
    }],
};
