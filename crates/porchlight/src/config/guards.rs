//! The guards of a webhook and of the whole server: who may knock, how, and how often.
//!
//! Only reads and checks; what a guard does is decided in `porchlight_source::guards`.

use super::reader::Section;
use http::Method;
use porchlight_journal::Priority;
use porchlight_source::http::{Forwarding, Network, ServeLimits};
use porchlight_source::{AddressRate, DedupPolicy, Guards, Preset};
use std::str::FromStr;
use std::time::Duration;
use toml::de::DeValue;

/// The name that the host's own events carry as their source.
const OWN_NAME: &str = "porchlight";

/// Methods that a webhook can take. The others have no body or a meaning of their own.
const METHODS: [(&str, Method); 4] = [
    ("POST", Method::POST),
    ("PUT", Method::PUT),
    ("PATCH", Method::PATCH),
    ("GET", Method::GET),
];

/// Reads the guards of `[webhook.NAME]`. `preset` is the one with all overrides; without it, what
/// depends on the proof is not warned about.
pub fn read(section: &Section<'_>, name: &str, preset: Option<&Preset>) -> Guards {
    if name == OWN_NAME {
        let help = "events of that source are the host's own; choose another name";
        let message = "a webhook can't be called `porchlight`";
        section.source().error(section.span(), message, help);
    }
    let usual = Guards::default();
    let rate_per_address = match section.text("rate_per_address") {
        Some("off") => AddressRate::Off,
        _ => parsed(section, "rate_per_address").map_or(AddressRate::Usual, AddressRate::Limit),
    };
    let guards = Guards {
        allow: networks(section, "allow"),
        methods: methods(section).unwrap_or(usual.methods),
        rate: parsed(section, "rate"),
        rate_per_address,
        priority: match section.word("priority", &["normal", "high"]) {
            Some("high") => Priority::High,
            _ => Priority::Normal,
        },
        max_body_unproven: section.size("max_body_unproven"),
        max_inflated: section.size("max_inflated"),
        dedup_ttl: ttl(section),
    };
    let open = preset.is_some_and(|preset| !preset.scheme.proves());
    if open && guards.methods.contains(&Method::GET) {
        let span = section.key_span("methods").unwrap_or(section.span());
        let message = "GET without any proof: every link and every page that somebody opens can send to this webhook";
        let help = "give it a token, or `allow` only the sender's address";
        section.source().warning(span, message, help);
    }
    guards
}

/// Reads what makes two deliveries to `[webhook.NAME]` the same; the preset's own rule unless said.
pub fn read_dedup(section: &Section<'_>, preset: Option<&Preset>) -> DedupPolicy {
    let usual = preset.map_or(DedupPolicy::Off, |preset| preset.dedup);
    let ttl = porchlight_source::webhook::DEFAULT_TTL;
    match section.word("dedup", &["id", "content", "off"]) {
        Some("id") => DedupPolicy::Id { ttl },
        Some("content") => DedupPolicy::Content { ttl },
        Some(_) => DedupPolicy::Off,
        None => usual,
    }
}

/// The guards of the whole server, in `[server]`.
#[derive(Default)]
pub struct ServerGuards {
    trusted_proxies: Vec<Network>,
    forwarding: Forwarding,
    connections_per_address: Option<usize>,
    failures_per_minute: Option<u32>,
}

/// Reads the guards of `[server]`.
pub fn read_server(section: &Section<'_>) -> ServerGuards {
    let number = |key, most| section.number(key, 1..=most);
    ServerGuards {
        trusted_proxies: networks(section, "trusted_proxies"),
        forwarding: match section.word("forwarded_header", &["x-forwarded-for", "forwarded"]) {
            Some("forwarded") => Forwarding::Forwarded,
            Some(_) => Forwarding::XForwardedFor,
            None => Forwarding::Either,
        },
        connections_per_address: number("connections_per_address", 100_000)
            .and_then(|number| usize::try_from(number).ok()),
        failures_per_minute: number("failures_per_minute", 1_000_000)
            .and_then(|number| u32::try_from(number).ok()),
    }
}

impl ServerGuards {
    /// These limits, with what was written out.
    pub fn apply(&self, limits: ServeLimits) -> ServeLimits {
        ServeLimits {
            proxies: self.trusted_proxies.clone(),
            forwarding: self.forwarding,
            connections_per_address: self
                .connections_per_address
                .unwrap_or(limits.connections_per_address),
            failures_per_minute: self
                .failures_per_minute
                .unwrap_or(limits.failures_per_minute),
            ..limits
        }
    }
}

/// A text that is read by its type; a mistake is noted.
fn parsed<T: FromStr<Err = String>>(section: &Section<'_>, key: &str) -> Option<T> {
    let text = section.text(key)?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(message) => {
            let span = section.value(key).map_or(section.span(), |v| v.span());
            section.source().error(span, message, "");
            None
        }
    }
}

/// A list of networks; a list that is there must not be empty, or it would let everybody in.
fn networks(section: &Section<'_>, key: &str) -> Vec<Network> {
    let Some(texts) = section.texts(key) else {
        return Vec::new();
    };
    let span = section.value(key).map_or(section.span(), |v| v.span());
    if texts.is_empty() && key == "allow" {
        let help = "leave `allow` out to let everybody in";
        let message = "`allow` names nobody";
        section.source().error(span.clone(), message, help);
    }
    let mut networks = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(message) => section.source().error(span.clone(), message, ""),
        }
    }
    networks
}

fn methods(section: &Section<'_>) -> Option<Vec<Method>> {
    let texts = section.texts("methods")?;
    let span = section
        .value("methods")
        .map_or(section.span(), |v| v.span());
    let help = "write some of \"POST\", \"PUT\", \"PATCH\" and \"GET\"";
    if texts.is_empty() {
        let message = "`methods` is empty, so nothing could be sent";
        section.source().error(span.clone(), message, help);
    }
    let mut methods = Vec::new();
    for text in texts {
        let known = METHODS.iter().find(|(name, _)| *name == text);
        match known {
            Some((_, method)) if methods.contains(method) => {}
            Some((_, method)) => methods.push(method.clone()),
            None => {
                let message = format!("a webhook can't take the method \"{text}\"");
                section.source().error(span.clone(), message, help);
            }
        }
    }
    (!methods.is_empty()).then_some(methods)
}

/// `dedup_ttl`, which means nothing beside `dedup = "off"`.
fn ttl(section: &Section<'_>) -> Option<Duration> {
    let ttl = section.duration("dedup_ttl")?;
    let off = section.value("dedup").map(toml::Spanned::get_ref);
    if matches!(off, Some(DeValue::String(word)) if word == "off") {
        let span = section.key_span("dedup_ttl").unwrap_or(section.span());
        let message = "`dedup_ttl` has no effect beside dedup = \"off\"";
        section.source().error(span, message, "remove one of them");
    }
    Some(ttl)
}
