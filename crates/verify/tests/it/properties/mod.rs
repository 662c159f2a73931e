//! What holds for every scheme that can be written: hundreds of random ones, out of the whole
//! model, each with its own keys and its own delivery.
//!
//! Seeds are fixed. A message that names a seed can be tried alone by giving it to `make`.

mod change;
mod dice;
mod made;
mod part;
mod signed;

use change::changes;
use dice::Dice;
use made::{Made, make};
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::{Delivery, Verified, explain, precheck, verify};

const SCHEMES: u64 = 1000;

fn check(made: &Made, delivery: &Delivery) -> Result<Verified, porchlight_verify::Rejected> {
    verify(
        &made.scheme,
        "random",
        &made.secrets,
        delivery.clone(),
        made.now,
    )
}

/// Every scheme by its seed, with the delivery that it signed.
fn all() -> impl Iterator<Item = (u64, Made, Delivery)> {
    (0..SCHEMES).map(|seed| {
        let made = make(seed);
        let signed = made.signed();
        (seed, made, signed)
    })
}

#[test]
fn what_a_scheme_signed_it_accepts_and_says_truly_what_it_covers() {
    let mut kinds = std::collections::BTreeMap::new();
    for (seed, made, signed) in all() {
        let table = &made.table;
        *kinds
            .entry(table["proof"].as_str().unwrap().to_owned())
            .or_insert(0) += 1;
        assert_eq!(
            made.scheme.check(&made.secrets),
            Ok(()),
            "seed {seed}: {table}"
        );
        let verified =
            check(&made, &signed).unwrap_or_else(|e| panic!("seed {seed}: {e}: {table}"));
        assert_eq!(
            verified.proof().body,
            made.covers.body,
            "seed {seed}: {table}"
        );
        assert_eq!(
            verified.signed_id().is_some(),
            made.covers.id,
            "seed {seed}: {table}"
        );
        // What the whole promises holds however a delivery passed.
        assert!(
            !made.scheme.covers_body() || made.covers.body,
            "seed {seed}: {table}"
        );
        assert!(
            !made.scheme.covers_time() || made.covers.time,
            "seed {seed}: {table}"
        );
        assert!(
            !made.scheme.covers_id() || made.covers.id,
            "seed {seed}: {table}"
        );
        // Nothing but what was sent comes out.
        assert!(inflated_or_same(&signed, verified.delivery()));
    }
    assert!(
        kinds.len() >= 9 && kinds.values().all(|count| *count > 20),
        "{kinds:?}"
    );
}

fn inflated_or_same(sent: &Delivery, out: &Delivery) -> bool {
    sent.body == out.body
        || porchlight_verify::inflate(&sent.body, 1 << 16).is_ok_and(|b| b == out.body)
}

#[test]
fn any_changed_bit_of_what_a_proof_covers_is_refused() {
    let mut tried = 0;
    for (seed, made, signed) in all() {
        let dice = &mut Dice::new(seed ^ 0xffff);
        for _ in 0..3 {
            for (what, changed) in changes(&made, &signed, dice) {
                tried += 1;
                assert!(
                    check(&made, &changed).is_err(),
                    "seed {seed}: a change of {what} passed: {}\n{changed:?}\n{signed:?}",
                    made.table
                );
            }
        }
    }
    assert!(tried > 5 * SCHEMES, "only {tried} changes were tried");
}

#[test]
fn a_proof_that_is_missing_or_there_twice_is_refused() {
    for (seed, made, signed) in all() {
        for mark in &made.marks {
            let part::Mark::Header { name, .. } = mark else {
                continue;
            };
            let mut without = signed.clone();
            without.headers.remove(name.as_str());
            assert!(
                check(&made, &without).is_err(),
                "seed {seed}: without {name}: {}",
                made.table
            );
            // Structured fields may be spread over several lines; they are read as one.
            if ["signature-input", "content-digest"].contains(&name.as_str()) {
                continue;
            }
            let mut twice = signed.clone();
            let value = signed.headers[name.as_str()].clone();
            twice.headers.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value,
            );
            assert!(
                check(&made, &twice).is_err(),
                "seed {seed}: twice {name}: {}",
                made.table
            );
        }
    }
}

#[test]
fn another_secret_another_scheme_and_another_time_are_refused() {
    let mut before: Option<Made> = None;
    for (seed, mut made, signed) in all() {
        if made.marks.is_empty() {
            continue;
        }
        // All have the one certificate and the one address, so the connection is another.
        let elsewhere = Delivery {
            peer: None,
            certificates: Vec::new().into(),
            ..signed.clone()
        };
        if let Some(other) = &before {
            assert!(
                check(other, &elsewhere).is_err(),
                "seed {seed}: {} took what {} signed",
                other.table,
                made.table
            );
        }
        if made.covers.time {
            for hours in [-2, 2] {
                let now = Timestamp(made.now.0 + hours * 3_600_000);
                let late = verify(&made.scheme, "random", &made.secrets, signed.clone(), now);
                assert!(late.is_err(), "seed {seed}: {hours} h away: {}", made.table);
            }
        }
        let real = std::mem::take(&mut made.secrets);
        assert!(
            check(&made, &signed).is_err(),
            "seed {seed}: without secrets: {}",
            made.table
        );
        made.secrets = real.iter().map(|secret| wrong(secret, seed)).collect();
        assert!(
            check(&made, &signed).is_err(),
            "seed {seed}: wrong secrets: {}",
            made.table
        );
        made.secrets = real;
        before = Some(made);
    }
}

/// A secret of the same name and form, in which one character of the key is another.
fn wrong(secret: &Secret, seed: u64) -> Secret {
    let mut text = secret.expose().to_vec();
    let dice = &mut Dice::new(seed);
    // The front of a public key says of which kind it is; the last character holds spare bits.
    let pem_end = text.windows(8).position(|part| part == b"-----END");
    let end = pem_end.unwrap_or(text.len()).saturating_sub(5);
    let begin = end.saturating_sub(25);
    loop {
        let at = begin + dice.roll(end - begin);
        let other = dice.pick(b"abcdefACDEF0123456789");
        if text[at].is_ascii_alphanumeric() && !text[at].eq_ignore_ascii_case(&other) {
            text[at] = other;
            return Secret::new(secret.name(), text);
        }
    }
}

#[test]
fn what_is_refused_before_the_body_is_read_would_be_refused_after() {
    let mut early = 0;
    for (seed, made, signed) in all() {
        let dice = &mut Dice::new(seed ^ 0xaaaa);
        let mut tries = changes(&made, &signed, dice);
        tries.push(("nothing".into(), signed));
        for (what, delivery) in tries {
            let head = Delivery {
                body: bytes::Bytes::new(),
                ..delivery.clone()
            };
            let checked = precheck(&made.scheme, &made.secrets, &head, made.now);
            if let Err(refused) = checked {
                early += 1;
                assert!(
                    check(&made, &delivery).is_err(),
                    "seed {seed}: {refused}, though {what} was changed: {}",
                    made.table
                );
            }
        }
    }
    assert!(early > SCHEMES / 2, "only {early} were refused early");
}

#[test]
fn the_explanation_agrees_and_keeps_every_secret() {
    let others = [Secret::new(
        "other",
        "another secret of this house, never to be shown",
    )];
    for (seed, made, signed) in all() {
        let dice = &mut Dice::new(seed ^ 0x5555);
        let mut tries = changes(&made, &signed, dice);
        tries.truncate(3);
        tries.push(("nothing".into(), signed.clone()));
        for (what, delivery) in tries {
            let outcome = check(&made, &delivery);
            let told = explain(
                &made.scheme,
                &made.secrets,
                &others,
                delivery.clone(),
                made.now,
            );
            match (&outcome, &told.outcome) {
                (Ok(verified), Ok(secret)) => assert_eq!(&verified.proof().secret, secret),
                (Err(one), Err(two)) if !made.scheme.signs_inflated() => assert_eq!(one, two),
                (Err(_), Err(_)) => {}
                _ => panic!(
                    "seed {seed}: {what}: {outcome:?} and {told:?}: {}",
                    made.table
                ),
            }
            let mut said: Vec<String> = told.steps.iter().map(|step| step.text.clone()).collect();
            said.extend(told.guesses.iter().cloned());
            said.extend(told.outcome.as_ref().err().map(ToString::to_string));
            said.push(format!("{told:?}"));
            let said = said.join("\n");
            // What would have been right for the delivery as it came.
            let expected = made.try_sign(delivery.clone());
            let expected = expected.as_ref().unwrap_or(&signed);
            for hidden in secret_texts(&made, &others, &[&signed, &delivery, expected]) {
                assert!(
                    !said.contains(&hidden),
                    "seed {seed}: {what}: `{hidden}` is told: {said}\n{}",
                    made.table
                );
            }
        }
    }
}

/// Everything that nobody may read: secrets as they are written and as other encodings write their
/// keys, and the proofs that were sent or would have been right.
fn secret_texts(made: &Made, others: &[Secret], deliveries: &[&Delivery]) -> Vec<String> {
    let mut found = Vec::new();
    for secret in made.secrets.iter().chain(others) {
        let text = String::from_utf8_lossy(secret.expose()).into_owned();
        let bare = text.strip_prefix("whsec_").unwrap_or(&text).to_owned();
        for key in porchlight_verify::encoding::KeyEncoding::Hex
            .key(bare.as_bytes(), "")
            .into_iter()
            .chain(porchlight_verify::encoding::KeyEncoding::Base64.key(bare.as_bytes(), ""))
            .chain([bare.clone().into_bytes()])
        {
            for encoding in ENCODINGS {
                found.push(encoding.encode(&key));
            }
        }
        found.extend([text, bare]);
    }
    for delivery in deliveries {
        for mark in &made.marks {
            let text = match mark {
                part::Mark::Header { name, .. } => delivery
                    .headers
                    .get(name.as_str())
                    .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()),
                part::Mark::Structured => delivery
                    .headers
                    .get("signature")
                    .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()),
                part::Mark::Query { .. } => form_urlencoded::parse(delivery.query.as_bytes())
                    .map(|(_, v)| v.into_owned())
                    .reduce(|a, b| format!("{a} {b}")),
                part::Mark::Json { pointer, .. } => {
                    serde_json::from_slice::<serde_json::Value>(&delivery.body)
                        .ok()
                        .and_then(|j| Some(j.pointer(pointer)?.as_str()?.to_owned()))
                }
            };
            for word in text.iter().flat_map(|text| {
                text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-".contains(c))
            }) {
                let word =
                    word.split_once('=').map_or(
                        word,
                        |(_, after)| if after.len() > 20 { after } else { word },
                    );
                if word.len() >= 24 {
                    found.push(word.to_owned());
                    for (from, to) in ENCODINGS.iter().flat_map(|a| ENCODINGS.map(|b| (*a, b))) {
                        found.extend(from.decode(word).map(|bytes| to.encode(&bytes)));
                    }
                }
            }
        }
    }
    found.retain(|text| text.len() >= 8);
    found
}

const ENCODINGS: [porchlight_verify::encoding::Encoding; 3] = [
    porchlight_verify::encoding::Encoding::Hex,
    porchlight_verify::encoding::Encoding::Base64,
    porchlight_verify::encoding::Encoding::Base64url,
];
