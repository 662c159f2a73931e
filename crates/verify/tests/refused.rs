//! What other receivers let in and this one refuses: one test for each kind of defect that was
//! found in the field. `docs/security.md` lists them all, also those that are tested elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

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

/// CVE-2023-50728 (octokit); slack_sdk and standardwebhooks raised on the like.
#[test]
fn hostile_headers_are_refusals() {
    let values: [&[u8]; 9] = [
        b"v1",
        b"v1,",
        b",",
        b"v1,=",
        b"v1,\xff\xff",
        b"\xc3\x28",
        b"v1,AAAA",
        b"9e99999",
        b"-9223372036854775808",
    ];
    for value in values {
        for name in ["x-s", "x-t", "x-i"] {
            let mut forged = signed(STANDARD_WEBHOOKS, b"{}");
            put(&mut forged, name, value);
            assert!(
                check(STANDARD_WEBHOOKS, &forged).is_err(),
                "{name}: {}",
                value.escape_ascii()
            );
        }
    }
    let mut many = signed(STANDARD_WEBHOOKS, b"{}");
    let value = format!("{} {}", "v1,AAAA ".repeat(40), header(&many, "x-s"));
    put(&mut many, "x-s", value);
    assert_eq!(check(STANDARD_WEBHOOKS, &many), Err("malformed"));
}

/// Decoders that drop what they don't know, and numbers as `int()` and `parseInt` take them.
#[test]
fn only_the_right_spelling_of_a_signature_and_a_time_is_taken() {
    let honest = signed(STANDARD_WEBHOOKS, b"{}");
    let signature = header(&honest, "x-s");
    let respelt = [
        signature.trim_end_matches('=').to_owned(),
        format!("{signature}="),
        signature.replace("v1,", "v1,!"),
        signature.replace("v1,", "v1, "),
    ];
    for other in respelt {
        let mut forged = honest.clone();
        put(&mut forged, "x-s", &other);
        assert!(check(STANDARD_WEBHOOKS, &forged).is_err(), "{other}");
    }
    let digits = "\u{661}\u{668}00000000";
    for time in [
        "+1800000000",
        "01800000000",
        "1_800_000_000",
        "1.8e9",
        "1800000000.0",
        "1800000000x",
        digits,
    ] {
        let mut forged = honest.clone();
        put(&mut forged, "x-t", time);
        assert_eq!(
            check(STANDARD_WEBHOOKS, &forged),
            Err("malformed"),
            "{time}"
        );
    }
    // What senders really differ in is taken: the case of hex, blanks around the items of a list.
    let mut tuya = signed(PLAIN, b"{}");
    let upper = format!("sha256={}", header(&tuya, "x-s")[7..].to_ascii_uppercase());
    put(&mut tuya, "x-s", format!("  {upper}\t"));
    assert_eq!(check(PLAIN, &tuya), Ok(()));
}

/// Milestone's keys look like hex and are text; NFC and NFD are different bytes.
#[test]
fn a_secret_is_taken_as_the_scheme_says_and_never_normalised() {
    let scheme = scheme(PLAIN);
    for (theirs, ours) in [
        ("cafe\u{301}", "caf\u{e9}"),
        ("0aff", "0AFF"),
        ("secret\n", "secret"),
        ("se\u{200b}cret", "secret"),
    ] {
        let mut delivery = post(b"{}");
        sign_delivery(&scheme, &[Secret::new("s", theirs)], &mut delivery, "", NOW).unwrap();
        let ours = [Secret::new("s", ours)];
        assert!(
            verify(&scheme, "test", &ours, delivery, NOW).is_err(),
            "{theirs:?}"
        );
    }
}

/// One reader takes the first header, another the last.
#[test]
fn a_header_that_is_there_twice_is_refused() {
    for name in ["x-s", "x-t", "x-i"] {
        let mut forged = signed(STANDARD_WEBHOOKS, b"{}");
        let value = forged.headers[name].clone();
        forged.headers.append(HeaderName::from_static(name), value);
        assert_eq!(
            check(STANDARD_WEBHOOKS, &forged),
            Err("ambiguous"),
            "{name}"
        );
    }
}

/// standardwebhooks-rust computed `now - time` unchecked; stripe-python takes any future.
#[test]
fn the_ends_of_time_are_refused_without_a_panic() {
    let scheme = scheme(STANDARD_WEBHOOKS);
    for sent in [i64::MIN, -1, 0, NOW.0 - 301_000, NOW.0 + 301_000, i64::MAX] {
        for now in [i64::MIN, NOW.0, i64::MAX] {
            let mut delivery = post(b"{}");
            sign_delivery(&scheme, &secrets(), &mut delivery, "msg_1", Timestamp(sent)).unwrap();
            let outcome = verify(&scheme, "test", &secrets(), delivery, Timestamp(now));
            let near = sent.saturating_sub(now).saturating_abs() <= 300_000;
            assert!(near || outcome.is_err(), "{sent} at {now}");
        }
    }
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

/// CVE-2026-32053 and CVE-2026-41395: another spelling of one delivery was taken as another one.
#[test]
fn another_spelling_of_a_delivery_is_the_same_delivery() {
    let text = "proof = 'mac'\nsignature = { header = 'X-S', encoding = ['base64', 'base64url', 'hex'] }\nid = { header = 'X-I' }";
    let honest = signed(text, b"{}");
    let mac = STANDARD.decode(header(&honest, "x-s")).unwrap();
    let key = |delivery: &Delivery| {
        let verified = verify(&scheme(text), "test", &secrets(), delivery.clone(), NOW).unwrap();
        assert_eq!(
            verified.signed_id(),
            None,
            "an id that nothing signs is no key"
        );
        verified.signed_hash().to_owned()
    };
    for spelling in [
        URL_SAFE_NO_PAD.encode(&mac),
        hex::encode(&mac),
        hex::encode_upper(&mac),
    ] {
        let mut copy = honest.clone();
        put(&mut copy, "x-s", spelling);
        put(&mut copy, "x-i", "another id");
        copy.query = "b=2&a=1".into();
        assert_eq!(key(&copy), key(&honest));
    }
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

/// CVE-2025-68949 (n8n matched substrings); adnanh made a /32 of a bare IPv6 address.
#[test]
fn a_bare_ipv6_address_is_one_host_and_no_address_is_matched_as_text() {
    let text = "proof = 'ip'\nallow = ['2001:db8::1', '10.0.0.1', '192.0.2.0/30']";
    let from = |peer: &str| {
        let peer = Some(peer.parse().unwrap());
        check(
            text,
            &Delivery {
                peer,
                ..post(b"{}")
            },
        )
    };
    for inside in ["2001:db8::1", "10.0.0.1", "::ffff:10.0.0.1", "192.0.2.3"] {
        assert_eq!(from(inside), Ok(()), "{inside}");
    }
    for outside in [
        "2001:db8::2",
        "2001:db8:0:1::1",
        "10.0.0.10",
        "10.0.0.11",
        "110.0.0.1",
        "192.0.2.4",
        "::10.0.0.1",
    ] {
        assert_eq!(from(outside), Err("mismatch"), "{outside}");
    }
    assert_eq!(check(text, &post(b"{}")), Err("missing"));
    assert!(toml::from_str::<Scheme>("proof = 'ip'\nallow = ['10.0.0']").is_err());
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

#[test]
fn every_test_that_the_security_page_names_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = String::new();
    for folder in ["crates", "tests", "fuzz/targets"] {
        collect(&root.join(folder), &mut sources);
    }
    let page = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    // The page has other tables too; this one ends where its lines do.
    let rows = page
        .lines()
        .skip_while(|line| !line.ends_with("| test |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut named = 0;
    for row in rows {
        let column = row.trim_end_matches('|').rsplit('|').next().unwrap();
        for test in column.split(',').map(|name| name.trim().trim_matches('`')) {
            assert!(
                sources.contains(&format!("fn {test}(")),
                "there is no test `{test}`"
            );
            named += 1;
        }
    }
    assert!(named > 30, "only {named} names were found");
}

fn collect(folder: &std::path::Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
