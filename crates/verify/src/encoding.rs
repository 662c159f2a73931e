//! From text to bytes: signatures strictly, secrets as people paste them.
//!
//! A signature has exactly one right spelling per encoding (hex in either case). Lenient decoders
//! let a caller respell one signature in many ways and read values that the sender never wrote.
//! Secrets come from a person, so padding and stray last bits are forgiven there.

use crate::public_key;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, general_purpose};
use serde::Deserialize;

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal digits in either case.
    Hex,
    /// RFC 4648 §4 with padding.
    Base64,
    /// RFC 4648 §5, with or without padding.
    Base64url,
}

impl Encoding {
    /// Decodes; `None` for anything that this encoder would not have written.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).ok(),
            // Padded whole or not at all; in part (`-w=`) would be a third spelling.
            Self::Base64url if text.contains('=') => general_purpose::URL_SAFE.decode(text).ok(),
            Self::Base64url => general_purpose::URL_SAFE_NO_PAD.decode(text).ok(),
        }
    }

    /// Encodes, as the sender would.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64url => general_purpose::URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// The word in configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Base64url => "base64url",
        }
    }
}

/// How the text of a secret becomes the bytes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyEncoding {
    /// The text itself; what nearly every sender does, also with secrets that look like hex.
    #[default]
    Utf8,
    /// Hexadecimal digits.
    Hex,
    /// Base64, padded or not.
    Base64,
    /// Base64 with `-` and `_`, padded or not.
    Base64url,
    /// A public key as SubjectPublicKeyInfo in base64, one line without BEGIN and END.
    Base64Spki,
    /// A public key as PEM: SubjectPublicKeyInfo between BEGIN PUBLIC KEY and END PUBLIC KEY.
    Pem,
}

impl KeyEncoding {
    /// Every one of a shared secret, for searches.
    pub(crate) const OF_SECRETS: [Self; 4] = [Self::Utf8, Self::Hex, Self::Base64, Self::Base64url];

    /// The key bytes of a secret, without `prefix` where it is there.
    ///
    /// # Errors
    /// A sentence without the secret: nothing left, or not in this encoding.
    pub fn key(self, secret: &[u8], prefix: &str) -> Result<Vec<u8>, String> {
        let text = secret.strip_prefix(prefix.as_bytes()).unwrap_or(secret);
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err("is empty, and an empty key proves nothing about the sender".to_owned());
        }
        let (key, name) = match self {
            Self::Utf8 => (Some(text.to_vec()), "text"),
            Self::Hex => (hex::decode(text.trim_ascii()).ok(), "hex"),
            Self::Base64 => (KEY_BASE64.decode(text.trim_ascii()).ok(), "base64"),
            Self::Base64url => (KEY_BASE64URL.decode(text.trim_ascii()).ok(), "base64url"),
            Self::Base64Spki => {
                let der = KEY_BASE64.decode(text.trim_ascii()).ok();
                let key = der.and_then(|der| public_key::from_spki(&der));
                (key, "a public key (SubjectPublicKeyInfo in base64)")
            }
            Self::Pem => {
                let der = std::str::from_utf8(text)
                    .ok()
                    .and_then(public_key::from_pem);
                let key = der.and_then(|der| public_key::from_spki(&der));
                (key, "a public key in PEM (BEGIN PUBLIC KEY)")
            }
        };
        match key {
            Some(key) if !key.is_empty() => Ok(key),
            _ => Err(format!("is not {name}, which this scheme's keys are")),
        }
    }

    /// The bytes of a private key: PEM, or PKCS #8 in base64, or the bare bytes in this encoding.
    ///
    /// # Errors
    /// A sentence without the key: it is none of these.
    pub fn private_key(self, secret: &[u8]) -> Result<Vec<u8>, String> {
        let text = std::str::from_utf8(secret).unwrap_or_default().trim();
        if text.contains("-----BEGIN") {
            return public_key::from_pem(text).ok_or_else(|| "is no whole PEM block".to_owned());
        }
        let bare = text.strip_prefix("whsk_").unwrap_or(text);
        let hex = (self == Self::Hex)
            .then(|| hex::decode(bare).ok())
            .flatten();
        hex.or_else(|| KEY_BASE64.decode(bare).ok())
            .or_else(|| KEY_BASE64URL.decode(bare).ok())
            .ok_or_else(|| "is neither PEM nor base64".to_owned())
    }

    /// The text of a public key in this encoding.
    pub fn write_public(self, key: &[u8]) -> String {
        match self {
            Self::Utf8 | Self::Hex => hex::encode(key),
            Self::Base64 => STANDARD.encode(key),
            Self::Base64url => general_purpose::URL_SAFE_NO_PAD.encode(key),
            Self::Base64Spki => STANDARD.encode(public_key::to_spki(key)),
            Self::Pem => public_key::to_pem("PUBLIC KEY", &public_key::to_spki(key)),
        }
    }

    /// The word in configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Base64url => "base64url",
            Self::Base64Spki => "base64-spki",
            Self::Pem => "pem",
        }
    }
}

const FORGIVING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, FORGIVING);
const KEY_BASE64URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, FORGIVING);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_one_spelling() {
        assert_eq!(Encoding::Hex.decode("0aFF"), Some(vec![10, 255]));
        for wrong in ["0", "0a ff", "0x0a", " 0a", "zz"] {
            assert_eq!(Encoding::Hex.decode(wrong), None, "{wrong}");
        }
        assert_eq!(Encoding::Base64.decode("+/8="), Some(vec![251, 255]));
        for wrong in ["+/8", "-_8=", "+/9=", "+/8=x", "+/ 8=", "+/8=\n"] {
            assert_eq!(Encoding::Base64.decode(wrong), None, "{wrong}");
        }
        assert_eq!(Encoding::Base64url.decode("-_8"), Some(vec![251, 255]));
        assert_eq!(Encoding::Base64url.decode("-_8="), Some(vec![251, 255]));
        assert_eq!(Encoding::Base64url.decode("-w=="), Some(vec![251]));
        for wrong in ["-_9", "-w=", "-_8==", "-_8=-", "+/8"] {
            assert_eq!(Encoding::Base64url.decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_read_as_people_paste_it_but_never_as_nothing() {
        let base64 = KeyEncoding::Base64;
        assert_eq!(base64.key(b"whsec_+/8=", "whsec_"), Ok(vec![251, 255]));
        assert_eq!(base64.key(b"+/9", "whsec_"), Ok(vec![251, 255]));
        assert!(base64.key(b"whsec_", "whsec_").is_err());
        assert!(base64.key(b"not base64!", "").is_err());
        assert!(KeyEncoding::Utf8.key(b" \n", "").is_err());
        assert_eq!(KeyEncoding::Utf8.key(b"0aff", ""), Ok(b"0aff".to_vec()));
    }
}
