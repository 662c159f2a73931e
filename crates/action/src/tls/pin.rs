//! A pin: the SHA-256 of a certificate, or of the public key in it.
//!
//! Which of the two it is need not be said; a hash that fits the one cannot fit the other. The pin of
//! a public key survives a certificate that is renewed with the same key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

/// The SHA-256 of a certificate (as DER) or of its public key (SubjectPublicKeyInfo, as DER).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// Reads a fingerprint as tools print it: `AB:CD:…` (openssl), `abcd…`, `sha256//q83…=` (curl),
    /// each also after `sha256:` or `SHA256 Fingerprint=`.
    ///
    /// # Errors
    /// What it is not.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = text.trim();
        let lower = plain.to_ascii_lowercase();
        let marks = ["sha256 fingerprint=", "sha256//", "sha256/", "sha256:"];
        let mark = marks.iter().find(|mark| lower.starts_with(**mark));
        let plain = mark.map_or(plain, |mark| &plain[mark.len()..]);
        let hex: String = plain.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        let bytes = match hex::decode(&hex) {
            Ok(bytes) => Some(bytes),
            Err(_) => BASE64.decode(plain).ok(),
        };
        let pin = bytes.and_then(|bytes| bytes.try_into().ok()).map(Self);
        pin.ok_or_else(|| "is no SHA-256: that has 32 bytes, in hex (AB:CD:…) or base64".to_owned())
    }

    /// The pin of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        use sha2::{Digest as _, Sha256};
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_tools_print_it() {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let colons: Vec<String> = (0..64)
            .step_by(2)
            .map(|at| hex[at..at + 2].to_uppercase())
            .collect();
        let colons = colons.join(":");
        for text in [
            hex.to_owned(),
            format!("sha256:{hex}"),
            format!(" {colons} "),
            format!("SHA256 Fingerprint={colons}"),
            "sha256//ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
        ] {
            assert_eq!(Pin::parse(&text), Ok(Pin::of(b"abc")), "{text}");
        }
        for text in [
            "",
            "abc",
            &hex[2..],
            "sha1:a9993e364706816aba3e25717850c26c9cd0d89d",
        ] {
            assert!(Pin::parse(text).is_err(), "{text}");
        }
        assert_eq!(Pin::of(b"abc").to_string(), format!("sha256:{hex}"));
    }
}
