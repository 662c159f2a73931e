//! What works, but is weak: said at load as warnings, beside the place where it can be mended.

use super::reader::Section;
use super::server::{Address, Server};
use porchlight_core::Timestamp;
use porchlight_source::Webhook;

/// Notes what is weak about the webhooks.
pub fn give(root: &Section<'_>, server: &Server, webhooks: &[Webhook], now: Timestamp) {
    let sections = root.named_sections("webhook");
    for webhook in webhooks {
        let section = sections.iter().find(|(name, _)| *name == webhook.name);
        let Some((_, section)) = section else {
            continue;
        };
        let scheme = &webhook.preset.scheme;
        if scheme.signs_url() && webhook.url.is_none() && server.url.is_none() {
            let message = format!(
                "{}: the signature covers the address, and the one that the sender knows is not configured",
                section.title()
            );
            let help = "add url = \"https://…\" here, or in [server] for all webhooks";
            section.source().error(section.span(), message, help);
        }
        for (message, help) in weaknesses(webhook, server, now) {
            let message = format!("{}: {message}", section.title());
            section.source().warning(section.span(), message, help);
        }
    }
    if webhooks.iter().any(sends_secrets) {
        warn_of_plain_http(root, server);
    }
}

/// What can be said of one webhook alone, each with what to do.
fn weaknesses(webhook: &Webhook, server: &Server, now: Timestamp) -> Vec<(String, &'static str)> {
    let scheme = &webhook.preset.scheme;
    let mut found: Vec<(String, &'static str)> = scheme
        .weaknesses(&webhook.secrets)
        .into_iter()
        .map(|sentence| (sentence, ""))
        .collect();
    for secret in &webhook.secrets {
        if let Some(until) = secret.until().filter(|until| *until <= now) {
            let message = format!(
                "`{}` ended at {until} and proves nothing any more",
                secret.name()
            );
            found.push((message, "take it out"));
        }
    }
    if webhook.test_key.is_some() {
        let message = "whoever has the test_key can send to this webhook";
        found.push((
            message.to_owned(),
            "take it out where you don't need `porchlight send`",
        ));
    }
    if let Some(message) = webhook.dedup_weakness() {
        found.push((message, "choose another `dedup` or `dedup_ttl`"));
    }
    if scheme.needs_certificate() && server.tls.is_none() {
        let message = "it asks for the sender's certificate, and nothing here speaks TLS, so no delivery can pass";
        found.push((message.to_owned(), "add [server.tls]"));
    }
    found
}

/// Whether the secret itself travels.
fn sends_secrets(webhook: &Webhook) -> bool {
    let scheme = &webhook.preset.scheme;
    scheme.proves() && !scheme.is_mac() && scheme.uses_secrets()
}

/// Plain HTTP beyond this machine shows bodies to the network, and tokens and passwords too.
fn warn_of_plain_http(root: &Section<'_>, server: &Server) {
    let open = server.listen.iter().find(|address| match address {
        Address::Tcp(address) => !address.ip().is_loopback(),
        Address::Unix(_) => false,
    });
    let (Some(address), Some(section)) = (open, root.section("server")) else {
        return;
    };
    let span = section.key_span("listen").unwrap_or(section.span());
    let message = format!(
        "plain HTTP at {address} shows tokens and passwords of webhooks to everybody on the way"
    );
    let help = "add [server.tls], or listen on 127.0.0.1 behind a proxy that speaks TLS";
    section.source().warning(span, message, help);
}
