//! How a request proves who sends it: `auth: #{ … }`.
//!
//! Basic and bearer are one header, the same every time. The others depend on the request and on what
//! the server said before, so they are made when it is sent. What proves is noted as hidden, for
//! servers that echo; it goes to the origin that the script named and, after a redirect, to no other.

mod aws;
mod challenge;
mod digest;
mod jwt;
mod sessions;
mod webhook;

pub(super) use aws::blames_the_clock;
pub(super) use sessions::Sessions;

use super::{Http, header};
use crate::failure::config;
use crate::fields::Fields;
use crate::oauth::Token;
use crate::resolve::Hidden;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use digest::{Challenge, Login};
use porchlight_core::ActionError;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::{Position, Url};

/// A request's proof. Holds secrets; has no `Debug`.
pub(super) enum Auth {
    /// Nothing, or a header that the script wrote out.
    None,
    Header(HeaderValue),
    Digest(Login),
    Aws(Box<aws::Keys>),
    /// The name of an `[oauth.NAME]`.
    Oauth(String),
    Jwt(Box<jwt::Claims>),
    StandardWebhooks(webhook::Key),
}

/// What is about to be sent, as far as a proof may depend on it.
pub(super) struct Sent<'a> {
    pub(super) method: &'a Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: &'a [u8],
}

impl Auth {
    /// Reads the argument `auth`.
    pub(super) fn parse(fields: &Fields, hidden: &mut Hidden) -> Result<Self, ActionError> {
        let Some(auth) = fields.get("auth") else {
            return Ok(Self::None);
        };
        let known = [
            "basic",
            "bearer",
            "digest",
            "aws",
            "oauth",
            "jwt",
            "standard_webhooks",
        ];
        let auth = Fields::new("auth", auth, &known)?;
        let given: Vec<&str> = known
            .into_iter()
            .filter(|name| auth.get(name).is_some())
            .collect();
        let [one] = given.as_slice() else {
            return Err(config(
                "auth: needs one of `basic`, `bearer`, `digest`, `aws`, `oauth`, `jwt` and `standard_webhooks`",
            ));
        };
        match *one {
            "bearer" => {
                let token = auth.required_text("bearer")?;
                Self::header(&format!("Bearer {token}"))
            }
            "oauth" => Ok(Self::Oauth(auth.required_text("oauth")?.to_owned())),
            "jwt" => jwt::Claims::parse(auth.required("jwt")?).map(|one| Self::Jwt(Box::new(one))),
            "standard_webhooks" => {
                let secret = auth.required_text("standard_webhooks")?;
                webhook::Key::parse(secret).map(Self::StandardWebhooks)
            }
            "aws" => aws::Keys::parse(auth.required("aws")?).map(|keys| Self::Aws(Box::new(keys))),
            kind => {
                let place = format!("auth.{kind}");
                let login = Fields::new(&place, auth.required(kind)?, &["user", "password"])?;
                let user = login.required_text("user")?;
                let password = login.text("password")?.unwrap_or_default();
                if kind == "digest" {
                    return Ok(Self::Digest(Login {
                        user: user.to_owned(),
                        password: password.to_owned(),
                    }));
                }
                if user.contains(':') {
                    return Err(config("auth.basic: `user` must not contain a colon"));
                }
                hidden.add_basic(user, password);
                Self::header(&format!(
                    "Basic {}",
                    BASE64.encode(format!("{user}:{password}"))
                ))
            }
        }
    }

    fn header(value: &str) -> Result<Self, ActionError> {
        header(AUTHORIZATION.as_str(), value).map(|(_, value)| Self::Header(value))
    }
}

/// The proof of one request to one origin, and what was learned while it was made.
pub(super) struct Proof<'a> {
    auth: &'a Auth,
    http: &'a Http,
    /// The token that was sent.
    token: Option<Token>,
    /// Whether the request was sent for the second time.
    again: bool,
}

impl<'a> Proof<'a> {
    pub(super) fn new(auth: &'a Auth, http: &'a Http) -> Self {
        Self {
            auth,
            http,
            token: None,
            again: false,
        }
    }

    /// Puts the proof into a request that is about to be sent.
    pub(super) async fn put_into(
        &mut self,
        sent: &mut Sent<'_>,
        hidden: &mut Hidden,
    ) -> Result<(), ActionError> {
        match self.auth {
            Auth::None => {}
            Auth::Header(value) => {
                sent.headers.insert(AUTHORIZATION, value.clone());
            }
            Auth::Digest(login) => {
                let turn = self.http.sessions.next(&sessions::id(&sent.url, login));
                if let Some(turn) = turn {
                    let uri = &sent.url[Position::BeforePath..Position::AfterQuery];
                    let (line, proof) = turn.answer(login, sent.method.as_str(), uri);
                    hidden.add("Authorization", &proof);
                    put(&mut sent.headers, &line)?;
                }
            }
            Auth::Aws(keys) => {
                let now = (self.http.clock)();
                let signed = keys.sign(sent.method, &sent.url, &sent.headers, sent.body, now)?;
                let proof = signed.authorization.rsplit('=').next().unwrap_or_default();
                hidden.add("Authorization", proof);
                (sent.url, sent.headers) = (signed.url, signed.headers);
                put(&mut sent.headers, signed.authorization.as_bytes())?;
            }
            Auth::Jwt(claims) => {
                let token = claims.token((self.http.clock)())?;
                hidden.add("Authorization", &token);
                put(&mut sent.headers, format!("Bearer {token}").as_bytes())?;
            }
            Auth::StandardWebhooks(key) => {
                let signature = key.sign(sent, (self.http.clock)())?;
                hidden.add("webhook-signature", &signature);
            }
            Auth::Oauth(name) => {
                let token = match &self.token {
                    None => self.http.oauth.token(name).await?,
                    Some(refused) => self.http.oauth.token_instead_of(name, refused).await?,
                };
                hidden.add(&format!("oauth.{name}"), token.expose());
                put(
                    &mut sent.headers,
                    format!("Bearer {}", token.expose()).as_bytes(),
                )?;
                self.token = Some(token);
            }
        }
        Ok(())
    }

    /// Whether the same request should be sent once more, because this refusal said what was
    /// missing.
    pub(super) fn learn(&mut self, response: &Response, url: &Url) -> Result<bool, ActionError> {
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(false);
        }
        let again = std::mem::replace(&mut self.again, true);
        match self.auth {
            Auth::Digest(login) => {
                let id = sessions::id(url, login);
                if again {
                    // Wrong, not stale: what was learned is worth nothing.
                    self.http.sessions.forget(&id);
                    return Ok(false);
                }
                match Challenge::strongest(response.headers())? {
                    Some(challenge) => self.http.sessions.learn(id, challenge),
                    None => Ok(false),
                }
            }
            // It may have ended before its time.
            Auth::Oauth(_) => Ok(!again),
            Auth::None
            | Auth::Header(_)
            | Auth::Aws(_)
            | Auth::Jwt(_)
            | Auth::StandardWebhooks(_) => Ok(false),
        }
    }
}

fn put(headers: &mut HeaderMap, line: &[u8]) -> Result<(), ActionError> {
    let mut value = HeaderValue::from_bytes(line)
        .map_err(|_| config("auth: the user's name has a line break or control character"))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}
