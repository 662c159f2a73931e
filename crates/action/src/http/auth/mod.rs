//! How a request proves who sends it: `auth: #{ … }`.
//!
//! Basic and bearer are one header, the same every time. The others depend on the request and on what
//! the server said before, so they are made when it is sent. What proves is noted as hidden, for
//! servers that echo; it goes to the origin that the script named and, after a redirect, to no other.

mod aws;
mod challenge;
mod digest;
mod sessions;

pub(super) use aws::blames_the_clock;
pub(super) use sessions::Sessions;

use super::header;
use crate::failure::config;
use crate::fields::Fields;
use crate::resolve::Hidden;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use digest::{Challenge, Login};
use porchlight_core::{ActionError, Timestamp};
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
}

/// What is about to be sent, as far as a proof may depend on it.
pub(super) struct Sent<'a> {
    pub(super) method: &'a Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// `None` when nobody can know it yet.
    pub(super) body: Option<&'a [u8]>,
}

impl Auth {
    /// Reads the argument `auth`.
    pub(super) fn parse(fields: &Fields, hidden: &mut Hidden) -> Result<Self, ActionError> {
        let Some(auth) = fields.get("auth") else {
            return Ok(Self::None);
        };
        let known = ["basic", "bearer", "digest", "aws"];
        let auth = Fields::new("auth", auth, &known)?;
        let given: Vec<&str> = known
            .into_iter()
            .filter(|name| auth.get(name).is_some())
            .collect();
        let [one] = given.as_slice() else {
            return Err(config(
                "auth: needs one of `basic`, `bearer`, `digest` and `aws`",
            ));
        };
        match *one {
            "bearer" => {
                let token = auth.required_text("bearer")?;
                Self::header(&format!("Bearer {token}"))
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

    /// Puts the proof into a request that is about to be sent.
    pub(super) fn prove(
        &self,
        sent: &mut Sent<'_>,
        sessions: &Sessions,
        now: Timestamp,
        hidden: &mut Hidden,
    ) -> Result<(), ActionError> {
        match self {
            Self::None => {}
            Self::Header(value) => {
                sent.headers.insert(AUTHORIZATION, value.clone());
            }
            Self::Digest(login) => {
                if let Some(turn) = sessions.next(&sessions::id(&sent.url, login)) {
                    let uri = &sent.url[Position::BeforePath..Position::AfterQuery];
                    let (line, proof) = turn.answer(login, sent.method.as_str(), uri);
                    hidden.add("Authorization", &proof);
                    put(&mut sent.headers, &line)?;
                }
            }
            Self::Aws(keys) => {
                let body = sent.body.ok_or_else(|| {
                    config("auth.aws: a body of several parts cannot be signed; send it as `body`")
                })?;
                let signed = keys.sign(sent.method, &sent.url, &sent.headers, body, now)?;
                let proof = signed.authorization.rsplit('=').next().unwrap_or_default();
                hidden.add("Authorization", proof);
                (sent.url, sent.headers) = (signed.url, signed.headers);
                put(&mut sent.headers, signed.authorization.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Whether the same request should be sent once more, because this refusal said what was
    /// missing. `first` is whether it was sent for the first time.
    pub(super) fn learn(
        &self,
        response: &Response,
        url: &Url,
        sessions: &Sessions,
        first: bool,
    ) -> Result<bool, ActionError> {
        let Self::Digest(login) = self else {
            return Ok(false);
        };
        let id = sessions::id(url, login);
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(false);
        }
        if !first {
            // Wrong, not stale: what was learned is worth nothing.
            sessions.forget(&id);
            return Ok(false);
        }
        let Some(challenge) = Challenge::strongest(response.headers())? else {
            return Ok(false);
        };
        sessions.learn(id, challenge)
    }
}

fn put(headers: &mut HeaderMap, line: &[u8]) -> Result<(), ActionError> {
    let mut value = HeaderValue::from_bytes(line)
        .map_err(|_| config("auth: the user's name has a line break or control character"))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}
