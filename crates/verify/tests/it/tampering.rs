//! Sign with a scheme, change one bit anywhere, and it must be refused. The bits and bodies come
//! from a small fixed generator, so that a failure repeats.

use bytes::Bytes;
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::{Delivery, Scheme, sign, verify};

const NOW: Timestamp = Timestamp(1_780_000_000_000);

const SCHEMES: [&str; 7] = [
    "proof = 'mac'\nsignature = { header = 'X-S', encoding = 'hex' }",
    "proof = 'mac'\nalgorithm = 'hmac-sha1'\nsignature = { header = 'X-S', prefix = 'sha1=', encoding = 'base64' }",
    "proof = 'mac'\nalgorithm = 'hmac-sha384'\nsignature = { header = 'X-S', encoding = 'base64url' }\nsigned = '{method}{url}{body}'",
    "proof = 'mac'\nalgorithm = ['hmac-sha512', 'hmac-sha256']\nsignature = { header = 'X-S', prefix = '{alg}=', encoding = 'hex' }",
    "proof = 'mac'\nsignature = { header = 'X-S', split = ',', key = 'v1' }\ntimestamp = { header = 'X-S', split = ',', key = 't' }\nsigned = '{timestamp}.{body}'",
    "proof = 'mac'\nsignature = { header = 'X-S', split = '|', index = 1 }\ntimestamp = { header = 'X-S', split = '|', index = 0 }\nsigned = '{body}|{timestamp}'",
    "proof = 'mac'\nkey = 'base64'\nkey_prefix = 'whsec_'\nsignature = { header = 'X-S', split = ' ', prefix = 'v1,', encoding = 'base64' }\ntimestamp = { header = 'X-T' }\nid = { header = 'X-I', forbid = '.' }\nsigned = '{id}.{timestamp}.{body}'",
];

/// xorshift64: plenty for choosing bits.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

fn delivery(body: Vec<u8>) -> Delivery {
    Delivery {
        method: http::Method::POST,
        url: "https://porch.example/webhook/x".into(),
        query: String::new(),
        headers: http::HeaderMap::new(),
        body: Bytes::from(body),
        ..Delivery::default()
    }
}

fn with(mut delivery: Delivery, headers: &[(String, Vec<u8>)]) -> Option<Delivery> {
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
        delivery
            .headers
            .insert(name, http::HeaderValue::from_bytes(value).ok()?);
    }
    Some(delivery)
}

#[test]
fn any_single_changed_bit_is_refused() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let secret = [Secret::new("secret", "whsec_c2VjcmV0IG9mIHRoZSBwb3JjaA==")];
    let mut refused = 0;
    for (number, text) in SCHEMES.iter().enumerate() {
        let scheme: Scheme = toml::from_str(text).unwrap();
        assert_eq!(scheme.check(&secret), Ok(()), "{text}");
        for _ in 0..40 {
            let size = dice.roll(300) + 1;
            let body: Vec<u8> = (0..size).map(|_| dice.roll(256) as u8).collect();
            let signed = sign(&scheme, &secret[0], &delivery(body.clone()), "msg_1", NOW).unwrap();
            let headers: Vec<(String, Vec<u8>)> = signed
                .into_iter()
                .map(|(name, value)| (name, value.into_bytes()))
                .collect();
            let honest = with(delivery(body.clone()), &headers).unwrap();
            let verified = verify(&scheme, "test", &secret, honest, NOW).unwrap();
            assert!(verified.proof().body);

            let mut changed = body.clone();
            changed[dice.roll(size)] ^= 1 << dice.roll(8);
            let forged = with(delivery(changed), &headers).unwrap();
            assert!(
                verify(&scheme, "test", &secret, forged, NOW).is_err(),
                "{text}"
            );

            for which in 0..headers.len() {
                let mut changed = headers.clone();
                let value = &mut changed[which].1;
                let at = dice.roll(value.len());
                let bit = 1 << dice.roll(8);
                value[at] ^= bit;
                // The one bit that may change: the case of a hex digit.
                let same = |a: &[u8], b: &[u8]| a.eq_ignore_ascii_case(b);
                if [0, 3, 4, 5].contains(&number) && same(value, &headers[which].1) {
                    continue;
                }
                let Some(forged) = with(delivery(body.clone()), &changed) else {
                    continue;
                };
                assert!(
                    verify(&scheme, "test", &secret, forged, NOW).is_err(),
                    "{text}: {changed:?}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 200, "only {refused} changed headers were tried");
}

#[test]
fn a_signature_that_is_cut_short_or_extended_is_refused() {
    let scheme: Scheme = toml::from_str(SCHEMES[0]).unwrap();
    let secret = [Secret::new("secret", "s")];
    let headers = sign(&scheme, &secret[0], &delivery(b"x".to_vec()), "", NOW).unwrap();
    let value = &headers[0].1;
    let long = format!("{value}00");
    for wrong in [&value[..62], &value[..32], &value[..2], "", &long] {
        let forged = [(headers[0].0.clone(), wrong.as_bytes().to_vec())];
        let forged = with(delivery(b"x".to_vec()), &forged).unwrap();
        assert!(
            verify(&scheme, "test", &secret, forged, NOW).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn a_weaker_signature_never_rescues_a_stronger_one() {
    let scheme: Scheme = toml::from_str(
        "proof = 'first_present'\n[[first_present]]\nproof = 'mac'\nsignature = { header = 'X-256' }\n[[first_present]]\nproof = 'mac'\nalgorithm = 'hmac-sha1'\nsignature = { header = 'X-1' }",
    )
    .unwrap();
    let weak: Scheme =
        toml::from_str("proof = 'mac'\nalgorithm = 'hmac-sha1'\nsignature = { header = 'X-1' }")
            .unwrap();
    let secret = [Secret::new("secret", "s")];
    let (name, value) = sign(&weak, &secret[0], &delivery(b"x".to_vec()), "", NOW)
        .unwrap()
        .remove(0);
    let weak = (name, value.into_bytes());
    let try_with = |headers: &[(String, Vec<u8>)]| {
        verify(
            &scheme,
            "test",
            &secret,
            with(delivery(b"x".to_vec()), headers).unwrap(),
            NOW,
        )
        .map_err(|rejected| rejected.code())
        .map(|verified| verified.proof().body)
    };
    assert_eq!(try_with(std::slice::from_ref(&weak)), Ok(true));
    let wrong = ("x-256".to_owned(), b"00".to_vec());
    assert_eq!(try_with(&[wrong, weak.clone()]), Err("mismatch"));
    let empty = ("x-256".to_owned(), Vec::new());
    assert!(try_with(&[empty, weak]).is_err());
    assert_eq!(try_with(&[]), Err("missing"));
}

#[test]
fn none_must_be_written_out_and_takes_no_secret() {
    assert!(toml::from_str::<Scheme>("").is_err());
    assert!(toml::from_str::<Scheme>("proof = ''").is_err());
    let none: Scheme = toml::from_str("proof = 'none'").unwrap();
    assert_eq!(none.check(&[]), Ok(()));
    assert!(none.check(&[Secret::new("secret", "s")]).is_err());
    let verified = verify(&none, "xprotect", &[], delivery(vec![]), NOW).unwrap();
    assert_eq!(verified.proof().scheme, "none");
    assert!(!verified.proof().body);
}

#[test]
fn schemes_that_cannot_mean_anything_are_refused_with_a_sentence() {
    for (text, part) in [
        ("proof = 'mac'", "needs `signature`"),
        (
            "proof = 'token'\nsigned = '{body}'\ntoken = { header = 'X' }",
            "`signed` has no meaning",
        ),
        (
            "proof = 'mac'\nsignature = { header = 'X', query = 'y' }",
            "exactly one of",
        ),
        (
            "proof = 'mac'\nsignature = { header = 'X', prefix = 'a', auth_scheme = 'b' }",
            "one way only",
        ),
        (
            "proof = 'mac'\nsignature = { header = 'X', forbid = '.' }",
            "has no `forbid`",
        ),
        (
            "proof = 'mac'\nsignature = { header = 'X' }\nsigned = '{timestamp}{body}'",
            "where it stands",
        ),
        (
            "proof = 'mac'\nsignature = { header = 'X' }\nalgorithm = ['hmac-sha1', 'hmac-sha256']",
            "{alg}",
        ),
        ("proof = 'mac'\nsignature = []", "empty"),
        ("proof = 'mac'\nsignature = 'X'", "a table such as"),
        ("proof = 'mac'\nsignature = { heder = 'X' }", "`heder`"),
        (
            "proof = 'mac'\nsignature = [{ header = 'X', encoding = 'hx' }]",
            "`hx`",
        ),
        (
            "proof = 'mac'\nalgorithm = 'md5'\nsignature = { header = 'X' }",
            "`md5`",
        ),
        (
            "proof = 'first_present'\n[[first_present]]\nproof = 'none'",
            "would make the others worthless",
        ),
        ("proof = 'none'\nreject_status = 200", "no refusal"),
        (
            "proof = 'mac'\nsignature = { header = 'X' }\ntimestamp = { header = 'T', tolerance = '5' }",
            "length of time",
        ),
    ] {
        let error = toml::from_str::<Scheme>(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}\n{error}");
    }
}

#[test]
fn a_refusal_and_a_description_never_hold_a_secret() {
    let scheme: Scheme = toml::from_str(SCHEMES[4]).unwrap();
    let secret = [Secret::new("secret", "hunter2")];
    let honest = sign(&scheme, &secret[0], &delivery(b"x".to_vec()), "", NOW).unwrap();
    let headers = [(
        honest[0].0.clone(),
        format!("t={},v1={}", NOW.as_seconds(), "0".repeat(64)).into_bytes(),
    )];
    let forged = with(delivery(b"x".to_vec()), &headers).unwrap();
    let refused = verify(&scheme, "test", &secret, forged, NOW)
        .unwrap_err()
        .to_string();
    let expected = honest[0].1.split_once("v1=").unwrap().1;
    assert!(
        !refused.contains("hunter2") && !refused.contains(expected) && !refused.contains("0000")
    );
    assert!(
        scheme
            .describe()
            .contains("covers body, time (at most 5m old); not peer"),
        "{}",
        scheme.describe()
    );
}
