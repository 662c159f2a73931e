//! Secrets of the configuration: inline, from the environment, or from a file.
//!
//! A secret that is missing, blank or unreadable is a mistake at load, never an empty key at run
//! time. One final line end of a *file* is left out, since editors and `echo` add it; nothing else
//! is ever trimmed.

use super::reader::Section;
use porchlight_core::Secret;
use std::ops::Range;
use std::path::Path;
use toml::de::DeValue;

/// Everything that a secret may come from: the home folder and the environment.
pub struct SecretSource<'a> {
    /// Files are relative to this folder.
    pub home: &'a Path,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

const FORMS: &str = "write \"…\", { env = \"NAME\" } or { file = \"path\" }";

impl SecretSource<'_> {
    /// The secret under `key`, called `name` in records; `None` when absent or wrong (then noted).
    pub fn read(&self, section: &Section<'_>, key: &str, name: &str) -> Option<Secret> {
        let value = section.value(key)?;
        self.one(section, key, value.get_ref(), value.span(), name)
    }

    /// The secrets under `key`, a list; called `key[0]`, `key[1]`, …
    pub fn read_list(&self, section: &Section<'_>, key: &str) -> Option<Vec<Secret>> {
        let value = section.value(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            section.wrong_type(key, value.span(), "a list of secrets", value.get_ref(), "");
            return None;
        };
        if items.is_empty() {
            section
                .source()
                .error(value.span(), format!("`{key}` is an empty list"), FORMS);
        }
        let each = items.iter().enumerate();
        Some(
            each.filter_map(|(index, item)| {
                self.one(
                    section,
                    key,
                    item.get_ref(),
                    item.span(),
                    &format!("{key}[{index}]"),
                )
            })
            .collect(),
        )
    }

    fn one(
        &self,
        section: &Section<'_>,
        key: &str,
        value: &DeValue<'_>,
        span: Range<usize>,
        name: &str,
    ) -> Option<Secret> {
        let fail = |message: String, help: &str| {
            section.source().error(span.clone(), message, help);
            None
        };
        let (bytes, origin) = match value {
            DeValue::String(text) => (text.as_bytes().to_vec(), String::new()),
            DeValue::Table(table) if table.len() == 1 => {
                let (form, value) = table.iter().next()?;
                let Some(from) = value.get_ref().as_str() else {
                    return fail(format!("`{key}`: this is no text"), FORMS);
                };
                match form.get_ref().as_ref() {
                    "env" => match (self.env)(from) {
                        Some(text) => {
                            (text.into_bytes(), format!(" (environment variable {from})"))
                        }
                        None => {
                            let message = format!("the environment variable {from} is not set");
                            return fail(
                                message,
                                "set it before porchlight starts, or use { file = \"…\" }",
                            );
                        }
                    },
                    "file" => match std::fs::read(self.home.join(from)) {
                        Ok(bytes) => (without_final_newline(bytes), format!(" (file {from})")),
                        Err(error) => {
                            let message = format!("the secret file {from} can't be read: {error}");
                            return fail(message, "the path is relative to the home folder");
                        }
                    },
                    other => return fail(format!("a secret can't come from `{other}`"), FORMS),
                }
            }
            _ => return fail(format!("`{key}` is no secret"), FORMS),
        };
        let secret = Secret::new(name, bytes);
        if secret.is_blank() {
            let message = format!("`{key}` is blank{origin}, which would prove nothing");
            return fail(message, "paste the secret that the sender uses");
        }
        Some(secret)
    }
}

fn without_final_newline(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}
