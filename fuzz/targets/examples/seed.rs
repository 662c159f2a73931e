//! Writes the seeds of the corpus: what scheme and sample, payload and vector of this repository
//! already hold. `cargo run -p porchlight-fuzz-targets --example seed`
//!
//! Seeds that a fuzzer found are files beside these and stay.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for the people who work on this"
)]

use std::path::{Path, PathBuf};

/// A larger payload slows the fuzzer down more than it shows it.
const MAX_SEED: usize = 4096;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn put(target: &str, name: &str, bytes: &[u8]) {
    let folder = root().join("fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

fn texts(target: &str, texts: &[&str]) {
    for (number, text) in texts.iter().enumerate() {
        put(target, &format!("seed-{number}"), text.as_bytes());
    }
}

fn main() {
    texts(
        "locator",
        &[
            "000\nopen-sesame-0123456789",
            "010v1=\nv1=open-sesame-0123456789",
            "020HMAC\nHMAC  open-sesame-0123456789",
            "030Bearer\nbearer open-sesame-0123456789",
            "040,\tv1\nt=1, v1=open-sesame-0123456789,v0=x",
            "050 \tv1,\nv1,open-sesame-0123456789 v2,x",
            "060|\t1\n1800000000|open-sesame-0123456789",
            "001\nopen-sesame-0123456789",
            "100\nt=open%2Dsesame-0123456789&u=1",
            "101\nt=x",
            "200a/*/b\n{\"a\":[{\"b\":\"open-sesame-0123456789\"},{\"b\":\"open-sesame-0123456789\"}]}",
            "200a~1b/0\n{\"a/b\":[\"open-sesame-0123456789\"]}",
        ],
    );
    texts(
        "encodings",
        &[
            "0aFF",
            "+/8=",
            "-_8",
            "-_8=",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "12345678901234567890123456789012",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
            "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
        ],
    );
    texts(
        "template",
        &[
            "{body}",
            "{id}.{timestamp}.{body}",
            "v0:{timestamp}:{body}",
            "{method}\n{url}{form_sorted}",
            "{{body}}",
            "Ünï{url}",
        ],
    );
    texts(
        "time",
        &[
            "unix-s\n1800000000",
            "unix-ms\n1800000000000",
            "rfc3339\n2027-01-15T08:00:00Z",
            "rfc3339\n2027-01-15T09:00:00.123456789+01:00",
            "%a %d %b %Y %H:%M:%S UTC\nFri 15 Jan 2027 08:00:00 UTC",
            "%Y-%m-%d %H:%M:%S %z\n2027-01-15 08:00:00 +0000",
            "%FT%T%:z\n2027-01-15T08:00:00+00:00",
            "%s\n1800000000",
        ],
    );
    let schemes = [
        "proof = 'mac'\nalgorithm = ['hmac-sha256', 'hmac-sha1']\nsignature = { header = 'X-S', prefix = '{alg}=', encoding = ['hex', 'base64'] }\n",
        "proof = 'mac'\nbody = 'decoded'\nsignature = { header = 'X-S', split = ',', key = 'v1' }\ntimestamp = { header = 'X-S', split = ',', key = 't', tolerance = '5m', future = '1m' }\nsigned = '{timestamp}.{body}'\nreject_status = 400\n",
        "proof = 'signature'\nalgorithm = 'ed25519'\nkey = 'hex'\nsignature = { header = 'X-S' }\n",
        "proof = 'token'\ntoken = [{ header = 'X-T' }, { query = 't' }, { json = '/a/*/b' }]\n",
        "proof = 'basic'\n[[challenge]]\nmethod = 'GET'\nwhen = { query = 'hub.mode', is = ['subscribe'] }\nverify_token = { query = 'hub.verify_token' }\nbody = '{query:hub.challenge}'\n",
        "proof = 'jwt'\nalgorithm = 'HS256'\ntoken = { header = 'Authorization', auth_scheme = 'Bearer' }\nrequire = ['exp']\nleeway = '1m'\naudience = 'a'\nissuer = 'b'\nbody_hash_claim = 'h'\nbody_hash_encoding = 'hex'\n",
        "proof = 'httpsig'\nalgorithm = 'hmac-sha256'\nkey = 'utf8'\ncomponents = ['@method', '@authority', 'content-digest']\nmax_age = '5m'\nlabel = 'sig1'\n",
        "proof = 'all'\n[[all]]\nproof = 'ip'\nallow = ['192.0.2.0/24', '::1']\n[[all]]\nproof = 'mac'\nsecret = ['secret']\nsignature = { header = 'X-S' }\n",
        "proof = 'first_present'\nfirst_present = [{ proof = 'token', token = { header = 'A' } }, { proof = 'mac', signature = { header = 'B' } }]\n",
        "proof = 'mtls'\nfingerprint = '7f029103164f6cd1c29ca950cd38d5343d1ac1f7dd7c23753f9590810a7daa04'\ncommon_name = 'a'\nsan = ['b']\n",
    ];
    texts("scheme", &schemes);
    texts(
        "form",
        &[
            "json=%7B%22a%22%3A1%7D&x=1",
            "a=1&a=2&a=3&b=+%20",
            "type=door.opened&time=2027-01-15T08%3A00%3A00Z",
            "{\"a\":1}",
            "&&=&a",
            "json=%7B%22data%22%3A%7B%22results%22%3A%5B%5D%7D%7D",
        ],
    );
    texts(
        "multipart",
        &[
            "form-data; boundary=x\n--x\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"a\":1}\r\n--x\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"../../a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\u{1}\u{2}\r\n--x--\r\n",
            "mixed; boundary=\"a b\"\n--a b\r\nContent-Type: application/xml\r\n\r\n<EventNotificationAlert><eventType>VMD</eventType></EventNotificationAlert>\r\n--a b\r\nContent-Type: image/jpeg\r\n\r\n\u{fffd}\r\n--a b--\r\n",
            "form-data\n--x--\r\n",
        ],
    );
    texts(
        "xml",
        &[
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\"><ipAddress>192.0.2.64</ipAddress><channelID>1</channelID><dateTime>2027-01-15T08:00:00+01:00</dateTime><eventType>linedetection</eventType><eventState>active</eventState></EventNotificationAlert>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a x=\"1\">t<b/>&lt;&#65;&#x1F600;<![CDATA[<]]><b>2</b><!-- c --></a>",
        ],
    );
    texts(
        "challenge",
        &[
            "0hub.mode=subscribe&hub.verify_token=agreed-with-the-sender&hub.topic=https%3A%2F%2Fhub.example%2Ftopic&hub.challenge=42\n\n",
            "1\nme\n{\"event\":\"url_validation\",\"payload\":{\"plain\":\"q\\\"uote\"}}",
            "1\n\n{\"open\":\"a\\\\b\"}",
        ],
    );
    put(
        "gzip",
        "seed-empty",
        &[
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    );
    put(
        "gzip",
        "seed-a",
        &[
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x4b, 4, 0, 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0,
        ],
    );
    let certificate = std::fs::read(root().join("crates/verify/tests/data/client.der")).unwrap();
    put("certificate", "seed-client.der", &certificate);
    packets();

    for (number, name) in porchlight_fuzz_targets::scheme_names().iter().enumerate() {
        let choice = b'0' + u8::try_from(number).unwrap();
        for (sample, request) in porchlight_fuzz_targets::genuine(number).iter().enumerate() {
            put(
                "delivery",
                &format!("{name}-{sample}"),
                &[&[choice], request.as_slice()].concat(),
            );
            if sample == 0 {
                let body = request
                    .windows(4)
                    .position(|four| four == b"\r\n\r\n")
                    .unwrap()
                    + 4;
                let seed = [&[choice, 4, 0, 3, 1], &request[body..]].concat();
                put("changed", name, &seed);
                put("http_request", name, request);
                heads(name, request, &request[body..]);
            }
        }
    }
    payloads();
}

/// The first byte of a packet, and what follows its length.
type Packet<'a> = (u8, &'a [u8]);

/// What brokers send: each answer, messages of both versions, and one that is too large. First the
/// choices of the target: version, largest packet, length of the pieces.
fn packets() {
    let message = |properties: &[u8], payload: &[u8]| {
        let length = [u8::try_from(properties.len()).unwrap()];
        let head: &[u8] = b"\x00\x04gate\x00\x07";
        [head, &length, properties, payload].concat()
    };
    let all = b"\x01\x01\x02\x00\x00\x00\x3c\x03\x00\x04text\x08\x00\x02re\x09\x00\x02\x01\x02\
        \x26\x00\x01a\x00\x01b\x0b\x81\x02\x23\x00\x01\x26\x00\x01a\x00\x01c";
    let welcome = b"\x00\x00\x0f\x21\x00\x14\x22\x00\x0a\x24\x01\x25\x01\x13\x00\x3c\x29\x00";
    let (full, large) = (message(all, b"{}"), message(b"", b"larger than eight"));
    let rows: [(&str, &[u8], Vec<Packet<'_>>); 8] = [
        ("connack-3", b"00\x07", vec![(0x20, b"\x01\x00")]),
        ("connack-5", b"10\x05", vec![(0x20, welcome)]),
        (
            "refused-5",
            b"10\x03",
            vec![(0x20, b"\x00\x87\x0c\x1f\x00\x09no access")],
        ),
        (
            "publish-3",
            b"00\x02",
            vec![(0x32, b"\x00\x06gate/1\x00\x07OPEN"), (0x31, b"\x00\x01a")],
        ),
        ("publish-5", b"12\x04", vec![(0x3b, &full), (0xd0, b"")]),
        (
            "acknowledged",
            b"10\x01",
            vec![(0x40, b"\x00\x09\x97\x00"), (0x40, b"\x00\x0a")],
        ),
        (
            "subscribed",
            b"10\x09",
            vec![
                (0x90, b"\x00\x01\x00\x87"),
                (0xb0, b"\x00\x02\x00\x11"),
                (0xe0, b"\x8e\x00"),
            ],
        ),
        ("too-large", b"11\x06", vec![(0x32, &large), (0xd0, b"")]),
    ];
    for (name, choices, packets) in rows {
        let mut seed = choices.to_vec();
        for (first, body) in packets {
            seed.extend([first, u8::try_from(body.len()).unwrap()]);
            seed.extend(body);
        }
        put("mqtt", name, &seed);
    }
}

/// The headers that have targets of their own.
fn heads(name: &str, request: &[u8], body: &[u8]) {
    let text = String::from_utf8_lossy(request);
    let header = |wanted: &str| {
        let line = text
            .lines()
            .find(|line| line.to_lowercase().starts_with(wanted));
        line.and_then(|line| line.split_once(": "))
            .map(|(_, value)| value.to_owned())
    };
    if let (Some(input), Some(signature), Some(digest)) = (
        header("signature-input:"),
        header("signature:"),
        header("content-digest:"),
    ) {
        let seed = format!("{input}\n{signature}\n{digest}\n");
        put("structured", name, &[seed.as_bytes(), body].concat());
    }
    if let Some(value) = header("authorization:").or(header("x-token:")) {
        put("token", name, &[value.as_bytes(), b"\n", body].concat());
    }
}

/// What vendors really send.
fn payloads() {
    let presets: Vec<&str> = porchlight_source::Preset::all()
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    let folder = root().join("tests/payloads");
    for vendor in std::fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        let vendor_name = vendor.file_name().into_string().unwrap();
        let number = presets
            .iter()
            .position(|preset| *preset == vendor_name)
            .unwrap_or(presets.len() - 1);
        for file in std::fs::read_dir(vendor.path()).unwrap().flatten() {
            let name = file.file_name().into_string().unwrap();
            let Ok(bytes) = std::fs::read(file.path()) else {
                continue;
            };
            if bytes.len() > MAX_SEED {
                continue;
            }
            let choice = [b'0' + u8::try_from(number).unwrap()];
            if name.ends_with(".json") {
                put("json", &name, &[&choice, bytes.as_slice()].concat());
            }
            let Ok(captured) = porchlight_source::request::read(&bytes) else {
                continue;
            };
            if name.ends_with(".http") && bytes.len() < 2500 {
                put("http_request", &name, &bytes);
            }
            let kind = captured
                .headers
                .get("content-type")
                .and_then(|kind| kind.to_str().ok())
                .unwrap_or_default();
            match kind.split_once("multipart/") {
                Some((_, rest)) => put(
                    "multipart",
                    &name,
                    &[rest.as_bytes(), b"\n", &captured.body].concat(),
                ),
                None if kind.contains("urlencoded") => put("form", &name, &captured.body),
                None => put("json", &name, &[&choice, &captured.body[..]].concat()),
            }
        }
    }
}
