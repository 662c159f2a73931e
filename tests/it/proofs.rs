//! How senders prove themselves, from the configuration to the script: schemes of one's own,
//! secrets that change, handshakes, certificates' cousins.

use super::house::{House, eventually, hmac_hex};
use super::http::request;

const BODY: &str = r#"{"type":"opened"}"#;

fn post(house: &House, webhook: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let path = format!("/webhook/{webhook}");
    house.send(&request(&path, headers, body.as_bytes())).status
}

#[test]
fn a_scheme_from_scratch_combines_a_token_with_a_signature_and_wants_both() {
    let config = r#"
[webhook.gate]
scheme = "both"
secrets = [
    { name = "token", value = "a-token-of-more-than-16-bytes" },
    { name = "key", value = "a-key-of-more-than-16-bytes" },
]

[scheme.both]
proof = "all"
[[scheme.both.all]]
proof = "token"
secret = "token"
token = { header = "X-Token" }
[[scheme.both.all]]
proof = "mac"
secret = "key"
signature = { header = "X-Sign", encoding = "hex" }
"#;
    let house = House::start(config, &[]);
    let token = ("X-Token", "a-token-of-more-than-16-bytes");
    let right = hmac_hex("a-key-of-more-than-16-bytes", BODY.as_bytes());
    let crossed = hmac_hex("a-token-of-more-than-16-bytes", BODY.as_bytes());
    assert_eq!(post(&house, "gate", &[token], BODY), 401);
    assert_eq!(post(&house, "gate", &[("X-Sign", &right)], BODY), 401);
    assert_eq!(
        post(&house, "gate", &[token, ("X-Sign", &crossed)], BODY),
        401
    );
    assert_eq!(
        post(&house, "gate", &[token, ("X-Sign", &right)], BODY),
        200
    );

    // One secret for both would make two proofs one.
    let shared = config
        .replace("name = \"token\", ", "")
        .replace("secret = \"token\"", "");
    let shared = shared
        .replace("name = \"key\", ", "")
        .replace("secret = \"key\"", "");
    let output = House::furnish(&shared, &[]).porchlight(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("would serve more than one proof"), "{said}");
}

#[test]
fn a_secret_that_has_ended_proves_nothing_and_check_tells_which_is_in_use() {
    let config = r#"
[webhook.gate]
preset = "hmac"
secrets = [
    { name = "2026", value = "the-secret-of-this-year" },
    { name = "2020", value = "the-secret-of-years-ago", until = 2021-01-01 },
]
"#;
    let house = House::start(config, &[]);
    let sign = |secret: &str| hmac_hex(secret, BODY.as_bytes());
    assert_eq!(
        post(
            &house,
            "gate",
            &[("X-Signature", &sign("the-secret-of-years-ago"))],
            BODY
        ),
        401
    );
    assert_eq!(
        post(
            &house,
            "gate",
            &[("X-Signature", &sign("the-secret-of-this-year"))],
            BODY
        ),
        200
    );
    let events = house.events();
    assert_eq!(events.len(), 1);
    eventually("the use is on record", || {
        let output = house.porchlight(&["check"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = said.contains("`2026` last used 20") && said.contains("`2020` never used");
        let warned = String::from_utf8_lossy(&output.stderr).contains("`2020` ended at 2021-01-01");
        (told && warned).then_some(())
    });
}

#[test]
fn a_handshake_is_answered_and_makes_no_event() {
    let config = r#"
[webhook.meta]
preset = "meta"
secret = "the-app-secret-of-the-app"
verify_token = "meatyhamhock"

[webhook.slack]
preset = "slack"
secret = "the-signing-secret-of-slack"
"#;
    let house = House::start(config, &[]);
    let subscribe = |token: &str| {
        let path = format!(
            "/webhook/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"
        );
        let text = format!("GET {path} HTTP/1.1\r\nhost: porch\r\nconnection: close\r\n\r\n");
        house.send(text.as_bytes())
    };
    let answer = subscribe("meatyhamhock");
    assert_eq!((answer.status, answer.body.as_str()), (200, "1158201444"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let refused = subscribe("guess");
    assert_eq!(refused.status, 403);
    assert!(!refused.body.contains("1158201444"));
    // Nothing is echoed to one who cannot sign.
    let forged = r#"{"type":"url_verification","challenge":"echo"}"#;
    let answer = house.send(&request("/webhook/slack", &[], forged.as_bytes()));
    assert!(
        answer.status == 401 && !answer.body.contains("echo"),
        "{answer:?}"
    );
    assert!(house.events().is_empty());
}

#[test]
fn check_says_in_a_line_what_each_proof_covers_and_warns_of_what_is_weak() {
    let config = r#"
[server]
listen = "0.0.0.0:0"

[webhook.gate]
preset = "standard-webhooks"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[webhook.bell]
preset = "token"
secret = "short"

[webhook.lamp]
preset = "intercom"
secret = "a-client-secret-of-the-app"

[webhook.open]
preset = "hmac"
proof = "none"
"#;
    let output = House::furnish(config, &[]).porchlight(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{warned}");
    for line in [
        "webhook gate: hmac-sha256 in header webhook-signature; covers body, time (at most 5m old), id; not peer",
        "covers nothing; not body",
        "webhook open: no proof: everybody who knows the address is believed",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    for warning in [
        "[webhook.bell]: `secret` has 5 bytes; fewer than 16 can be guessed",
        "[webhook.lamp]: HMAC-SHA1 is sound, but old",
        "plain HTTP at 0.0.0.0:0 shows tokens and passwords",
    ] {
        assert!(warned.contains(warning), "{warning}\n{warned}");
    }
}
