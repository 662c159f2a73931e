//! `[tls.NAME]`: how requests know a server that no authority of the world vouches for, and how we
//! show who we are.
//!
//! The files are read here, at load, so that `porchlight check` finds what is wrong with them; the
//! caret stands under the path that has to change.

use super::reader::Section;
use porchlight_action::{Pin, TlsConfig};
use porchlight_core::Timestamp;
use porchlight_core::diagnostic::nearest;
use porchlight_source::http::{Pair, PairFiles, Part};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use toml::de::DeValue;

/// Reads every `[tls.NAME]`.
pub fn read(root: &Section<'_>, home: &Path, now: Timestamp) -> HashMap<String, TlsConfig> {
    let named = root.named_sections("tls").into_iter();
    named
        .map(|(name, section)| (name.to_owned(), read_one(section, home, now)))
        .collect()
}

/// Notes every target that names a `[tls.NAME]` or `[oauth.NAME]` (`key`) which is not there;
/// `targets` is what scripts see of these.
pub fn judge_targets<'a>(
    root: &Section<'_>,
    targets: &Map<String, Value>,
    key: &str,
    known: impl Iterator<Item = &'a String>,
) {
    let known: Vec<&str> = known.map(String::as_str).collect();
    for kind in targets.keys() {
        for (name, target) in root.named_sections(kind) {
            let Some(value) = target.value(key) else {
                continue;
            };
            // Whoever read the target has said so when it is no text.
            let Some(wanted) = value.get_ref().as_str().filter(|it| !known.contains(it)) else {
                continue;
            };
            let help = match nearest(wanted, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [{key}.{wanted}], or leave `{key}` out"),
            };
            let message = format!("[{kind}.{name}] names [{key}.{wanted}], which is not there");
            target.source().error(value.span(), message, help);
        }
    }
}

fn read_one(section: Section<'_>, home: &Path, now: Timestamp) -> TlsConfig {
    let mut tls = TlsConfig::default();
    let fail = |at: Range<usize>, message: String, help: &str| {
        section.source().error(at, message, help);
    };
    let at = |key: &str| {
        section
            .value(key)
            .map_or(section.span(), |value| value.span())
    };
    if let Some(path) = section.text("ca") {
        let read =
            std::fs::read(home.join(path)).map_err(|error| format!("can't be read: {error}"));
        if let Err(wrong) = read.and_then(|pem| tls.trust(&pem)) {
            let help = "name the authority's certificate as PEM; a path that isn't absolute begins at the home folder";
            fail(at("ca"), format!("{path} {wrong}"), help);
        }
    }
    let pins = pins(&section);
    for (text, span) in &pins {
        match Pin::parse(text) {
            Ok(pin) => tls.pin(pin),
            Err(wrong) => {
                let help = "`openssl x509 -in cert.pem -noout -fingerprint -sha256` prints one";
                fail(span.clone(), format!("`pin` {wrong}"), help);
            }
        }
    }
    if let Some(name) = section.text("server_name")
        && let Err(wrong) = tls.expect_name(name)
    {
        let help = "write the name that stands in the server's certificate";
        fail(at("server_name"), format!("{name:?} {wrong}"), help);
    }
    for key in ["ca", "server_name"] {
        if !pins.is_empty() && section.value(key).is_some() {
            let message = format!("`{key}` has no say beside `pin`");
            let help = "a pinned certificate is asked for neither a name nor an authority; leave one of the two out";
            section.source().warning(at(key), message, help);
        }
    }
    match (section.text("cert"), section.text("key")) {
        (Some(cert), Some(key)) => {
            let files = PairFiles {
                cert: home.join(cert),
                key: home.join(key),
            };
            match Pair::load(files) {
                Ok(pair) => {
                    if let Some(warning) = pair.warning(now) {
                        section.source().warning(at("cert"), warning, "");
                    }
                    tls.present(pair.certified());
                }
                Err(error) => {
                    let key = match error.part {
                        Part::Cert => "cert",
                        Part::Key => "key",
                    };
                    fail(at(key), error.message, &error.help);
                }
            }
        }
        (Some(_), None) => section.missing("key", "\"tls/client.key\""),
        (None, Some(_)) => section.missing("cert", "\"tls/client.pem\""),
        (None, None) => {}
    }
    if section.keys().is_empty() {
        let help = "add `ca`, `pin`, `server_name`, or `cert` and `key`";
        fail(
            section.span(),
            format!("{} is empty", section.title()),
            help,
        );
    }
    section.finish();
    tls
}

/// One fingerprint or a list of them, each with its place.
fn pins<'a>(section: &Section<'a>) -> Vec<(&'a str, Range<usize>)> {
    let Some(value) = section.value("pin") else {
        return Vec::new();
    };
    let items: Vec<_> = match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![value],
    };
    let mut pins = Vec::new();
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => pins.push((text.as_ref(), item.span())),
            other => {
                let wanted = "a fingerprint or a list of them";
                section.wrong_type("pin", item.span(), wanted, other, "");
            }
        }
    }
    if pins.is_empty() {
        let help = "leave it out, or name the certificate";
        section
            .source()
            .error(value.span(), "`pin` names nothing", help);
    }
    pins
}
