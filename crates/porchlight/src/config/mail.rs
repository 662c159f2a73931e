//! `[mail.NAME]`: a mail server, who we are to it, and from whom and to whom messages are.
//!
//! Encryption is the default and cannot be forgotten: `tls = "none"` is a mistake unless the server is
//! this computer.

use super::reader::Section;
use super::secret::SecretSource;
use porchlight_action::{MailAddress, MailConfig, MailLogin, MailSecurity, OauthConfig, TlsConfig};
use porchlight_core::diagnostic::nearest;
use std::collections::HashMap;
use std::sync::Arc;
use toml::de::DeValue;

/// The table's name.
pub const KIND: &str = "mail";

/// Who is asked for a name that a table borrows.
pub struct Borrowed<'a> {
    /// Every `[tls.NAME]`.
    pub tls: &'a HashMap<String, TlsConfig>,
    /// Every `[oauth.NAME]`.
    pub oauth: &'a HashMap<String, Arc<OauthConfig>>,
}

/// Reads every `[mail.NAME]`.
pub fn read(
    root: &Section<'_>,
    secrets: &SecretSource<'_>,
    borrowed: &Borrowed<'_>,
) -> HashMap<String, MailConfig> {
    let mut all = HashMap::new();
    for (name, section) in root.named_sections(KIND) {
        let account = read_one(name, &section, secrets, borrowed);
        section.finish();
        all.extend(account.map(|account| (name.to_owned(), account)));
    }
    all
}

fn read_one(
    name: &str,
    section: &Section<'_>,
    secrets: &SecretSource<'_>,
    borrowed: &Borrowed<'_>,
) -> Option<MailConfig> {
    let server = section.required_text("server", "\"smtp.example.org\"");
    let security = match section.word("tls", &["starttls", "implicit", "none"]) {
        Some("implicit") => MailSecurity::Implicit,
        Some("none") => MailSecurity::None,
        _ => MailSecurity::StartTls,
    };
    if let Some(server) = server
        && security == MailSecurity::None
        && !is_this_computer(server)
    {
        let help = "leave `tls` out for STARTTLS, or write tls = \"implicit\" where the server has it on port 465";
        fail(
            section,
            "tls",
            "everything would go in clear to another machine",
            help,
        );
    }
    let port = section
        .number("port", 1..=65535)
        .and_then(|port| u16::try_from(port).ok());
    let port = port.unwrap_or(match security {
        MailSecurity::StartTls => 587,
        MailSecurity::Implicit => 465,
        MailSecurity::None => 25,
    });
    let tls = named(section, "trust", borrowed.tls, "tls").unwrap_or_default();
    let login = login(name, section, secrets, borrowed);
    let from = match section.required_text("from", "\"House <house@example.org>\"") {
        Some(text) => address(section, "from", text),
        None => None,
    };
    let to = recipients(section);
    Some(MailConfig {
        server: server?.to_owned(),
        port,
        security,
        tls,
        login,
        from: from?,
        to,
    })
}

/// Who we are to the server: a password, a token that lasts, or tokens of `[oauth.NAME]`.
fn login(
    name: &str,
    section: &Section<'_>,
    secrets: &SecretSource<'_>,
    borrowed: &Borrowed<'_>,
) -> MailLogin {
    let given: Vec<&str> = ["password", "token", "oauth"]
        .into_iter()
        .filter(|key| section.value(key).is_some())
        .collect();
    if let [first, second, ..] = given.as_slice() {
        let message = format!("`{first}` and `{second}` are two ways to log in");
        fail(section, second, &message, "leave one out");
    }
    // All are read, so that none is called unknown.
    let secret = |key: &str| secrets.read(section, key, &format!("{KIND}.{name}.{key}"));
    let (password, token) = (secret("password"), secret("token"));
    let oauth = section.text("oauth");
    let _ = named(section, "oauth", borrowed.oauth, "oauth");
    let Some(user) = section.text("user").map(str::to_owned) else {
        if !given.is_empty() {
            section.missing("user", "\"house@example.org\"");
        }
        return MailLogin::None;
    };
    match (password, token, oauth) {
        (Some(password), ..) => MailLogin::Password { user, password },
        (_, Some(token), _) => MailLogin::Token { user, token },
        (.., Some(name)) => MailLogin::Oauth {
            user,
            name: name.to_owned(),
        },
        _ => {
            if given.is_empty() {
                section.missing("password", "{ env = \"MAIL_PASSWORD\" }");
            }
            MailLogin::None
        }
    }
}

/// What stands in another table under the name that `key` gives.
fn named<T: Clone>(
    section: &Section<'_>,
    key: &str,
    all: &HashMap<String, T>,
    table: &str,
) -> Option<T> {
    let wanted = section.text(key)?;
    let found = all.get(wanted).cloned();
    if found.is_none() {
        let help = match nearest(wanted, all.keys().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("add [{table}.{wanted}]"),
        };
        let message = format!("there is no [{table}.{wanted}]");
        fail(section, key, &message, &help);
    }
    found
}

fn recipients(section: &Section<'_>) -> Vec<MailAddress> {
    let one = match section.value("to").map(|value| value.get_ref()) {
        None => return Vec::new(),
        Some(DeValue::String(_)) => section.text("to").map(|text| vec![text]),
        Some(_) => section.texts("to"),
    };
    let all = one.unwrap_or_default().into_iter();
    all.filter_map(|text| address(section, "to", text))
        .collect()
}

fn address(section: &Section<'_>, key: &str, text: &str) -> Option<MailAddress> {
    match MailAddress::parse(text) {
        Ok(address) => Some(address),
        Err(wrong) => {
            fail(section, key, &format!("`{key}`: {wrong}"), "");
            None
        }
    }
}

fn is_this_computer(server: &str) -> bool {
    let address = server.parse::<std::net::IpAddr>();
    server == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A mistake whose caret stands under the value of `key`.
fn fail(section: &Section<'_>, key: &str, message: &str, help: &str) {
    let at = section
        .value(key)
        .map_or(section.span(), |value| value.span());
    section.source().error(at, message, help);
}
