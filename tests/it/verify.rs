//! `porchlight verify`: captured requests and the mistakes that people make, each named.

use super::house::{House, hmac_hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const SECRET: &str = "one-secret-that-is-long-enough";
const OTHER: &str = "another-secret-of-another-webhook";
const BODY: &str = "{\"type\":\"opened\",\"door\":\"K\u{fc}che\"}";

fn config() -> String {
    format!(
        r#"
[webhook.gate]
preset = "hmac"
secret = "{SECRET}"

[webhook.street]
preset = "hmac"
secret = "{OTHER}"

[webhook.timed]
scheme = "timed"
secret = "{SECRET}"

[scheme.timed]
proof = "mac"
signature = {{ header = "X-Signature", encoding = "hex" }}
timestamp = {{ header = "X-Time" }}
signed = "{{timestamp}}.{{body}}"
"#
    )
}

/// A capture with these headers; its length is that of the body.
fn capture(webhook: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("POST /webhook/{webhook} HTTP/1.1\r\nHost: porch\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

/// What is said about a capture, and whether it passed.
fn explained(house: &House, capture: &str, more: &[&str]) -> (bool, String) {
    let file = house.path().join("captured.http");
    std::fs::write(&file, capture).expect("written");
    let file = file.to_string_lossy().into_owned();
    let mut args = vec!["verify", file.as_str()];
    args.extend(more);
    let output = house.porchlight(&args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    for hidden in [
        SECRET,
        OTHER,
        &hmac_hex(SECRET, BODY.as_bytes()),
        &STANDARD.encode(hex::decode(hmac_hex(SECRET, BODY.as_bytes())).expect("hex")),
    ] {
        assert!(!said.contains(hidden), "{said}");
    }
    (output.status.success(), said)
}

#[test]
fn a_genuine_request_is_explained_step_by_step() {
    let house = House::furnish(&config(), &[]);
    let mac = hmac_hex(SECRET, BODY.as_bytes());
    let (passed, said) = explained(
        &house,
        &capture("gate", &[("X-Signature", &mac)], BODY),
        &[],
    );
    assert!(passed, "{said}");
    for part in [
        "found in header x-signature: 64 characters, read as hex, 32 bytes",
        &format!("{{body}} = {} bytes", BODY.len()),
        "`secret`, a key of 30 bytes (utf8): fits",
        "genuine, by `secret`",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn each_usual_mistake_is_named() {
    let house = House::furnish(&config(), &[]);
    let mac = |body: &str| hmac_hex(SECRET, body.as_bytes());
    let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode(hex::decode(mac(BODY)).expect("hex"));
    let spaced = "{\"type\": \"opened\", \"door\": \"K\u{fc}che\"}";
    let escaped = "{\"type\":\"opened\",\"door\":\"K\\u00fcche\"}";
    for (headers, body, expected) in [
        (
            vec![("X-Signature", url_safe)],
            BODY.to_owned(),
            "written as base64url",
        ),
        (
            vec![("X-Sig", mac(BODY))],
            BODY.to_owned(),
            "stands in header x-sig",
        ),
        (
            vec![("X-Signature", mac(BODY))],
            format!("{BODY}\n"),
            "a line end were added",
        ),
        (
            vec![("X-Signature", mac(&format!("{BODY}\n")))],
            BODY.to_owned(),
            "the line end at its end was taken off",
        ),
        (
            vec![("X-Signature", mac("{\n}"))],
            "{\r\n}".to_owned(),
            "its line ends became CR LF",
        ),
        (
            vec![("X-Signature", mac(spaced))],
            BODY.to_owned(),
            "parsed and written anew",
        ),
        (
            vec![("X-Signature", mac(escaped))],
            BODY.to_owned(),
            "parsed and written anew",
        ),
        (
            vec![("X-Signature", hmac_hex(OTHER, BODY.as_bytes()))],
            BODY.to_owned(),
            "another secret of this configuration: `secret` of [webhook.street]",
        ),
        (
            vec![("X-Signature", hmac_hex("", BODY.as_bytes()))],
            BODY.to_owned(),
            "signed with an empty secret",
        ),
        (
            vec![(
                "X-Signature",
                hmac_hex(&format!("{SECRET}\n"), BODY.as_bytes()),
            )],
            BODY.to_owned(),
            "ends with a blank or a line end",
        ),
        (
            vec![("X-Signature", hmac_hex("somebody else", BODY.as_bytes()))],
            BODY.to_owned(),
            "no small change explains it",
        ),
    ] {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let (passed, said) = explained(&house, &capture("gate", &headers, &body), &[]);
        assert!(!passed && said.contains("refused with 401"), "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn a_clock_that_is_off_is_measured_and_at_judges_as_of_then() {
    let house = House::furnish(&config(), &[]);
    let time = "1780000000"; // 2026-05-28T20:26:40Z
    let mac = hmac_hex(SECRET, format!("{time}.{BODY}").as_bytes());
    let request = capture("timed", &[("X-Signature", &mac), ("X-Time", time)], BODY);
    let (passed, said) = explained(&house, &request, &["--at", "2026-05-28T20:33:20Z"]);
    assert!(!passed && said.contains("(400 s) old"), "{said}");
    assert!(said.contains("it would have passed"), "{said}");
    let (passed, said) = explained(&house, &request, &["--at", "2026-05-28T20:26:41Z"]);
    assert!(
        passed && said.contains("{timestamp}.{body} = 10 + 1 + "),
        "{said}"
    );

    // Signed without the time: the template is guessed.
    let mac = hmac_hex(SECRET, BODY.as_bytes());
    let request = capture("timed", &[("X-Signature", &mac), ("X-Time", time)], BODY);
    let (_, said) = explained(&house, &request, &["--at", "2026-05-28T20:26:41Z"]);
    assert!(said.contains("the sender signs `{body}`"), "{said}");
}

#[test]
fn a_capture_that_was_cut_off_is_said_to_be() {
    let house = House::furnish(&config(), &[]);
    let mac = hmac_hex(SECRET, BODY.as_bytes());
    let whole = capture("gate", &[("X-Signature", &mac)], BODY);
    let (passed, said) = explained(&house, &whole[..whole.len() - 2], &[]);
    assert!(
        !passed && said.contains("the capture is incomplete"),
        "{said}"
    );
    let (_, said) = explained(&house, "POST /webhook/gate HTTP/1.1", &[]);
    assert!(said.contains("no blank line ends the head"), "{said}");
    let (_, said) = explained(&house, &capture("nobody", &[], BODY), &[]);
    assert!(said.contains("--webhook NAME"), "{said}");
}

#[test]
fn the_same_reason_stands_in_log_and_record_and_the_sender_learns_nothing() {
    let house = House::start(&config(), &[]);
    let mac = hmac_hex(OTHER, format!("{BODY}\n").as_bytes());
    let wrong = hmac_hex(SECRET, format!("{BODY}\n").as_bytes());
    let post = |mac: &str| {
        house.send(&super::http::request(
            "/webhook/gate",
            &[("X-Signature", mac)],
            BODY.as_bytes(),
        ))
    };
    let first = post(&wrong);
    assert_eq!(
        (first.status, first.body.as_str()),
        (401, r#"{"error":"proof failed"}"#)
    );
    assert_eq!(post(&mac).body, first.body);
    let refused = super::house::eventually("the refusal is on record", || {
        let lines = house.json_lines(&["events", "--refused", "--json"]);
        lines.first().cloned()
    });
    let reason = refused["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("perhaps the body was changed after it was signed"),
        "{reason}"
    );
    assert!(
        !reason.contains(SECRET) && !reason.contains(&wrong),
        "{reason}"
    );
}

#[test]
fn vectors_are_run_and_each_disagreement_is_a_line() {
    let house = House::furnish(&config(), &[]);
    let vectors = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../verify/tests/vectors/signatures.json"
    );
    let output = house.porchlight(&["verify", "--vectors", vectors]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.trim(), "446 passed, 0 failed");

    let text = std::fs::read_to_string(vectors).expect("vectors");
    let mut file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    file["vectors"][0]["expect"] = "reject".into();
    let changed = house.path().join("changed.json");
    std::fs::write(&changed, file.to_string()).expect("written");
    let output = house.porchlight(&["verify", "--vectors", &changed.to_string_lossy()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let name = file["vectors"][0]["name"].as_str().expect("a name");
    assert!(
        said.contains(name) && said.contains("445 passed, 1 failed"),
        "{said}"
    );
}
