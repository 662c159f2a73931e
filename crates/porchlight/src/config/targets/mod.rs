//! The named targets that scripts speak to: `[light.NAME]`, `[message.NAME]`, `[soap.NAME]`, …
//!
//! Rows say which kinds and drivers there are and which keys each needs, one file for each kind or
//! family; the parser, the advice and the documentation all follow them. Scripts see a target as a
//! map in which secrets are references (`{"$secret": "light.porch.key"}`), so no script and no
//! record ever holds one.

mod cloud;
mod devices;
mod homeassistant;
mod light;
mod message;
mod siren;
mod sms;
mod soap;
mod ticket;
mod vms;

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

/// What every target may have: a table `[tls.NAME]` and a table `[limit.NAME]`, by their names.
const EVERYWHERE: [Key; 2] = [optional("tls"), optional("limit")];

/// One driver of a kind of target.
struct Driver {
    name: &'static str,
    keys: &'static [Key],
}

/// One kind of target: the table's name, and the key that chooses the driver, where there are several.
pub struct Kind {
    /// `light`, `message`.
    pub name: &'static str,
    choice: Option<&'static str>,
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

const fn optional_secret(name: &'static str) -> Key {
    Key {
        name,
        form: Form::Secret,
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
pub const KINDS: &[&Kind] = &[
    &cloud::AWS,
    &cloud::CONNECTIT,
    &cloud::GSHEET,
    &cloud::HOOK,
    &cloud::IFTTT,
    &homeassistant::HOMEASSISTANT,
    &light::LIGHT,
    &message::MESSAGE,
    &sms::SMS,
    &siren::SIREN,
    &soap::SOAP,
    &ticket::TICKET,
    &vms::NX,
    &vms::OPENEYE,
    &vms::RHOMBUS,
    &vms::SALIENT,
    &vms::SYNOLOGY,
    &vms::XPROTECT,
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
        let mut target = Map::new();
        target.insert("name".to_owned(), name.into());
        let driver = match kind.choice {
            None => kind.drivers.first()?,
            Some(choice) => {
                let names: Vec<&'static str> = kind.drivers.iter().map(|one| one.name).collect();
                section.required_text(choice, &format!("\"{}\"", names[0]))?;
                let chosen = section.word(choice, &names)?;
                target.insert(choice.to_owned(), chosen.into());
                kind.drivers.iter().find(|one| one.name == chosen)?
            }
        };
        for key in driver.keys.iter().chain(&EVERYWHERE) {
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
