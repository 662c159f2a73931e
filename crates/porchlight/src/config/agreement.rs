//! What a webhook agreed with its sender beside the secrets: the public address, what handshakes
//! have to name, and the private key that `send` signs with.

use super::reader::Section;
use super::secret::SecretSource;
use porchlight_core::Secret;
use porchlight_verify::{Scheme, public_half as derive};

/// The agreement.
pub struct Agreement {
    /// `test_key`.
    pub test_key: Option<Secret>,
    /// `verify_token`.
    pub verify_token: Option<Secret>,
    /// `topics`.
    pub topics: Vec<String>,
    /// `url`.
    pub url: Option<String>,
}

/// Reads it, noting every mistake.
pub fn read(section: &Section<'_>, source: &SecretSource<'_>) -> Agreement {
    let topics = section.texts("topics").unwrap_or_default();
    Agreement {
        test_key: source.read(section, "test_key", "test_key"),
        verify_token: source.read(section, "verify_token", "verify_token"),
        topics: topics.into_iter().map(str::to_owned).collect(),
        url: section.text("url").and_then(|url| check_url(section, url)),
    }
}

fn check_url(section: &Section<'_>, url: &str) -> Option<String> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let good = rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', ' '])
    });
    if good {
        return Some(url.to_owned());
    }
    let span = section
        .value("url")
        .map_or(section.span(), |value| value.span());
    let help =
        "write the address as the sender knows it, such as \"https://porch.example/webhook/gate\"";
    section
        .source()
        .error(span, format!("`{url}` is no public address"), help);
    None
}

/// What is said and would never be looked at is a mistake; what is missing is a warning.
pub fn check(section: &Section<'_>, scheme: &Scheme, agreed: &Agreement) {
    let span = |key: &str| section.key_span(key).unwrap_or(section.span());
    let useless = [
        (
            "verify_token",
            agreed.verify_token.is_some(),
            scheme.needs_verify_token(),
        ),
        ("topics", !agreed.topics.is_empty(), scheme.needs_topics()),
    ];
    for (key, given, needed) in useless {
        if given && !needed {
            let message = format!(
                "`{key}` would never be looked at: the scheme has no handshake that names it"
            );
            section.source().error(span(key), message, "take it out");
        }
        if needed && !given {
            let message = format!(
                "{}: the sender's handshake will be refused without `{key}`",
                section.title()
            );
            section.source().warning(
                section.span(),
                message,
                format!("add {key}, as you set it at the sender"),
            );
        }
    }
}

/// The secret that makes the webhook believe what `send` signs; `None` after noting a mistake.
pub fn public_half(section: &Section<'_>, scheme: &Scheme, key: &Secret) -> Option<Secret> {
    let span = section.key_span("test_key").unwrap_or(section.span());
    match derive(scheme, key) {
        Some(Ok(public)) => Some(public),
        Some(Err(problem)) => {
            let message = format!("{}: `test_key` {problem}", section.title());
            section.source().error(
                span,
                message,
                "`openssl genpkey -algorithm ed25519` makes one; `openssl pkcs8 -topk8 -nocrypt` turns another form into PKCS #8",
            );
            None
        }
        None => {
            let message =
                "`test_key` would never be looked at: `send` signs with the secret itself";
            section.source().error(span, message, "take it out");
            None
        }
    }
}
