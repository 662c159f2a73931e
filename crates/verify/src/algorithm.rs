//! The algorithms by their names, and what they have in common: a key, parts, a proof.
//!
//! Two families stand behind it, [`crate::mac`] and [`crate::public_key`]. An algorithm is pinned by
//! the scheme and never taken from the delivery; where several are allowed, the label in front of
//! the signature chooses among exactly these.

use crate::mac::Hash;
use crate::public_key::PublicKey;
use crate::source::Source;
use porchlight_core::Secret;
use serde::Deserialize;

/// One algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Algorithm {
    /// An HMAC: both sides know the key.
    Mac(Hash),
    /// A signature: only the sender can make it.
    Key(PublicKey),
}

/// Every algorithm by the name that the configuration uses.
const NAMES: [(&str, Algorithm); 9] = [
    ("hmac-sha1", Algorithm::Mac(Hash::Sha1)),
    ("hmac-sha256", Algorithm::Mac(Hash::Sha256)),
    ("hmac-sha384", Algorithm::Mac(Hash::Sha384)),
    ("hmac-sha512", Algorithm::Mac(Hash::Sha512)),
    ("ed25519", Algorithm::Key(PublicKey::Ed25519)),
    ("ecdsa-p256-sha256", Algorithm::Key(PublicKey::EcdsaP256)),
    (
        "ecdsa-p256-sha256-fixed",
        Algorithm::Key(PublicKey::EcdsaP256Fixed),
    ),
    ("rsa-v1_5-sha256", Algorithm::Key(PublicKey::RsaSha256)),
    ("rsa-pss-sha512", Algorithm::Key(PublicKey::RsaPssSha512)),
];

impl TryFrom<String> for Algorithm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, algorithm)| *algorithm).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!(
                "there is no algorithm `{text}`; there are {}",
                names.join(", ")
            )
        })
    }
}

impl Algorithm {
    /// The name in the configuration: `hmac-sha256`, `ed25519`.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, algorithm)| *algorithm == self)
            .map_or("unknown", |(name, _)| name)
    }

    /// What stands in front of values that carry a label: `sha256` in `sha256=…`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mac(hash) => hash.label(),
            Self::Key(_) => self.name(),
        }
    }

    /// Whether both sides share the key.
    pub fn is_mac(self) -> bool {
        matches!(self, Self::Mac(_))
    }

    /// Whether these bytes can be a key of this algorithm.
    ///
    /// # Errors
    /// A sentence that goes on after the secret's name.
    pub(crate) fn check_key(self, key: &[u8]) -> Result<(), String> {
        match self {
            Self::Mac(_) => Ok(()),
            Self::Key(kind) => kind.check_key(key),
        }
    }

    /// Whether one of the candidates proves the parts in this order; all are looked at.
    pub(crate) fn any_matches(self, key: &[u8], parts: &[&[u8]], candidates: &[Vec<u8>]) -> bool {
        match self {
            Self::Mac(hash) => hash.any_matches(key, parts, candidates),
            Self::Key(kind) => kind.any_matches(key, parts, candidates),
        }
    }

    /// The MAC or signature of the parts in this order; `key` is the private one.
    ///
    /// # Errors
    /// A sentence: the key is no private key of this algorithm.
    pub(crate) fn sign(self, key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, String> {
        match self {
            Self::Mac(hash) => Ok(hash.compute(key, parts)),
            Self::Key(kind) => kind.sign(key, parts),
        }
    }
}

/// The first secret whose key proves `input` by this signature; every one is tried to the end.
pub(crate) fn signer<'s>(
    algorithm: Algorithm,
    keys: &[(&'s Secret, Vec<u8>)],
    input: &str,
    signature: Vec<u8>,
    source: &Source<'_>,
) -> Option<&'s Secret> {
    let candidates = [signature];
    let mut matched = None;
    for (secret, key) in keys {
        let found = algorithm.any_matches(key, &[input.as_bytes()], &candidates);
        source.note("secret", || {
            let outcome = if found { "fits" } else { "does not fit" };
            format!("`{}`: {outcome}", secret.name())
        });
        if found {
            matched = matched.or(Some(*secret));
        }
    }
    matched
}
