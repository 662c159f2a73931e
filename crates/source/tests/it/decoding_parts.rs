//! Forms, multipart bodies, charsets and content encodings: honest ones, hostile ones.

use crate::house::{decoded, delivery, open};
use porchlight_core::Timestamp;
use porchlight_source::{Decoded, Webhook};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";

async fn read(preset: &str, content_type: &str, body: &[u8]) -> Result<Decoded, String> {
    let headers = [("content-type", content_type)];
    let outcome = decoded(&open(preset), delivery(&headers, "", body.to_vec()), NOW).await;
    outcome.map_err(|unusable| format!("{} {unusable}", unusable.status().as_u16()))
}

async fn data(content_type: &str, body: &[u8]) -> Result<Value, String> {
    let decoded = read("hmac", content_type, body).await?;
    Ok(serde_json::from_slice(&decoded.event.data).unwrap())
}

fn part(head: &str, bytes: &[u8]) -> Vec<u8> {
    [b"--b\r\n", head.as_bytes(), b"\r\n\r\n", bytes, b"\r\n"].concat()
}

fn field(name: &str, filename: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"");
    part(&head, bytes)
}

#[tokio::test]
async fn a_form_is_read_exactly_or_refused() {
    for (form, expected) in [
        (
            "a=1&b=x+y&a=%2B2&a",
            json!({"a": ["1", "+2", ""], "b": "x y"}),
        ),
        ("&&a=1&&", json!({"a": "1"})),
        ("bad=%zz%&%=%4", json!({"bad": "%zz%", "%": "%4"})),
        ("t=T%C3%BCr", json!({"t": "Tür"})),
        ("a==b", json!({"a": "=b"})),
    ] {
        assert_eq!(data(FORM, form.as_bytes()).await, Ok(expected), "{form}");
    }
    for form in ["plate=%FF", "%C3=1", "a=\u{0}%C0%80"] {
        let error = data(FORM, form.as_bytes()).await.unwrap_err();
        assert!(
            error.starts_with("400") && error.contains("UTF-8"),
            "{error}"
        );
    }
    let latin = format!("{FORM}; charset=ISO-8859-1");
    assert_eq!(data(&latin, b"t=T%FCr").await, Ok(json!({"t": "Tür"})));
    let fields = "a=1&".repeat(1001);
    assert!(
        data(FORM, fields.as_bytes())
            .await
            .unwrap_err()
            .contains("1000")
    );
    let twice = read("platerecognizer", FORM, b"json=%7B%7D&json=%5B%5D").await;
    assert!(twice.unwrap_err().contains("twice"));
}

#[tokio::test]
async fn text_is_converted_by_its_charset_or_refused() {
    for (content_type, body, expected) in [
        ("text/plain", &b"T\xc3\xbcr"[..], "Tür"),
        ("text/plain; charset=iso-8859-1", b"T\xfcr", "Tür"),
        ("text/plain; charset=\"Windows-1252\"", b"\x80", "€"),
        ("text/plain", b"\xff\xfeT\0", "T"),
    ] {
        assert_eq!(
            data(content_type, body).await,
            Ok(json!(expected)),
            "{content_type}"
        );
    }
    for (content_type, body, status) in [
        ("text/plain", &b"T\xfcr"[..], "400"),
        ("text/plain; charset=gbk", b"T", "415"),
    ] {
        let error = data(content_type, body).await.unwrap_err();
        assert!(error.starts_with(status), "{error}");
    }
}

#[tokio::test]
async fn hostile_file_names_are_harmless() {
    let long = "x".repeat(4096);
    for (sent, kept) in [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\temp\\CON.txt", "_CON.txt"),
        ("..", ""),
        ("nul\0.jpg", "_nul.jpg"),
        ("photo\u{202e}gpj.exe", "photogpj.exe"),
        ("a\\\"b;c.jpg", "a_b_c.jpg"),
        (long.as_str(), &long[..128]),
    ] {
        let body = [field("up/../load", sent, b"1"), b"--b--".to_vec()].concat();
        let decoded = read("hmac", MULTIPART, &body).await.unwrap();
        let file = &decoded.event.attachments[0];
        assert_eq!(
            (file.name.as_str(), file.filename.as_str()),
            ("load", kept),
            "{sent:?}"
        );
    }
    let extended = "Content-Disposition: form-data; name=f; filename=plain.jpg; filename*=UTF-8''..%2Fna%C3%AFve.jpg";
    let body = [part(extended, b"1"), b"--b--".to_vec()].concat();
    let decoded = read("hmac", MULTIPART, &body).await.unwrap();
    assert_eq!(decoded.event.attachments[0].filename, "naïve.jpg");
}

#[tokio::test]
async fn parts_without_a_type_are_known_by_their_bytes() {
    let head = "Content-Disposition: form-data; name=\"f\"";
    for (bytes, kind) in [
        (&b"\xff\xd8\xff\xe0"[..], "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
    ] {
        let body = [part(head, bytes), b"--b--\r\n".to_vec()].concat();
        let decoded = read("hmac", MULTIPART, &body).await.unwrap();
        assert_eq!(decoded.event.attachments[0].content_type, kind);
        assert_eq!(decoded.blobs[0].bytes, bytes);
        assert_eq!(&decoded.event.data[..], b"{}");
    }
    let named = "Content-Disposition: form-data; name=\"e\"; filename=\"e\"";
    for (bytes, expected) in [
        (&b"{\"type\":\"bell\"}"[..], json!({"type": "bell"})),
        (
            b"<?xml version='1.0'?><type>bell</type>",
            json!({"type": "bell"}),
        ),
    ] {
        let jpeg = field("pic", "p.jpg", b"\xff\xd8\xff");
        let body = [part(named, bytes), jpeg, b"--b--".to_vec()].concat();
        let decoded = read("hmac", MULTIPART, &body).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&decoded.event.data).unwrap(),
            expected
        );
        assert_eq!(
            decoded.event.attachments.len(),
            1,
            "the event is no attachment"
        );
    }
}

#[tokio::test]
async fn a_broken_multipart_body_is_refused_whole() {
    let good = part("Content-Disposition: form-data; name=\"a\"", b"1");
    let join = |pieces: &[&[u8]]| pieces.concat();
    let long_head = format!("X-Filler: {}", "x".repeat(9000));
    for (body, because) in [
        (join(&[&good]), "last boundary"),
        (join(&[&good, b"--b-"]), "last boundary"),
        (join(&[&good, b"--bb--"]), "last boundary"),
        (join(&[b"--b\r\nno head\r\n--b--"]), "head"),
        (join(&[b"--b\r\n--b--"]), "head"),
        (join(&[&part(&long_head, b"1"), b"--b--"]), "too long"),
        (
            join(&[
                &part("Content-Type: Multipart/Mixed; boundary=c", b"--c--"),
                b"--b--",
            ]),
            "multipart itself",
        ),
        (
            join(&[
                &part("Content-Transfer-Encoding: base64", b"MQ=="),
                b"--b--",
            ]),
            "encoded once more",
        ),
        (good.repeat(65), "64 parts"),
        (b"hello".to_vec(), "boundary"),
        (Vec::new(), "boundary"),
    ] {
        let error = data(MULTIPART, &body).await.unwrap_err();
        assert!(
            error.starts_with("400") && error.contains(because),
            "{because}: {error}"
        );
    }
    for content_type in ["multipart/form-data", "multipart/form-data; boundary=\"\""] {
        assert!(data(content_type, b"--\r\n\r\n1\r\n----").await.is_err());
    }
    let whole = join(&[
        b"preamble\r\n",
        &good,
        b"--b \t\r\n\r\nbare\r\n--b--\r\nepilogue",
    ]);
    assert_eq!(
        data(MULTIPART, &whole).await,
        Ok(json!({"a": "1", "": "bare"}))
    );
    let inside = part(
        "Content-Disposition: form-data; name=\"a\"",
        b"x\r\n--bc\r\n--b-\r\ny",
    );
    let inside = join(&[&inside, b"--b--"]);
    assert_eq!(
        data(MULTIPART, &inside).await,
        Ok(json!({"a": "x\r\n--bc\r\n--b-\r\ny"}))
    );
}

#[tokio::test]
async fn a_million_tiny_parts_and_boundaries_that_almost_fit_cost_little() {
    let started = Instant::now();
    let tiny = part("a:b", b"").repeat(1_000_000);
    assert!(
        data(MULTIPART, &tiny)
            .await
            .unwrap_err()
            .contains("64 parts")
    );
    let almost = [
        b"--b\r\na:b\r\n\r\n".to_vec(),
        b"\r\n--bx".repeat(2_000_000),
    ]
    .concat();
    assert!(data(MULTIPART, &almost).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(20), "it is linear");
}

#[tokio::test]
async fn the_boundary_does_not_make_a_repeated_form_new() {
    let mut keys = Vec::new();
    for boundary in ["b", "c"] {
        let body = String::from_utf8([field("f", "a.txt", b"1"), b"--b--".to_vec()].concat());
        let body = body.unwrap().replace("--b", &format!("--{boundary}"));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        keys.push(
            read("hmac", &content_type, body.as_bytes())
                .await
                .unwrap()
                .event
                .dedup_key,
        );
    }
    assert_eq!(keys[0], keys[1]);
    let other = [field("f", "a.txt", b"2"), b"--b--".to_vec()].concat();
    let other = read("hmac", MULTIPART, &other).await.unwrap();
    assert_ne!(other.event.dedup_key, keys[0]);
}

fn inflating() -> Webhook {
    let mut hook = open("hmac");
    let changed = "inflate = true".parse().unwrap();
    hook.preset = Arc::new(hook.preset.with(&changed).unwrap());
    hook
}

#[tokio::test]
async fn gzip_is_inflated_only_where_it_is_allowed_and_under_its_bound() {
    use std::io::Write;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let packed = gzip(br#"{"type":"bell"}"#);
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let two = [gzip(br#"{"type":"#), gzip(br#""bell"}"#)].concat();
    let cut = &packed[..packed.len() - 3];
    let tail = [&packed[..], b"{}"].concat();
    for (hook, encoding, body, expected) in [
        (inflating(), "gzip", &packed[..], Ok("porch.bell")),
        (inflating(), "X-GZip", &packed, Ok("porch.bell")),
        (inflating(), "gzip", &two, Ok("porch.bell")),
        (
            inflating(),
            "identity",
            br#"{"type":"bell"}"#,
            Ok("porch.bell"),
        ),
        (inflating(), "gzip", &bomb, Err(413)),
        (inflating(), "gzip", cut, Err(400)),
        (inflating(), "gzip", &tail, Err(400)),
        (inflating(), "gzip", b"{}", Err(400)),
        (inflating(), "br", &packed, Err(415)),
        (inflating(), "gzip, gzip", &packed, Err(415)),
        (open("hmac"), "gzip", &packed, Err(415)),
        (open("hmac"), "deflate", b"{}", Err(415)),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let mut request = delivery(&headers, "", body.to_vec());
        request.max_inflated = 1 << 20;
        let outcome = decoded(&hook, request, NOW).await;
        let outcome = outcome.map(|decoded| decoded.event.kind);
        let told = outcome
            .as_deref()
            .map_err(|unusable| unusable.status().as_u16());
        assert_eq!(told, expected, "{encoding} {} bytes", body.len());
    }
}
