//! Bodies of every kind, honest and hostile, through the generic presets; keys and credentials.

use crate::house::{decoded, delivery, open, webhook};
use porchlight_core::Timestamp;
use porchlight_source::{DedupPolicy, Preset};
use porchlight_verify::sign;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

async fn check(preset: &str, content_type: &str, body: &[u8]) -> Result<(String, Value), String> {
    let headers = [("content-type", content_type)];
    let headers = if content_type.is_empty() {
        &headers[..0]
    } else {
        &headers[..]
    };
    let decoded = decoded(&open(preset), delivery(headers, "", body.to_vec()), NOW).await;
    let event = decoded.map_err(|unusable| unusable.to_string())?.event;
    let data = serde_json::from_slice(&event.data).unwrap();
    Ok((event.kind, data))
}

#[tokio::test]
async fn a_generic_webhook_reads_every_common_body() {
    let form = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=b";
    for (content_type, body, kind, data) in [
        (
            "application/json",
            r#"{"type":"Door.Opened"}"#,
            "porch.door.opened",
            json!({"type": "Door.Opened"}),
        ),
        (
            "",
            r#"{"event":"ring"}"#,
            "porch.ring",
            json!({"event": "ring"}),
        ),
        (
            "application/vnd.x+json",
            "[1]",
            "porch.received",
            json!([1]),
        ),
        ("text/plain", "hello", "porch.received", json!("hello")),
        (
            "text/plain; charset=utf-8",
            "{}",
            "porch.received",
            json!("{}"),
        ),
        (
            "application/xml",
            "<a>é</a>",
            "porch.received",
            json!({"a": "é"}),
        ),
        ("", "", "porch.received", json!(null)),
        (
            form,
            "a=1&b=x+y&a=%2B2&a=3",
            "porch.received",
            json!({"a": ["1", "+2", "3"], "b": "x y"}),
        ),
        (
            form,
            "type=bell&bad=%zz%",
            "porch.bell",
            json!({"type": "bell", "bad": "%zz%"}),
        ),
        (
            form,
            r#"{"type":"curl"}"#,
            "porch.curl",
            json!({"type": "curl"}),
        ),
        (form, "", "porch.received", json!({})),
        (
            multipart,
            "--b\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nbell\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../x.bin\"\r\n\r\n\x01\r\n--b--\r\n",
            "porch.bell",
            json!({"type": "bell"}),
        ),
    ] {
        assert_eq!(
            check("hmac", content_type, body.as_bytes()).await,
            Ok((kind.into(), data)),
            "{content_type} {body}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_unusable_and_nothing_panics() {
    let deep = [b"[".repeat(200_000), b"]".repeat(200_000)].concat();
    let parts =
        "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n".repeat(65) + "--b--\r\n";
    let fields = "a=1&".repeat(1001);
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=b";
    let cases: Vec<(&str, &str, &[u8])> = vec![
        ("xprotect", json, b""),
        ("xprotect", json, b" \r\n"),
        ("xprotect", json, b"{"),
        ("xprotect", json, b"\xff\xfe{\0}\0"),
        ("xprotect", json, b"{\"a\":\"\xc3\x28\"}"),
        ("xprotect", json, &deep),
        ("hmac", json, b""),
        ("hmac", json, b"{}{}"),
        ("hmac", "text/plain", b"\xff"),
        ("hmac", "image/jpeg", b"\xff\xd8\xff\xe0"),
        ("hmac", form, fields.as_bytes()),
        ("hmac", "multipart/form-data", b"--b--"),
        ("hmac", multipart, b""),
        ("hmac", multipart, b"no boundary in here"),
        (
            "hmac",
            multipart,
            b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nunfinished",
        ),
        (
            "hmac",
            multipart,
            b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\xff\r\n--b--\r\n",
        ),
        ("hmac", multipart, parts.as_bytes()),
        ("platerecognizer", form, b"jsn=1"),
        ("platerecognizer", form, b"json=%7B"),
        (
            "platerecognizer",
            multipart,
            b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b--\r\n",
        ),
        ("platerecognizer", json, b""),
    ];
    for (preset, content_type, body) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let outcome = check(preset, content_type, body).await;
        assert!(
            outcome.is_err(),
            "{preset} {content_type} {shown}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn hostile_values_are_data_and_never_break_an_event() {
    let long = format!(r#"{{"type":"{}"}}"#, "x.".repeat(50_000));
    for body in [
        r#"{"type":{"a":1},"time":1e999,"message":[[]]}"#,
        r#"{"type":"\u0000*. .**","time":"9999-99-99T99:99:99Z"}"#,
        r#"{"type":1e400,"event":-0.0}"#,
        r#"{"type":"\ud83d\ude00"}"#,
        r#"{"type":null,"event":""}"#,
        long.as_str(),
        "null",
        "\"text\"",
    ] {
        let decoded = decoded(&open("hmac"), delivery(&[], "", body.to_owned()), NOW)
            .await
            .unwrap();
        let kind = decoded.event.kind;
        assert!(kind.starts_with("porch.") && kind.len() <= 256, "{kind}");
        assert!(
            porchlight_core::Pattern::parse(&kind).is_ok_and(|p| p.is_literal()),
            "{kind}"
        );
    }
    for body in [
        r#"{"hook":{"event":"recognition"},"data":{"results":{"plate":1}}}"#,
        r#"{"hook":[],"data":{"results":[1,null,{"plate":7},{"plate":{"props":[]}},[]]}}"#,
        r#"{"hook":1e999,"data":[]}"#,
    ] {
        let decoded = decoded(
            &open("platerecognizer"),
            delivery(&[], "", body.to_owned()),
            NOW,
        )
        .await
        .unwrap();
        assert_eq!(decoded.event.facts["plates"], json!([]).clone(), "{body}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_taken_off_the_data_and_stays_in_the_hash() {
    let hook = open("connectit");
    let plain = decoded(&hook, delivery(&[], "", &b"{\"type\":\"a\"}"[..]), NOW)
        .await
        .unwrap()
        .event;
    let marked = decoded(
        &hook,
        delivery(&[], "", &b"\xef\xbb\xbf{\"type\":\"a\"}"[..]),
        NOW,
    )
    .await
    .unwrap()
    .event;
    assert_eq!((&plain.data, &plain.kind), (&marked.data, &marked.kind));
    assert_ne!(plain.dedup_key, marked.dedup_key);
}

#[tokio::test]
async fn credentials_do_not_stand_on_the_event() {
    let headers = [
        ("X-Token", "hunter2"),
        ("Cookie", "a=hunter2"),
        ("Proxy-Authorization", "hunter2"),
        ("X-Seen", "yes"),
        ("X-Seen", "twice"),
    ];
    let request = delivery(&headers, "a=1&%74oken=hunter2&b=2", "{}");
    let hook = webhook("token", "hunter2");
    let event = decoded(&hook, request, NOW).await.unwrap().event;
    assert!(!format!("{event:?}").contains("hunter2"));
    assert_eq!(event.query, "a=1&b=2");
    assert_eq!(event.peer, "192.0.2.7");
    assert_eq!(
        event.headers,
        [
            ("x-seen".into(), "yes".into()),
            ("x-seen".into(), "twice".into())
        ]
    );
    assert_eq!(event.verified.secret.as_deref(), Some("secret"));
}

#[tokio::test]
async fn headers_on_the_event_are_capped() {
    let long = "x".repeat(6000);
    let headers = [
        ("a", long.as_str()),
        ("b", &long),
        ("c", &long),
        ("d", &long),
    ];
    let event = decoded(&open("hmac"), delivery(&headers, "", "{}"), NOW)
        .await
        .unwrap()
        .event;
    assert_eq!(event.headers.len(), 2);
}

#[tokio::test]
async fn an_id_outside_the_signature_never_makes_an_event_new() {
    let hook = webhook("github", "s");
    let mut keys = Vec::new();
    for id in ["one", "two"] {
        let mut request = delivery(
            &[("x-github-event", "push"), ("x-github-delivery", id)],
            "",
            "{}",
        );
        let signed = sign(&hook.preset.scheme, &hook.secrets[0], &request, id, NOW).unwrap();
        let signature = &signed
            .iter()
            .find(|(name, _)| name == "x-hub-signature-256")
            .unwrap()
            .1;
        request
            .headers
            .insert("x-hub-signature-256", signature.parse().unwrap());
        let decoded = decoded(&hook, request, NOW).await.unwrap();
        assert_eq!(decoded.event.kind, "github.push");
        keys.push(decoded.claim.unwrap().key);
    }
    assert_eq!(keys[0], keys[1]);
    assert!(keys[0].starts_with("porch\nsha256:"), "{}", keys[0]);
}

#[tokio::test]
async fn a_button_that_always_sends_the_same_is_never_a_duplicate() {
    let token = delivery(&[("authorization", "Bearer s")], "", "");
    let decoded = decoded(&webhook("token", "s"), token, NOW).await.unwrap();
    assert_eq!(decoded.claim, None);
    assert_eq!(Preset::named("token").unwrap().dedup, DedupPolicy::Off);
}
