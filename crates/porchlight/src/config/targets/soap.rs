//! SOAP services: `[soap.NAME]`.

use super::{Driver, Kind, optional, optional_secret, text};

pub(super) const SOAP: Kind = Kind {
    name: "soap",
    choice: None,
    drivers: &[Driver {
        name: "soap",
        keys: &[
            text("url", "\"http://192.0.2.7/Service.svc\""),
            text("namespace", "\"http://tempuri.org/\""),
            optional("user"),
            optional_secret("password"),
            optional_secret("key"),
        ],
    }],
};
