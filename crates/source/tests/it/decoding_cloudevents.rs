//! CloudEvents 1.0 in its three modes, and what is no CloudEvent.

use crate::house::{all_decoded, delivery, open, webhook};
use porchlight_core::{NewEvent, Timestamp};
use porchlight_source::{Decoded, Webhook};
use porchlight_verify::sign;
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";
const BATCH: &str = "application/cloudevents-batch+json";

async fn read(headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<Decoded>, String> {
    let hook = open("cloudevents");
    let outcome = all_decoded(&hook, delivery(headers, "", body.to_vec()), NOW);
    outcome
        .await
        .map_err(|unusable| format!("{} {unusable}", unusable.status().as_u16()))
}

async fn one(headers: &[(&str, &str)], body: &[u8]) -> Result<NewEvent, String> {
    let mut events = read(headers, body).await?;
    assert_eq!(events.len(), 1);
    Ok(events.remove(0).event)
}

fn data(event: &NewEvent) -> Value {
    serde_json::from_slice(&event.data).unwrap()
}

fn required(more: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"7","source":"/s","type":"com.Example.DoorOpened"{more}}}"#
    )
}

#[tokio::test]
async fn a_structured_event_is_its_data_with_its_attributes_as_facts() {
    let body = required(
        r#","subject":"front","time":"2026-03-01T10:00:00.5+01:00","datacontenttype":"application/json","ext":5,"data":{"message":"hi","n":1e400}"#,
    );
    let event = one(&[("content-type", STRUCTURED)], body.as_bytes())
        .await
        .unwrap();
    assert_eq!(event.kind, "cloudevents.com.example.door_opened");
    assert_eq!(event.subject.as_deref(), Some("front"));
    assert_eq!(event.time, "2026-03-01T09:00:00.5Z");
    assert_eq!(event.dedup_key, "/s 7");
    assert_eq!(&event.data[..], br#"{"message":"hi","n":1e400}"#);
    assert_eq!(event.facts["message"], json!("hi"));
    assert_eq!(
        event.facts["cloudevent"],
        json!({"specversion": "1.0", "id": "7", "source": "/s", "type": "com.Example.DoorOpened",
            "subject": "front", "time": "2026-03-01T10:00:00.5+01:00",
            "datacontenttype": "application/json", "ext": 5})
    );
}

#[tokio::test]
async fn data_is_read_by_its_own_type() {
    for (more, expected, file) in [
        ("", json!(null), None),
        (r#","data":null"#, json!(null), None),
        (r#","data":"text""#, json!("text"), None),
        (
            r#","data_base64":"eyJhIjoxfQ==","datacontenttype":"application/json""#,
            json!({"a": 1}),
            None,
        ),
        (
            r#","data_base64":"aGk=","datacontenttype":"text/plain""#,
            json!("hi"),
            None,
        ),
        (r#","data_base64":"aGk=""#, json!("hi"), None),
        (
            r#","data_base64":"/9j/","datacontenttype":"image/jpeg""#,
            json!(null),
            Some("image/jpeg"),
        ),
        (
            r#","data":"<a>1</a>","datacontenttype":"application/xml""#,
            json!({"a": "1"}),
            None,
        ),
        (
            r#","data_base64":"PGE+MTwvYT4=","datacontenttype":"text/xml""#,
            json!({"a": "1"}),
            None,
        ),
    ] {
        let event = one(&[("content-type", STRUCTURED)], required(more).as_bytes()).await;
        let event = event.unwrap_or_else(|error| panic!("{more}: {error}"));
        assert_eq!(data(&event), expected, "{more}");
        let types = event
            .attachments
            .iter()
            .map(|file| file.content_type.as_str());
        assert_eq!(types.collect::<Vec<_>>(), Vec::from_iter(file), "{more}");
    }
}

#[tokio::test]
async fn a_binary_event_has_its_attributes_in_headers() {
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/s"),
        ("ce-type", "door.opened"),
        ("ce-subject", "T%C3%BCr%20%E2%82%AC"),
        ("ce-note", "\"a \\\"b\\\" c\""),
    ];
    let event = one(&headers, br#"{"message":"hi"}"#).await.unwrap();
    assert_eq!(event.kind, "cloudevents.door.opened");
    assert_eq!(event.subject.as_deref(), Some("Tür €"));
    assert_eq!(event.facts["cloudevent"]["note"], json!("a \"b\" c"));
    assert_eq!(
        event.facts["cloudevent"]["datacontenttype"],
        json!("application/json")
    );
    assert_eq!(data(&event), json!({"message": "hi"}));

    let mut jpeg = headers;
    jpeg[0].1 = "image/jpeg";
    let event = one(&jpeg, b"\xff\xd8\xff").await.unwrap();
    assert_eq!((data(&event), event.attachments.len()), (json!(null), 1));
    assert_eq!(data(&one(&headers[1..], b"").await.unwrap()), json!(null));

    for bad in [("ce-subject", "%FF"), ("ce-id", "8"), ("ce-note", "%0A")] {
        let mut headers = headers.to_vec();
        if bad.0 != "ce-id" {
            headers.retain(|(name, _)| *name != bad.0);
        }
        headers.push(bad);
        let error = one(&headers, b"{}").await.unwrap_err();
        assert!(error.starts_with("400"), "{bad:?}: {error}");
    }
}

#[tokio::test]
async fn a_batch_is_as_many_events_as_it_holds() {
    let batch = |ids: &[u32]| {
        let events = ids.iter().map(|id| {
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{id}}}"#)
        });
        format!("[{}]", events.collect::<Vec<_>>().join(", "))
    };
    let headers = [("content-type", BATCH)];
    let events = read(&headers, batch(&[1, 2, 3]).as_bytes()).await.unwrap();
    let keys: Vec<&str> = events
        .iter()
        .map(|one| one.event.dedup_key.as_str())
        .collect();
    assert_eq!(keys, ["/s 1", "/s 2", "/s 3"]);
    assert_eq!(&events[2].event.data[..], b"3");
    assert!(read(&headers, b"[]").await.unwrap().is_empty());

    let thousand: Vec<u32> = (0..1001).collect();
    assert_eq!(
        read(&headers, batch(&thousand[1..]).as_bytes())
            .await
            .unwrap()
            .len(),
        1000
    );
    let error = read(&headers, batch(&thousand).as_bytes())
        .await
        .unwrap_err();
    assert!(error.starts_with("413"), "{error}");

    let one_bad = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"id":"2"}]"#;
    let error = read(&headers, one_bad.as_bytes()).await.unwrap_err();
    assert!(error.contains("event 2 of the batch"), "{error}");
    for bad in ["{}", "[1]", "[", "[null]", ""] {
        assert!(read(&headers, bad.as_bytes()).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn what_is_no_cloud_event_of_version_one_is_refused() {
    for (content_type, body, because) in [
        ("application/json", required(""), "no CloudEvent"),
        ("", required(""), "no CloudEvent"),
        ("application/cloudevents+xml", required(""), "415"),
        (STRUCTURED, required("").replace("1.0", "0.3"), "version"),
        (
            STRUCTURED,
            required("").replace("\"id\":\"7\",", ""),
            "no id",
        ),
        (STRUCTURED, required("").replace("\"7\"", "\" \""), "no id"),
        (STRUCTURED, required("").replace("\"7\"", "7"), "no id"),
        (STRUCTURED, required("").replace("/s", ""), "no source"),
        (
            STRUCTURED,
            required("").replace("com.Example.DoorOpened", ""),
            "no type",
        ),
        (STRUCTURED, required(r#","id":"8""#), "twice"),
        (
            STRUCTURED,
            required(r#","data":1,"data_base64":"aGk=""#),
            "both",
        ),
        (STRUCTURED, required(r#","data_base64":"!""#), "base64"),
        (STRUCTURED, required(r#","data_base64":5"#), "no text"),
        (STRUCTURED, required(r#","subject":"a\nb""#), "control"),
        (STRUCTURED, "[]".to_owned(), "JSON"),
        (STRUCTURED, String::new(), "JSON"),
    ] {
        let error = one(&[("content-type", content_type)], body.as_bytes()).await;
        let error = error.unwrap_err();
        assert!(error.contains(because), "{body}: {error}");
    }
    let twice = [
        ("content-type", STRUCTURED),
        ("content-type", "application/json"),
    ];
    assert!(one(&twice, required("").as_bytes()).await.is_err());
}

/// A webhook for CloudEvents whose body is signed.
fn signed() -> Webhook {
    let mut hook = webhook("hmac", "secret");
    let changed = "body = \"cloudevents\"\ndedup = \"id\"".parse().unwrap();
    hook.preset = Arc::new(hook.preset.with(&changed).unwrap());
    hook
}

#[tokio::test]
async fn headers_beside_a_signed_body_never_make_an_event_new() {
    let hook = signed();
    let mut keys = Vec::new();
    for id in ["1", "2"] {
        let headers = [
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-source", "/s"),
            ("ce-type", "t"),
        ];
        let mut request = delivery(&headers, "", "{}");
        for (name, value) in sign(&hook.preset.scheme, &hook.secrets[0], &request, id, NOW).unwrap()
        {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers.insert(name, value.parse().unwrap());
        }
        let events = all_decoded(&hook, request, NOW).await.unwrap();
        keys.push(events[0].event.dedup_key.clone());
    }
    assert_eq!(keys[0], keys[1]);
    assert!(keys[0].starts_with("sha256:"), "{}", keys[0]);
}
