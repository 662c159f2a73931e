//! AWS Signature Version 4 in the header: for Lambda, S3, SNS and what else speaks it.
//!
//! The address is sent exactly as it was signed: path and query are taken apart, and every byte that
//! is not unreserved gets its percent sign once. The signed form of the path is encoded once more,
//! except for S3, whose keys are signed as they are sent. So a key with a space, a plus or an é means
//! the same to us, to the wire and to the server. The region is never guessed from the address: S3
//! next door has no such address.

use crate::failure::config;
use crate::fields::Fields;
use hmac::{Hmac, KeyInit as _, Mac as _};
use porchlight_core::{ActionError, Timestamp};
use reqwest::Method;
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use url::Url;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const BODY_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What it is read from.
const KNOWN: &[&str] = &["region", "service", "key", "secret", "token"];

/// Who signs, and for what. Holds a secret; has no `Debug`.
pub(in crate::http) struct Keys {
    key: String,
    secret: String,
    token: Option<String>,
    region: String,
    service: String,
}

/// A request as it has to be sent.
pub(super) struct Signed {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) authorization: String,
}

impl Keys {
    /// Reads `#{ region, service, key, secret, token }`.
    pub(super) fn parse(value: &Value) -> Result<Self, ActionError> {
        let mut known = KNOWN.to_vec();
        // A whole target may be given; its other keys were checked where it is configured.
        if let Some(map) = value.as_object().filter(|map| map.contains_key("name")) {
            known.extend(map.keys().map(String::as_str));
        }
        let fields = Fields::new("auth.aws", value, &known)?;
        let plain = |name: &str| -> Result<String, ActionError> {
            let text = fields.required_text(name)?;
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+=".contains(&byte);
            if text.is_empty() || !text.bytes().all(fine) {
                return Err(config(format!(
                    "auth.aws: `{name}` is not what AWS gives out"
                )));
            }
            Ok(text.to_owned())
        };
        Ok(Self {
            key: plain("key")?,
            region: plain("region")?,
            service: plain("service")?,
            secret: fields.required_text("secret")?.to_owned(),
            token: fields.text("token")?.map(str::to_owned),
        })
    }

    /// The request with its signature, as of `now`.
    pub(super) fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Signed, ActionError> {
        let moment = moment(now)?;
        let day = &moment[..8];
        let mut url = url.clone();
        let is_s3 = self.service.starts_with("s3");
        let signed_path = encode_path(&mut url, is_s3);
        let signed_query = encode_query(&mut url);
        let body_hash = hex::encode(Sha256::digest(body));
        let mut headers = headers.clone();
        headers.insert(DATE, value(&moment)?);
        if is_s3 {
            headers.insert(BODY_HASH, value(&body_hash)?);
        }
        if let Some(token) = &self.token {
            headers.insert(TOKEN, value(token)?);
        }
        let (names, lines) = signed_headers(&headers, &url);
        let request =
            format!("{method}\n{signed_path}\n{signed_query}\n{lines}\n{names}\n{body_hash}");
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let request_hash = hex::encode(Sha256::digest(request));
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{request_hash}");
        let parts = [day, &self.region, &self.service, "aws4_request"];
        let start = format!("AWS4{}", self.secret).into_bytes();
        let key = parts
            .iter()
            .try_fold(start, |key, part| mac(&key, part.as_bytes()))?;
        let signature = hex::encode(mac(&key, text.as_bytes())?);
        let key = &self.key;
        Ok(Signed {
            url,
            headers,
            authorization: format!(
                "AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
            ),
        })
    }
}

/// Whether a refusal says that our clock is wrong, which time may cure: a Pi starts in the past.
pub(in crate::http) fn blames_the_clock(answer: &str) -> bool {
    let signs = [
        "RequestTimeTooSkewed",
        "Signature expired",
        "Signature not yet current",
    ];
    signs.iter().any(|sign| answer.contains(sign))
}

fn mac(key: &[u8], text: &[u8]) -> Result<Vec<u8>, ActionError> {
    // Any length of key will do; the type does not know it.
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|_| config("auth.aws: `secret` cannot be a key"))?;
    mac.update(text);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// `20150830T123600Z`.
fn moment(now: Timestamp) -> Result<String, ActionError> {
    let moment = jiff::Timestamp::from_millisecond(now.0)
        .map_err(|_| config("this computer's clock shows no year that can be signed"))?;
    Ok(moment.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn value(text: &str) -> Result<HeaderValue, ActionError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| config("auth.aws: `token` has a line break or control character"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Writes the path in its one form, and gives the form that is signed.
fn encode_path(url: &mut Url, is_s3: bool) -> String {
    let segments = url.path().split('/');
    let path: Vec<String> = segments.map(|segment| encode(&decode(segment))).collect();
    let path = path.join("/");
    url.set_path(&path);
    if is_s3 {
        return path;
    }
    // Everybody but S3 takes several slashes for one and encodes what is encoded already.
    let mut signed = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        signed.push('/');
        signed += &encode(segment.as_bytes());
    }
    if signed.is_empty() || path.ends_with('/') {
        signed.push('/');
    }
    signed
}

/// Writes the query in its one form, and gives the form that is signed: the same, sorted.
fn encode_query(url: &mut Url) -> String {
    if url.query().is_none_or(str::is_empty) {
        url.set_query(None);
        return String::new();
    }
    let pairs = url.query_pairs();
    let mut pairs: Vec<(String, String)> = pairs
        .map(|(name, value)| (encode(name.as_bytes()), encode(value.as_bytes())))
        .collect();
    let joined = |pairs: &[(String, String)]| {
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    };
    url.set_query(Some(&joined(&pairs)));
    pairs.sort();
    joined(&pairs)
}

/// The names that are signed, and their lines: all that we send ourselves. What the client adds or a
/// proxy may change is left out.
fn signed_headers(headers: &HeaderMap, url: &Url) -> (String, String) {
    let mut all: Vec<(&str, String)> = Vec::new();
    if !headers.contains_key(HOST) {
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        all.push(("host", host));
    }
    for name in headers.keys().filter(|name| **name != USER_AGENT) {
        let values = headers.get_all(name).iter().map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        all.push((name.as_str(), values.collect::<Vec<_>>().join(",")));
    }
    all.sort();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let mut lines = String::new();
    for (name, value) in &all {
        let _ = writeln!(lines, "{name}:{value}");
    }
    (names.join(";"), lines)
}

/// A percent sign before everything but the unreserved characters of RFC 3986.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%');
        match digits.and_then(|digits| hex::decode(digits).ok()) {
            Some(byte) => {
                bytes.extend(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The names are those of AWS's published suite; for what it does not have there are signatures
    /// that botocore made.
    const VECTORS: &str = include_str!("../../../tests/data/sigv4.json");

    fn signature(case: &Value) -> Option<String> {
        let keys = Keys::parse(&json!({
            "service": case["service"].as_str().unwrap_or("service"),
            "region": "us-east-1",
            "key": "AKIDEXAMPLE",
            "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "token": case["token"],
        }));
        let mut headers = HeaderMap::new();
        for (name, value) in case["headers"].as_object().into_iter().flatten() {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            headers.insert(name, HeaderValue::from_str(value.as_str()?).ok()?);
        }
        let now = Timestamp::parse_rfc3339("2015-08-30T12:36:00Z")?;
        let url = Url::parse(case["url"].as_str()?).ok()?;
        let method = case["method"].as_str()?.parse().ok()?;
        let body = case["body"].as_str().unwrap_or_default();
        let signed = keys
            .ok()?
            .sign(&method, &url, &headers, body.as_bytes(), now);
        let authorization = signed.ok()?.authorization;
        Some(authorization.rsplit_once('=')?.1.to_owned())
    }

    #[test]
    fn signatures_are_those_that_aws_published() {
        let cases: Vec<Value> = serde_json::from_str(VECTORS).unwrap_or_default();
        assert_eq!(cases.len(), 15);
        for case in cases {
            let found = signature(&case);
            assert_eq!(
                found.as_deref(),
                case["signature"].as_str(),
                "{}",
                case["name"]
            );
        }
    }

    #[test]
    fn what_is_sent_is_what_was_signed() {
        let mut url = Url::parse("http://127.0.0.1:9000/b/a b+c(1)%2Fd/é%zz?x=1 2&y").unwrap();
        let path = encode_path(&mut url, true);
        assert_eq!(path, "/b/a%20b%2Bc%281%29%2Fd/%C3%A9%25zz");
        assert_eq!(url.path(), path);
        assert_eq!(encode_query(&mut url), "x=1%202&y=");
        assert_eq!(url.query(), Some("x=1%202&y="));
        let mut url = Url::parse("http://host").unwrap();
        assert_eq!(encode_path(&mut url, false), "/");
    }

    #[test]
    fn a_whole_target_will_do_and_a_misspelt_key_will_not() {
        let parse = |value: Value| Keys::parse(&value).err().map(|error| error.message);
        let mut target = json!({"name": "cloud", "driver": "x", "region": "r", "service": "s3", "key": "k", "secret": "s"});
        assert_eq!(parse(target.clone()), None);
        target["secret"] = Value::Null;
        assert!(parse(target).unwrap().contains("`secret`"));
        let wrong = json!({"regoin": "r", "service": "s3", "key": "k", "secret": "s"});
        assert!(parse(wrong).unwrap().contains("did you mean `region`?"));
        let wrong = json!({"region": "r\nx", "service": "s3", "key": "k", "secret": "s"});
        assert!(parse(wrong).unwrap().contains("`region`"));
    }
}
