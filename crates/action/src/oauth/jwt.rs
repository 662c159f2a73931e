//! An assertion: a small signed text by which the holder of a key asks for a token (RFC 7523), as
//! Google's service accounts do. Signed with RS256, and with nothing else.

use super::grant::TokenUrl;
use crate::failure::config;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use porchlight_core::{ActionError, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// How long an assertion counts: long enough for a slow network, and Google takes at most an hour.
const LIFE_S: i64 = 600;

/// Our clock may be a little ahead of the server's.
const AHEAD_S: i64 = 5;

/// A private RSA key. Has no `Debug`.
pub struct JwtKey(RsaKeyPair);

/// Where a server looks for the scope of an assertion's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeIn {
    /// Among the claims, as Google does.
    Claims,
    /// In the form, as the standard has it; it stands among the claims, too.
    Form,
}

/// An account whose key we hold.
pub struct JwtBearer {
    /// Its key.
    pub key: JwtKey,
    /// The key's name, where the server has several.
    pub key_id: Option<String>,
    /// The account: `iss`.
    pub issuer: String,
    /// In whose name it acts, where that is somebody else: `sub`.
    pub subject: Option<String>,
    /// For whom it is meant: `aud`; the token server's address unless said.
    pub audience: Option<String>,
    /// Where the scope is said.
    pub scope_in: ScopeIn,
}

impl JwtKey {
    /// Reads a private RSA key of 2,048 to 4,096 bits, in PEM (PKCS#8 or PKCS#1).
    ///
    /// # Errors
    /// What it is not; never what is in it.
    pub fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "is no private key in PEM (-----BEGIN PRIVATE KEY-----)")?;
        let parsed = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err("is no RSA key, and RS256 needs one"),
        };
        parsed
            .map(Self)
            .map_err(|_| "is no RSA key of 2048 to 4096 bits, and RS256 needs one")
    }
}

impl JwtBearer {
    /// Reads a service account's JSON file, as Google gives it out: the account, and where its
    /// tokens come from.
    ///
    /// # Errors
    /// What is missing in it; never what is in it.
    pub fn from_service_account(json: &[u8]) -> Result<(Self, TokenUrl), String> {
        let file: Value = serde_json::from_slice(json).map_err(|_| "is no JSON".to_owned())?;
        if file["type"] != "service_account" {
            return Err("is no key of a service account: \"type\" is something else".to_owned());
        }
        let text = |name: &str| file[name].as_str().ok_or(format!("has no \"{name}\""));
        let key = JwtKey::parse(text("private_key")?.as_bytes())
            .map_err(|wrong| format!("\"private_key\" {wrong}"))?;
        let token_url = TokenUrl::parse(text("token_uri")?)
            .map_err(|wrong| format!("\"token_uri\" {wrong}"))?;
        let account = Self {
            key,
            key_id: file["private_key_id"].as_str().map(str::to_owned),
            issuer: text("client_email")?.to_owned(),
            subject: None,
            audience: None,
            scope_in: ScopeIn::Claims,
        };
        Ok((account, token_url))
    }

    /// The signed text.
    pub(super) fn assertion(
        &self,
        token_url: &str,
        scope: Option<&str>,
        now: Timestamp,
    ) -> Result<String, ActionError> {
        let now = now.0.div_euclid(1000) - AHEAD_S;
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.key_id {
            header["kid"] = id.as_str().into();
        }
        let mut claims = json!({
            "iss": self.issuer,
            "aud": self.audience.as_deref().unwrap_or(token_url),
            "iat": now,
            "exp": now + LIFE_S,
        });
        if let Some(subject) = &self.subject {
            claims["sub"] = subject.as_str().into();
        }
        if let Some(scope) = scope {
            claims["scope"] = scope.into();
        }
        let mut text = BASE64URL.encode(header.to_string());
        text.push('.');
        BASE64URL.encode_string(claims.to_string(), &mut text);
        let mut signature = vec![0; self.key.0.public().modulus_len()];
        self.key
            .0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| config("the key can't sign"))?;
        text.push('.');
        BASE64URL.encode_string(signature, &mut text);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../tests/data/test_key_that_protects_nothing.pem");
    const PKCS1: &str = include_str!("../../tests/data/test_key_that_protects_nothing.pkcs1.pem");

    /// RS256 has one right answer; this one is of Python's cryptography.
    #[test]
    fn an_assertion_is_the_one_that_others_sign() {
        for pem in [KEY, PKCS1] {
            let bearer = JwtBearer {
                key: JwtKey::parse(pem.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}")),
                key_id: Some("k1".to_owned()),
                issuer: "porch@house.example".to_owned(),
                subject: None,
                audience: None,
                scope_in: ScopeIn::Form,
            };
            let now = Timestamp(1_800_000_000_999);
            let text = bearer.assertion("https://login.example/token", Some("a b"), now);
            assert_eq!(
                text.ok().as_deref(),
                Some(
                    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJhdWQiOiJodHRwczovL2xvZ2luLmV4YW1wbGUvdG9rZW4iLCJleHAiOjE4MDAwMDA1OTUsImlhdCI6MTc5OTk5OTk5NSwiaXNzIjoicG9yY2hAaG91c2UuZXhhbXBsZSIsInNjb3BlIjoiYSBiIn0.0iLitJBXVpHqUwHiNa7CYOMSzERaaDv75zBuNntBdg0Gj1NIsXvwQi9EnjXKjQkVhmfIj8aYvL0QSPVsAl0B11203IYfpTQMFxRemUVWwfRe_dMqPWZngd8njEu1aXHwXqbT583wEH_jJeFb1eDbsca1aJ7-BLWuVPUqF1LPk4CXlRXIdS3Cm0wClOtla0kbGEHN2RkP7ah69TIM8_zxU0wXj4pdkMG6MwviaUMt4Gt0AnNGtKA8ZRvFJWYAzV0D5voyjNrjyreAUkb8QK1598NYK6iCXXuTZkMMlB3V6eJc2SjtwjGLOboIJWHW_1jwzjkViqemi3KDjaXdwv_rdQ"
                )
            );
        }
    }

    #[test]
    fn what_is_no_rsa_key_is_refused_by_what_it_is() {
        let elliptic = rcgen::KeyPair::generate().map(|key| key.serialize_pem());
        for (pem, part) in [
            (elliptic.unwrap_or_default().as_str(), "is no RSA key"),
            ("", "is no private key"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                "is no RSA key",
            ),
            (
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
                "is no RSA key",
            ),
        ] {
            let wrong = JwtKey::parse(pem.as_bytes()).err().unwrap_or_default();
            assert!(wrong.contains(part), "{pem}: {wrong}");
        }
    }
}
