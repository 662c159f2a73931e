//! One right spelling: of a header, a signature, a secret, a time and an address.

use super::*;

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
