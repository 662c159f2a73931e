//! Signatures that only the sender can make: Ed25519, ECDSA P-256 and RSA, by `ring`.
//!
//! A public key is what the algorithm itself reads (32 bytes, an uncompressed point, PKCS #1); the
//! usual wrapping of such keys, SubjectPublicKeyInfo, is taken off by [`from_spki`], which also
//! makes sure that the wrapping names a kind of key that we know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The algorithms of this family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKey {
    /// RFC 8032.
    Ed25519,
    /// ECDSA over P-256 with SHA-256, the signature as DER.
    EcdsaP256,
    /// The same, the signature as 64 bytes r and s: JWT and RFC 9421 write it so.
    EcdsaP256Fixed,
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2048 to 8192 bits.
    RsaSha256,
    /// RSASSA-PSS with SHA-512, keys of 2048 to 8192 bits.
    RsaPssSha512,
}

/// What SubjectPublicKeyInfo of an Ed25519 key and of a P-256 key begins with (RFC 8410, RFC 5480).
const ED25519_SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const P256_SPKI: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

impl PublicKey {
    fn verifier(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &signature::ED25519,
            Self::EcdsaP256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP256Fixed => &signature::ECDSA_P256_SHA256_FIXED,
            Self::RsaSha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        }
    }

    /// Whether these bytes can be a public key of this kind.
    pub(crate) fn check_key(self, key: &[u8]) -> Result<(), String> {
        let (fits, what) = match self {
            Self::Ed25519 => (key.len() == 32, "an Ed25519 public key, which has 32 bytes"),
            Self::EcdsaP256 | Self::EcdsaP256Fixed => (
                key.len() == 65 && key.first() == Some(&4),
                "a P-256 public key, which is an uncompressed point of 65 bytes",
            ),
            // The smallest key of 2048 bits is 256 bytes of modulus and a little around it.
            Self::RsaSha256 | Self::RsaPssSha512 => (
                key.len() > 256 && key.first() == Some(&0x30),
                "an RSA public key of 2048 bits or more",
            ),
        };
        fits.then_some(()).ok_or_else(|| format!("is not {what}"))
    }

    pub(crate) fn any_matches(self, key: &[u8], parts: &[&[u8]], candidates: &[Vec<u8>]) -> bool {
        let message = parts.concat();
        let key = UnparsedPublicKey::new(self.verifier(), key);
        let mut matched = false;
        for candidate in candidates {
            matched |= key.verify(&message, candidate).is_ok();
        }
        matched
    }

    pub(crate) fn sign(self, private: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, String> {
        let message = parts.concat();
        let rng = SystemRandom::new();
        match self {
            Self::Ed25519 => Ok(ed25519(private)?.sign(&message).as_ref().to_vec()),
            Self::EcdsaP256 | Self::EcdsaP256Fixed => {
                let pair = self.ecdsa(private)?;
                let signed = pair.sign(&rng, &message);
                let signed = signed.map_err(|_| "the system gives no random numbers".to_owned())?;
                Ok(signed.as_ref().to_vec())
            }
            Self::RsaSha256 | Self::RsaPssSha512 => {
                let pair = rsa(private)?;
                let padding: &dyn signature::RsaEncoding = match self {
                    Self::RsaSha256 => &signature::RSA_PKCS1_SHA256,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut signed = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &rng, &message, &mut signed)
                    .map_err(|_| "the key cannot sign".to_owned())?;
                Ok(signed)
            }
        }
    }

    /// The public half of a private key, as [`Self::check_key`] wants it.
    pub(crate) fn public_of(self, private: &[u8]) -> Result<Vec<u8>, String> {
        Ok(match self {
            Self::Ed25519 => ed25519(private)?.public_key().as_ref().to_vec(),
            Self::EcdsaP256 | Self::EcdsaP256Fixed => {
                self.ecdsa(private)?.public_key().as_ref().to_vec()
            }
            Self::RsaSha256 | Self::RsaPssSha512 => rsa(private)?.public_key().as_ref().to_vec(),
        })
    }

    fn ecdsa(self, private: &[u8]) -> Result<EcdsaKeyPair, String> {
        let kind = match self {
            Self::EcdsaP256Fixed => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            _ => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        };
        EcdsaKeyPair::from_pkcs8(kind, private, &SystemRandom::new())
            .map_err(|_| "is no P-256 private key in PKCS #8".to_owned())
    }
}

fn ed25519(private: &[u8]) -> Result<Ed25519KeyPair, String> {
    let pair = match private.len() {
        32 => Ed25519KeyPair::from_seed_unchecked(private),
        _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(private),
    };
    pair.map_err(|_| {
        "is no Ed25519 private key; use the 32 bytes of the seed, or PKCS #8".to_owned()
    })
}

fn rsa(private: &[u8]) -> Result<RsaKeyPair, String> {
    RsaKeyPair::from_pkcs8(private).map_err(|_| "is no RSA private key in PKCS #8".to_owned())
}

/// The key inside a SubjectPublicKeyInfo; `None` when it is none, or of a kind that is not ours.
pub(crate) fn from_spki(der: &[u8]) -> Option<Vec<u8>> {
    let (rest, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
    let kind = info.algorithm.algorithm.to_id_string();
    // id-Ed25519, id-ecPublicKey, rsaEncryption.
    let known = ["1.3.101.112", "1.2.840.10045.2.1", "1.2.840.113549.1.1.1"];
    let ours = rest.is_empty() && known.contains(&kind.as_str());
    ours.then(|| info.subject_public_key.data.to_vec())
}

/// The SubjectPublicKeyInfo around a key of 32 or 65 bytes; other keys stay as they are.
pub(crate) fn to_spki(key: &[u8]) -> Vec<u8> {
    let head = match key.len() {
        32 => ED25519_SPKI,
        65 => P256_SPKI,
        _ => &[],
    };
    [head, key].concat()
}

/// The DER inside the first PEM block of a text.
pub(crate) fn from_pem(text: &str) -> Option<Vec<u8>> {
    let (_, after) = text.split_once("-----BEGIN ")?;
    let (label, body) = after.split_once("-----")?;
    let (body, _) = body.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// A PEM block of this label.
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}
