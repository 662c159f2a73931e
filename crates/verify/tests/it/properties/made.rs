//! A random scheme with its secrets and a delivery that it signed.

use super::dice::Dice;
use super::part::{Covers, Mark, Part, Room, Sample, part};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method};
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::{Delivery, Scheme, public_half, sign_delivery};
use serde_json::{Value, json};
use std::io::Write;

/// A client certificate, good until the year 2126.
pub const CERTIFICATE: &[u8] = include_bytes!("../../data/client.der");
/// An address that no scheme here lets in.
pub const STRANGER: &str = "203.0.113.9";
const FINGERPRINT: &str = include_str!("../../data/client.sha256");

/// A scheme and all that belongs to it.
pub struct Made {
    /// The scheme as a person would write it, for messages.
    pub table: Value,
    pub scheme: Scheme,
    /// What the webhook is configured with.
    pub secrets: Vec<Secret>,
    pub covers: Covers,
    pub marks: Vec<Mark>,
    pub now: Timestamp,
    sample: Delivery,
    signer: (Scheme, Vec<Secret>),
    gzip: bool,
}

/// The scheme that this seed leads to.
pub fn make(seed: u64) -> Made {
    let dice = &mut Dice::new(seed);
    let sample = dice.pick(&[Sample::Binary, Sample::Json, Sample::Form]);
    let kind = dice.pick(&["one", "one", "one", "one", "all", "any", "first_present"]);
    let mut room = Room {
        tag: "a".into(),
        sample,
        alone: kind == "one",
        basic_taken: false,
        httpsig_taken: false,
    };
    let mut parts = vec![part(dice, &mut room)];
    if kind != "one" {
        for tag in ["b", "c"].into_iter().take(dice.roll(2) + 1) {
            room.tag = tag.into();
            parts.push(part(dice, &mut room));
        }
    }
    let open = kind == "all" || kind == "any" || dice.once_in(12);
    if open && kind != "first_present" && dice.once_in(3) {
        parts.push(connection(dice));
    }
    if kind == "first_present" {
        // Basic can't be told from no proof at all, so it has no place there.
        parts.retain(|part| part.table["proof"] != "basic");
        if parts.is_empty() {
            return make(seed.wrapping_add(0x1000_0000));
        }
    }
    let kind = match kind {
        "one" if parts.len() > 1 => "all",
        kind => kind,
    };
    combine(dice, kind, sample, parts)
}

/// A proof that stands in the connection.
fn connection(dice: &mut Dice) -> Part {
    if dice.once_in(2) {
        let table = json!({ "proof": "ip", "allow": ["192.0.2.0/24", "2001:db8::1"] });
        let covers = Covers {
            peer: true,
            ..Covers::default()
        };
        return Part::open(table, covers);
    }
    let table = json!({
        "proof": "mtls", "fingerprint": FINGERPRINT.trim(), "common_name": "webhook-client.example",
    });
    let covers = Covers {
        certificate: true,
        ..Covers::default()
    };
    Part::open(table, covers)
}

fn combine(dice: &mut Dice, kind: &str, sample: Sample, mut parts: Vec<Part>) -> Made {
    let now = Timestamp(1_800_000_000_000 + 1000 * dice.roll(1_000_000) as i64);
    for part in &mut parts {
        if let (true, Some(secret)) = (kind != "one", &part.private) {
            part.table.insert("secret".into(), json!([secret.name()]));
        }
    }
    let tables: Vec<Value> = parts.iter().map(|p| p.table.clone().into()).collect();
    let table = match kind {
        "one" => tables[0].clone(),
        _ => json!({ "proof": kind, kind: tables }),
    };
    // With `any` and `first_present` the sender makes one of the proofs.
    let signing: Vec<usize> = match kind {
        "any" | "first_present" => vec![dice.roll(parts.len())],
        _ => (0..parts.len()).collect(),
    };
    let signer = match signing.as_slice() {
        [one] => tables[*one].clone(),
        _ => table.clone(),
    };
    let read = |table: &Value| -> Scheme {
        serde_json::from_value(table.clone()).unwrap_or_else(|error| panic!("{error}: {table}"))
    };
    let private = |part: &Part| part.private.clone();
    let secrets = parts.iter().filter_map(|part| {
        let private = private(part)?;
        if !part.public_key {
            return Some(private);
        }
        let scheme = read(&part.table.clone().into());
        Some(public_half(&scheme, &private).unwrap().unwrap())
    });
    let mut covers = Covers::default();
    for part in signing.iter().map(|index| &parts[*index]) {
        covers = union(covers, part.covers);
    }
    let marks = signing.iter().flat_map(|index| parts[*index].marks.clone());
    Made {
        scheme: read(&table),
        secrets: secrets.collect(),
        covers,
        marks: marks.collect(),
        now,
        sample: delivery(dice, sample, covers, now),
        signer: (
            read(&signer),
            signing.iter().filter_map(|i| private(&parts[*i])).collect(),
        ),
        gzip: parts.iter().any(|part| part.gzip) && dice.once_in(2),
        table,
    }
}

fn union(one: Covers, two: Covers) -> Covers {
    Covers {
        body: one.body || two.body,
        form: one.form || two.form,
        time: one.time || two.time,
        id: one.id || two.id,
        url: one.url || two.url,
        path: one.path || two.path,
        method: one.method || two.method,
        peer: one.peer || two.peer,
        certificate: one.certificate || two.certificate,
        content_type: one.content_type || two.content_type,
    }
}

fn delivery(dice: &mut Dice, sample: Sample, covers: Covers, now: Timestamp) -> Delivery {
    let (kind, body) = match sample {
        Sample::Binary => {
            let size = 1 + dice.roll(300);
            ("application/octet-stream", dice.bytes(size))
        }
        Sample::Json => {
            let body = json!({
                "time": {
                    "unix-s": now.as_seconds(), "unix-ms": now.as_millis().to_string(),
                    "rfc3339": now.to_rfc3339(),
                },
                "id": dice.word(12),
                "meta": {},
                "text": dice.word(40),
            });
            (
                "application/json; charset=utf-8",
                body.to_string().into_bytes(),
            )
        }
        Sample::Form => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for _ in 0..=dice.roll(5) {
                let count = 1 + dice.roll(8);
                let value = String::from_utf8_lossy(&dice.bytes(count)).into_owned();
                form.append_pair(&dice.word(2), &value);
            }
            (
                "application/x-www-form-urlencoded",
                form.finish().into_bytes(),
            )
        }
    };
    let peer = if covers.peer { "192.0.2.7" } else { STRANGER };
    let certificates = Vec::from_iter(covers.certificate.then(|| CERTIFICATE.to_vec()));
    let query = if covers.url { "camera=3" } else { "" };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(HOST, HeaderValue::from_static("porch.example"));
    Delivery {
        method: Method::POST,
        url: if query.is_empty() {
            "https://porch.example/webhook/x".into()
        } else {
            format!("https://porch.example/webhook/x?{query}")
        },
        query: query.into(),
        headers,
        body: body.into(),
        peer: Some(peer.parse().unwrap()),
        certificates: certificates.into(),
        max_inflated: 1 << 16,
    }
}

impl Made {
    /// The sample, signed.
    pub fn signed(&self) -> Delivery {
        self.sign(self.sample.clone())
    }

    fn sign(&self, delivery: Delivery) -> Delivery {
        let signed = self.try_sign(delivery);
        signed.unwrap_or_else(|error| panic!("{error}: {}", self.table))
    }

    /// Any delivery, signed; an error where its body has no place for the proof.
    pub fn try_sign(&self, mut delivery: Delivery) -> Result<Delivery, String> {
        let (scheme, secrets) = &self.signer;
        sign_delivery(scheme, secrets, &mut delivery, "msg_2Zk", self.now)?;
        if self.gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder
                .write_all(&delivery.body)
                .map_err(|e| e.to_string())?;
            delivery.body = Bytes::from(encoder.finish().map_err(|e| e.to_string())?);
            let gzip = HeaderValue::from_static("gzip");
            delivery.headers.insert(CONTENT_ENCODING, gzip);
        }
        Ok(delivery)
    }
}
