//! Comparing a token with the secrets without telling how near it came.
//!
//! Both sides are hashed first: then the comparison sees 32 bytes whatever was sent, and how long
//! it takes says nothing about the secret or its length.

use sha2::{Digest, Sha256};

/// Whether the texts are equal.
pub(crate) fn equal(given: &[u8], secret: &[u8]) -> bool {
    let given = Sha256::digest(given);
    let secret = Sha256::digest(secret);
    let difference = given
        .iter()
        .zip(secret.iter())
        .fold(0u8, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn only_the_whole_token_is_equal() {
        assert!(equal(b"open sesame", b"open sesame"));
        for wrong in ["", "open", "open sesame ", "Open sesame"] {
            assert!(!equal(wrong.as_bytes(), b"open sesame"), "{wrong}");
        }
    }
}
