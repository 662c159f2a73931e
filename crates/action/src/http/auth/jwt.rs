//! A bearer token that we sign ourselves, anew for each request: a JSON Web Token with HMAC-SHA256.
//!
//! What the ConnectIt+ API wants, and other services that give out one secret. The claims are the
//! script's; `iat` and `exp` are ours, because a record is older than the request.
//! From: RFC 7519 and RFC 7515.

use crate::failure::config;
use crate::fields::Fields;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit as _, Mac as _};
use porchlight_core::{ActionError, Timestamp};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// How long a token holds when nothing is said, in seconds.
const LIFETIME: u64 = 300;
/// The longest, in seconds: a day.
const LONGEST: u64 = 86_400;

/// What a token is made of. Holds a secret; has no `Debug`.
pub(in crate::http) struct Claims {
    secret: String,
    claims: Map<String, Value>,
    lifetime: u64,
}

impl Claims {
    /// Reads `#{ secret, claims, lifetime_s }`.
    pub(super) fn parse(value: &Value) -> Result<Self, ActionError> {
        let fields = Fields::new("auth.jwt", value, &["secret", "claims", "lifetime_s"])?;
        let claims = match fields.get("claims") {
            None => Map::new(),
            Some(Value::Object(claims)) => claims.clone(),
            Some(_) => return Err(fields.wrong("claims", "a map")),
        };
        let lifetime = fields.whole("lifetime_s")?.unwrap_or(LIFETIME);
        if !(1..=LONGEST).contains(&lifetime) {
            return Err(fields.wrong("lifetime_s", "from 1 to 86400 seconds"));
        }
        Ok(Self {
            secret: fields.required_text("secret")?.to_owned(),
            claims,
            lifetime,
        })
    }

    /// The token for a request that is sent now.
    pub(super) fn token(&self, now: Timestamp) -> Result<String, ActionError> {
        let seconds = now.as_millis().div_euclid(1000);
        let mut claims = self.claims.clone();
        claims.insert("iat".to_owned(), seconds.into());
        let end = seconds.saturating_add_unsigned(self.lifetime);
        claims.insert("exp".to_owned(), end.into());
        let head = json!({ "alg": "HS256", "typ": "JWT" }).to_string();
        let signed = format!(
            "{}.{}",
            BASE64URL.encode(head),
            BASE64URL.encode(Value::Object(claims).to_string())
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .map_err(|_| config("auth.jwt: this secret is no key"))?;
        mac.update(signed.as_bytes());
        let signature = BASE64URL.encode(mac.finalize().into_bytes());
        Ok(format!("{signed}.{signature}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_and_until_when_and_its_signature_holds() {
        let claims = json!({ "secret": "secret", "claims": { "sub": "a" } });
        let claims = Claims::parse(&claims).unwrap_or_else(|error| panic!("{error}"));
        let token = claims.token(Timestamp(1_000_999)).unwrap_or_default();
        let parts: Vec<&str> = token.split('.').collect();
        let read = |part: &str| -> Value {
            let bytes = BASE64URL.decode(part).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        };
        assert_eq!(read(parts[0]), json!({ "alg": "HS256", "typ": "JWT" }));
        let expected = json!({ "sub": "a", "iat": 1000, "exp": 1300 });
        assert_eq!(read(parts[1]), expected);
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap_or_else(|_| panic!());
        mac.update(format!("{}.{}", parts[0], parts[1]).as_bytes());
        let signature = BASE64URL.decode(parts[2]).unwrap_or_default();
        assert!(mac.verify_slice(&signature).is_ok());
    }

    #[test]
    fn a_lifetime_has_bounds() {
        for seconds in [0, LONGEST + 1] {
            let claims = json!({ "secret": "s", "lifetime_s": seconds });
            assert!(Claims::parse(&claims).is_err(), "{seconds}");
        }
    }
}
