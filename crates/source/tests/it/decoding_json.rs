//! JSON bodies: every way in which two readers could see two different things has a decided answer.

use crate::house::{decoded, delivery, open};
use porchlight_core::{NewEvent, Timestamp};
use serde_json::json;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

async fn read(preset: &str, content_type: &str, body: &[u8]) -> Result<NewEvent, String> {
    let headers = [("content-type", content_type)];
    let outcome = decoded(&open(preset), delivery(&headers, "", body.to_vec()), NOW).await;
    outcome
        .map(|decoded| decoded.event)
        .map_err(|unusable| format!("{} {unusable}", unusable.status().as_u16()))
}

/// The same answer, whether the preset expects JSON or takes anything.
async fn refused(body: &[u8], because: &str) {
    for (preset, content_type) in [
        ("xprotect", "text/plain"),
        ("hmac", "application/json"),
        ("platerecognizer", "application/json"),
        ("hikvision", "application/json"),
    ] {
        let error = read(preset, content_type, body).await.unwrap_err();
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert!(
            error.starts_with("400 ") && error.contains(because),
            "{preset} {shown}: {error}"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_there_twice_is_refused_wherever_it_is() {
    for body in [
        r#"{"type":"a","type":"b"}"#,
        r#"{"type":"a","\u0074ype":"b"}"#,
        r#"{"x":{"y":[1,{"z":0,"z":0}]}}"#,
    ] {
        refused(body.as_bytes(), "twice").await;
    }
    let error = read("hmac", "", br#"{"a":1,"a":2}"#).await.unwrap_err();
    assert!(error.contains("twice"), "not taken as a text: {error}");
}

#[tokio::test]
async fn nesting_deeper_than_sixty_four_is_refused() {
    for depth in [65, 129, 100_000] {
        let body = [b"[".repeat(depth), b"]".repeat(depth)].concat();
        refused(&body, "nested").await;
    }
    let body = [b"[".repeat(64), b"]".repeat(64)].concat();
    assert!(read("hmac", "application/json", &body).await.is_ok());
}

#[tokio::test]
async fn what_is_broken_empty_or_goes_on_is_refused() {
    for body in [
        &b"{"[..],
        b"{}x",
        b"{}{}",
        b"{}\0",
        b"{\"a\":\"\n\"}",
        b"[1,]",
    ] {
        refused(body, "not JSON").await;
    }
    let error = read("xprotect", "application/json", b"  ")
        .await
        .unwrap_err();
    assert!(error.contains("empty"), "{error}");
}

#[tokio::test]
async fn a_byte_order_mark_is_taken_off_and_utf_16_is_refused() {
    let event = read("hmac", "application/json", b"\xef\xbb\xbf{\"type\":\"a\"}").await;
    assert_eq!(&event.unwrap().data[..], br#"{"type":"a"}"#);
    refused(b"\xff\xfe{\0}\0", "not UTF-8").await;
    refused(b"\xc3\x28", "not UTF-8").await;
    refused(b"{\"a\":\"\xff\"}", "not UTF-8").await;
}

#[tokio::test]
async fn half_of_a_surrogate_pair_is_refused_and_a_null_character_is_kept() {
    refused(br#"{"message":"cut \ud83d"}"#, "surrogate").await;
    refused(br#"{"\ude00":1}"#, "surrogate").await;
    let event = read("hmac", "application/json", br#"{"message":"a\u0000b"}"#).await;
    assert_eq!(event.unwrap().facts["message"], json!("a\0b"));
}

#[tokio::test]
async fn numbers_reach_data_and_facts_exactly() {
    for (number, fact) in [
        ("19.5", json!(19.5)),
        ("9223372036854775807", json!(i64::MAX)),
        ("9223372036854775808", json!(1_u64 << 63)),
        ("18446744073709551616", json!("18446744073709551616")),
        ("1e400", json!("1e400")),
        ("-1E+999", json!("-1E+999")),
    ] {
        let body = format!(r#"{{"message":{number},"list":[{number}]}}"#);
        let event = read("hmac", "application/json", body.as_bytes())
            .await
            .unwrap();
        assert_eq!(&event.data[..], body.as_bytes());
        assert_eq!(event.facts["message"], fact, "{number}");
    }
}

#[tokio::test]
async fn a_huge_number_beside_a_plate_does_not_hide_the_plate() {
    let body =
        br#"{"hook":{"event":"recognition"},"data":{"results":[{"plate":"abc","score":1e400}]}}"#;
    let event = read("platerecognizer", "application/json", body)
        .await
        .unwrap();
    assert_eq!(event.facts["plates"][0]["text"], json!("ABC"));
    assert_eq!(event.facts["plates"][0]["score"], json!("1e400"));
}
