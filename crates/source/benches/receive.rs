//! What one delivery costs before it is stored: the proof, and the reading.
//!
//! `cargo bench -p porchlight-source --bench receive`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

use bytes::Bytes;
use divan::{Bencher, black_box};
use porchlight_core::{Secret, Timestamp};
use porchlight_source::{Preset, Webhook, decode, sample};
use porchlight_verify::{Delivery, sign, verify};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const SIZES: [usize; 2] = [1_200, 10_000];

fn main() {
    divan::main();
}

fn webhook() -> Webhook {
    let preset = Preset::named("xprotect")
        .expect("it is compiled in")
        .clone();
    Webhook {
        max_body: 1 << 20,
        ..Webhook::new(
            "porch",
            preset,
            vec![Secret::new("secret", "32212c72863c01a931609c5ebfe1abc5")],
        )
    }
}

/// The sample, filled up with analytics objects to the size wanted, and signed.
fn delivery(hook: &Webhook, size: usize) -> Delivery {
    let id = "0b8e7c1e-5f3a-4c0d-9a51-6d6f3b1f0c01";
    let request = sample(&hook.preset).request(NOW, id);
    let mut text = String::from_utf8(request.body.to_vec()).expect("the sample is text");
    text.truncate(text.len() - 1);
    text += ",\"Filler\":[0";
    while text.len() < size {
        text += ",{\"Name\":\"Rectangle\",\"Confidence\":0.93,\"BoundingBox\":{\"Top\":0.1,\"Left\":0.25}}";
    }
    text += "]}";
    let mut delivery = Delivery {
        method: request.method,
        url: "/webhook/porch".into(),
        query: String::new(),
        headers: http::HeaderMap::new(),
        body: Bytes::from(text),
        ..Delivery::default()
    };
    for (name, value) in
        sign(&hook.preset.scheme, &hook.secrets[0], &delivery, id, NOW).expect("it can be signed")
    {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        delivery
            .headers
            .insert(name, value.parse().expect("a header value"));
    }
    delivery
}

#[divan::bench(args = SIZES)]
fn proof(bencher: Bencher, size: usize) {
    let hook = webhook();
    let delivery = delivery(&hook, size);
    bencher
        .with_inputs(|| delivery.clone())
        .bench_values(|delivery| {
            verify(
                &hook.preset.scheme,
                "xprotect",
                &hook.secrets,
                black_box(delivery),
                NOW,
            )
        });
}

#[divan::bench(args = SIZES)]
fn reading(bencher: Bencher, size: usize) {
    let hook = webhook();
    let delivery = delivery(&hook, size);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    bencher
        .with_inputs(|| {
            verify(
                &hook.preset.scheme,
                "xprotect",
                &hook.secrets,
                delivery.clone(),
                NOW,
            )
            .expect("genuine")
        })
        .bench_values(|verified| runtime.block_on(decode(&hook, black_box(verified), NOW)));
}

#[divan::bench(args = SIZES)]
fn whole_tree_for_comparison(bencher: Bencher, size: usize) {
    let delivery = delivery(&webhook(), size);
    bencher.bench(|| serde_json::from_slice::<serde_json::Value>(black_box(&delivery.body)));
}
