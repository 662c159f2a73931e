//! HMAC over parts, compared at full length in constant time.
//!
//! The key is checked before it comes here: the primitive itself would take an empty one.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// The hash inside the HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1; old, and still sound inside a MAC.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Every one, for searches.
    pub(crate) const ALL: [Self; 4] = [Self::Sha256, Self::Sha1, Self::Sha512, Self::Sha384];

    /// The name in front of values that carry one: `sha256` in `sha256=…`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Which of the candidates is the MAC of the parts in this order; all are looked at.
    pub(crate) fn any_matches(self, key: &[u8], parts: &[&[u8]], candidates: &[Vec<u8>]) -> bool {
        match self {
            Self::Sha1 => any_matches::<Hmac<Sha1>>(key, parts, candidates),
            Self::Sha256 => any_matches::<Hmac<Sha256>>(key, parts, candidates),
            Self::Sha384 => any_matches::<Hmac<Sha384>>(key, parts, candidates),
            Self::Sha512 => any_matches::<Hmac<Sha512>>(key, parts, candidates),
        }
    }

    /// The MAC of the parts in this order.
    pub(crate) fn compute(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => compute::<Hmac<Sha1>>(key, parts),
            Self::Sha256 => compute::<Hmac<Sha256>>(key, parts),
            Self::Sha384 => compute::<Hmac<Sha384>>(key, parts),
            Self::Sha512 => compute::<Hmac<Sha512>>(key, parts),
        }
    }
}

fn begin<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Option<M> {
    // HMAC takes a key of any length, so this never fails; if it did, nothing would be accepted.
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

fn any_matches<M: Mac + KeyInit + Clone>(
    key: &[u8],
    parts: &[&[u8]],
    candidates: &[Vec<u8>],
) -> bool {
    let Some(mac) = begin::<M>(key, parts) else {
        return false;
    };
    let mut matched = false;
    for candidate in candidates {
        matched |= mac.clone().verify_slice(candidate).is_ok();
    }
    matched
}

fn compute<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    begin::<M>(key, parts)
        .map(|mac| mac.finalize().into_bytes().to_vec())
        .unwrap_or_default()
}
