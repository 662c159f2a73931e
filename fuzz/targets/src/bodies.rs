//! Bodies as the presets read them: whatever comes out is well formed, harmless and repeatable.

use crate::agree::NOW;
use crate::input::Input;
use http::HeaderValue;
use porchlight_source::{Decoded, Preset, Webhook, decode, request};
use porchlight_verify::{Delivery, Scheme, inflate, verify};
use serde_json::Value;
use std::sync::LazyLock;

/// Every preset, believed without proof: reading begins behind the proof.
static OPEN: LazyLock<Vec<Webhook>> = LazyLock::new(|| {
    let open = "[scheme]\nproof = 'none'\nchallenge = []"
        .parse()
        .unwrap_or_default();
    let presets = Preset::all().iter();
    presets
        .map(|preset| {
            let open = preset
                .with(&open)
                .unwrap_or_else(|e| panic!("{}: {e}", preset.name));
            Webhook::new("fuzz", open, Vec::new())
        })
        .collect()
});

fn named(name: &str) -> Option<&'static Webhook> {
    OPEN.iter().find(|webhook| webhook.preset.name == name)
}

/// Reads a body twice: both times the same, and every promise kept.
fn read(webhook: &Webhook, kind: &str, body: &[u8]) -> Option<Vec<Decoded>> {
    let Ok(value) = HeaderValue::from_bytes(kind.as_bytes()) else {
        return None;
    };
    let mut delivery = Delivery {
        body: body.to_vec().into(),
        max_inflated: 1 << 16,
        ..Delivery::default()
    };
    delivery.headers.insert(http::header::CONTENT_TYPE, value);
    let once = || {
        let open: Result<Scheme, _> = toml::from_str("proof = 'none'");
        let open = open.unwrap_or_else(|error| panic!("{error}"));
        let verified =
            verify(&open, "none", &[], delivery.clone(), NOW).expect("no proof is asked");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        runtime.block_on(decode(webhook, verified, NOW))
    };
    let (first, second) = match (once(), once()) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(first), Err(second)) => {
            assert_eq!(first, second);
            let said = first.to_string();
            assert!(said.len() < 400 && !said.contains('\n'), "{said}");
            return None;
        }
        (one, two) => panic!("{one:?} and then {two:?}"),
    };
    assert!(!first.is_empty() && first.len() == second.len());
    for (one, two) in first.iter().zip(&second) {
        assert_eq!(one.event.dedup_key, two.event.dedup_key);
        assert_eq!(one.event.kind, two.event.kind);
        promises(one);
    }
    Some(first)
}

fn promises(decoded: &Decoded) {
    let event = &decoded.event;
    let text = std::str::from_utf8(&event.data).expect("the data is UTF-8");
    // A value that is skipped is checked for its form only, so that any number passes.
    let json: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
    assert!(json.is_ok(), "the data is no JSON: {text}");
    assert!(event.facts.is_object());
    let plain =
        |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    assert!(
        plain(&event.kind) && event.kind.len() < 300,
        "{:?}",
        event.kind
    );
    assert!(!event.dedup_key.is_empty());
    for file in &event.attachments {
        for name in [&file.name, &file.filename] {
            assert!(name.len() <= 128 && !name.starts_with('.'), "{name:?}");
            assert!(
                !name.contains(['/', '\\', '\0']) && !name.chars().any(char::is_control),
                "{name:?}"
            );
        }
        let blob = decoded.blobs.iter().filter(|blob| blob.hash == file.hash);
        let blobs: Vec<_> = blob.collect();
        assert_eq!(blobs.len(), 1, "one blob for each hash");
        assert_eq!(blobs[0].bytes.len() as u64, file.size);
    }
}

/// A line with the content type behind `multipart/`, then the body, for a preset that wants a
/// field and for one that takes anything.
pub fn multipart(data: &[u8]) {
    let mut input = Input(data);
    let kind = format!("multipart/{}", input.line());
    for name in ["hmac", "platerecognizer", "hikvision", "axis"] {
        if let Some(webhook) = named(name) {
            read(webhook, &kind, input.0);
        }
    }
}

/// A form.
pub fn form(data: &[u8]) {
    for name in ["hmac", "platerecognizer"] {
        if let Some(webhook) = named(name) {
            read(webhook, "application/x-www-form-urlencoded", data);
        }
    }
}

/// A choice of the preset, then JSON: where it is taken, its values are those of a plain parser.
pub fn json(data: &[u8]) {
    let mut input = Input(data);
    let webhooks: Vec<&Webhook> = OPEN.iter().collect();
    let webhook = input.pick(&webhooks);
    let Some(decoded) = read(webhook, "application/json", input.0) else {
        return;
    };
    let plain: Result<Value, _> = serde_json::from_slice(input.0);
    if let ("hmac", Ok(plain)) = (webhook.preset.name.as_str(), plain) {
        let ours: Value = serde_json::from_slice(&decoded[0].event.data).expect("JSON");
        assert_eq!(ours, plain);
    }
}

/// XML.
pub fn xml(data: &[u8]) {
    for name in ["hmac", "hikvision", "axis"] {
        if let Some(webhook) = named(name) {
            read(webhook, "application/xml", data);
        }
    }
}

/// A gzip body: whole or not at all, and never past the bound.
pub fn gzip(data: &[u8]) {
    for cap in [0, 10, 1 << 16] {
        if let Ok(inflated) = inflate(data, cap) {
            assert!(inflated.len() as u64 <= cap);
            assert_eq!(inflate(data, inflated.len() as u64).as_ref(), Ok(&inflated));
            assert!(
                inflate(data, (inflated.len() as u64).wrapping_sub(1)).is_err()
                    || inflated.is_empty()
            );
        }
    }
}

/// A captured request: nothing is in it that the file doesn't hold.
pub fn http_request(data: &[u8]) {
    match request::read(data) {
        Ok(captured) => {
            assert!(captured.body.len() <= data.len());
            assert!(captured.headers.len() <= 256);
            assert!(captured.query().len() <= captured.target.len());
            assert!(captured.path_and_query().len() <= captured.target.len().max(1));
            assert!(captured.remarks.iter().all(|remark| remark.len() < 300));
        }
        Err(why) => assert!(why.len() < 400, "{why}"),
    }
}
