//! What is kept of deliveries that became no event, and what scripts hear of them.

use super::house::{House, post, secret};
use porchlight_core::Secret;
use porchlight_journal::{Filter, NewRefusal};
use porchlight_source::{Preset, Webhook};
use std::time::Duration;

/// The records, oldest first.
async fn records(house: &House) -> Vec<NewRefusal> {
    let reader = house.records().await;
    let mut records = reader.refusals(&Filter::default()).unwrap();
    records.reverse();
    records.into_iter().map(|record| record.content).collect()
}

#[tokio::test]
async fn a_refused_delivery_is_recorded_with_its_reason() {
    let house = House::open().await;
    house.send(&post("/webhook/gate", "", "{}")).await;
    house.send(&house.signed("{\"a\": ")).await;
    house
        .send(&post("/webhook/open", "origin: null\r\n", "{}"))
        .await;
    let found: Vec<(String, u16, String, bool)> = records(&house)
        .await
        .into_iter()
        .map(|r| {
            (
                r.webhook,
                r.status,
                r.code.into_owned(),
                r.reason.is_empty(),
            )
        })
        .collect();
    let expected = [
        ("gate", 401, "missing"),
        ("gate", 400, "unusable"),
        ("open", 403, "browser"),
    ];
    let expected = expected.map(|(w, s, c)| (w.to_owned(), s, c.to_owned(), false));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_repetition_is_recorded_with_the_event_and_what_was_the_same() {
    let standard = Preset::named("standard-webhooks").unwrap().clone();
    let key = Secret::new("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let hooks = vec![
        Webhook::new(
            "gate",
            Preset::named("hmac").unwrap().clone(),
            vec![secret()],
        ),
        Webhook::new("standard", standard, vec![key]),
    ];
    let house = House::furnish(super::house::limits(), hooks).await;
    let request = house.signed(r#"{"n":1}"#);
    house.send(&request).await;
    let answer = house.send(&request).await;
    assert_eq!(answer.json()["by"], "content");

    house.set_clock(porchlight_core::Timestamp(1_780_000_000_000));
    let signed = "webhook-id: msg_s\r\nwebhook-timestamp: 1780000000\r\nwebhook-signature: v1,1erJvG/8FAiRimJ1aWX79TX7/RhnA6Cghmp4HYo9+ZA=\r\n";
    let request = post("/webhook/standard", signed, r#"{"action":"opened","n":1}"#);
    assert_eq!(house.send(&request).await.status, 200);
    let answer = house.send(&request).await;
    assert_eq!(answer.body, r#"{"event":2,"duplicate":true,"by":"id"}"#);

    let records = records(&house).await;
    let found: Vec<(&str, Option<u64>)> = records
        .iter()
        .map(|record| (record.reason.as_str(), record.duplicate_of))
        .collect();
    assert_eq!(
        found,
        [
            ("duplicate of event 1 by the same signed content", Some(1)),
            ("duplicate of event 2 by delivery id `msg_s`", Some(2)),
        ]
    );
    assert!(
        records
            .iter()
            .all(|record| record.code == "duplicate" && record.status == 200)
    );
    assert_eq!(house.receiver.refusals(), [], "a repetition is no refusal");
}

#[tokio::test]
async fn a_button_that_sends_the_same_signed_bytes_works_again_after_ten_minutes() {
    let house = House::open().await;
    let start = porchlight_core::Timestamp(1_780_000_000_000);
    house.set_clock(start);
    let request = house.signed(r#"{"button":"pressed"}"#);
    for (minutes, duplicate) in [(0, false), (9, true), (11, false), (20, true)] {
        house.set_clock(start.after(Duration::from_secs(minutes * 60)));
        let answer = house.send(&request).await;
        assert_eq!(
            answer.json()["duplicate"].is_boolean(),
            duplicate,
            "{minutes}"
        );
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_one_event_and_few_records() {
    let mut house = House::open().await;
    let mut line = house.connect().await;
    let refused =
        "POST /webhook/gate HTTP/1.1\r\nhost: h\r\nx-signature: 00\r\ncontent-length: 0\r\n\r\n";
    line.write(refused).await;
    line.read_answer().await;
    let event = house.next_event().await;
    assert_eq!(
        (
            event.kind.as_str(),
            event.source.as_str(),
            event.verified.scheme.as_str()
        ),
        ("porchlight.webhook.refused", "porchlight", "host")
    );
    let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
    assert_eq!(
        (
            &data["webhook"],
            &data["code"],
            &data["status"],
            &data["peer"],
            &data["count"]
        ),
        (
            &"gate".into(),
            &"mismatch".into(),
            &401.into(),
            &"127.0.0.1".into(),
            &1.into()
        )
    );
    assert!(
        data["reason"]
            .as_str()
            .unwrap()
            .starts_with("proof failed: ")
    );
    for _ in 0..300 {
        house
            .send(
                refused
                    .replace("host: h", "host: h\r\nconnection: close")
                    .as_bytes(),
            )
            .await;
    }
    house.send(&house.signed("1")).await;
    assert_eq!(
        house.next_event().await.source,
        "gate",
        "no second event within a minute"
    );
    let records = house.records().await;
    let all = Filter {
        limit: 10_000,
        ..Filter::default()
    };
    let kept = records.refusals(&all).unwrap();
    let told: u64 = kept.iter().map(|record| record.unsaid + 1).sum();
    assert!((120..300).contains(&kept.len()), "{}", kept.len());
    assert!(told <= 301, "{told}");
    assert_eq!(house.receiver.counts().refused, 301);
}

#[tokio::test]
async fn no_webhook_can_make_an_event_of_the_host() {
    let mut webhook = Webhook::new(
        "porchlight",
        Preset::named("hmac").unwrap().clone(),
        vec![secret()],
    );
    webhook.guards.rate_per_address = porchlight_source::AddressRate::Off;
    let mut house = House::furnish(super::house::limits(), vec![webhook]).await;
    let body = r#"{"type":"webhook.refused"}"#;
    let headers = house.proof(body);
    let request = post("/webhook/porchlight", &headers, body);
    assert_eq!(house.send(&request).await.status, 200);
    let event = house.next_event().await;
    assert_eq!(event.kind, "webhook.porchlight.webhook.refused");
    assert_eq!(event.verified.scheme, "hmac");
}

#[tokio::test]
async fn each_secret_tells_when_it_was_last_used() {
    let hook = Webhook::new(
        "gate",
        Preset::named("hmac").unwrap().clone(),
        vec![Secret::new("old", "another word"), secret()],
    );
    let house = House::furnish(super::house::limits(), vec![hook]).await;
    assert_eq!(house.receiver.secret_uses(), []);
    let start = porchlight_core::Timestamp(1_780_000_000_000);
    for (second, body) in [(0, "1"), (10, "2"), (20, "2")] {
        house.set_clock(start.after(Duration::from_secs(second)));
        house.send(&house.signed(body)).await;
    }
    let uses = house.receiver.secret_uses();
    let found: Vec<(&str, &str, i64)> = uses
        .iter()
        .map(|used| {
            (
                used.webhook.as_str(),
                used.secret.as_str(),
                used.at.0 - start.0,
            )
        })
        .collect();
    assert_eq!(found, [("gate", "secret", 20_000)], "also by a repetition");
    let stored = house.records().await.secret_uses().unwrap();
    assert_eq!(stored[0].at, start, "once a minute, with an event");
}
