//! `[oauth.NAME]`: tokens that a server gives out for a time.
//!
//! What is there says what kind it is: a `service_account` or a `key` signs for itself, a
//! `refresh_token` was once given by a person, and else the client's own name and secret will do.

use super::reader::Section;
use super::secret::SecretSource;
use porchlight_action::{
    ClientAuth, Grant, JwtBearer, JwtKey, OauthConfig, ScopeIn, TlsConfig, TokenUrl,
};
use porchlight_core::diagnostic::nearest;
use std::collections::HashMap;
use std::sync::Arc;
use toml::de::DeValue;

/// What makes a kind of grant; one of them at the most.
const GRANTS: [&str; 3] = ["service_account", "key", "refresh_token"];

/// Reads every `[oauth.NAME]`; `tls` is every `[tls.NAME]`.
pub fn read(
    root: &Section<'_>,
    secrets: &SecretSource<'_>,
    tls: &HashMap<String, TlsConfig>,
) -> HashMap<String, Arc<OauthConfig>> {
    let mut all = HashMap::new();
    for (name, section) in root.named_sections("oauth") {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            let help =
                "use lower-case letters, digits, - and _, at most 64: there is a file of that name";
            let message = format!("{name:?} can't be the name of an [oauth] table");
            section.source().error(section.span(), message, help);
        }
        let reader = Reader {
            name,
            section: &section,
            secrets,
        };
        let config = reader.read(tls);
        section.finish();
        if let Some(config) = config {
            all.insert(name.to_owned(), Arc::new(config));
        }
    }
    all
}

struct Reader<'a, 'b> {
    name: &'a str,
    section: &'a Section<'b>,
    secrets: &'a SecretSource<'a>,
}

impl Reader<'_, '_> {
    fn read(&self, tls: &HashMap<String, TlsConfig>) -> Option<OauthConfig> {
        let section = self.section;
        let given: Vec<&str> = GRANTS
            .into_iter()
            .filter(|key| section.value(key).is_some())
            .collect();
        if let [_, second, ..] = given.as_slice() {
            let help = "one table is one way to a token; make two, with a name each";
            self.fail(
                second,
                format!("{} stand together", given.join(" and ")),
                help,
            );
        }
        let kind = given.first().copied().unwrap_or_default();
        let account = (kind == "service_account").then(|| self.account());
        // An account's file says where its tokens come from.
        let (account, of_account) = account.flatten().unzip();
        let token_url = self.token_url().or(of_account);
        if token_url.is_none() && section.value("token_url").is_none() && kind != "service_account"
        {
            section.missing("token_url", "\"https://login.example/oauth/token\"");
        }
        let audience = section.text("audience").map(str::to_owned);
        let subject = section.text("subject").map(str::to_owned);
        let mut parameters = self.parameters();
        let grant = match kind {
            "service_account" => account.map(|account| JwtBearer {
                subject,
                audience,
                ..account
            }),
            "key" => self.key(subject, audience),
            _ => {
                parameters.extend(audience.map(|audience| ("audience".to_owned(), audience)));
                None
            }
        };
        let grant = match kind {
            "service_account" | "key" => grant.map(|bearer| Grant::JwtBearer(Box::new(bearer))),
            "refresh_token" => self.secret("refresh_token").map(Grant::RefreshToken),
            _ => Some(Grant::ClientCredentials),
        };
        if matches!(kind, "" | "refresh_token") {
            if section.value("client_id").is_none() {
                section.missing("client_id", "\"porchlight\"");
            }
            if kind.is_empty() && section.value("client_secret").is_none() {
                section.missing("client_secret", "{ env = \"CLIENT_SECRET\" }");
            }
        }
        let secret = self.secret("client_secret");
        let client_auth = match section.word("client_auth", &["basic", "body"]) {
            Some("body") => ClientAuth::Body,
            _ => ClientAuth::Basic,
        };
        Some(OauthConfig {
            client: section.text("client_id").map(|id| (id.to_owned(), secret)),
            client_auth,
            scope: self.scope(),
            parameters,
            tls: self.tls(tls),
            token_url: token_url?,
            grant: grant?,
        })
    }

    fn fail(&self, key: &str, message: impl Into<String>, help: &str) {
        let value = self.section.value(key);
        let at = value.map_or(self.section.span(), |value| value.span());
        self.section.source().error(at, message, help);
    }

    fn secret(&self, key: &str) -> Option<porchlight_core::Secret> {
        let reference = format!("oauth.{}.{key}", self.name);
        self.secrets.read(self.section, key, &reference)
    }

    fn token_url(&self) -> Option<TokenUrl> {
        let text = self.section.text("token_url")?;
        match TokenUrl::parse(text) {
            Ok(url) => {
                if url.is_open_to_listeners() {
                    let value = self.section.value("token_url");
                    let at = value.map_or(self.section.span(), |value| value.span());
                    let message =
                        "the client's secret and the token cross the network in the clear";
                    let help = "use https, with a [tls.NAME] where the server has a certificate of its own";
                    self.section.source().warning(at, message, help);
                }
                Some(url)
            }
            Err(wrong) => {
                let help = "write the whole address where tokens are given out";
                self.fail("token_url", format!("`token_url` {wrong}"), help);
                None
            }
        }
    }

    fn account(&self) -> Option<(JwtBearer, TokenUrl)> {
        let file = self.secret("service_account")?;
        match JwtBearer::from_service_account(file.expose()) {
            Ok(account) => Some(account),
            Err(wrong) => {
                let help = "name the JSON file that was made with the account's key: { file = \"google.json\" }";
                self.fail(
                    "service_account",
                    format!("`service_account` {wrong}"),
                    help,
                );
                None
            }
        }
    }

    fn key(&self, subject: Option<String>, audience: Option<String>) -> Option<JwtBearer> {
        let issuer = self
            .section
            .required_text("issuer", "\"porch@house.example\"");
        let key_id = self.section.text("key_id").map(str::to_owned);
        let secret = self.secret("key")?;
        match JwtKey::parse(secret.expose()) {
            Ok(key) => Some(JwtBearer {
                key,
                key_id,
                subject,
                audience,
                scope_in: ScopeIn::Form,
                issuer: issuer?.to_owned(),
            }),
            Err(wrong) => {
                let help = "name the file with the private key: { file = \"account.pem\" }";
                self.fail("key", format!("`key` {wrong}"), help);
                None
            }
        }
    }

    /// A text, or a list of them.
    fn scope(&self) -> Option<String> {
        let value = self.section.value("scope")?;
        match value.get_ref() {
            DeValue::Array(_) => self.section.texts("scope").map(|list| list.join(" ")),
            _ => self.section.text("scope").map(str::to_owned),
        }
    }

    fn parameters(&self) -> Vec<(String, String)> {
        let Some(table) = self.section.section("parameters") else {
            return Vec::new();
        };
        let keys = table.keys().into_iter();
        let pairs = keys.filter_map(|key| Some((key.to_owned(), table.text(key)?.to_owned())));
        let pairs = pairs.collect();
        table.finish();
        pairs
    }

    fn tls(&self, known: &HashMap<String, TlsConfig>) -> Option<String> {
        let name = self.section.text("tls")?;
        if !known.contains_key(name) {
            let help = match nearest(name, known.keys().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [tls.{name}], or leave `tls` out"),
            };
            self.fail("tls", format!("there is no [tls.{name}]"), &help);
        }
        Some(name.to_owned())
    }
}
