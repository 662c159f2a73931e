//! Our own webhooks out: signed as Standard Webhooks says, so that any of its libraries verifies them.
//!
//! `webhook-id` is the action's key, the same for every try; `webhook-timestamp` is the time of this
//! try; `webhook-signature` covers both and the body.
//! From: Standard Webhooks 1.0.

use super::Sent;
use crate::failure::config;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use porchlight_core::{ActionError, Timestamp};
use reqwest::header::HeaderValue;
use sha2::Sha256;

/// The header of the id; who signs sends the action's key under this name.
pub(super) const ID: &str = "webhook-id";

/// A signing key. Has no `Debug`.
pub(in crate::http) struct Key(Vec<u8>);

impl Key {
    /// `whsec_` and base64, as the libraries write it; any other text is the key itself.
    pub(super) fn parse(text: &str) -> Result<Self, ActionError> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(coded) => BASE64.decode(coded).map_err(|_| {
                config("auth.standard_webhooks: after `whsec_` comes base64, and this is none")
            })?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.is_empty() {
            return Err(config("auth.standard_webhooks: the secret is empty"));
        }
        Ok(Self(bytes))
    }

    /// Puts time and signature into a request; gives the signature.
    pub(super) fn sign(&self, sent: &mut Sent<'_>, now: Timestamp) -> Result<String, ActionError> {
        let id = sent.headers.get(ID).and_then(|id| id.to_str().ok());
        let Some(id) = id.map(str::to_owned) else {
            return Err(config(
                "auth.standard_webhooks: only what is told is signed, with `idempotency_header: \"webhook-id\"`",
            ));
        };
        let time = now.as_millis().div_euclid(1000).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .map_err(|_| config("auth.standard_webhooks: this secret is no key"))?;
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(sent.body);
        let signature = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));
        for (name, text) in [
            ("webhook-timestamp", &time),
            ("webhook-signature", &signature),
        ] {
            let value = HeaderValue::from_str(text)
                .map_err(|_| config("auth.standard_webhooks: the signature is no header"))?;
            sent.headers.insert(name, value);
        }
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::Method;
    use reqwest::header::HeaderMap;

    #[test]
    fn the_signature_is_the_one_of_the_published_example() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key = key.unwrap_or_else(|error| panic!("{error}"));
        let mut headers = HeaderMap::new();
        let id = HeaderValue::from_static("msg_p5jXN8AQM9LWM0D4loKWxJek");
        headers.insert(ID, id);
        let mut sent = Sent {
            method: &Method::POST,
            url: url::Url::parse("http://127.0.0.1/").unwrap_or_else(|error| panic!("{error}")),
            headers,
            body: br#"{"test": 2432232314}"#,
        };
        let signature = key.sign(&mut sent, Timestamp(1_614_265_330_000));
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature.as_deref(), Ok(expected));
        assert_eq!(sent.headers["webhook-timestamp"], "1614265330");
    }

    #[test]
    fn a_secret_that_is_no_base64_is_said() {
        for text in ["whsec_", "whsec_%", ""] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }
}
