//! The schemes that deliveries are tried against, each with its keys and with requests that it
//! signed: whatever else it takes is a forgery.

use crate::agree::NOW;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use porchlight_core::Secret;
use porchlight_verify::{Delivery, Scheme, public_half, sign_delivery, verify};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Test keys; they guard nothing.
const P256: &str = include_str!("p256.pem");
const ED25519: &str = "Zm9yIHRlc3RzIG9ubHksIGl0IGd1YXJkcyBub3RoaW4=";
const SHARED: &str = "whsec_Zm9yIHRlc3RzIG9ubHksIGl0IGd1YXJkcyBub3RoaW4=";
const PASSWORD: &str = "porch:nobody:knows";

/// Name, key, table.
const SCHEMES: [(&str, &str, &str); 16] = [
    (
        "hmac",
        SHARED,
        "proof='mac'\nsignature={header='X-Signature', encoding=['hex','base64']}",
    ),
    (
        "github",
        SHARED,
        "proof='mac'\nalgorithm=['hmac-sha256','hmac-sha1']\nsignature={header='X-Hub-Signature', prefix='{alg}='}",
    ),
    (
        "stripe",
        SHARED,
        "proof='mac'\nsignature={header='Stripe-Signature', split=',', key='v1'}\ntimestamp={header='Stripe-Signature', split=',', key='t'}\nsigned='{timestamp}.{body}'",
    ),
    (
        "standard",
        SHARED,
        "proof='mac'\nkey='base64'\nkey_prefix='whsec_'\nsignature={header='Webhook-Signature', split=' ', prefix='v1,', encoding='base64'}\ntimestamp={header='Webhook-Timestamp'}\nid={header='Webhook-Id', forbid='.'}\nsigned='{id}.{timestamp}.{body}'",
    ),
    (
        "twilio",
        SHARED,
        "proof='mac'\nalgorithm='hmac-sha1'\nsignature={header='X-Twilio-Signature', encoding='base64'}\nsigned='{url}{form_sorted}'\nbody_hash={query='bodySHA256'}",
    ),
    (
        "decoded",
        SHARED,
        "proof='mac'\nalgorithm='hmac-sha512'\nbody='decoded'\nsignature={header='X-Signature'}",
    ),
    (
        "pattern",
        SHARED,
        "proof='mac'\nsignature={header='X-Sign', split='|', index=1}\ntimestamp={header='X-Sign', split='|', index=0, format='%a %d %b %Y %H:%M:%S UTC'}\nsigned='{method} {url} {timestamp}{body}'",
    ),
    (
        "inside",
        SHARED,
        "proof='mac'\nsignature={json='/signature/signature'}\ntimestamp={json='/signature/timestamp'}\nid={json='/signature/token'}\nsigned='{timestamp}{id}'",
    ),
    (
        "discord",
        ED25519,
        "proof='signature'\nkey='hex'\nsignature={header='X-Signature-Ed25519'}\ntimestamp={header='X-Signature-Timestamp'}\nsigned='{timestamp}{body}'",
    ),
    (
        "ecdsa",
        P256,
        "proof='signature'\nalgorithm='ecdsa-p256-sha256'\nkey='pem'\nsignature={header='X-Signature', encoding='base64'}\ntimestamp={header='X-Time', format='rfc3339'}\nsigned='{timestamp}{body}'",
    ),
    (
        "token",
        PASSWORD,
        "proof='token'\ntoken=[{header='X-Token'},{query='token'},{json='/value/*/state'}]",
    ),
    ("basic", PASSWORD, "proof='basic'"),
    (
        "jwt",
        P256,
        "proof='jwt'\nalgorithm='ES256'\ntoken={header='Authorization', auth_scheme='Bearer'}\naudience='porch'\nbody_hash_claim='body'",
    ),
    (
        "jwt-shared",
        SHARED,
        "proof='jwt'\nalgorithm='HS256'\ntoken={header='Authorization', auth_scheme='Bearer'}\nbody_hash_claim='body'\nbody_hash_encoding='hex'",
    ),
    (
        "httpsig",
        ED25519,
        "proof='httpsig'\nkey='base64'\ncomponents=['@method','@path','@query','content-digest','content-type']",
    ),
    (
        "first",
        SHARED,
        "proof='first_present'\n[[first_present]]\nproof='mac'\nsignature={header='X-256'}\n[[first_present]]\nproof='mac'\nalgorithm='hmac-sha1'\nsignature={header='X-1'}",
    ),
];

/// A scheme with all that it signed.
pub struct Known {
    pub name: &'static str,
    pub scheme: Scheme,
    /// What the webhook is given.
    pub secrets: Vec<Secret>,
    /// What the sender signs with.
    pub private: Secret,
    /// What it signed.
    pub genuine: Vec<Delivery>,
    hashes: BTreeSet<String>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| SCHEMES.iter().map(known).collect());

/// All of them.
pub fn all() -> &'static [Known] {
    &KNOWN
}

/// Their names, in the order by which deliveries choose.
pub fn names() -> Vec<&'static str> {
    SCHEMES.iter().map(|(name, ..)| *name).collect()
}

/// The requests that the scheme of this number signed, as a file would hold them.
pub fn genuine(number: usize) -> Vec<Vec<u8>> {
    all()[number].genuine.iter().map(captured).collect()
}

fn known((name, key, table): &(&'static str, &str, &str)) -> Known {
    let scheme: Scheme = toml::from_str(table).unwrap_or_else(|error| panic!("{name}: {error}"));
    let private = Secret::new("secret", *key);
    let secret = match public_half(&scheme, &private) {
        Some(public) => public.unwrap_or_else(|error| panic!("{name}: {error}")),
        None => private.clone(),
    };
    let secrets = vec![secret];
    let mut genuine = Vec::new();
    let mut hashes = BTreeSet::new();
    for mut delivery in samples() {
        if sign_delivery(
            &scheme,
            std::slice::from_ref(&private),
            &mut delivery,
            "msg_1",
            NOW,
        )
        .is_err()
        {
            continue;
        }
        // Some samples have no place for the proof; the others are genuine.
        if let Ok(verified) = verify(&scheme, name, &secrets, delivery.clone(), NOW) {
            hashes.insert(verified.signed_hash().to_owned());
            genuine.push(delivery);
        }
    }
    assert!(!genuine.is_empty(), "{name} signed nothing");
    Known {
        name,
        scheme,
        secrets,
        private,
        genuine,
        hashes,
    }
}

fn samples() -> [Delivery; 3] {
    let json = r#"{"type":"door.opened","signature":{"timestamp":"1800000000","token":"msg_1"},"value":[{}]}"#;
    let form = "From=%2B15551234567&Body=The+gate+is+open&To=%2B15557654321";
    [
        sample("application/json", json),
        sample("application/x-www-form-urlencoded", form),
        sample("text/plain; charset=utf-8", "caf\u{e9}\r\n"),
    ]
}

fn sample(kind: &'static str, body: &'static str) -> Delivery {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    Delivery {
        method: Method::POST,
        url: "https://porch.example/webhook/x?camera=3".into(),
        query: "camera=3".into(),
        headers,
        body: Bytes::from_static(body.as_bytes()),
        max_inflated: 1 << 16,
        ..Delivery::default()
    }
}

/// A delivery as a capture of its request.
fn captured(delivery: &Delivery) -> Vec<u8> {
    let mut text = format!(
        "{} /webhook/x?{} HTTP/1.1\r\n",
        delivery.method, delivery.query
    )
    .into_bytes();
    for (name, value) in &delivery.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&delivery.body);
    text
}

impl Known {
    /// Panics when a delivery that was taken is none of those that were signed.
    pub fn is_genuine(&self, delivery: &Delivery) {
        let outcome = verify(
            &self.scheme,
            self.name,
            &self.secrets,
            delivery.clone(),
            NOW,
        );
        let Ok(verified) = outcome else { return };
        if self.scheme.is_mac() {
            let hash = verified.signed_hash();
            assert!(
                self.hashes.contains(hash),
                "{}: forged: {delivery:?}",
                self.name
            );
            assert!(verified.signed_id().is_none_or(|id| id == "msg_1"));
        } else {
            assert!(
                self.carries_the_secret(delivery),
                "{}: {delivery:?}",
                self.name
            );
        }
        if self.scheme.covers_body() && !verified.is_canonical() {
            let body = &verified.delivery().body;
            let mut known = self.genuine.iter();
            assert!(
                known.any(|genuine| genuine.body == *body),
                "{}: another body passed",
                self.name
            );
        }
    }

    fn carries_the_secret(&self, delivery: &Delivery) -> bool {
        let secret = String::from_utf8_lossy(self.secrets[0].expose()).into_owned();
        let encoded = porchlight_verify::encoding::Encoding::Base64.encode(secret.as_bytes());
        let headers = delivery.headers.values().any(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.contains(&secret) || text.contains(&encoded)
        });
        let query = form_urlencoded::parse(delivery.query.as_bytes());
        let body = serde_json::from_slice::<serde_json::Value>(&delivery.body);
        headers
            || query.into_iter().any(|(_, value)| value == *secret)
            || body.is_ok_and(|body| body.to_string().contains(&secret))
    }
}
