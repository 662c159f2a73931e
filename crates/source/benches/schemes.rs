//! What each kind of proof costs, by the size of the body, beside an HMAC of the same bytes alone;
//! then what reading the body costs, and undoing gzip.
//!
//! `cargo bench -p porchlight-source --bench schemes`. The first lines are a table of ratios, from
//! one run that takes them in turns, so that a busy machine slows all of them alike; then divan's
//! own figures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on fails loudly, and prints what it found"
)]

use bytes::Bytes;
use divan::{Bencher, black_box};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use porchlight_core::{Secret, Timestamp};
use porchlight_source::{Preset, Webhook, decode};
use porchlight_verify::{Delivery, Scheme, public_half, sign_delivery, verify};
use sha2::Sha256;
use std::io::Write;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const SHARED: &str = "whsec_Zm9yIHRlc3RzIG9ubHksIGl0IGd1YXJkcyBub3RoaW4=";
const ED25519: &str = "Zm9yIHRlc3RzIG9ubHksIGl0IGd1YXJkcyBub3RoaW4=";
/// A test key; it guards nothing.
const P256: &str = include_str!("p256.pem");
/// Rounds of the table; the fastest of each counts.
const ROUNDS: usize = 200;

/// Name, key, table.
const KINDS: [(&str, &str, &str); 13] = [
    (
        "hmac-sha1",
        SHARED,
        "proof='mac'\nalgorithm='hmac-sha1'\nsignature={header='X-S'}",
    ),
    (
        "hmac-sha256",
        SHARED,
        "proof='mac'\nsignature={header='X-S'}",
    ),
    (
        "hmac-sha512",
        SHARED,
        "proof='mac'\nalgorithm='hmac-sha512'\nsignature={header='X-S'}",
    ),
    (
        "standard webhooks",
        SHARED,
        "proof='mac'\nkey='base64'\nkey_prefix='whsec_'\nsignature={header='X-S', split=' ', prefix='v1,', encoding='base64'}\ntimestamp={header='X-T'}\nid={header='X-I', forbid='.'}\nsigned='{id}.{timestamp}.{body}'",
    ),
    (
        "form_sorted, sha1",
        SHARED,
        "proof='mac'\nalgorithm='hmac-sha1'\nsignature={header='X-S', encoding='base64'}\nsigned='{url}{form_sorted}'",
    ),
    (
        "gzip decoded, sha256",
        SHARED,
        "proof='mac'\nbody='decoded'\nsignature={header='X-S'}",
    ),
    (
        "ed25519",
        ED25519,
        "proof='signature'\nkey='hex'\nsignature={header='X-S'}\ntimestamp={header='X-T'}\nsigned='{timestamp}{body}'",
    ),
    (
        "ecdsa-p256",
        P256,
        "proof='signature'\nalgorithm='ecdsa-p256-sha256'\nkey='pem'\nsignature={header='X-S', encoding='base64'}",
    ),
    (
        "jwt HS256, body hash",
        SHARED,
        "proof='jwt'\nalgorithm='HS256'\ntoken={header='Authorization', auth_scheme='Bearer'}\nbody_hash_claim='b'",
    ),
    (
        "jwt ES256, body hash",
        P256,
        "proof='jwt'\nalgorithm='ES256'\ntoken={header='Authorization', auth_scheme='Bearer'}\nbody_hash_claim='b'",
    ),
    (
        "httpsig ed25519",
        ED25519,
        "proof='httpsig'\nkey='base64'\ncomponents=['@method','@path','content-digest']",
    ),
    ("token", SHARED, "proof='token'\ntoken={header='X-T'}"),
    ("basic", "porch:nobody:knows", "proof='basic'"),
];

fn main() {
    table();
    divan::main();
}

struct Signed {
    scheme: Scheme,
    secrets: Vec<Secret>,
    delivery: Delivery,
}

/// A delivery of this kind, signed, with a body of about this size.
fn signed(kind: usize, size: usize) -> Signed {
    let (name, key, table) = KINDS[kind];
    let scheme: Scheme = toml::from_str(table).expect("a scheme");
    let private = Secret::new("secret", key);
    let secret =
        public_half(&scheme, &private).map_or(private.clone(), |half| half.expect("a key"));
    let form = name.starts_with("form");
    let body = if form {
        form_body(size)
    } else {
        json_body(size)
    };
    let mut delivery = Delivery {
        url: "https://porch.example/webhook/porch".into(),
        headers: HeaderMap::new(),
        body,
        ..Delivery::default()
    };
    let kind = if form {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    delivery
        .headers
        .insert("content-type", HeaderValue::from_static(kind));
    sign_delivery(&scheme, &[private], &mut delivery, "msg_1", NOW).expect("it can be signed");
    if scheme.signs_inflated() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&delivery.body).expect("memory");
        delivery.body = encoder.finish().expect("memory").into();
        delivery
            .headers
            .insert("content-encoding", HeaderValue::from_static("gzip"));
    }
    Signed {
        scheme,
        secrets: vec![secret],
        delivery,
    }
}

fn json_body(size: usize) -> Bytes {
    let mut text =
        String::from(r#"{"type":"door.opened","time":"2027-01-15T08:00:00Z","items":[0"#);
    let mut number = 0;
    while text.len() < size {
        number += 1;
        text +=
            &format!(r#",{{"name":"Rectangle {number}","confidence":0.{number},"box":[1,2,3]}}"#);
    }
    (text + "]}").into()
}

fn form_body(size: usize) -> Bytes {
    let mut text = String::from("Body=The+gate+is+open");
    let mut number = 0;
    while text.len() < size {
        number += 1;
        // Few fields are long and many are refused, so each holds a sentence.
        let sentence = "The+gate+is+open+%28again%29+".repeat(7);
        text += &format!("&Field{number}={sentence}{number}");
    }
    text.into()
}

fn prove(signed: &Signed) -> bool {
    let delivery = signed.delivery.clone();
    verify(
        &signed.scheme,
        "bench",
        &signed.secrets,
        black_box(delivery),
        NOW,
    )
    .is_ok()
}

fn plain_hmac(key: &[u8], body: &[u8], given: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(body);
    mac.verify_slice(given).is_ok()
}

/// How long it takes, at best.
fn best(best: &mut Duration, work: impl FnOnce() -> bool) {
    let begin = Instant::now();
    let right = black_box(work());
    *best = (*best).min(begin.elapsed());
    assert!(right, "what is measured has to be genuine");
}

/// Proof and reading of each kind, as multiples of a plain HMAC-SHA256 over the same bytes.
fn table() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let open = "[scheme]\nproof = 'none'".parse().expect("a table");
    let generic = Preset::named("hmac")
        .expect("a preset")
        .with(&open)
        .expect("open");
    let webhook = Webhook::new("porch", generic, Vec::new());
    println!(
        "{:22} {:>7} {:>10} {:>10} {:>7} {:>10} {:>7}",
        "proof", "bytes", "hmac alone", "proof", "ratio", "reading", "ratio"
    );
    for size in SIZES {
        for (number, (name, ..)) in KINDS.iter().enumerate() {
            let signed = signed(number, size);
            let bytes = verify(
                &signed.scheme,
                "bench",
                &signed.secrets,
                signed.delivery.clone(),
                NOW,
            )
            .expect("genuine")
            .into_delivery()
            .body;
            let mut mac = Hmac::<Sha256>::new_from_slice(SHARED.as_bytes()).expect("a key");
            mac.update(&bytes);
            let given = mac.finalize().into_bytes();
            let (mut alone, mut proof, mut reading) = (Duration::MAX, Duration::MAX, Duration::MAX);
            for _ in 0..ROUNDS {
                best(&mut alone, || {
                    plain_hmac(SHARED.as_bytes(), black_box(&bytes), &given)
                });
                best(&mut proof, || prove(&signed));
                let verified = verify(
                    &signed.scheme,
                    "bench",
                    &signed.secrets,
                    signed.delivery.clone(),
                    NOW,
                )
                .expect("genuine");
                best(&mut reading, || {
                    runtime.block_on(decode(&webhook, verified, NOW)).is_ok()
                });
            }
            let ratio = |time: Duration| time.as_secs_f64() / alone.as_secs_f64();
            let micros = |time: Duration| format!("{:.1} µs", time.as_secs_f64() * 1e6);
            println!(
                "{name:22} {:>7} {:>10} {:>10} {:>7.2} {:>10} {:>7.2}",
                bytes.len(),
                micros(alone),
                micros(proof),
                ratio(proof),
                micros(reading),
                ratio(reading)
            );
        }
    }
}

#[divan::bench(args = SIZES)]
fn hmac_alone(bencher: Bencher, size: usize) {
    let body = json_body(size);
    bencher.bench(|| plain_hmac(SHARED.as_bytes(), black_box(&body), &[0; 32]));
}

#[divan::bench(args = SIZES)]
fn standard_webhooks(bencher: Bencher, size: usize) {
    let signed = signed(3, size);
    bencher.bench(|| prove(&signed));
}

#[divan::bench(args = SIZES)]
fn gzip_decoded(bencher: Bencher, size: usize) {
    let signed = signed(5, size);
    bencher.bench(|| prove(&signed));
}

#[divan::bench(args = SIZES)]
fn jwt_es256(bencher: Bencher, size: usize) {
    let signed = signed(9, size);
    bencher.bench(|| prove(&signed));
}
