//! The one way from a [`Delivery`] to a [`Verified`].
//!
//! Absence is refusal: no secret, no signature, no time where the scheme has one. Every secret and
//! every candidate is tried to the end, so that the time it takes says nothing about which came
//! near. Cheap checks come before the hash over the body.

use crate::Delivery;
use crate::locator::{Locator, NotFound, Source};
use crate::rejected::{Rejected, Step};
use crate::scheme::{MacScheme, Method, Scheme};
use crate::template::Values;
use crate::time::is_fresh;
use crate::token;
use porchlight_core::{Proof, Secret, Timestamp};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::OnceLock;

/// A delivery id longer than this is refused where it is part of the proof, so that it can serve
/// as a key in the journal.
const MAX_ID: usize = 256;

/// A delivery that was proved genuine, or that a person chose to believe without proof.
#[derive(Debug)]
pub struct Verified {
    delivery: Delivery,
    proof: Proof,
    signed_id: Option<String>,
    signed_hash: OnceLock<String>,
}

impl Verified {
    /// The delivery.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The delivery, given up.
    pub fn into_delivery(self) -> Delivery {
        self.delivery
    }

    /// What proved it, and how far the proof reaches.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Lower-case hex SHA-256 of the signed bytes; of the body where nothing is signed. Computed
    /// when it is first asked for where the signed bytes are the body, which is nearly always.
    pub fn signed_hash(&self) -> &str {
        self.signed_hash
            .get_or_init(|| hex::encode(Sha256::digest(&self.delivery.body)))
    }

    /// The id of the delivery, only if the proof covers it.
    pub fn signed_id(&self) -> Option<&str> {
        self.signed_id.as_deref()
    }
}

/// What the proof of one delivery established.
struct Proved {
    secret: Option<String>,
    body: bool,
    id: Option<String>,
    hash: Option<String>,
}

/// Verifies a delivery. `scheme_name` is what records call the scheme: the preset's name.
///
/// # Errors
/// The first step that failed. The answer to the sender must not repeat it.
pub fn verify(
    scheme: &Scheme,
    scheme_name: &str,
    secrets: &[Secret],
    delivery: Delivery,
    now: Timestamp,
) -> Result<Verified, Rejected> {
    let proved = prove(scheme, secrets, &Source::new(&delivery), now)?;
    let name = if scheme.proves() { scheme_name } else { "none" };
    Ok(Verified {
        proof: Proof {
            scheme: name.to_owned(),
            secret: proved.secret,
            body: proved.body,
            certificate: None,
        },
        signed_id: proved.id,
        signed_hash: proved.hash.map(OnceLock::from).unwrap_or_default(),
        delivery,
    })
}

fn prove(
    scheme: &Scheme,
    secrets: &[Secret],
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    match &scheme.method {
        Method::None => Ok(Proved {
            secret: None,
            body: false,
            id: None,
            hash: None,
        }),
        Method::Token(locators) => prove_token(locators, secrets, source),
        Method::Mac(mac) => prove_mac(mac, secrets, source, now),
        Method::FirstPresent(schemes) => schemes
            .iter()
            .find(|scheme| is_present(scheme, source))
            .map_or_else(
                || {
                    Err(Rejected::new(
                        Step::Missing,
                        "none of the scheme's signatures is there",
                    ))
                },
                |scheme| prove(scheme, secrets, source, now),
            ),
    }
}

fn is_present(scheme: &Scheme, source: &Source<'_>) -> bool {
    match &scheme.method {
        Method::Mac(mac) => mac
            .signatures
            .iter()
            .any(|signature| signature.locator.is_present(source)),
        Method::Token(locators) => locators.iter().any(|locator| locator.is_present(source)),
        Method::None | Method::FirstPresent(_) => false,
    }
}

fn prove_token(
    locators: &[Locator],
    secrets: &[Secret],
    source: &Source<'_>,
) -> Result<Proved, Rejected> {
    let usable: Vec<&Secret> = secrets.iter().filter(|secret| !secret.is_blank()).collect();
    if usable.is_empty() {
        return Err(no_secret());
    }
    let mut first_problem = None;
    let mut groups = Vec::new();
    for locator in locators {
        collect(locator.find(source, ""), &mut groups, &mut first_problem)?;
    }
    if groups.is_empty() {
        return Err(
            first_problem.unwrap_or_else(|| Rejected::new(Step::Missing, "the token is missing"))
        );
    }
    let mut matched = None;
    for secret in usable {
        for group in &groups {
            // A pointer with `*` finds one value per element, and every element has to be right.
            let all = group.iter().fold(true, |all, given| {
                all & token::equal(given.as_bytes(), secret.expose())
            });
            if all {
                matched = matched.or(Some(secret));
            }
        }
    }
    let secret = matched.ok_or_else(|| {
        Rejected::new(
            Step::Mismatch,
            "the token is there, and no secret equals it",
        )
    })?;
    Ok(Proved {
        secret: Some(secret.name().to_owned()),
        body: false,
        id: None,
        hash: None,
    })
}

fn prove_mac(
    mac: &MacScheme,
    secrets: &[Secret],
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    let keys: Vec<(&Secret, Vec<u8>)> = secrets
        .iter()
        .filter_map(|secret| Some((secret, mac.key.key(secret.expose(), &mac.key_prefix).ok()?)))
        .collect();
    if keys.is_empty() {
        return Err(no_secret());
    }
    let candidates = candidates(mac, source)?;
    let timestamp = timestamp(mac, source, now)?;
    let id = id(mac, source)?;

    let delivery = source.delivery;
    let parts = mac.signed.fill(&Values {
        body: &delivery.body,
        timestamp: timestamp.as_deref().unwrap_or_default(),
        id: id.as_deref().unwrap_or_default(),
        url: &delivery.url,
        method: delivery.method.as_str(),
    });
    let mut matched = None;
    for (secret, key) in &keys {
        for (algorithm, values) in &candidates {
            if algorithm.any_matches(key, &parts, values) {
                matched = matched.or(Some(*secret));
            }
        }
    }
    let secret = matched.ok_or_else(|| {
        Rejected::new(
            Step::Mismatch,
            "the signature is well formed, and no secret makes it: another secret, or the body was changed on the way",
        )
    })?;
    let hash = (!mac.signed.is_body()).then(|| {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        hex::encode(hash.finalize())
    });
    Ok(Proved {
        secret: Some(secret.name().to_owned()),
        body: mac.signed.has(&crate::template::Piece::Body),
        id: id.filter(|_| mac.covers_id()).map(Cow::into_owned),
        hash,
    })
}

type Candidates = Vec<(crate::mac::Algorithm, Vec<Vec<u8>>)>;

/// Every decoded signature, by the algorithm that it claims.
fn candidates(mac: &MacScheme, source: &Source<'_>) -> Result<Candidates, Rejected> {
    let mut first_problem = None;
    let mut candidates = Candidates::new();
    let mut texts_seen = false;
    for algorithm in &mac.algorithms {
        let mut values = Vec::new();
        for signature in &mac.signatures {
            let mut groups = Vec::new();
            let found = signature.locator.find(source, algorithm.label());
            collect(found, &mut groups, &mut first_problem)?;
            for text in groups.iter().flatten() {
                texts_seen = true;
                values.extend(
                    signature
                        .encodings
                        .iter()
                        .filter_map(|encoding| encoding.decode(text)),
                );
            }
        }
        if !values.is_empty() {
            candidates.push((*algorithm, values));
        }
    }
    if candidates.is_empty() {
        return Err(match first_problem {
            _ if texts_seen => {
                let words: Vec<&str> = mac.signatures[0]
                    .encodings
                    .iter()
                    .map(|e| e.word())
                    .collect();
                Rejected::new(
                    Step::Malformed,
                    format!(
                        "the signature is there, but it is not {}",
                        words.join(" or ")
                    ),
                )
            }
            Some(problem) => problem,
            None => Rejected::new(Step::Missing, "the signature is missing"),
        });
    }
    Ok(candidates)
}

/// Keeps what was found. What is missing or malformed at one place may stand at another; what is
/// ambiguous refuses the delivery at once.
fn collect<'a>(
    found: Result<Vec<Cow<'a, str>>, NotFound>,
    groups: &mut Vec<Vec<Cow<'a, str>>>,
    first_problem: &mut Option<Rejected>,
) -> Result<(), Rejected> {
    match found {
        Ok(values) => groups.push(values),
        Err(NotFound::Ambiguous(detail)) => return Err(Rejected::new(Step::Ambiguous, detail)),
        Err(problem) => {
            first_problem.get_or_insert_with(|| rejected(problem));
        }
    }
    Ok(())
}

fn timestamp<'a>(
    mac: &MacScheme,
    source: &Source<'a>,
    now: Timestamp,
) -> Result<Option<Cow<'a, str>>, Rejected> {
    let Some(rule) = &mac.timestamp else {
        return Ok(None);
    };
    let text = rule.locator.find_one(source).map_err(rejected)?;
    let time = rule.format.parse(&text).ok_or_else(|| {
        Rejected::new(
            Step::Malformed,
            format!(
                "the time in {} is not written as the scheme says",
                rule.locator.place
            ),
        )
    })?;
    if !is_fresh(time, now, rule.past, rule.future) {
        let seconds = now.0.saturating_sub(time.0).saturating_abs() / 1000;
        let direction = if time < now { "old" } else { "in the future" };
        return Err(Rejected::new(
            Step::Stale,
            format!(
                "the delivery is {seconds} s {direction} by this machine's clock, more than the scheme allows"
            ),
        ));
    }
    Ok(Some(text))
}

fn id<'a>(mac: &MacScheme, source: &Source<'a>) -> Result<Option<Cow<'a, str>>, Rejected> {
    let Some(rule) = &mac.id else {
        return Ok(None);
    };
    let needed = mac.signed.has(&crate::template::Piece::Id);
    let id = match rule.locator.find_one(source) {
        Ok(id) => id,
        Err(NotFound::Missing(_) | NotFound::Malformed(_)) if !needed => return Ok(None),
        Err(NotFound::Ambiguous(_)) if !needed && !mac.covers_id() => return Ok(None),
        Err(problem) => return Err(rejected(problem)),
    };
    if rule.forbid.as_deref().is_some_and(|text| id.contains(text)) {
        return Err(Rejected::new(
            Step::Malformed,
            "the delivery id contains a text that the scheme forbids in it",
        ));
    }
    if needed && (id.is_empty() || id.len() > MAX_ID) {
        return Err(Rejected::new(
            Step::Malformed,
            format!("the delivery id is empty or longer than {MAX_ID} bytes"),
        ));
    }
    Ok((!id.is_empty() && id.len() <= MAX_ID).then_some(id))
}

fn rejected(problem: NotFound) -> Rejected {
    match problem {
        NotFound::Missing(detail) => Rejected::new(Step::Missing, detail),
        NotFound::Ambiguous(detail) => Rejected::new(Step::Ambiguous, detail),
        NotFound::Malformed(detail) => Rejected::new(Step::Malformed, detail),
    }
}

fn no_secret() -> Rejected {
    Rejected::new(
        Step::NoSecret,
        "the webhook has no usable secret, so nothing can be proved",
    )
}
