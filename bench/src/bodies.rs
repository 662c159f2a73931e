//! What is sent: realistic webhooks, each with an id of its own, signed before the clock starts.
//!
//! The signature is GitHub's (`X-Hub-Signature-256`), because it is the most common one and every
//! receiver here can check it in a line.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The secret that all receivers share.
pub const SECRET: &str = "a-long-enough-secret-for-the-bench";
/// The header that carries the signature.
pub const SIGNATURE: &str = "x-hub-signature-256";
/// The path that all receivers serve.
pub const PATH: &str = "/webhook/bench";

/// Digits that are replaced by the number of the request.
const ID: &str = "000000000000";

static NEXT: AtomicU64 = AtomicU64::new(1);

/// HMAC-SHA256 under the shared secret.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub fn mac() -> Hmac<Sha256> {
    Hmac::new_from_slice(SECRET.as_bytes()).expect("a key of any length")
}

/// So many whole HTTP requests, of which no two in a run of the program are the same.
pub fn requests(count: usize, body_size: usize) -> Vec<Vec<u8>> {
    let template = template(body_size);
    let at = template.find(ID).unwrap_or(0);
    (0..count).map(|_| request(&template, at)).collect()
}

fn request(template: &str, at: usize) -> Vec<u8> {
    let number = format!("{:012}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut body = template.to_owned();
    body.replace_range(at..at + ID.len(), &number);
    let mut mac = mac();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: GitHub-Hookshot/044aadd\r\n\
         Accept: */*\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n\
         X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-{number}\r\n\
         X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A JSON document of about this size, of the kind that vendors send: an envelope, and a list of
/// small objects with short strings and numbers.
fn template(size: usize) -> String {
    let mut body = format!(
        r#"{{"id":"{ID}","ref":"refs/heads/main","time":"2026-11-22T21:04:40.190Z","repository":{{"id":35129377,"name":"porch","full_name":"house/porch","private":false}},"sender":{{"login":"camera-7","id":6752317}},"items":["#
    );
    let mut n = 0;
    loop {
        let mut item = String::new();
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(
            item,
            r#"{comma}{{"n":{n},"plate":"AB{n:03}CD","score":0.9{n},"box":{{"xmin":{},"ymin":{},"xmax":{},"ymax":{}}},"note":"seen at the \"gate\""}}"#,
            100 + n,
            200 + n,
            300 + n,
            400 + n
        );
        if n > 0 && body.len() + item.len() + 2 > size {
            return body + "]}";
        }
        body += &item;
        n += 1;
    }
}
