//! JSON Web Tokens (RFC 7519): the algorithm is pinned by the scheme and never taken from the
//! token, the time is checked, and a claim may carry the hash of the body.
//!
//! A token without that claim says who sends, not what: whoever gets hold of one can send any body
//! until it expires. Keys are configured; nothing is ever fetched.

use crate::algorithm::{Algorithm, signer};
use crate::encoding::{Encoding, KeyEncoding};
use crate::locator::Locator;
use crate::mac::Hash;
use crate::public_key::PublicKey;
use crate::rejected::{Rejected, Step};
use crate::source::Source;
use crate::verify::{Proved, no_secret, rejected};
use porchlight_core::{Secret, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How far the sender's clock may be off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leeway(pub Duration);

/// The claim that binds the body: its SHA-256 in this encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyHash {
    pub claim: String,
    pub encoding: Encoding,
}

/// `proof = "jwt"`.
///
/// ```toml
/// proof = "jwt"
/// algorithm = "ES256"             # HS256, ES256, RS256, EdDSA; exactly one
/// key = "pem"                     # HS256: utf8, hex, base64, base64url; else pem or base64-spki
/// token = { header = "Authorization", auth_scheme = "Bearer" }
/// require = ["exp"]               # claims that have to be there
/// leeway = "1m"                   # for exp, nbf and iat
/// audience = "porchlight"
/// issuer = "https://sender.example"
/// body_hash_claim = "request_body_sha256"
/// body_hash_encoding = "base64"   # hex, base64, base64url
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct JwtScheme {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: KeyEncoding,
    pub(crate) token: Locator,
    pub(crate) leeway: Leeway,
    pub(crate) require: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) body_hash: Option<BodyHash>,
}

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("HS256", Algorithm::Mac(Hash::Sha256)),
    ("ES256", Algorithm::Key(PublicKey::EcdsaP256Fixed)),
    ("RS256", Algorithm::Key(PublicKey::RsaSha256)),
    ("EdDSA", Algorithm::Key(PublicKey::Ed25519)),
];

/// The algorithm of this name.
pub(crate) fn algorithm(name: &str) -> Result<Algorithm, String> {
    let found = ALGORITHMS.iter().find(|(known, _)| *known == name);
    found.map(|(_, algorithm)| *algorithm).ok_or_else(|| {
        format!("`{name}` is no algorithm of JWTs here; use HS256, ES256, RS256 or EdDSA")
    })
}

impl JwtScheme {
    /// The name of its algorithm in the words of RFC 7518.
    pub(crate) fn name(&self) -> &'static str {
        let mut known = ALGORITHMS.iter();
        known
            .find(|(_, algorithm)| *algorithm == self.algorithm)
            .map_or("", |(name, _)| name)
    }

    /// Whether a token without end is refused.
    pub(crate) fn requires_expiry(&self) -> bool {
        self.require.iter().any(|claim| claim == "exp")
    }

    /// A token for this body, good for five minutes.
    pub(crate) fn write(
        &self,
        private: &[u8],
        body: &[u8],
        now: Timestamp,
    ) -> Result<String, String> {
        let seconds = now.as_seconds();
        let mut claims = json!({ "iat": seconds, "exp": seconds.saturating_add(300) });
        if let Some(audience) = &self.audience {
            claims["aud"] = audience.clone().into();
        }
        if let Some(issuer) = &self.issuer {
            claims["iss"] = issuer.clone().into();
        }
        for name in &self.require {
            if claims.get(name).is_none() {
                claims[name.as_str()] = Value::from(seconds);
            }
        }
        if let Some(hash) = &self.body_hash {
            let text = hash.encoding.encode(&Sha256::digest(body));
            claims[hash.claim.as_str()] = text.into();
        }
        let head = json!({ "alg": self.name(), "typ": "JWT" });
        let encode = |value: &Value| Encoding::Base64url.encode(value.to_string().as_bytes());
        let input = format!("{}.{}", encode(&head), encode(&claims));
        let signature = self.algorithm.sign(private, &[input.as_bytes()])?;
        Ok(format!(
            "{input}.{}",
            Encoding::Base64url.encode(&signature)
        ))
    }

    fn check_claims(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Rejected> {
        let malformed = |detail: String| Rejected::new(Step::Malformed, detail);
        let stale = |detail: String| Rejected::new(Step::Stale, detail);
        if let Some(name) = self.require.iter().find(|name| !claims.contains_key(*name)) {
            return Err(Rejected::new(
                Step::Missing,
                format!("the token has no claim `{name}`, which the scheme requires"),
            ));
        }
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
                // Seconds, and some write fractions of them; a cast of a float saturates.
                Some(number) => Ok(Some((number * 1000.0) as i64)),
                None => Err(malformed(format!("the claim `{name}` is no number"))),
            },
        };
        let leeway = i64::try_from(self.leeway.0.as_millis()).unwrap_or(i64::MAX);
        let off = |millis: i64| now.0.saturating_sub(millis).saturating_abs() / 1000;
        if let Some(end) = time("exp")?.filter(|end| now.0 > end.saturating_add(leeway)) {
            return Err(stale(format!("the token expired {} s ago", off(end))));
        }
        if let Some(begin) = time("nbf")?.filter(|begin| *begin > now.0.saturating_add(leeway)) {
            return Err(stale(format!(
                "the token is not valid for another {} s",
                off(begin)
            )));
        }
        if let Some(issued) = time("iat")?.filter(|issued| *issued > now.0.saturating_add(leeway)) {
            return Err(stale(format!(
                "the token was issued {} s in the future by this machine's clock",
                off(issued)
            )));
        }
        let says = |name: &str, wanted: &str| match claims.get(name) {
            Some(Value::String(one)) => one == wanted,
            Some(Value::Array(many)) => many.iter().any(|one| one == wanted),
            _ => false,
        };
        for (name, wanted) in [("aud", &self.audience), ("iss", &self.issuer)] {
            if wanted.as_deref().is_some_and(|wanted| !says(name, wanted)) {
                return Err(Rejected::new(
                    Step::Mismatch,
                    format!("the token's `{name}` is not the one that the scheme names"),
                ));
            }
        }
        Ok(())
    }

    fn check_body(&self, claims: &Map<String, Value>, body: &[u8]) -> Result<(), Rejected> {
        let Some(hash) = &self.body_hash else {
            return Ok(());
        };
        let given = claims
            .get(&hash.claim)
            .and_then(Value::as_str)
            .ok_or_else(|| {
                Rejected::new(
                    Step::Missing,
                    format!(
                        "the token has no claim `{}`, so it says nothing about the body",
                        hash.claim
                    ),
                )
            })?;
        let computed = hash.encoding.encode(&Sha256::digest(body));
        // Another spelling of the same bytes is as good.
        let same = hash.encoding.decode(given) == hash.encoding.decode(&computed);
        if !same {
            return Err(Rejected::new(
                Step::Mismatch,
                format!(
                    "the body does not have the hash in the token's claim `{}`",
                    hash.claim
                ),
            ));
        }
        Ok(())
    }
}

pub(crate) fn prove<'s>(
    jwt: &JwtScheme,
    secrets: impl Iterator<Item = &'s Secret>,
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    let keys: Vec<(&Secret, Vec<u8>)> = secrets
        .filter_map(|secret| Some((secret, jwt.key.key(secret.expose(), "").ok()?)))
        .filter(|(_, key)| jwt.algorithm.check_key(key).is_ok())
        .collect();
    if keys.is_empty() {
        return Err(no_secret());
    }
    let token = jwt.token.find_one(source).map_err(rejected)?;
    let malformed = |detail: &str| Rejected::new(Step::Malformed, detail);
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("the token is not three parts with dots between"));
    };
    let decode = |part: &str| {
        let unpadded = !part.contains('=');
        unpadded.then(|| Encoding::Base64url.decode(part)).flatten()
    };
    let object =
        |part: &str| -> Option<Map<String, Value>> { serde_json::from_slice(&decode(part)?).ok() };
    let fields =
        object(head).ok_or_else(|| malformed("the token's header is not JSON in base64url"))?;
    let name = fields
        .get("alg")
        .and_then(Value::as_str)
        .unwrap_or_default();
    source.note("algorithm", || {
        format!("the token says `{name}`, the scheme `{}`", jwt.name())
    });
    if name != jwt.name() {
        return Err(Rejected::new(
            Step::Mismatch,
            "the token names another algorithm than the scheme",
        ));
    }
    if fields.contains_key("crit") {
        return Err(malformed(
            "the token demands an extension (`crit`), and none is known",
        ));
    }
    let signature =
        decode(signature).ok_or_else(|| malformed("the token's signature is not base64url"))?;
    let input = &token[..head.len() + 1 + claims.len()];
    let matched = signer(jwt.algorithm, &keys, input, signature, source);
    let secret = matched.ok_or_else(|| {
        Rejected::new(
            Step::Mismatch,
            "the token is well formed, and no secret makes its signature",
        )
    })?;
    let claims =
        object(claims).ok_or_else(|| malformed("the token's claims are not JSON in base64url"))?;
    jwt.check_claims(&claims, now)?;
    source.note("claims", || {
        format!("{} claims, all as the scheme wants them", claims.len())
    });
    jwt.check_body(&claims, &source.delivery.body)?;
    Ok(Proved {
        body: jwt.body_hash.is_some(),
        hash: jwt
            .body_hash
            .is_some()
            .then(|| hex::encode(Sha256::digest(input))),
        ..Proved::by(secret)
    })
}
