//! `[scheme.NAME]`: schemes written from scratch, for senders that no preset knows.
//!
//! A scheme is checked where it is written, also when no webhook uses it yet. Where it names a file
//! (`ca_file`, the issuer of client certificates), the file is read here: the proof itself touches
//! no disk.

use super::reader::Section;
use super::values::to_toml;
use porchlight_source::Preset;
use std::collections::HashMap;
use std::path::Path;

/// The preset that reads the events of a webhook with a scheme of its own.
pub const GENERIC: &str = "hmac";

/// Every `[scheme.NAME]`; `None` for one that has a mistake in it, which has been noted.
pub struct Schemes(HashMap<String, Option<toml::Table>>);

impl Schemes {
    /// Reads and checks them.
    pub fn read(root: &Section<'_>, home: &Path) -> Self {
        let Some(section) = root.section("scheme") else {
            return Self(HashMap::new());
        };
        let mut schemes = HashMap::new();
        for (name, scheme) in root.named_sections("scheme") {
            let Some(value) = section.value(name) else {
                continue;
            };
            let checked = match to_toml(value.get_ref()) {
                toml::Value::Table(mut table) => check(&mut table, home).map(|()| table),
                _ => Err("a scheme is a table".to_owned()),
            };
            let checked = checked.map_err(|message| {
                let help = "see docs/presets.md for the fields of a scheme";
                root.source().error(
                    scheme.span(),
                    format!("{}: {message}", scheme.title()),
                    help,
                );
            });
            schemes.insert(name.to_owned(), checked.ok());
        }
        Self(schemes)
    }

    /// The scheme of this name; `Some(None)` for one that is there but wrong.
    pub fn named(&self, name: &str) -> Option<Option<&toml::Table>> {
        self.0.get(name).map(Option::as_ref)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn check(table: &mut toml::Table, home: &Path) -> Result<(), String> {
    read_files(table, home)?;
    let generic = Preset::named(GENERIC).ok_or("the generic preset is missing")?;
    generic.with_scheme(table.clone()).map(drop)
}

/// Puts the text of the file that `ca_file` names into `ca`, in the scheme and in its parts.
///
/// # Errors
/// A file that can't be read.
pub fn read_files(table: &mut toml::Table, home: &Path) -> Result<(), String> {
    if let Some(path) = table.remove("ca_file") {
        let path = path.as_str().ok_or("`ca_file` is the path of a file")?;
        let text = std::fs::read_to_string(home.join(path)).map_err(|error| {
            format!(
                "the file {path} can't be read: {error}; the path is relative to the home folder"
            )
        })?;
        table.insert("ca".to_owned(), text.into());
    }
    for (_, value) in table.iter_mut() {
        let parts = value.as_array_mut().into_iter().flatten();
        for part in parts.filter_map(toml::Value::as_table_mut) {
            read_files(part, home)?;
        }
    }
    Ok(())
}
