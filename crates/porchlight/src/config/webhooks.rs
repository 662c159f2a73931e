//! `[webhook.NAME]`: who may send, and how they prove themselves.
//!
//! A webhook without a secret is a mistake unless `proof = "none"` is written out. Every field of
//! the preset can be overridden; the result is checked as a preset is, and its secrets with it.

use super::reader::Section;
use super::secret::SecretSource;
use super::values::{quoted_list, to_toml};
use porchlight_core::Secret;
use porchlight_core::diagnostic::nearest;
use porchlight_source::webhook::DEFAULT_TTL;
use porchlight_source::{DedupPolicy, Preset, Webhook};
use std::sync::Arc;

/// The largest body unless said otherwise: XProtect analytics events carry pictures in their JSON.
const MAX_BODY: u64 = 16 << 20;
/// The fields of a preset that a webhook may override.
const OVERRIDES: [&str; 6] = [
    "scheme",
    "event",
    "facts",
    "body",
    "inflate",
    "success_status",
];

/// Reads all webhooks of the file, noting every mistake.
pub fn read(root: &Section<'_>, secrets: &SecretSource<'_>) -> Vec<Webhook> {
    let named = root.named_sections("webhook");
    named
        .into_iter()
        .filter_map(|(name, section)| read_one(name, section, secrets))
        .collect()
}

fn read_one(name: &str, section: Section<'_>, source: &SecretSource<'_>) -> Option<Webhook> {
    check_name(name, &section);
    let secrets = read_secrets(&section, source);
    let max_body = section.size("max_body").unwrap_or(MAX_BODY);
    let dedup = section.word("dedup", &["id", "content", "off"]);
    let proof = section.word("proof", &["none"]);
    let mut overrides = toml::Table::new();
    for key in OVERRIDES {
        if let Some(value) = section.value(key) {
            overrides.insert(key.to_owned(), to_toml(value.get_ref()));
        }
    }
    if proof.is_some() {
        let none = toml::Table::from_iter([("proof".to_owned(), toml::Value::from("none"))]);
        overrides.insert("scheme".to_owned(), none.into());
    }
    let preset = read_preset(&section, &overrides);
    let ready = match (preset, secrets) {
        (Some(preset), Ok(secrets)) => check_secrets(&section, preset, secrets),
        _ => None,
    };
    section.finish();
    let (preset, secrets) = ready?;
    let dedup = match dedup {
        Some("id") => DedupPolicy::Id { ttl: DEFAULT_TTL },
        Some("content") => DedupPolicy::Content { ttl: DEFAULT_TTL },
        Some(_) => DedupPolicy::Off,
        None => preset.dedup,
    };
    Some(Webhook {
        name: name.to_owned(),
        preset: Arc::new(preset),
        secrets,
        max_body,
        dedup,
    })
}

/// The name stands in an address and in event types.
fn check_name(name: &str, section: &Section<'_>) {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        let help = "use lower-case letters, digits, - and _, at most 64";
        section.source().error(
            section.span(),
            format!("`{name}` can't be the name of a webhook"),
            help,
        );
    }
}

/// The secrets; `Err` when one of them was a mistake, which has been noted.
fn read_secrets(section: &Section<'_>, source: &SecretSource<'_>) -> Result<Vec<Secret>, ()> {
    let mut secrets = Vec::new();
    if section.value("secret").is_some() {
        secrets.push(source.read(section, "secret", "secret").ok_or(())?);
    }
    if let Some(value) = section.value("secrets") {
        let listed = source.read_list(section, "secrets").ok_or(())?;
        let wanted = value.get_ref().as_array().map_or(0, |items| items.len());
        if listed.len() < wanted.max(1) {
            return Err(());
        }
        secrets.extend(listed);
    }
    Ok(secrets)
}

fn read_preset(section: &Section<'_>, overrides: &toml::Table) -> Option<Preset> {
    let name = section.required_text("preset", "\"xprotect\"")?;
    let Some(preset) = Preset::named(name) else {
        let known: Vec<&str> = Preset::all()
            .iter()
            .map(|preset| preset.name.as_str())
            .collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("there are {}", quoted_list(&known)),
        };
        let span = section
            .value("preset")
            .map_or(section.span(), |value| value.span());
        section
            .source()
            .error(span, format!("there is no preset \"{name}\""), help);
        return None;
    };
    match preset.with(overrides) {
        Ok(preset) => Some(preset),
        Err(message) => {
            let first = OVERRIDES.iter().find_map(|key| section.key_span(key));
            let help = "see docs/presets.md for the fields of a scheme";
            section
                .source()
                .error(first.unwrap_or(section.span()), message, help);
            None
        }
    }
}

fn check_secrets(
    section: &Section<'_>,
    preset: Preset,
    secrets: Vec<Secret>,
) -> Option<(Preset, Vec<Secret>)> {
    match preset.scheme.check(&secrets) {
        Ok(()) => Some((preset, secrets)),
        Err(message) => {
            let key = section
                .key_span("secret")
                .or_else(|| section.key_span("secrets"));
            let help = "add secret = \"…\", { env = \"NAME\" } or { file = \"path\" }; where the sender can't prove itself, proof = \"none\"";
            let message = format!("{}: {message}", section.title());
            section
                .source()
                .error(key.unwrap_or(section.span()), message, help);
            None
        }
    }
}
