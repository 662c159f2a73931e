//! Proofs that have a language of their own: structured fields, tokens, certificates, handshakes.

use crate::agree::{NOW, agreed};
use crate::input::Input;
use crate::schemes::{self, Known};
use http::HeaderValue;
use porchlight_core::Secret;
use porchlight_verify::{Delivery, Handshake, Scheme, verify};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A client certificate, good until the year 2126.
const CERTIFICATE: &[u8] = include_bytes!("../../../crates/verify/tests/data/client.der");

fn known(name: &str) -> &'static Known {
    let found = schemes::all().iter().find(|known| known.name == name);
    found.unwrap_or_else(|| panic!("there is no scheme {name}"))
}

/// Three lines: Signature-Input, Signature, Content-Digest; then the body.
pub fn structured(data: &[u8]) {
    let known = known("httpsig");
    let mut input = Input(data);
    let mut delivery = known.genuine[0].clone();
    for name in ["signature-input", "signature", "content-digest"] {
        let Ok(value) = HeaderValue::from_str(&input.line()) else {
            return;
        };
        delivery.headers.insert(name, value);
    }
    delivery.body = input.0.to_vec().into();
    drop(agreed(&known.scheme, &known.secrets, &delivery, NOW));
    known.is_genuine(&delivery);
}

/// The header Authorization, then a line end and the body: for JWTs and for user and password.
pub fn token(data: &[u8]) {
    let mut input = Input(data);
    let Ok(value) = HeaderValue::from_bytes(input.line().as_bytes()) else {
        return;
    };
    for name in ["jwt", "jwt-shared", "basic", "token"] {
        let known = known(name);
        let mut delivery = known.genuine[0].clone();
        delivery.query = String::new();
        let header = if name == "token" {
            "x-token"
        } else {
            "authorization"
        };
        delivery.headers.insert(header, value.clone());
        delivery.body = input.0.to_vec().into();
        drop(agreed(&known.scheme, &known.secrets, &delivery, NOW));
        known.is_genuine(&delivery);
    }
}

static CERTIFIED: LazyLock<[Scheme; 2]> = LazyLock::new(|| {
    let print = hex::encode(Sha256::digest(CERTIFICATE));
    let pem = porchlight_verify::encoding::Encoding::Base64.encode(CERTIFICATE);
    [
        format!("proof='mtls'\nfingerprint='{print}'\ncommon_name='webhook-client.example'"),
        format!("proof='mtls'\nca='''-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n'''\nsan=['a.example','::1']"),
    ]
    .map(|text| toml::from_str(&text).unwrap_or_else(|error| panic!("{error}")))
});

/// The client's certificate as DER: only the one with the fingerprint is it.
pub fn certificate(data: &[u8]) {
    let delivery = Delivery {
        certificates: vec![data.to_vec()].into(),
        ..Delivery::default()
    };
    for scheme in &*CERTIFIED {
        if agreed(scheme, &[], &delivery, NOW).is_ok() {
            assert_eq!(data, CERTIFICATE, "a certificate was forged");
        }
    }
}

static CHALLENGED: LazyLock<Scheme> = LazyLock::new(|| {
    let text = r#"
proof = 'mac'
signature = { header = 'X-Signature' }
[[challenge]]
method = 'GET'
when = { query = 'hub.mode', is = ['subscribe'] }
verify_token = { query = 'hub.verify_token' }
topic = { query = 'hub.topic' }
content_type = 'text/plain'
headers = { X-Answer = '{query:hub.challenge}' }
body = '{query:hub.challenge}'
[[challenge]]
when = { json = '/event', is = ['url_validation'] }
content_type = 'application/json'
body = '{"plain":"{json:/payload/plain}","mac":"{hmac_hex(json:/payload/plain)}","me":"{header:X-Me}"}'
[[challenge]]
when = { json = '/open' }
requires = 'none'
content_type = 'application/json'
body = '{"echo":"{json:/open}"}'
"#;
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
});

/// A choice of the method, a line with the query, a line with a header, then the body: what is
/// answered is harmless, and nothing is echoed to those who proved nothing.
pub fn challenge(data: &[u8]) {
    let scheme = &*CHALLENGED;
    let secrets = [Secret::new("secret", "for tests only, it guards nothing")];
    let token = Secret::new("verify_token", "agreed-with-the-sender");
    let topics = ["https://hub.example/topic".to_owned()];
    let handshake = Handshake {
        verify_token: Some(&token),
        topics: &topics,
    };
    let mut input = Input(data);
    let method = input.pick(&[http::Method::GET.as_str(), "POST", "PUT"]);
    let query = input.line();
    let mut delivery = Delivery {
        method: method.parse().unwrap_or_default(),
        query: query.clone(),
        ..Delivery::default()
    };
    if let Ok(value) = HeaderValue::from_str(&input.line()) {
        delivery.headers.insert("x-me", value);
    }
    delivery.body = input.0.to_vec().into();
    let mut replies = Vec::new();
    if let Some(answer) = scheme.answer_before_proof(&secrets, handshake, &delivery) {
        if let (Ok(_), true) = (&answer, method == "GET") {
            let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            assert!(
                pairs
                    .iter()
                    .any(|(_, value)| value == "agreed-with-the-sender")
            );
        }
        replies.push(answer);
    }
    let signed = porchlight_verify::sign_delivery(scheme, &secrets, &mut delivery, "", NOW);
    assert_eq!(signed, Ok(()));
    let verified = verify(scheme, "fuzz", &secrets, delivery, NOW).expect("it was just signed");
    replies.extend(scheme.answer_after_proof(&secrets, handshake, &verified));
    for reply in replies {
        match reply {
            Ok(reply) => {
                assert!((200..300).contains(&reply.status));
                assert!(
                    reply
                        .headers
                        .iter()
                        .all(|(_, value)| HeaderValue::from_str(value).is_ok())
                );
                assert!(!reply.body.chars().any(char::is_control), "{reply:?}");
                let json = reply.content_type.as_deref() == Some("application/json");
                let read = serde_json::from_str::<serde_json::Value>(&reply.body);
                assert!(!json || read.is_ok(), "{reply:?}");
                let members = read.ok().and_then(|json| Some(json.as_object()?.len()));
                assert!(!json || matches!(members, Some(1 | 3)), "{reply:?}");
            }
            Err(refused) => assert!((400..500).contains(&refused.status)),
        }
    }
}
