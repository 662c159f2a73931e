//! What the tests of decoding share: captured requests, webhooks, and the way through both steps.

use bytes::Bytes;
use porchlight_core::{Secret, Timestamp};
use porchlight_source::{Decoded, Preset, Unusable, Webhook, decode};
use porchlight_verify::{Delivery, verify};

/// A file of the payload set.
pub fn payload(file: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/payloads/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A captured request, or a body alone as a JSON request.
pub fn request(file: &str) -> Delivery {
    let bytes = payload(file);
    if !file.ends_with(".http") {
        return delivery(&[("content-type", "application/json")], "", bytes);
    }
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let headers: Vec<(&str, &str)> = head
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap())
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"))
    {
        body = without_chunks(&body);
    }
    delivery(&headers, "", body)
}

fn without_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
}

pub fn delivery(headers: &[(&str, &str)], query: &str, body: impl Into<Bytes>) -> Delivery {
    let mut map = http::HeaderMap::new();
    for (name, value) in headers {
        map.append(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    Delivery {
        method: http::Method::POST,
        url: format!("/webhook/x?{query}"),
        query: query.to_owned(),
        headers: map,
        body: body.into(),
        peer: Some([192, 0, 2, 7].into()),
        ..Delivery::default()
    }
}

/// A webhook `porch` with this preset and secret.
pub fn webhook(preset: &str, secret: &str) -> Webhook {
    hook(
        Preset::named(preset).unwrap().clone(),
        vec![Secret::new("secret", secret)],
    )
}

/// The same, for anybody: `proof = "none"` written out.
pub fn open(preset: &str) -> Webhook {
    let none = "[scheme]\nproof = \"none\"".parse().unwrap();
    hook(
        Preset::named(preset).unwrap().with(&none).unwrap(),
        Vec::new(),
    )
}

fn hook(preset: Preset, secrets: Vec<Secret>) -> Webhook {
    Webhook::new("porch", preset, secrets)
}

/// Proof, which must hold, then decoding into one event.
pub async fn decoded(
    hook: &Webhook,
    delivery: Delivery,
    now: Timestamp,
) -> Result<Decoded, Unusable> {
    let mut events = all_decoded(hook, delivery, now).await?;
    assert_eq!(events.len(), 1);
    Ok(events.remove(0))
}

/// The same, into as many events as there are.
pub async fn all_decoded(
    hook: &Webhook,
    delivery: Delivery,
    now: Timestamp,
) -> Result<Vec<Decoded>, Unusable> {
    let verified = verify(
        &hook.preset.scheme,
        &hook.preset.name,
        &hook.secrets,
        delivery,
        now,
    )
    .unwrap_or_else(|rejected| panic!("refused: {rejected}"));
    decode(hook, verified, now).await
}
