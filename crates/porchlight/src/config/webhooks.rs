//! `[webhook.NAME]`: who may send, and how they prove themselves.
//!
//! A webhook without a secret is a mistake unless `proof = "none"` is written out. Every field of
//! the preset can be overridden; the result is checked as a preset is, and its secrets with it.

use super::agreement::{self, Agreement};
use super::guards;
use super::reader::Section;
use super::schemes::{self, Schemes};
use super::secret::SecretSource;
use super::values::{quoted_list, to_toml};
use porchlight_core::Secret;
use porchlight_core::diagnostic::nearest;
use porchlight_source::{Preset, Webhook};
use std::path::Path;
use toml::de::DeValue;

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
    let schemes = Schemes::read(root, secrets.home);
    let named = root.named_sections("webhook");
    named
        .into_iter()
        .filter_map(|(name, section)| read_one(name, section, secrets, &schemes))
        .collect()
}

fn read_one(
    name: &str,
    section: Section<'_>,
    source: &SecretSource<'_>,
    schemes: &Schemes,
) -> Option<Webhook> {
    check_name(name, &section);
    let secrets = read_secrets(&section, source);
    let max_body = section.size("max_body").unwrap_or(Webhook::MAX_BODY);
    let agreed = agreement::read(&section, source);
    let preset = read_preset(&section, schemes, source.home);
    let guards = guards::read(&section, name, preset.as_ref());
    let dedup = guards::read_dedup(&section, preset.as_ref());
    let ready = match (preset, secrets) {
        (Some(preset), Ok(secrets)) => check_secrets(&section, preset, secrets, agreed),
        _ => None,
    };
    section.finish();
    let (preset, secrets, agreed) = ready?;
    Some(Webhook {
        max_body,
        dedup,
        guards,
        test_key: agreed.test_key,
        verify_token: agreed.verify_token,
        topics: agreed.topics,
        url: agreed.url,
        ..Webhook::new(name, preset, secrets)
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

/// The preset with everything that the webhook's table changes about it.
fn read_preset(section: &Section<'_>, schemes: &Schemes, home: &Path) -> Option<Preset> {
    let own = match section.value("scheme").map(|value| value.get_ref()) {
        Some(DeValue::String(name)) => Some(named_scheme(section, schemes, name)?),
        _ => None,
    };
    let open = section.word("proof", &["none"]).is_some();
    let preset = match (&own, section.value("preset")) {
        (None, None) if open => Preset::named(schemes::GENERIC)?,
        (Some(_), None) => Preset::named(schemes::GENERIC)?,
        _ => named_preset(section)?,
    };
    let complain = |key: &str, message: String| {
        let help = "see docs/presets.md for the fields of a scheme";
        let span = section.key_span(key).unwrap_or(section.span());
        section.source().error(span, message, help);
    };
    let preset = match own {
        Some(table) => {
            let own = preset.with_scheme(table);
            let mut own = own.map_err(|message| complain("scheme", message)).ok()?;
            if section.value("preset").is_none() {
                "a sender with a scheme of its own".clone_into(&mut own.title);
            }
            own
        }
        None => preset.clone(),
    };
    let mut overrides = toml::Table::new();
    for key in OVERRIDES {
        match section.value(key).map(|value| to_toml(value.get_ref())) {
            None | Some(toml::Value::String(_)) if key == "scheme" => {}
            None => {}
            Some(toml::Value::Table(mut table)) => {
                if let Err(message) = schemes::read_files(&mut table, home) {
                    complain(key, message);
                    return None;
                }
                overrides.insert(key.to_owned(), table.into());
            }
            Some(value) => _ = overrides.insert(key.to_owned(), value),
        }
    }
    if open {
        let none = toml::Table::from_iter([("proof".to_owned(), toml::Value::from("none"))]);
        overrides.insert("scheme".to_owned(), none.into());
    }
    let first = OVERRIDES.iter().find(|key| section.key_span(key).is_some());
    let first = first.copied().unwrap_or("preset");
    preset
        .with(&overrides)
        .map_err(|message| complain(first, message))
        .ok()
}

fn named_scheme(section: &Section<'_>, schemes: &Schemes, name: &str) -> Option<toml::Table> {
    if let Some(found) = schemes.named(name) {
        // A broken one was complained of where it is written.
        return found.cloned();
    }
    let help = match nearest(name, schemes.names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("write it as [scheme.{name}]"),
    };
    let span = section
        .value("scheme")
        .map_or(section.span(), |value| value.span());
    section
        .source()
        .error(span, format!("there is no [scheme.{name}]"), help);
    None
}

fn named_preset(section: &Section<'_>) -> Option<&'static Preset> {
    let name = section.required_text("preset", "\"xprotect\"")?;
    if let Some(preset) = Preset::named(name) {
        return Some(preset);
    }
    let known: Vec<&str> = Preset::names().collect();
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
    None
}

/// Secrets that fit the scheme, the public half of the test key among them.
fn check_secrets(
    section: &Section<'_>,
    preset: Preset,
    mut secrets: Vec<Secret>,
    agreed: Agreement,
) -> Option<(Preset, Vec<Secret>, Agreement)> {
    agreement::check(section, &preset.scheme, &agreed);
    if let Some(key) = &agreed.test_key {
        match agreement::public_half(section, &preset.scheme, key) {
            Some(public) => secrets.push(public),
            None => return None,
        }
    }
    let Err(message) = preset.scheme.check(&secrets) else {
        return Some((preset, secrets, agreed));
    };
    let key = section
        .key_span("secret")
        .or_else(|| section.key_span("secrets"));
    let help = if key.is_some() {
        "see docs/presets.md for how the sender shows its secret, and paste it as it is shown"
    } else {
        "add secret = \"…\", { env = \"NAME\" } or { file = \"path\" }; where the sender can't prove itself, proof = \"none\""
    };
    let message = format!("{}: {message}", section.title());
    section
        .source()
        .error(key.unwrap_or(section.span()), message, help);
    None
}
