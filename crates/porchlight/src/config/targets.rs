//! The named targets that scripts speak to: `[light.NAME]` and `[message.NAME]`.
//!
//! One table of rows says which drivers there are and which keys each needs; the parser, the
//! advice and the documentation all follow it. Scripts see a target as a map in which secrets are
//! references (`{"$secret": "light.porch.key"}`), so no script and no record ever holds one.

use super::reader::Section;
use super::secret::SecretSource;
use porchlight_core::Secret;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A key of a driver.
struct Key {
    name: &'static str,
    form: Form,
    required: bool,
    example: &'static str,
}

enum Form {
    Text,
    Secret,
}

/// One driver of a kind of target.
struct Driver {
    name: &'static str,
    keys: &'static [Key],
}

/// One kind of target: the table's name, and the key that chooses the driver.
pub struct Kind {
    /// `light`, `message`.
    pub name: &'static str,
    choice: &'static str,
    drivers: &'static [Driver],
}

const fn text(name: &'static str, example: &'static str) -> Key {
    Key {
        name,
        form: Form::Text,
        required: true,
        example,
    }
}

const fn optional(name: &'static str) -> Key {
    Key {
        name,
        form: Form::Text,
        required: false,
        example: "",
    }
}

const fn secret(name: &'static str, example: &'static str) -> Key {
    Key {
        name,
        form: Form::Secret,
        required: true,
        example,
    }
}

/// Every kind of target with its drivers.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "light",
        choice: "driver",
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
                name: "homeassistant",
                keys: &[
                    text("url", "\"http://homeassistant.lan:8123\""),
                    secret("token", "{ env = \"HA_TOKEN\" }"),
                    text("entity", "\"light.porch\""),
                ],
            },
        ],
    },
    Kind {
        name: "message",
        choice: "service",
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
                    Key {
                        name: "token",
                        form: Form::Secret,
                        required: false,
                        example: "",
                    },
                ],
            },
        ],
    },
];

/// What scripts see of all targets, and the secrets that the references stand for.
#[derive(Default)]
pub struct Targets {
    /// `{"light": {"porch": {…}}, "message": {…}}`.
    pub seen: Map<String, Value>,
    /// By reference: `light.porch.key`.
    pub secrets: HashMap<String, Secret>,
}

impl Targets {
    /// Reads all targets of the file, noting every mistake.
    pub fn read(root: &Section<'_>, secrets: &SecretSource<'_>) -> Self {
        let mut targets = Self::default();
        for kind in KINDS {
            let mut named = Map::new();
            for (name, section) in root.named_sections(kind.name) {
                if let Some(target) = targets.read_one(kind, name, section, secrets) {
                    named.insert(name.to_owned(), target);
                }
            }
            targets
                .seen
                .insert(kind.name.to_owned(), Value::Object(named));
        }
        targets
    }

    fn read_one(
        &mut self,
        kind: &Kind,
        name: &str,
        section: Section<'_>,
        secrets: &SecretSource<'_>,
    ) -> Option<Value> {
        let names: Vec<&'static str> = kind.drivers.iter().map(|driver| driver.name).collect();
        let example = format!("\"{}\"", names[0]);
        section.required_text(kind.choice, &example)?;
        let chosen = section.word(kind.choice, &names)?;
        let driver = kind.drivers.iter().find(|driver| driver.name == chosen)?;
        let mut target = Map::new();
        target.insert("name".to_owned(), name.into());
        target.insert(kind.choice.to_owned(), chosen.into());
        for key in driver.keys {
            if section.value(key.name).is_none() {
                if key.required {
                    section.missing(key.name, key.example);
                }
                continue;
            }
            let value = match key.form {
                Form::Text => section.text(key.name).map(Value::from),
                Form::Secret => {
                    let reference = format!("{}.{name}.{}", kind.name, key.name);
                    secrets.read(&section, key.name, &reference).map(|secret| {
                        self.secrets.insert(reference.clone(), secret);
                        json!({ "$secret": reference })
                    })
                }
            };
            if let Some(value) = value {
                target.insert(key.name.to_owned(), value);
            }
        }
        section.finish();
        Some(Value::Object(target))
    }
}
