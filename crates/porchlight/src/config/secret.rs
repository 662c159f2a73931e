//! Secrets of the configuration: inline, from the environment, or from a file.
//!
//! A secret that is missing, blank or unreadable is a mistake at load, never an empty key at run
//! time. One final line end of a *file* is left out, since editors and `echo` add it; nothing else
//! is ever trimmed.

use super::reader::Section;
use porchlight_core::{Secret, Timestamp};
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

const FORMS: &str = "write \"…\", { env = \"NAME\" }, { file = \"path\" } or { value = \"…\" }; `name` and `until` may stand beside it";

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
            DeValue::Table(table) => {
                let forms = || table.iter().filter(|(form, _)| !is_about(form.get_ref()));
                let (Some((form, value)), None) = (forms().next(), forms().nth(1)) else {
                    return fail(format!("`{key}` is no secret"), FORMS);
                };
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
                    "value" => (from.as_bytes().to_vec(), String::new()),
                    other => return fail(format!("a secret can't come from `{other}`"), FORMS),
                }
            }
            _ => return fail(format!("`{key}` is no secret"), FORMS),
        };
        let (name, until) = match about(value) {
            Ok((given, until)) => (given.unwrap_or_else(|| name.to_owned()), until),
            Err(message) => return fail(message, FORMS),
        };
        let secret = Secret::new(name, bytes);
        let secret = match until {
            Some(until) => secret.good_until(until),
            None => secret,
        };
        if secret.is_blank() {
            let message = format!("`{key}` is blank{origin}, which would prove nothing");
            return fail(message, "paste the secret that the sender uses");
        }
        Some(secret)
    }
}

/// What may stand beside a secret: what records call it, and when it ends.
fn is_about(key: &str) -> bool {
    matches!(key, "name" | "until")
}

fn about(value: &DeValue<'_>) -> Result<(Option<String>, Option<Timestamp>), String> {
    let DeValue::Table(table) = value else {
        return Ok((None, None));
    };
    let name = match table.get("name").map(|name| name.get_ref()) {
        None => None,
        Some(DeValue::String(name)) if !name.trim().is_empty() && name.len() <= 64 => {
            Some(name.to_string())
        }
        Some(_) => return Err("a secret's `name` is a text of 1 to 64 bytes".to_owned()),
    };
    let until = match table.get("until").map(|until| until.get_ref()) {
        None => None,
        Some(DeValue::String(text)) => Some(text.to_string()),
        Some(DeValue::Datetime(moment)) => Some(moment.to_string()),
        Some(_) => Some(String::new()),
    };
    let until = until.map(|text| {
        // A date alone is its first moment in UTC; without an offset there is no one moment.
        let whole = if text.len() == 10 {
            format!("{text}T00:00:00Z")
        } else {
            text.clone()
        };
        Timestamp::parse_rfc3339(&whole).ok_or_else(|| {
            format!(
                "`until = {text}` is no moment; write \"2026-12-31\" or \"2026-12-31T23:00:00Z\""
            )
        })
    });
    Ok((name, until.transpose()?))
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
