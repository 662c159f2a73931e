//! From the fields of the table to each kind of proof.

use super::one_or_many::not_empty;
use super::{Proof, RawLocator, RawScheme, Signs};
use crate::encoding::{Encoding, KeyEncoding};
use crate::httpsig::HttpSigScheme;
use crate::jwt::{BodyHash, JwtScheme, Leeway};
use crate::locator::{Cut, Locator};
use crate::mtls::MtlsScheme;
use crate::scheme::{Signature, SignedScheme};
use crate::template::{Piece, Template};
use porchlight_core::Network;
use porchlight_core::units::parse_duration;
use std::time::Duration;

/// How far the clocks of a JWT may be apart, and how old an HTTP message signature may be, unless
/// the scheme says otherwise.
const LEEWAY: Duration = Duration::from_secs(60);
const MAX_AGE: Duration = Duration::from_secs(300);

impl RawScheme {
    pub(super) fn tokens(&mut self) -> Result<Vec<Locator>, String> {
        let tokens = self
            .token
            .take()
            .ok_or("proof = \"token\" needs `token`, such as { header = \"X-Token\" }")?;
        let locators: Result<Vec<_>, _> = tokens.0.into_iter().map(RawLocator::for_token).collect();
        not_empty(locators?, "token")
    }

    pub(super) fn signed(&mut self) -> Result<SignedScheme, String> {
        let mac = self.proof == Proof::Mac;
        let signatures = self
            .signature
            .take()
            .ok_or("this proof needs `signature`, such as { header = \"X-Signature\" }")?;
        let signatures: Result<Vec<_>, _> = signatures
            .0
            .into_iter()
            .map(RawLocator::for_signature)
            .collect();
        let signatures = not_empty(signatures?, "signature")?;
        let algorithms = self.algorithms(if mac { "hmac-sha256" } else { "ed25519" })?;
        if let Some(wrong) = algorithms
            .iter()
            .find(|algorithm| algorithm.is_mac() != mac)
        {
            let right = if wrong.is_mac() { "mac" } else { "signature" };
            return Err(format!("`{}` belongs to proof = \"{right}\"", wrong.name()));
        }
        if !mac && self.key.is_none() {
            return Err("proof = \"signature\" needs `key`: hex, base64, base64url, base64-spki or pem, as the sender shows its public key".to_owned());
        }
        let labelled = |signature: &Signature| matches!(&signature.locator.cut, Cut::Prefix { prefix, .. } if prefix.contains("{alg}"));
        if algorithms.len() > 1 && !signatures.iter().all(labelled) {
            return Err("several algorithms need `{alg}` in the signature's prefix, which says which one was used".to_owned());
        }
        let signed = Template::parse(self.signed.as_deref().unwrap_or("{body}"))?;
        let timestamp = self
            .timestamp
            .take()
            .map(RawLocator::for_time)
            .transpose()?;
        let id = self.id.take().map(RawLocator::for_id).transpose()?;
        let body_hash = self.body_hash.take();
        let body_hash = body_hash
            .map(|hash| hash.locator("body_hash"))
            .transpose()?;
        if signed.has(&Piece::Timestamp) && timestamp.is_none() {
            return Err(
                "`signed` names {timestamp}, so `timestamp` must say where it stands".to_owned(),
            );
        }
        if signed.has(&Piece::Id) && id.is_none() {
            return Err("`signed` names {id}, so `id` must say where it stands".to_owned());
        }
        Ok(SignedScheme {
            algorithms,
            key: self.key.unwrap_or_default(),
            key_prefix: self.key_prefix.take().unwrap_or_default(),
            signatures,
            signed,
            decoded: self.body == Some(Signs::Decoded),
            body_hash,
            timestamp,
            id,
        })
    }

    pub(super) fn jwt(&mut self) -> Result<JwtScheme, String> {
        let names = self.algorithm.take().map_or(Vec::new(), |names| names.0);
        let [name] = names.as_slice() else {
            return Err("proof = \"jwt\" needs one `algorithm`: HS256, ES256, RS256 or EdDSA; which one is never taken from the token".to_owned());
        };
        let algorithm = crate::jwt::algorithm(name)?;
        let key = match self.key {
            Some(key) => key,
            None if algorithm.is_mac() => KeyEncoding::Utf8,
            None => KeyEncoding::Pem,
        };
        let tokens = self.token.take().ok_or(
            "proof = \"jwt\" needs `token`, such as { header = \"Authorization\", auth_scheme = \"Bearer\" }",
        )?;
        let mut tokens = tokens.0.into_iter();
        let (Some(token), None) = (tokens.next(), tokens.next()) else {
            return Err("a JWT stands in one place; give one `token`".to_owned());
        };
        let body_hash = match (self.body_hash_claim.take(), self.body_hash_encoding) {
            (Some(claim), encoding) => Some(BodyHash {
                claim,
                encoding: encoding.unwrap_or(Encoding::Base64),
            }),
            (None, Some(_)) => {
                return Err("`body_hash_encoding` belongs to `body_hash_claim`".to_owned());
            }
            (None, None) => None,
        };
        Ok(JwtScheme {
            algorithm,
            key,
            token: token.for_token()?,
            leeway: Leeway(duration(self.leeway.take(), LEEWAY)?),
            require: self
                .require
                .take()
                .unwrap_or_else(|| vec!["exp".to_owned()]),
            audience: self.audience.take(),
            issuer: self.issuer.take(),
            body_hash,
        })
    }

    pub(super) fn httpsig(&mut self) -> Result<HttpSigScheme, String> {
        let algorithms = self.algorithms("ed25519")?;
        let [algorithm] = algorithms.as_slice() else {
            return Err("an HTTP message signature has one `algorithm`; which one is never taken from the request".to_owned());
        };
        let components = self.components.take().unwrap_or_else(|| {
            let usual = ["@method", "@authority", "@path", "content-digest"];
            usual.map(str::to_owned).to_vec()
        });
        HttpSigScheme::new(
            *algorithm,
            self.key.unwrap_or(KeyEncoding::Base64),
            not_empty(components, "components")?,
            duration(self.max_age.take(), MAX_AGE)?,
            self.label.take(),
        )
    }

    pub(super) fn mtls(&mut self) -> Result<MtlsScheme, String> {
        let list =
            |names: Option<super::OneOrMany<String>>| names.map_or(Vec::new(), |list| list.0);
        MtlsScheme::new(
            self.ca.take().as_deref(),
            list(self.common_name.take()),
            list(self.san.take()),
            list(self.fingerprint.take()),
        )
    }

    pub(super) fn networks(&mut self) -> Result<Vec<Network>, String> {
        let allow = self
            .allow
            .take()
            .ok_or("proof = \"ip\" needs `allow`, such as [\"10.0.0.0/8\"]")?;
        let networks: Result<Vec<Network>, String> =
            allow.0.iter().map(|text| text.parse()).collect();
        not_empty(networks?, "allow")
    }
}

fn duration(text: Option<String>, otherwise: Duration) -> Result<Duration, String> {
    text.map_or(Ok(otherwise), |text| parse_duration(&text))
}
