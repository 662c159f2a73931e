//! What is said to a challenge: a status, headers and a body with values of the request in them.

use crate::algorithm::Algorithm;
use crate::encoding::Encoding;
use crate::locator::{Cut, Locator, Place};
use crate::rejected::{Rejected, Step};
use crate::scheme::{Method, Scheme};
use crate::source::Source;
use crate::verify::rejected;
use http::header::{HeaderName, HeaderValue};
use porchlight_core::Secret;
use std::collections::BTreeMap;

/// A longer value is echoed to nobody; the longest known challenge has a few hundred characters.
const MAX_ECHO: usize = 2048;

/// The answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The content type, where the scheme names one.
    pub content_type: Option<String>,
    /// Further headers; always `X-Content-Type-Options: nosniff`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The answer with its placeholders.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words {
    status: u16,
    content_type: Option<String>,
    headers: Vec<(String, Vec<Piece>)>,
    body: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    Value(Locator),
    Hmac(Locator, Encoding),
}

impl Words {
    pub(super) fn read(
        status: u16,
        content_type: Option<String>,
        headers: BTreeMap<String, String>,
        body: &str,
    ) -> Result<Self, String> {
        if !(200..=299).contains(&status) {
            return Err(format!(
                "a challenge's status = {status} is no success; use 200 to 299"
            ));
        }
        let markup = content_type.as_deref().is_some_and(|text| {
            let text = text.to_ascii_lowercase();
            text.contains("html") || text.contains("xml") || text.contains("script")
        });
        if markup {
            return Err("a challenge is answered in plain text or JSON, not in markup that a browser would run".to_owned());
        }
        let headers: Result<Vec<_>, String> = headers
            .into_iter()
            .map(|(name, text)| {
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| format!("`{name}` is no header name"))?;
                Ok((name, pieces(&text)?))
            })
            .collect();
        Ok(Self {
            status,
            content_type,
            headers: headers?,
            body: pieces(body)?,
        })
    }

    /// Whether something in it is made with the secret.
    pub(super) fn sign(&self) -> bool {
        let headers = self.headers.iter().flat_map(|(_, pieces)| pieces);
        let mut pieces = self.body.iter().chain(headers);
        pieces.any(|piece| matches!(piece, Piece::Hmac(..)))
    }

    pub(super) fn say(
        &self,
        scheme: &Scheme,
        secret: Option<&Secret>,
        source: &Source<'_>,
    ) -> Result<Reply, Rejected> {
        let json = self
            .content_type
            .as_deref()
            .is_some_and(|text| text.contains("json"));
        let fill = |pieces: &[Piece], json: bool| -> Result<String, Rejected> {
            let mut text = String::new();
            for piece in pieces {
                let value = piece.value(scheme, secret, source)?;
                match piece {
                    Piece::Literal(_) => text.push_str(&value),
                    _ if json => text.push_str(&escaped(&value)),
                    _ => text.push_str(&value),
                }
            }
            Ok(text)
        };
        let mut headers = vec![("x-content-type-options".to_owned(), "nosniff".to_owned())];
        for (name, pieces) in &self.headers {
            let value = fill(pieces, false)?;
            if HeaderValue::from_str(&value).is_err() {
                return Err(Rejected::new(
                    Step::Malformed,
                    "the challenge holds a value that no header can carry",
                ));
            }
            if !name.eq_ignore_ascii_case("x-content-type-options") {
                headers.push((name.clone(), value));
            }
        }
        Ok(Reply {
            status: self.status,
            content_type: self.content_type.clone(),
            headers,
            body: fill(&self.body, json)?,
        })
    }
}

impl Piece {
    fn value(
        &self,
        scheme: &Scheme,
        secret: Option<&Secret>,
        source: &Source<'_>,
    ) -> Result<String, Rejected> {
        let find = |locator: &Locator| {
            let value = locator.find_one(source).map_err(rejected)?;
            if value.len() > MAX_ECHO || value.chars().any(char::is_control) {
                return Err(Rejected::new(
                    Step::Malformed,
                    "the challenge is too long, or has control characters in it",
                ));
            }
            Ok(value.into_owned())
        };
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Value(locator) => find(locator),
            Self::Hmac(locator, encoding) => {
                let value = find(locator)?;
                let mac = secret.and_then(|secret| mac(scheme, secret, value.as_bytes()));
                let mac = mac.ok_or_else(crate::verify::no_secret)?;
                Ok(encoding.encode(&mac))
            }
        }
    }
}

fn mac(scheme: &Scheme, secret: &Secret, value: &[u8]) -> Option<Vec<u8>> {
    let Method::Signed(signed) = &scheme.method else {
        return None;
    };
    let key = signed.key.key(secret.expose(), &signed.key_prefix).ok()?;
    let algorithm = signed.algorithms.first()?;
    matches!(algorithm, Algorithm::Mac(_)).then(|| algorithm.sign(&key, &[value]).ok())?
}

/// As the inside of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Cuts a text at its placeholders. A brace that begins none is itself: answers are JSON.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    const WORDS: [&str; 5] = [
        "{json:",
        "{query:",
        "{header:",
        "{hmac_hex(",
        "{hmac_base64(",
    ];
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let next = WORDS.iter().filter_map(|word| rest.find(word)).min();
        let Some(begin) = next else {
            if !rest.is_empty() {
                pieces.push(Piece::Literal(rest.to_owned()));
            }
            return Ok(pieces);
        };
        if begin > 0 {
            pieces.push(Piece::Literal(rest[..begin].to_owned()));
        }
        let end = rest[begin..]
            .find('}')
            .ok_or_else(|| format!("`{text}` has a placeholder without end"))?;
        let inside = &rest[begin + 1..begin + end];
        let hmac = |word: &str| {
            let inside = inside.strip_prefix(word)?.strip_prefix('(')?;
            inside.strip_suffix(')')
        };
        pieces.push(match (hmac("hmac_hex"), hmac("hmac_base64")) {
            (Some(place), _) => Piece::Hmac(locator(place)?, Encoding::Hex),
            (_, Some(place)) => Piece::Hmac(locator(place)?, Encoding::Base64),
            _ => Piece::Value(locator(inside)?),
        });
        rest = &rest[begin + end + 1..];
    }
}

fn locator(text: &str) -> Result<Locator, String> {
    let wrong = || format!("`{text}` is no place; write json:/pointer, query:name or header:Name");
    let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
    let place = match kind {
        "json" if name.starts_with('/') => Place::Json(name.to_owned()),
        "query" if !name.is_empty() => Place::Query(name.to_owned()),
        "header" => Place::Header(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    Ok(Locator {
        place,
        cut: Cut::Whole,
    })
}
