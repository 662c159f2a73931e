//! The one way from a [`Delivery`] to a [`Verified`].
//!
//! Absence is refusal: no secret, no signature, no time where the scheme has one. What each kind of
//! proof demands is in a file of its own; here they are put together.

mod inflating;
mod precheck;
pub(crate) mod signed;
mod token;

use crate::Delivery;
use crate::locator::NotFound;
use crate::rejected::{Rejected, Step};
use crate::scheme::{Method, Scheme};
use crate::source::Source;
use crate::{basic, httpsig, jwt, mtls};
pub(crate) use inflating::inflate_first;
use porchlight_core::{Proof, Secret, Timestamp};
pub use precheck::precheck;
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
    canonical: bool,
}

impl Verified {
    /// The delivery; its body is inflated where the scheme signs the inflated one.
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

    /// Lower-case hex SHA-256 of what tells this delivery apart: of the body where the proof covers
    /// all of it or nothing is signed, computed when it is first asked for; of the signed bytes where
    /// they cover a canonical form of the body or none of it.
    pub fn signed_hash(&self) -> &str {
        self.signed_hash
            .get_or_init(|| hex::encode(Sha256::digest(&self.delivery.body)))
    }

    /// Whether the signature covers a canonical form of the body rather than its bytes: then one
    /// content can be written in several ways, and only [`Self::signed_hash`] tells them apart
    /// from another content.
    pub fn is_canonical(&self) -> bool {
        self.canonical
    }

    /// The id of the delivery, only if the proof covers it.
    pub fn signed_id(&self) -> Option<&str> {
        self.signed_id.as_deref()
    }
}

/// What the proof of one delivery established.
#[derive(Debug, Default)]
pub(crate) struct Proved {
    pub secret: Option<String>,
    pub body: bool,
    pub id: Option<String>,
    pub hash: Option<String>,
    pub canonical: bool,
    pub certificate: Option<String>,
}

impl Proved {
    /// By this secret, and nothing more.
    pub(crate) fn by(secret: &Secret) -> Self {
        Self {
            secret: Some(secret.name().to_owned()),
            ..Self::default()
        }
    }

    /// Both proofs together.
    fn and(self, other: Self) -> Self {
        let secret = match (self.secret, other.secret) {
            (Some(one), Some(two)) => Some(format!("{one} and {two}")),
            (one, two) => one.or(two),
        };
        Self {
            secret,
            body: self.body || other.body,
            id: self.id.or(other.id),
            // Two hashes of the same delivery; the first is as good as both.
            hash: self.hash.or(other.hash),
            canonical: self.canonical || other.canonical,
            certificate: self.certificate.or(other.certificate),
        }
    }
}

/// A delivery that was refused, given back to whoever wants to know more about it.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub rejected: Rejected,
    /// What.
    pub delivery: Delivery,
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
    let outcome = verify_or_return(scheme, scheme_name, secrets, delivery, now);
    outcome.map_err(|failed| failed.rejected)
}

/// As [`verify`], and a refused delivery is given back.
///
/// # Errors
/// The first step that failed, and the delivery.
pub fn verify_or_return(
    scheme: &Scheme,
    scheme_name: &str,
    secrets: &[Secret],
    mut delivery: Delivery,
    now: Timestamp,
) -> Result<Verified, Box<Failed>> {
    let proved = inflate_first(scheme, secrets, &mut delivery, now)
        .and_then(|()| prove(scheme, secrets, &Source::new(&delivery), now));
    let proved = match proved {
        Ok(proved) => proved,
        Err(rejected) => return Err(Box::new(Failed { rejected, delivery })),
    };
    let name = if scheme.proves() { scheme_name } else { "none" };
    Ok(Verified {
        proof: Proof {
            scheme: name.to_owned(),
            secret: proved.secret,
            body: proved.body,
            certificate: proved.certificate,
        },
        signed_id: proved.id,
        signed_hash: proved.hash.map(OnceLock::from).unwrap_or_default(),
        canonical: proved.canonical,
        delivery,
    })
}

pub(crate) fn prove(
    scheme: &Scheme,
    secrets: &[Secret],
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    let own = scheme
        .own_secrets(secrets)
        .filter(|secret| secret.is_live(now));
    match &scheme.method {
        Method::None => Ok(Proved::default()),
        Method::Token(locators) => token::prove(locators, own, source),
        Method::Basic => basic::prove(own, source),
        Method::Signed(signed) => signed::prove(signed, own, source, now),
        Method::Jwt(jwt) => jwt::prove(jwt, own, source, now),
        Method::HttpSig(signature) => httpsig::prove(signature, own, source, now),
        Method::Mtls(mtls) => mtls::prove(mtls, source, now),
        Method::Ip(networks) => match source.delivery.peer {
            Some(peer) if networks.iter().any(|network| network.contains(peer)) => {
                source.note("address", || format!("{peer} is in the list"));
                Ok(Proved::default())
            }
            Some(peer) => Err(Rejected::new(
                Step::Mismatch,
                format!("the address {peer} is not in the list"),
            )),
            None => Err(Rejected::new(Step::Missing, "the sender has no address")),
        },
        Method::All(parts) => {
            let own: Vec<Secret> = own.cloned().collect();
            let mut proved = Proved::default();
            for part in parts {
                source.note("all", || format!("next: {}", part.how()));
                proved = proved.and(prove(part, &own, source, now)?);
            }
            Ok(proved)
        }
        Method::Any(parts) => {
            let own: Vec<Secret> = own.cloned().collect();
            let mut problems = Vec::new();
            for part in parts {
                source.note("any", || format!("next: {}", part.how()));
                match prove(part, &own, source, now) {
                    Ok(proved) => return Ok(proved),
                    Err(problem) => problems.push(problem),
                }
            }
            Err(worst(problems))
        }
        Method::FirstPresent(parts) => {
            let own: Vec<Secret> = own.cloned().collect();
            let present = parts.iter().find(|part| is_present(part, source));
            present.map_or_else(
                || {
                    Err(Rejected::new(
                        Step::Missing,
                        "none of the scheme's signatures is there",
                    ))
                },
                |part| {
                    source.note("first_present", || format!("it is {}", part.how()));
                    prove(part, &own, source, now)
                },
            )
        }
    }
}

/// The problem of the alternative that came furthest: what is merely missing says the least.
fn worst(mut problems: Vec<Rejected>) -> Rejected {
    problems.sort_by_key(|problem| problem.step() == Step::Missing);
    let mut problems = problems.into_iter();
    problems
        .next()
        .unwrap_or_else(|| Rejected::new(Step::Missing, "there is no alternative"))
}

pub(crate) fn is_present(scheme: &Scheme, source: &Source<'_>) -> bool {
    match &scheme.method {
        Method::Signed(signed) => signed
            .signatures
            .iter()
            .any(|signature| signature.locator.is_present(source)),
        Method::Token(locators) => locators.iter().any(|locator| locator.is_present(source)),
        Method::Jwt(jwt) => jwt.token.is_present(source),
        Method::HttpSig(_) => source.delivery.headers.contains_key("signature-input"),
        _ => false,
    }
}

/// Keeps what was found. What is missing or malformed at one place may stand at another; what is
/// ambiguous refuses the delivery at once.
pub(crate) fn collect<'a>(
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

pub(crate) fn rejected(problem: NotFound) -> Rejected {
    match problem {
        NotFound::Missing(detail) => Rejected::new(Step::Missing, detail),
        NotFound::Ambiguous(detail) => Rejected::new(Step::Ambiguous, detail),
        NotFound::Malformed(detail) => Rejected::new(Step::Malformed, detail),
    }
}

pub(crate) fn no_secret() -> Rejected {
    Rejected::new(
        Step::NoSecret,
        "the webhook has no usable secret, so nothing can be proved",
    )
}
