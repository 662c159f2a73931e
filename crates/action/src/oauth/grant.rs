//! What is said to a token server: who we are and why we should get a token.

use super::jwt::{JwtBearer, ScopeIn};
use crate::failure::config;
use crate::resolve::Hidden;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::{ActionError, Secret, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use std::net::IpAddr;
use url::Url;

/// One `[oauth.NAME]`.
pub struct OauthConfig {
    /// Where tokens are given out.
    pub token_url: TokenUrl,
    /// Why we should get one.
    pub grant: Grant,
    /// Who we are; none where the grant says it.
    pub client: Option<(String, Option<Secret>)>,
    /// How the client's secret is sent.
    pub client_auth: ClientAuth,
    /// What the token is for, in the server's words, with spaces between them.
    pub scope: Option<String>,
    /// More that this server wants to be told, such as `audience` or `resource`.
    pub parameters: Vec<(String, String)>,
    /// The `[tls.NAME]` for the token server.
    pub tls: Option<String>,
}

/// Why we should get a token.
pub enum Grant {
    /// Because we are this client.
    ClientCredentials,
    /// Because a person once agreed, and we were given this.
    RefreshToken(Secret),
    /// Because we hold the key of an account.
    JwtBearer(Box<JwtBearer>),
}

/// How a client's secret is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// In the header `Authorization`, as the standard prefers.
    #[default]
    Basic,
    /// In the form, beside the rest.
    Body,
}

/// The address of a token server.
#[derive(Debug, Clone)]
pub struct TokenUrl(Url);

impl TokenUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// What it is not.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is no address")?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("begins with neither https:// nor http://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name");
        }
        Ok(Self(url))
    }

    /// Whether secrets would cross a network in the clear.
    pub fn is_open_to_listeners(&self) -> bool {
        let here = match self
            .0
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
        {
            "localhost" => true,
            host => host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback()),
        };
        self.0.scheme() == "http" && !here
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl OauthConfig {
    /// The request for a token. `refresh` takes the place of the configured refresh token.
    pub(super) fn request(
        &self,
        client: &reqwest::Client,
        refresh: Option<&str>,
        now: Timestamp,
        hidden: &mut Hidden,
    ) -> Result<reqwest::RequestBuilder, ActionError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let mut authorization = None;
        match &self.grant {
            Grant::ClientCredentials => {
                form.append_pair("grant_type", "client_credentials");
            }
            Grant::RefreshToken(configured) => {
                let refresh = match refresh {
                    Some(refresh) => refresh,
                    None => text(configured)?,
                };
                hidden.add("refresh_token", refresh);
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", refresh);
            }
            Grant::JwtBearer(bearer) => {
                let scope = self.scope.as_deref();
                let assertion = bearer.assertion(self.token_url.as_str(), scope, now)?;
                hidden.add("assertion", &assertion);
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", &assertion);
            }
        }
        let in_claims = |bearer: &JwtBearer| bearer.scope_in == ScopeIn::Claims;
        let only_in_claims = matches!(&self.grant, Grant::JwtBearer(bearer) if in_claims(bearer));
        if let Some(scope) = self.scope.as_ref().filter(|_| !only_in_claims) {
            form.append_pair("scope", scope);
        }
        match &self.client {
            None => {}
            Some((id, None)) => {
                form.append_pair("client_id", id);
            }
            Some((id, Some(secret))) => {
                let secret = text(secret)?;
                hidden.add("client_secret", secret);
                if self.client_auth == ClientAuth::Body {
                    form.append_pair("client_id", id);
                    form.append_pair("client_secret", secret);
                } else {
                    authorization = Some(basic(id, secret, hidden)?);
                }
            }
        }
        form.extend_pairs(&self.parameters);
        let request = client
            .post(self.token_url.0.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish());
        Ok(match authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        })
    }
}

/// RFC 6749 wants both halves in form encoding first. Written so that servers that only take percent
/// signs out, and those that take nothing out, understand as much as they can: a space is `%20`, and
/// what needs no percent sign has none.
fn basic(id: &str, secret: &str, hidden: &mut Hidden) -> Result<HeaderValue, ActionError> {
    let encoded = |text: &str| -> String {
        let plain = url::form_urlencoded::byte_serialize(text.as_bytes());
        plain
            .collect::<String>()
            .replace('+', "%20")
            .replace("%7E", "~")
    };
    let (id, secret) = (encoded(id), encoded(secret));
    hidden.add_basic(&id, &secret);
    let line = format!("Basic {}", BASE64.encode(format!("{id}:{secret}")));
    let mut value = HeaderValue::from_str(&line)
        .map_err(|_| config("the client's name and secret make no header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn text(secret: &Secret) -> Result<&str, ActionError> {
    std::str::from_utf8(secret.expose())
        .map_err(|_| config(format!("the secret `{}` is not text", secret.name())))
}
