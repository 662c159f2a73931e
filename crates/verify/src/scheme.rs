//! How a sender proves itself, as data: the `[scheme]` table of a preset or of the configuration.
//!
//! It is read into a shape that cannot be half right: what does not belong to the chosen proof is
//! an error with a sentence, and so is every field that would never take effect. Whether the
//! secrets fit is asked once at load ([`Scheme::check`]) and once more at every delivery.

mod coverage;
mod describe;
pub(crate) mod raw;
mod secrets;

use crate::algorithm::Algorithm;
use crate::challenge::Challenge;
use crate::encoding::{Encoding, KeyEncoding};
use crate::httpsig::HttpSigScheme;
use crate::jwt::JwtScheme;
use crate::locator::Locator;
use crate::mtls::MtlsScheme;
use crate::template::Template;
use crate::time::TimeFormat;
use porchlight_core::Network;
pub(crate) use raw::RawScheme;
use serde::Deserialize;
use std::time::Duration;

/// A scheme.
///
/// ```toml
/// proof = "mac"                  # mac, signature, token, basic, jwt, httpsig, mtls, ip, none (must
///                                # be written out); all, any, first_present combine them
/// algorithm = "hmac-sha256"      # hmac-sha1, -sha256, -sha384, -sha512; a list with {alg} in the prefix
/// key = "utf8"                   # utf8, hex, base64, base64url, base64-spki, pem
/// key_prefix = "whsec_"          # taken off the secret where it is there
/// signature = { header = "X-Signature", prefix = "sha256=", encoding = ["hex", "base64"] }
/// signed = "{timestamp}.{body}"  # {body} {timestamp} {id} {url} {method} {form_sorted}
/// body = "wire"                  # decoded: what is signed is the body after gunzip
/// body_hash = { query = "h" }    # the hex SHA-256 of a body that is no form
/// timestamp = { header = "X-Time", format = "unix-s", tolerance = "5m", future = "5m" }
/// id = { header = "X-Id", forbid = "." }
/// secret = ["name"]              # only secrets of these names; all where it is left out
/// reject_status = 401
/// ```
///
/// `proof = "signature"` is the same with `algorithm = "ed25519"`, `ecdsa-p256-sha256` or RSA, and
/// the secret is the public key. `proof = "token"` has `token = { header | query | json, … }`
/// instead, or a list of which one match suffices. `basic` needs nothing more. For `jwt`, `httpsig`,
/// `mtls` and `ip` see [`JwtScheme`], [`HttpSigScheme`], [`MtlsScheme`] and `allow`.
///
/// `all = [{…}, {…}]`: every one has to hold. `any`: one that holds suffices, so the whole is as
/// strong as its weakest. `first_present`: the first whose signature is there decides alone, so
/// that a weaker one never rescues a stronger one that failed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "RawScheme")]
pub struct Scheme {
    pub(crate) method: Method,
    pub(crate) reject_status: u16,
    /// The names of the secrets that count; empty for all.
    pub(crate) secrets: Vec<String>,
    pub(crate) challenges: Vec<Challenge>,
}

/// What is proved, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Method {
    /// Nothing. A person wrote that out.
    None,
    /// The caller knows the secret and sends it.
    Token(Vec<Locator>),
    /// The caller knows `user:password` and sends them (RFC 7617).
    Basic,
    /// The caller has the key and keeps it: a MAC or a signature over a template.
    Signed(Box<SignedScheme>),
    /// A JSON Web Token.
    Jwt(Box<JwtScheme>),
    /// An HTTP message signature.
    HttpSig(Box<HttpSigScheme>),
    /// The client certificate of the connection.
    Mtls(Box<MtlsScheme>),
    /// Where the request comes from.
    Ip(Vec<Network>),
    /// Every one has to hold.
    All(Vec<Scheme>),
    /// One that holds suffices.
    Any(Vec<Scheme>),
    /// The first whose signature is present decides.
    FirstPresent(Vec<Scheme>),
}

/// The parts of a scheme that signs a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SignedScheme {
    pub algorithms: Vec<Algorithm>,
    pub key: KeyEncoding,
    pub key_prefix: String,
    pub signatures: Vec<Signature>,
    pub signed: Template,
    pub decoded: bool,
    pub body_hash: Option<Locator>,
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
    /// The HTTP status that answers a refused delivery. Some senders retry on everything but 400.
    pub fn reject_status(&self) -> u16 {
        self.reject_status
    }

    /// The schemes that this one is made of; empty for a simple one.
    pub(crate) fn parts(&self) -> &[Scheme] {
        match &self.method {
            Method::All(parts) | Method::Any(parts) | Method::FirstPresent(parts) => parts,
            _ => &[],
        }
    }

    /// Whether this or any part of it satisfies a condition.
    pub(crate) fn any_part(&self, condition: &dyn Fn(&Scheme) -> bool) -> bool {
        condition(self) || self.parts().iter().any(|part| part.any_part(condition))
    }

    /// Whether deliveries need a client certificate, so that the listener has to ask for one.
    pub fn needs_certificate(&self) -> bool {
        self.any_part(&|scheme| matches!(scheme.method, Method::Mtls(_)))
    }

    /// Whether the body is to be inflated before it is proved (`body = "decoded"`).
    pub fn signs_inflated(&self) -> bool {
        self.any_part(&|scheme| matches!(&scheme.method, Method::Signed(signed) if signed.decoded))
    }

    /// Whether the proof covers the address, which then has to be the one that the sender knows:
    /// the public one.
    pub fn signs_url(&self) -> bool {
        use crate::template::Piece;
        self.any_part(&|scheme| match &scheme.method {
            Method::Signed(signed) => signed.signed.has(&Piece::Url),
            Method::HttpSig(signature) => signature.names_url(),
            _ => false,
        })
    }
}
