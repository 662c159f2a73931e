//! Runs files of test vectors: requests that a receiver must accept or refuse, handshakes with
//! their answers, and sequences that show what counts as a repetition.
//!
//! The file describes its schemes itself; [`porchlight_verify::vectors`] is the whole difference to ours. Handshakes
//! are the presets' own, by the name of the scheme. Each request goes the way of a live one: proof,
//! decoding, and the key that the journal would claim.

mod format;

use crate::{Preset, Webhook, decode};
use format::{Challenge, File, Sequence, Vector};
use porchlight_core::Secret;
use porchlight_verify::{Handshake, vectors, verify};
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

/// How a file went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many vectors, handshakes and sequences went as the file says.
    pub passed: usize,
    /// One line for each that did not.
    pub disagreements: Vec<String>,
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
