//! Runs files of test vectors: requests that a receiver must accept or refuse, handshakes with
//! their answers, and sequences that show what counts as a repetition.
//!
//! The file describes its schemes itself; [`porchlight_verify::vectors`] is the whole difference to ours. Handshakes
//! are the presets' own, by the name of the scheme. Each request goes the way of a live one: proof,
//! decoding, and the key that the journal would claim.

use crate::http::{Forwarding, origin};
use crate::{Preset, Webhook, decode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use porchlight_core::{Network, Secret, Timestamp};
use porchlight_verify::{Delivery, Handshake, Reply, Scheme, vectors, verify};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::panic::AssertUnwindSafe;

/// How a file went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many vectors, handshakes and sequences went as the file says.
    pub passed: usize,
    /// One line for each that did not.
    pub disagreements: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    schemes: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    vectors: Vec<Vector>,
    #[serde(default)]
    challenges: Vec<Challenge>,
    #[serde(default)]
    sequences: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    scheme: String,
    secret: Texts,
    #[serde(flatten)]
    request: Request,
    expect: String,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
struct Challenge {
    name: String,
    scheme: String,
    secret: Texts,
    #[serde(flatten)]
    request: Request,
    response: Response,
    #[serde(default)]
    response_headers: Vec<(String, String)>,
    #[serde(default)]
    compare: String,
    alternative_status: Option<u16>,
    verify_token: Option<String>,
    #[serde(default)]
    topics: Vec<String>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    content_type: Option<String>,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Sequence {
    name: String,
    scheme: String,
    secret: Texts,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(flatten)]
    request: Request,
    expect: String,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    peer_ip: Option<String>,
    now: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

/// Runs every vector, handshake and sequence of a file.
///
/// # Errors
/// The file is not what its format says, in one line.
pub async fn run(text: &str) -> Result<Report, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut report = Report::default();
    for vector in &file.vectors {
        let outcome = guarded(|| one(&file, vector));
        report.note("vector", &vector.name, outcome, &vector.why);
    }
    for challenge in &file.challenges {
        let outcome = guarded(|| handshake(&file, challenge));
        report.note("challenge", &challenge.name, outcome, "");
    }
    for sequence in &file.sequences {
        let outcome = in_order(&file, sequence).await;
        report.note("sequence", &sequence.name, outcome, "");
    }
    Ok(report)
}

impl Report {
    fn note(&mut self, kind: &str, name: &str, outcome: Result<(), String>, why: &str) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(problem) if why.is_empty() => {
                self.disagreements.push(format!("{kind} {name}: {problem}"));
            }
            Err(problem) => self
                .disagreements
                .push(format!("{kind} {name}: {problem} ({why})")),
        }
    }
}

/// A panic is a disagreement like any other, and the next vector runs all the same.
fn guarded(run: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    std::panic::catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err("it panicked".to_owned()))
}

impl File {
    fn scheme(&self, name: &str) -> Result<(Scheme, Vec<Network>), String> {
        let described = self
            .schemes
            .get(name)
            .ok_or_else(|| format!("the file describes no scheme `{name}`"))?;
        let table = vectors::table(described)?;
        let scheme = Scheme::deserialize(Value::Object(table)).map_err(|e| e.to_string())?;
        Ok((scheme, vectors::proxies(described)?))
    }
}

impl Texts {
    fn secrets(&self) -> Vec<Secret> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        };
        let named = texts.iter().enumerate();
        named
            .map(|(index, text)| Secret::new(format!("secrets[{index}]"), text.as_str()))
            .collect()
    }
}

impl Request {
    fn delivery(&self, proxies: &[Network]) -> Result<Delivery, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| e.to_string())?;
            // What no header can carry, no server lets in: the request arrives without it.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append(name, value);
            }
        }
        // What is no address is nobody's.
        let peer = self.peer_ip.as_deref().and_then(|text| text.parse().ok());
        Ok(Delivery {
            method: self.method.parse().map_err(|_| "no method".to_owned())?,
            url: self.url.clone(),
            query: match self.url.split_once('?') {
                Some((_, query)) => query.to_owned(),
                None => String::new(),
            },
            body: STANDARD
                .decode(&self.body)
                .map_err(|_| "the body is not base64".to_owned())?
                .into(),
            peer: peer
                .map(|peer| origin::sender(peer, &headers, proxies, Forwarding::XForwardedFor)),
            headers,
            ..Delivery::default()
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.saturating_mul(1000))
    }
}

fn one(file: &File, vector: &Vector) -> Result<(), String> {
    let (scheme, proxies) = file.scheme(&vector.scheme)?;
    let delivery = vector.request.delivery(&proxies)?;
    let secrets = vector.secret.secrets();
    let outcome = verify(
        &scheme,
        &vector.scheme,
        &secrets,
        delivery,
        vector.request.now(),
    );
    match (vector.expect.as_str(), outcome) {
        ("accept", Ok(_)) | ("reject", Err(_)) => Ok(()),
        ("accept", Err(refused)) => Err(format!("should be accepted, was refused: {refused}")),
        ("reject", Ok(_)) => Err("should be refused, was accepted".to_owned()),
        (other, _) => Err(format!("`expect` is `{other}`; it is accept or reject")),
    }
}

/// The preset that a scheme of the file stands for.
fn preset_of(scheme: &str) -> Option<&'static Preset> {
    let mut presets = Preset::all().iter();
    presets.find(|preset| preset.vectors.iter().any(|name| name == scheme))
}

fn handshake(file: &File, challenge: &Challenge) -> Result<(), String> {
    let (_, proxies) = file.scheme(&challenge.scheme)?;
    let preset = preset_of(&challenge.scheme)
        .ok_or_else(|| format!("no preset knows the handshake of `{}`", challenge.scheme))?;
    let scheme = &preset.scheme;
    let secrets = challenge.secret.secrets();
    let token = challenge.verify_token.as_deref();
    let token = token.map(|token| Secret::new("verify_token", token));
    let agreed = Handshake {
        verify_token: token.as_ref(),
        topics: &challenge.topics,
    };
    let delivery = challenge.request.delivery(&proxies)?;
    let answer = scheme
        .answer_before_proof(&secrets, agreed, &delivery)
        .or_else(|| {
            match verify(
                scheme,
                &preset.name,
                &secrets,
                delivery,
                challenge.request.now(),
            ) {
                Ok(verified) => scheme.answer_after_proof(&secrets, agreed, &verified),
                Err(why) => Some(Err(porchlight_verify::Refused {
                    status: scheme.reject_status(),
                    why,
                })),
            }
        });
    match answer {
        Some(Ok(reply)) => challenge.compare(&reply),
        Some(Err(refused)) if challenge.allows(refused.status) => Ok(()),
        Some(Err(refused)) => Err(format!("answered {}: {}", refused.status, refused.why)),
        None => Err("it was not recognised as a handshake".to_owned()),
    }
}

impl Challenge {
    fn allows(&self, status: u16) -> bool {
        status == self.response.status || self.alternative_status == Some(status)
    }

    fn compare(&self, reply: &Reply) -> Result<(), String> {
        if !self.allows(reply.status) {
            return Err(format!(
                "answered {}, not {}",
                reply.status, self.response.status
            ));
        }
        let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
        let wanted = self.response.content_type.as_deref().map(essence);
        if wanted.is_some() && reply.content_type.as_deref().map(essence) != wanted {
            return Err("answered with another content type".to_owned());
        }
        let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
        let same = self
            .response
            .body
            .as_deref()
            .is_none_or(|wanted| match self.compare.as_str() {
                "json" => parsed(wanted).is_some() && parsed(wanted) == parsed(&reply.body),
                _ => wanted == reply.body,
            });
        if !same {
            return Err("answered with another body".to_owned());
        }
        let missing = self.response_headers.iter().find(|(name, value)| {
            !reply
                .headers
                .iter()
                .any(|(given, text)| given.eq_ignore_ascii_case(name) && text == value)
        });
        missing.map_or(Ok(()), |(name, _)| {
            Err(format!("the header {name} is missing"))
        })
    }
}

async fn in_order(file: &File, sequence: &Sequence) -> Result<(), String> {
    let (_, proxies) = file.scheme(&sequence.scheme)?;
    let described = &file.schemes[&sequence.scheme];
    let table = toml::Table::try_from(vectors::table(described)?).map_err(|e| e.to_string())?;
    let preset = Preset::named("hmac").ok_or("the preset `hmac` is missing")?;
    let preset = preset.with_scheme(table)?;
    let webhook = Webhook::new("vectors", preset, sequence.secret.secrets());
    let mut claimed = HashSet::new();
    for (place, step) in sequence.steps.iter().enumerate() {
        let now = step.request.now();
        let delivery = step.request.delivery(&proxies)?;
        let scheme = &webhook.preset.scheme;
        let outcome = match verify(scheme, "vectors", &webhook.secrets, delivery, now) {
            Err(_) => "reject",
            Ok(verified) => {
                let decoded = decode(&webhook, verified, now).await;
                let decoded = decoded.map_err(|unusable| unusable.to_string())?;
                match decoded.into_iter().find_map(|one| one.claim) {
                    Some(claim) if !claimed.insert(claim.key.clone()) => "duplicate",
                    _ => "accept",
                }
            }
        };
        if outcome != step.expect {
            let number = place + 1;
            return Err(format!("step {number} is {outcome}, not {}", step.expect));
        }
    }
    Ok(())
}
