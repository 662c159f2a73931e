//! The scheme as a person writes it, and the way from there to one that cannot be wrong.

mod locators;
pub(crate) mod one_or_many;
mod proofs;

use super::{Method, Scheme};
use crate::algorithm::Algorithm;
use crate::challenge::RawChallenge;
use crate::encoding::{Encoding, KeyEncoding};
pub(crate) use locators::RawLocator;
use one_or_many::{OneOrMany, not_empty};
use serde::Deserialize;

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawScheme {
    proof: Proof,
    reject_status: Option<u16>,
    secret: Option<OneOrMany<String>>,
    challenge: Option<Vec<RawChallenge>>,
    // The proofs that sign.
    algorithm: Option<OneOrMany<String>>,
    key: Option<KeyEncoding>,
    key_prefix: Option<String>,
    signature: Option<OneOrMany<RawLocator>>,
    signed: Option<String>,
    body: Option<Signs>,
    body_hash: Option<RawLocator>,
    timestamp: Option<RawLocator>,
    id: Option<RawLocator>,
    token: Option<OneOrMany<RawLocator>>,
    // JSON Web Tokens.
    leeway: Option<String>,
    require: Option<Vec<String>>,
    audience: Option<String>,
    issuer: Option<String>,
    body_hash_claim: Option<String>,
    body_hash_encoding: Option<Encoding>,
    // HTTP message signatures.
    components: Option<Vec<String>>,
    max_age: Option<String>,
    label: Option<String>,
    // Client certificates.
    ca: Option<String>,
    common_name: Option<OneOrMany<String>>,
    san: Option<OneOrMany<String>>,
    fingerprint: Option<OneOrMany<String>>,
    // Addresses.
    allow: Option<OneOrMany<String>>,
    // Combinations.
    all: Option<Vec<Scheme>>,
    any: Option<Vec<Scheme>>,
    first_present: Option<Vec<Scheme>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Proof {
    Mac,
    Signature,
    Token,
    Basic,
    Jwt,
    Httpsig,
    Mtls,
    Ip,
    None,
    All,
    Any,
    FirstPresent,
}

/// Which bytes of the body are signed.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Signs {
    /// Those that came.
    Wire,
    /// Those that come out of gunzip.
    Decoded,
}

impl TryFrom<RawScheme> for Scheme {
    type Error = String;

    fn try_from(mut raw: RawScheme) -> Result<Self, String> {
        let reject_status = raw.reject_status.unwrap_or(401);
        if !(400..=499).contains(&reject_status) {
            return Err(format!(
                "reject_status = {reject_status} is no refusal; use 400 to 499"
            ));
        }
        let secrets = raw.secret.take().map_or(Vec::new(), |names| names.0);
        let challenges = raw.challenge.take().unwrap_or_default();
        let challenges: Result<Vec<_>, String> =
            challenges.into_iter().map(TryInto::try_into).collect();
        raw.nothing_foreign()?;
        Ok(Self {
            method: raw.method()?,
            reject_status,
            secrets,
            challenges: challenges?,
        })
    }
}

impl RawScheme {
    /// What does not belong to the chosen proof would never take effect, so it is a mistake.
    fn nothing_foreign(&self) -> Result<(), String> {
        use Proof::{Any, FirstPresent, Httpsig, Ip, Jwt, Mac, Mtls, Signature, Token};
        let belongs: [(&str, bool, &[Proof]); 25] = [
            (
                "algorithm",
                self.algorithm.is_some(),
                &[Mac, Signature, Jwt, Httpsig],
            ),
            ("key", self.key.is_some(), &[Mac, Signature, Jwt, Httpsig]),
            ("key_prefix", self.key_prefix.is_some(), &[Mac, Signature]),
            ("signature", self.signature.is_some(), &[Mac, Signature]),
            ("signed", self.signed.is_some(), &[Mac, Signature]),
            ("body", self.body.is_some(), &[Mac, Signature]),
            ("body_hash", self.body_hash.is_some(), &[Mac, Signature]),
            ("timestamp", self.timestamp.is_some(), &[Mac, Signature]),
            ("id", self.id.is_some(), &[Mac, Signature]),
            ("token", self.token.is_some(), &[Token, Jwt]),
            ("leeway", self.leeway.is_some(), &[Jwt]),
            ("require", self.require.is_some(), &[Jwt]),
            ("audience", self.audience.is_some(), &[Jwt]),
            ("issuer", self.issuer.is_some(), &[Jwt]),
            ("body_hash_claim", self.body_hash_claim.is_some(), &[Jwt]),
            (
                "body_hash_encoding",
                self.body_hash_encoding.is_some(),
                &[Jwt],
            ),
            ("components", self.components.is_some(), &[Httpsig]),
            ("max_age", self.max_age.is_some(), &[Httpsig]),
            ("label", self.label.is_some(), &[Httpsig]),
            ("ca", self.ca.is_some(), &[Mtls]),
            ("common_name", self.common_name.is_some(), &[Mtls]),
            ("san", self.san.is_some(), &[Mtls]),
            ("fingerprint", self.fingerprint.is_some(), &[Mtls]),
            ("allow", self.allow.is_some(), &[Ip]),
            (
                "all, any or first_present",
                self.all.is_some() || self.any.is_some() || self.first_present.is_some(),
                &[Proof::All, Any, FirstPresent],
            ),
        ];
        let foreign = belongs
            .iter()
            .find(|(_, given, owners)| *given && !owners.contains(&self.proof));
        match foreign {
            Some((name, ..)) => Err(format!(
                "`{name}` has no meaning with this proof; take it out or change `proof`"
            )),
            None => Ok(()),
        }
    }

    fn method(mut self) -> Result<Method, String> {
        match self.proof {
            Proof::None => Ok(Method::None),
            Proof::Basic => Ok(Method::Basic),
            Proof::Token => self.tokens().map(Method::Token),
            Proof::Mac | Proof::Signature => self.signed().map(|s| Method::Signed(Box::new(s))),
            Proof::Jwt => self.jwt().map(|jwt| Method::Jwt(Box::new(jwt))),
            Proof::Httpsig => self.httpsig().map(|sig| Method::HttpSig(Box::new(sig))),
            Proof::Mtls => self.mtls().map(|mtls| Method::Mtls(Box::new(mtls))),
            Proof::Ip => self.networks().map(Method::Ip),
            Proof::All => parts(self.all.take(), "all").map(Method::All),
            Proof::Any => parts(self.any.take(), "any").map(Method::Any),
            Proof::FirstPresent => {
                let parts = parts(self.first_present.take(), "first_present")?;
                if parts.iter().any(|part| !part.has_presence()) {
                    return Err(
                        "`first_present` lists schemes of proof mac, signature, token, jwt or httpsig"
                            .to_owned(),
                    );
                }
                Ok(Method::FirstPresent(parts))
            }
        }
    }

    /// The algorithms named, or `otherwise`.
    fn algorithms(&mut self, otherwise: &str) -> Result<Vec<Algorithm>, String> {
        let names = self
            .algorithm
            .take()
            .map_or_else(|| vec![otherwise.to_owned()], |names| names.0);
        not_empty(names, "algorithm")?
            .into_iter()
            .map(Algorithm::try_from)
            .collect()
    }
}

/// The parts of a combination. What they would answer and ask for is the whole's to say.
fn parts(list: Option<Vec<Scheme>>, name: &str) -> Result<Vec<Scheme>, String> {
    let parts = not_empty(list.unwrap_or_default(), name)?;
    if parts.iter().any(|part| !part.challenges.is_empty()) {
        return Err(format!(
            "a challenge belongs beside `{name}`, not into one of its parts"
        ));
    }
    if parts.iter().any(|part| !part.proves()) {
        return Err(format!(
            "proof = \"none\" inside `{name}` would make the others worthless"
        ));
    }
    Ok(parts)
}

impl Scheme {
    /// Whether it stands in the request, so that one can say whether it is there.
    fn has_presence(&self) -> bool {
        matches!(
            self.method,
            Method::Signed(_) | Method::Token(_) | Method::Jwt(_) | Method::HttpSig(_)
        )
    }
}
