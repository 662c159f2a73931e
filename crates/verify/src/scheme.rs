//! How a sender proves itself, as data: the `[scheme]` table of a preset or of the configuration.
//!
//! It is read into a shape that cannot be half right: what does not belong to the chosen proof is
//! an error with a sentence, and so is every field that would never take effect. Whether the
//! secrets fit is asked once at load ([`Scheme::check`]) and once more at every delivery.

mod raw;

use crate::encoding::{Encoding, KeyEncoding};
use crate::locator::{Locator, Place};
use crate::mac::Algorithm;
use crate::template::{Piece, Template};
use crate::time::TimeFormat;
use porchlight_core::Secret;
use serde::Deserialize;
use std::time::Duration;

/// A scheme.
///
/// ```toml
/// proof = "mac"                  # mac, token, none (must be written out) or first_present
/// algorithm = "hmac-sha256"      # hmac-sha1, -sha256, -sha384, -sha512; a list with {alg} in the prefix
/// key = "utf8"                   # utf8, hex, base64, base64url
/// key_prefix = "whsec_"          # taken off the secret where it is there
/// signature = { header = "X-Signature", prefix = "sha256=", encoding = ["hex", "base64"] }
/// signed = "{timestamp}.{body}"  # {body} {timestamp} {id} {url} {method}
/// timestamp = { header = "X-Time", format = "unix-s", tolerance = "5m", future = "5m" }
/// id = { header = "X-Id", forbid = "." }
/// reject_status = 401
/// ```
///
/// `proof = "token"` has `token = { header | query | json, … }` instead, or a list of which one
/// match suffices. `proof = "first_present"` has `first_present = [{…}, {…}]`: the first whose
/// signature is there decides alone, so that a weaker one never rescues a stronger one that failed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "raw::Raw")]
pub struct Scheme {
    pub(crate) method: Method,
    pub(crate) reject_status: u16,
}

/// What is proved, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Method {
    /// Nothing. A person wrote that out.
    None,
    /// The caller knows the secret and sends it.
    Token(Vec<Locator>),
    /// The caller knows the secret and keeps it.
    Mac(Box<MacScheme>),
    /// The first whose signature is present decides.
    FirstPresent(Vec<Scheme>),
}

/// The parts of a MAC scheme.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MacScheme {
    pub algorithms: Vec<Algorithm>,
    pub key: KeyEncoding,
    pub key_prefix: String,
    pub signatures: Vec<Signature>,
    pub signed: Template,
    pub timestamp: Option<TimeRule>,
    pub id: Option<IdRule>,
}

/// A place where a signature may stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signature {
    pub locator: Locator,
    pub encodings: Vec<Encoding>,
}

/// Where the time stands and how old or early it may be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeRule {
    pub locator: Locator,
    pub format: TimeFormat,
    pub past: Duration,
    pub future: Duration,
}

/// Where the delivery's id stands, and what must not occur in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IdRule {
    pub locator: Locator,
    pub forbid: Option<String>,
}

impl Scheme {
    /// Whether these secrets can prove anything with this scheme.
    ///
    /// # Errors
    /// A sentence for the person who configures, with the secret's name and never its text: none
    /// given, a blank one, one that is not in the encoding of the scheme's keys, one that no
    /// header can carry, or any at all where `proof = "none"` would not look at it.
    pub fn check(&self, secrets: &[Secret]) -> Result<(), String> {
        if matches!(self.method, Method::None) {
            return match secrets.first() {
                Some(secret) => Err(format!(
                    "`{}` would never be looked at, because the scheme says proof = \"none\"",
                    secret.name()
                )),
                None => Ok(()),
            };
        }
        if secrets.is_empty() {
            return Err(
                "there is no secret, so nothing can be proved; set `secret`, or write proof = \"none\" to take deliveries from anybody"
                    .to_owned(),
            );
        }
        secrets.iter().try_for_each(|secret| {
            self.check_one(secret)
                .map_err(|problem| format!("`{}` {problem}", secret.name()))
        })
    }

    fn check_one(&self, secret: &Secret) -> Result<(), String> {
        match &self.method {
            Method::None => Ok(()),
            Method::Token(locators) => {
                if secret.is_blank() {
                    return Err("is empty, and an empty token lets everybody in".to_owned());
                }
                let in_header = locators
                    .iter()
                    .any(|locator| matches!(locator.place, Place::Header(_)));
                if in_header && secret.expose().trim_ascii() != secret.expose() {
                    return Err(
                        "begins or ends with white space, which no header can carry".to_owned()
                    );
                }
                Ok(())
            }
            Method::Mac(mac) => mac.key.key(secret.expose(), &mac.key_prefix).map(drop),
            Method::FirstPresent(schemes) => schemes
                .iter()
                .try_for_each(|scheme| scheme.check_one(secret)),
        }
    }

    /// Whether a delivery that passes has proved anything at all; false only for `none`.
    pub fn proves(&self) -> bool {
        !matches!(self.method, Method::None)
    }

    /// Whether the proof depends on the content (a MAC), not only on who knows the secret.
    pub fn is_mac(&self) -> bool {
        match &self.method {
            Method::Mac(_) => true,
            Method::FirstPresent(schemes) => schemes.iter().all(Self::is_mac),
            Method::None | Method::Token(_) => false,
        }
    }

    /// Whether the proof covers every byte of the body.
    pub fn covers_body(&self) -> bool {
        match &self.method {
            Method::Mac(mac) => mac.signed.has(&Piece::Body),
            Method::FirstPresent(schemes) => schemes.iter().all(Self::covers_body),
            Method::None | Method::Token(_) => false,
        }
    }

    /// Whether the proof covers the time of sending, and deliveries outside a window are refused.
    pub fn covers_time(&self) -> bool {
        match &self.method {
            Method::Mac(mac) => mac
                .timestamp
                .as_ref()
                .is_some_and(|rule| mac.signed.has(&Piece::Timestamp) || mac.covers(&rule.locator)),
            Method::FirstPresent(schemes) => schemes.iter().all(Self::covers_time),
            Method::None | Method::Token(_) => false,
        }
    }

    /// Whether the proof covers the delivery's id.
    pub fn covers_id(&self) -> bool {
        match &self.method {
            Method::Mac(mac) => mac.covers_id(),
            Method::FirstPresent(schemes) => schemes.iter().all(Self::covers_id),
            Method::None | Method::Token(_) => false,
        }
    }

    /// The HTTP status that answers a refused delivery. Some senders retry on everything but 400.
    pub fn reject_status(&self) -> u16 {
        self.reject_status
    }

    /// The headers that carry signatures and tokens, in lower case: credentials, kept nowhere.
    pub fn credential_headers(&self) -> Vec<&str> {
        self.credentials(|place| match place {
            Place::Header(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The query parameters that carry signatures and tokens.
    pub fn credential_parameters(&self) -> Vec<&str> {
        self.credentials(|place| match place {
            Place::Query(name) => Some(name.as_str()),
            _ => None,
        })
    }

    fn credentials<'a>(&'a self, pick: fn(&'a Place) -> Option<&'a str>) -> Vec<&'a str> {
        match &self.method {
            Method::None => Vec::new(),
            Method::Token(locators) => locators
                .iter()
                .filter_map(|locator| pick(&locator.place))
                .collect(),
            Method::Mac(mac) => mac
                .signatures
                .iter()
                .filter_map(|signature| pick(&signature.locator.place))
                .collect(),
            Method::FirstPresent(schemes) => schemes
                .iter()
                .flat_map(|scheme| scheme.credentials(pick))
                .collect(),
        }
    }

    /// One line for people: what is proved and what is not.
    pub fn describe(&self) -> String {
        match &self.method {
            Method::None => "no proof: everybody who knows the address is believed".to_owned(),
            Method::Token(locators) => {
                let places: Vec<String> = locators
                    .iter()
                    .map(|locator| locator.place.to_string())
                    .collect();
                format!(
                    "token in {}; it does not cover the body: whoever learns it can send anything",
                    places.join(" or ")
                )
            }
            Method::Mac(mac) => mac.describe(self),
            Method::FirstPresent(schemes) => {
                let lines: Vec<String> = schemes.iter().map(Self::describe).collect();
                format!("the first that is there decides: {}", lines.join(" | "))
            }
        }
    }
}

impl MacScheme {
    /// Whether what stands at this place is inside the signed bytes.
    fn covers(&self, locator: &Locator) -> bool {
        match locator.place {
            Place::Json(_) => self.signed.has(&Piece::Body),
            Place::Query(_) => self.signed.has(&Piece::Url),
            Place::Header(_) => false,
        }
    }

    pub(crate) fn covers_id(&self) -> bool {
        self.id
            .as_ref()
            .is_some_and(|rule| self.signed.has(&Piece::Id) || self.covers(&rule.locator))
    }

    fn describe(&self, scheme: &Scheme) -> String {
        let algorithms: Vec<&str> = self
            .algorithms
            .iter()
            .map(|algorithm| algorithm.label())
            .collect();
        let places: Vec<String> = self
            .signatures
            .iter()
            .map(|signature| signature.locator.place.to_string())
            .collect();
        let body = if scheme.covers_body() {
            "the body"
        } else {
            "NOT the body"
        };
        let time = match &self.timestamp {
            Some(rule) if scheme.covers_time() => format!(
                ", the time (at most {} old)",
                porchlight_core::units::format_duration(rule.past)
            ),
            Some(_) => ", not the time, although it is checked".to_owned(),
            None => ", no time (a copy can be sent again later)".to_owned(),
        };
        let id = match &self.id {
            Some(_) if self.covers_id() => ", the id",
            Some(_) => ", not the id",
            None => "",
        };
        format!(
            "hmac-{} in {}; covers {body}{time}{id}",
            algorithms.join("/"),
            places.join(" or ")
        )
    }
}
