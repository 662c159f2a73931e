//! HTTP message signatures (RFC 9421) with Content-Digest (RFC 9530).
//!
//! The scheme names the components that have to be covered; a signature that is valid but covers
//! less proves nothing. The algorithm is the scheme's, the digest is computed anew, and the time
//! of creation has to lie within `max_age` on both sides.

mod base;
mod demands;

use crate::algorithm::{Algorithm, signer};
use crate::encoding::KeyEncoding;
use crate::mac::Hash;
use crate::public_key::PublicKey;
use crate::rejected::{Rejected, Step};
use crate::source::Source;
use crate::verify::{Proved, no_secret};
use base::{Component, dictionary};
use demands::check_digest;
use porchlight_core::{Secret, Timestamp};
use sfv::{Dictionary, InnerList, ListEntry};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Signatures looked at in one request.
const MAX_SIGNATURES: usize = 4;
/// Components in one signature.
const MAX_COMPONENTS: usize = 32;

/// `proof = "httpsig"`.
///
/// ```toml
/// proof = "httpsig"
/// algorithm = "ed25519"       # hmac-sha256, ecdsa-p256-sha256, rsa-v1_5-sha256, rsa-pss-sha512
/// key = "base64-spki"         # base64 for hmac-sha256
/// components = ["@method", "@authority", "@path", "content-digest"]  # these at least
/// max_age = "5m"
/// label = "sig1"              # only the signature of this label; any where it is left out
/// ```
///
/// Without `content-digest` among the components the body is not covered.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpSigScheme {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: KeyEncoding,
    pub(crate) components: Vec<String>,
    pub(crate) max_age: Duration,
    pub(crate) label: Option<String>,
}

impl HttpSigScheme {
    pub(crate) fn new(
        algorithm: Algorithm,
        key: KeyEncoding,
        components: Vec<String>,
        max_age: Duration,
        label: Option<String>,
    ) -> Result<Self, String> {
        let algorithm = match algorithm {
            // RFC 9421 §3.3.4 writes r and s side by side.
            Algorithm::Key(PublicKey::EcdsaP256) => Algorithm::Key(PublicKey::EcdsaP256Fixed),
            Algorithm::Mac(Hash::Sha256) | Algorithm::Key(_) => algorithm,
            Algorithm::Mac(_) => {
                return Err(format!(
                    "`{}` is no algorithm of HTTP message signatures; use hmac-sha256, ed25519, ecdsa-p256-sha256, rsa-v1_5-sha256 or rsa-pss-sha512",
                    algorithm.name()
                ));
            }
        };
        if let Some(wrong) = components.iter().find(|name| !base::is_component(name)) {
            return Err(format!(
                "`{wrong}` is no component; write a header's name in lower case, or one such as @method, @path, @authority, @query"
            ));
        }
        Ok(Self {
            algorithm,
            key,
            components,
            max_age,
            label,
        })
    }

    pub(crate) fn covers_body(&self) -> bool {
        self.components.iter().any(|name| name == "content-digest")
    }

    pub(crate) fn names_url(&self) -> bool {
        let of_url = ["@target-uri", "@authority", "@scheme"];
        self.components
            .iter()
            .any(|name| of_url.contains(&name.as_str()))
    }

    /// What the parameter `alg` may say.
    fn rfc_name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Key(PublicKey::EcdsaP256Fixed) => "ecdsa-p256-sha256",
            other => other.name(),
        }
    }

    /// The headers that sign this request: Content-Digest, Signature-Input and Signature.
    pub(crate) fn write(
        &self,
        private: &[u8],
        source: &Source<'_>,
        now: Timestamp,
    ) -> Result<Vec<(String, String)>, String> {
        let label = self.label.as_deref().unwrap_or("sig1");
        let names: Vec<String> = self
            .components
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let params = format!("({});created={}", names.join(" "), now.as_seconds());
        let components: Vec<Component> = self
            .components
            .iter()
            .map(|name| Component::plain(name))
            .collect();
        let base = base::signature_base(&components, &params, source)
            .map_err(|problem| problem.to_string())?;
        let signature = self.algorithm.sign(private, &[base.as_bytes()])?;
        let signature = crate::encoding::Encoding::Base64.encode(&signature);
        Ok(vec![
            ("signature-input".to_owned(), format!("{label}={params}")),
            ("signature".to_owned(), format!("{label}=:{signature}:")),
        ])
    }
}

pub(crate) fn prove<'s>(
    scheme: &HttpSigScheme,
    secrets: impl Iterator<Item = &'s Secret>,
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    let keys: Vec<(&Secret, Vec<u8>)> = secrets
        .filter_map(|secret| Some((secret, scheme.key.key(secret.expose(), "").ok()?)))
        .filter(|(_, key)| scheme.algorithm.check_key(key).is_ok())
        .collect();
    if keys.is_empty() {
        return Err(no_secret());
    }
    let mut problem = None;
    for (signature, list) in signatures(scheme, source)? {
        match prove_one(scheme, &keys, &signature, &list, source, now) {
            Ok(proved) => return Ok(proved),
            Err(found) => _ = problem.get_or_insert(found),
        }
    }
    Err(problem.unwrap_or_else(|| Rejected::new(Step::Missing, "the signature is missing")))
}

/// What of it can be refused by the head alone: that a signature is there and fresh.
pub(crate) fn precheck(
    scheme: &HttpSigScheme,
    source: &Source<'_>,
    now: Timestamp,
) -> Result<(), Rejected> {
    let mut problem = None;
    for (_, list) in signatures(scheme, source)? {
        let checked =
            components(&list).and_then(|covered| scheme.check_params(&covered, &list, now));
        match checked {
            Ok(()) => return Ok(()),
            Err(found) => _ = problem.get_or_insert(found),
        }
    }
    Err(problem.unwrap_or_else(|| Rejected::new(Step::Missing, "the signature is missing")))
}

/// The signatures with their parameters, paired by label.
fn signatures(
    scheme: &HttpSigScheme,
    source: &Source<'_>,
) -> Result<Vec<(Vec<u8>, InnerList)>, Rejected> {
    let inputs = dictionary(source, "signature-input")?;
    let signatures: Dictionary = dictionary(source, "signature")?;
    let mut found = Vec::new();
    for (label, entry) in inputs {
        let wanted = scheme
            .label
            .as_deref()
            .is_none_or(|wanted| wanted == label.as_str());
        let (true, ListEntry::InnerList(list)) = (wanted, entry) else {
            continue;
        };
        let bytes = match signatures.get(&label) {
            Some(ListEntry::Item(item)) => item.bare_item.as_byte_sequence(),
            _ => None,
        };
        if let Some(bytes) = bytes {
            found.push((bytes.to_vec(), list));
        }
    }
    if found.len() > MAX_SIGNATURES {
        return Err(Rejected::new(
            Step::Malformed,
            format!("there are more than {MAX_SIGNATURES} signatures"),
        ));
    }
    if found.is_empty() {
        return Err(Rejected::new(
            Step::Missing,
            "no label stands in both signature-input and signature",
        ));
    }
    Ok(found)
}

fn components(list: &InnerList) -> Result<Vec<Component>, Rejected> {
    if list.items.len() > MAX_COMPONENTS {
        return Err(Rejected::new(
            Step::Malformed,
            format!("the signature covers more than {MAX_COMPONENTS} components"),
        ));
    }
    let components: Result<Vec<Component>, Rejected> =
        list.items.iter().map(Component::read).collect();
    let components = components?;
    let repeated = components
        .iter()
        .enumerate()
        .any(|(place, one)| components[..place].contains(one));
    if repeated {
        return Err(Rejected::new(
            Step::Malformed,
            "the signature covers a component twice",
        ));
    }
    Ok(components)
}

fn prove_one(
    scheme: &HttpSigScheme,
    keys: &[(&Secret, Vec<u8>)],
    signature: &[u8],
    list: &InnerList,
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    let covered = components(list)?;
    scheme.check_params(&covered, list, now)?;
    let params = base::serialize(list)?;
    let base = base::signature_base(&covered, &params, source)?;
    source.note("signed", || {
        format!("{} components, {} bytes", covered.len(), base.len())
    });
    let matched = signer(scheme.algorithm, keys, &base, signature.to_vec(), source);
    let secret = matched.ok_or_else(|| {
        Rejected::new(
            Step::Mismatch,
            "the signature is well formed, and no secret makes it: another secret, or something it covers was changed on the way",
        )
    })?;
    let body = covered
        .iter()
        .any(|component| component.is_plain("content-digest"));
    if body {
        check_digest(source)?;
    }
    Ok(Proved {
        body,
        hash: Some(hex::encode(Sha256::digest(&base))),
        ..Proved::by(secret)
    })
}
