//! What other receivers let in and this one refuses: one test for each kind of defect that was
//! found in the field. `docs/security.md` lists them all, also those that are tested elsewhere.

mod spelling;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue};
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::{Delivery, Handshake, Scheme, sign_delivery, verify};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const PLAIN: &str = "proof = 'mac'\nsignature = { header = 'X-S', prefix = 'sha256=' }";
const STANDARD_WEBHOOKS: &str = "proof = 'mac'\nsignature = { header = 'X-S', split = ' ', prefix = 'v1,', encoding = 'base64' }\ntimestamp = { header = 'X-T' }\nid = { header = 'X-I', forbid = '.' }\nsigned = '{id}.{timestamp}.{body}'";
const JWT: &str = "proof = 'jwt'\nalgorithm = 'HS256'\ntoken = { header = 'Authorization', auth_scheme = 'Bearer' }";

fn scheme(text: &str) -> Scheme {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn secrets() -> [Secret; 1] {
    [Secret::new("secret", "house:a secret for tests only")]
}

fn post(body: &[u8]) -> Delivery {
    Delivery {
        url: "https://porch.example/webhook/gate".into(),
        body: body.to_vec().into(),
        ..Delivery::default()
    }
}

fn signed(text: &str, body: &[u8]) -> Delivery {
    let mut delivery = post(body);
    sign_delivery(&scheme(text), &secrets(), &mut delivery, "msg_1", NOW).unwrap();
    assert_eq!(check(text, &delivery), Ok(()));
    delivery
}

/// The word of the step that failed.
fn check(text: &str, delivery: &Delivery) -> Result<(), &'static str> {
    let outcome = verify(&scheme(text), "test", &secrets(), delivery.clone(), NOW);
    outcome.map(drop).map_err(|refused| refused.code())
}

fn put(delivery: &mut Delivery, name: &'static str, value: impl AsRef<[u8]>) {
    let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
    delivery
        .headers
        .insert(HeaderName::from_static(name), value);
}

fn header(delivery: &Delivery, name: &str) -> String {
    delivery.headers[name].to_str().unwrap().to_owned()
}

/// Samples of XProtect and Connect It verify `JSON.stringify(req.body)`; stripe-node #356.
#[test]
fn a_body_that_was_written_anew_is_refused() {
    let honest = signed(PLAIN, br#"{ "a": 1.0, "b": "\u00e9" }"#);
    for other in [
        r#"{"a":1.0,"b":"é"}"#,
        r#"{"a":1,"b":"é"}"#,
        "{ \"a\": 1.0, \"b\": \"\\u00e9\" }\n",
    ] {
        let changed = Delivery {
            body: other.into(),
            ..honest.clone()
        };
        assert_eq!(check(PLAIN, &changed), Err("mismatch"), "{other}");
    }
    // And bytes that are no text at all are signed like any other.
    signed(PLAIN, b"\xff\xfe\0");
}

/// adnanh/webhook 8a2d3f8: a forged form with the MAC of nothing was believed.
#[test]
fn the_mac_of_an_empty_body_proves_no_form() {
    let nothing = signed(PLAIN, b"");
    let mut forged =
        post(b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n");
    forged.headers = nothing.headers;
    put(
        &mut forged,
        "content-type",
        "multipart/form-data; boundary=x",
    );
    assert_eq!(check(PLAIN, &forged), Err("mismatch"));
}

/// CVE-2024-21491, GHSA-747x-5m58-mq97: only the common prefix was compared.
#[test]
fn a_prefix_of_the_signature_is_refused() {
    let mut forged = signed(PLAIN, b"{}");
    let whole = header(&forged, "x-s");
    for end in "sha256=".len()..whole.len() {
        put(&mut forged, "x-s", &whole[..end]);
        assert!(check(PLAIN, &forged).is_err(), "{end} characters");
    }
    put(&mut forged, "x-s", format!("{whole}00"));
    assert_eq!(check(PLAIN, &forged), Err("mismatch"));
}

/// krkn #1277, bounty-challenge #50688, CVE-2026-33143.
#[test]
fn a_missing_signature_is_refused() {
    for text in [
        PLAIN,
        STANDARD_WEBHOOKS,
        JWT,
        "proof = 'basic'",
        "proof = 'token'\ntoken = { header = 'X' }",
    ] {
        assert_eq!(check(text, &post(b"{}")), Err("missing"), "{text}");
    }
    let mut empty = post(b"{}");
    put(&mut empty, "x-s", "");
    assert!(check(PLAIN, &empty).is_err());
    put(&mut empty, "x-s", "sha256=");
    assert!(check(PLAIN, &empty).is_err());
}

/// CVE-2026-26319, corsair #514, twilio-python: no secret configured, and everybody was let in.
#[test]
fn an_empty_secret_is_a_load_error() {
    for text in [
        PLAIN,
        STANDARD_WEBHOOKS,
        JWT,
        "proof = 'basic'",
        "proof = 'token'\ntoken = { header = 'X' }",
    ] {
        for secrets in [
            vec![],
            vec![Secret::new("secret", "")],
            vec![Secret::new("secret", " \n")],
        ] {
            assert!(scheme(text).check(&secrets).is_err(), "{text}");
            let mut forged = post(b"{}");
            put(&mut forged, "x", "");
            put(&mut forged, "authorization", "Basic Og==");
            let outcome = verify(&scheme(text), "test", &secrets, forged, NOW);
            assert_eq!(outcome.unwrap_err().code(), "no_secret", "{text}");
        }
    }
}

/// GitHub sends SHA-1 beside SHA-256; adnanh's prefix trimming took a value without its label.
#[test]
fn a_weaker_or_unlabelled_signature_counts_for_nothing() {
    let weak = "proof = 'mac'\nalgorithm = 'hmac-sha1'\nsignature = { header = 'X-Weak', prefix = 'sha1=' }";
    let mut forged = signed(weak, b"{}");
    put(&mut forged, "x-s", "sha256=00");
    assert!(check(PLAIN, &forged).is_err());
    let mut bare = signed(PLAIN, b"{}");
    let value = header(&bare, "x-s").replace("sha256=", "");
    put(&mut bare, "x-s", value);
    assert_eq!(check(PLAIN, &bare), Err("malformed"));
}

/// Parts that are joined without anything between, as Twitch, Discord and Zendesk do.
#[test]
fn bytes_cannot_move_between_id_time_and_body() {
    let text = "proof = 'mac'\nsignature = { header = 'X-S' }\ntimestamp = { header = 'X-T' }\nid = { header = 'X-I' }\nsigned = '{id}{timestamp}{body}'";
    let honest = signed(text, b"5{}");
    let mut forged = honest.clone();
    put(&mut forged, "x-t", format!("{}5", header(&honest, "x-t")));
    forged.body = "{}".into();
    assert_eq!(check(text, &forged), Err("stale"));
    // An id that holds the separator of the template could end somewhere else.
    let mut dotted = post(b"{}");
    sign_delivery(
        &scheme(STANDARD_WEBHOOKS),
        &secrets(),
        &mut dotted,
        "msg.1",
        NOW,
    )
    .unwrap();
    assert_eq!(check(STANDARD_WEBHOOKS, &dotted), Err("malformed"));
}

/// Grafana's verifiers choose the signed text by whether the header is there.
#[test]
fn an_optional_timestamp_cannot_be_dropped() {
    let text = "proof = 'mac'\nsignature = { header = 'X-S' }\ntimestamp = { header = 'X-T' }\nsigned = '{timestamp}:{body}'";
    let honest = signed(text, b"{}");
    let mut forged = honest.clone();
    forged.headers.remove("x-t");
    forged.body = format!("{}:{{}}", header(&honest, "x-t")).into();
    assert_eq!(check(text, &forged), Err("missing"));
}

/// OpenClaw rebuilt the signed address from `X-Forwarded-Host`.
#[test]
fn a_forwarded_host_does_not_change_the_signed_address() {
    let text = "proof = 'mac'\nsignature = { header = 'X-S' }\nsigned = '{url}{body}'";
    let mut honest = signed(text, b"{}");
    put(&mut honest, "host", "evil.example");
    put(&mut honest, "x-forwarded-host", "evil.example");
    assert_eq!(check(text, &honest), Ok(()));
    let mut forged = post(b"{}");
    forged.url = "https://evil.example/webhook/gate".into();
    sign_delivery(&scheme(text), &secrets(), &mut forged, "", NOW).unwrap();
    put(&mut forged, "host", "evil.example");
    forged.url = "https://porch.example/webhook/gate".into();
    assert_eq!(check(text, &forged), Err("mismatch"));
}

/// The algorithm of a JWT is the scheme's; `none`, and a public key as an HMAC key, were taken.
#[test]
fn alg_none_and_a_public_key_as_a_secret_are_refused() {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims = part(r#"{"exp":1800000100}"#);
    for head in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":["HS256"]}"#,
    ] {
        for signature in ["", "AA", "e30"] {
            let mut forged = post(b"{}");
            put(
                &mut forged,
                "authorization",
                format!("Bearer {}.{claims}.{signature}", part(head)),
            );
            assert_eq!(check(JWT, &forged), Err("mismatch"), "{head}");
        }
    }
    // A token signed by HMAC with the text of the public key, at a webhook that expects Ed25519.
    let public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let key = [Secret::new("secret", public)];
    let mut forged = post(b"{}");
    sign_delivery(&scheme(JWT), &key, &mut forged, "", NOW).unwrap();
    let pinned = scheme(
        "proof = 'jwt'\nalgorithm = 'EdDSA'\nkey = 'base64-spki'\ntoken = { header = 'Authorization', auth_scheme = 'Bearer' }",
    );
    assert_eq!(pinned.check(&key), Ok(()));
    assert_eq!(
        verify(&pinned, "test", &key, forged, NOW)
            .unwrap_err()
            .code(),
        "mismatch"
    );
}

/// A valid RFC 9421 signature that says nothing about the body; a bearer JWT likewise.
#[test]
fn a_signature_that_leaves_the_body_out_never_covers_it() {
    let bare = "proof = 'httpsig'\nalgorithm = 'hmac-sha256'\nkey = 'utf8'\ncomponents = ['@method', '@path']";
    let whole = "proof = 'httpsig'\nalgorithm = 'hmac-sha256'\nkey = 'utf8'\ncomponents = ['@method', '@path', 'content-digest']";
    let mut forged = signed(bare, b"{}");
    assert_eq!(check(whole, &forged), Err("mismatch"));
    put(
        &mut forged,
        "content-digest",
        "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:",
    );
    assert_eq!(check(whole, &forged), Err("mismatch"));
    let mut other = signed(whole, b"{}");
    other.body = "{\"a\":1}".into();
    assert_eq!(check(whole, &other), Err("mismatch"));
    for (text, covered) in [(bare, false), (whole, true), (JWT, false), (PLAIN, true)] {
        let verified = verify(&scheme(text), "test", &secrets(), signed(text, b"{}"), NOW).unwrap();
        assert_eq!(verified.proof().body, covered, "{text}");
    }
}

/// Zoom's challenge answered with a MAC of whatever was sent is an oracle for forgers.
#[test]
fn nothing_is_answered_to_a_challenge_before_its_proof() {
    let text = "proof = 'mac'\nsignature = { header = 'X-S' }\n[[challenge]]\nwhen = { json = '/event', is = ['url_validation'] }\nbody = '{hmac_hex(json:/plain)}'";
    let body = br#"{"event":"url_validation","plain":"{}"}"#;
    let before = scheme(text).answer_before_proof(&secrets(), Handshake::default(), &post(body));
    assert_eq!(before, None);
    assert_eq!(check(text, &post(body)), Err("missing"));
}
