//! Undoing `Content-Encoding: gzip`, never past a bound.
//!
//! A few kilobytes of gzip can unfold into gigabytes, so the output is cut off one byte after the
//! bound, and what was inflated until then is thrown away. A body that ends early, fails its
//! checksum, or goes on after its end is refused whole: half of a document is another document, and
//! bytes that only some readers see are how two readers come to disagree.

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use std::io::Read;

/// The most members taken. One is what every known sender writes; an empty member costs twenty
/// bytes on the wire and a whole decoder here.
const MAX_MEMBERS: usize = 64;

/// Output is reserved for at most this many times the input, so that a short bomb costs little
/// before it is recognised; text rarely shrinks further.
const RESERVE: usize = 4;

/// Why a body cannot be inflated. Trying again cannot help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateError {
    /// It would be larger than this many bytes.
    TooLarge(u64),
    /// It is no gzip from its first byte to its last.
    Broken(&'static str),
}

impl std::fmt::Display for InflateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge(cap) => write!(f, "the gzip body is larger than {cap} bytes inside"),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for InflateError {}

/// Inflates a complete gzip body (RFC 1952), of one or several members, to at most `cap` bytes.
///
/// # Errors
/// More than `cap` bytes would come out, or the body is no complete gzip.
pub fn inflate(body: &[u8], cap: u64) -> Result<Bytes, InflateError> {
    const BROKEN: InflateError = InflateError::Broken("the gzip body is broken or incomplete");
    let bound = usize::try_from(cap).unwrap_or(usize::MAX);
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(RESERVE).min(bound));
    let mut rest = body;
    for _ in 0..MAX_MEMBERS {
        let mut member = GzDecoder::new(rest);
        // One byte more than fits tells "exactly full" from "too much".
        let room = cap.saturating_sub(inflated.len() as u64).saturating_add(1);
        member
            .by_ref()
            .take(room)
            .read_to_end(&mut inflated)
            .map_err(|_| BROKEN)?;
        if inflated.len() as u64 > cap {
            return Err(InflateError::TooLarge(cap));
        }
        rest = member.into_inner();
        if rest.is_empty() {
            return Ok(inflated.into());
        }
        if !rest.starts_with(&[0x1f, 0x8b]) {
            return Err(InflateError::Broken("the gzip body goes on after its end"));
        }
    }
    Err(InflateError::Broken("the gzip body has too many members"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const CAP: u64 = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_compressed_comes_out_again() {
        let text = b"{\"door\":\"open\"}".repeat(1000);
        for bytes in [&b""[..], b"x", &text] {
            assert_eq!(inflate(&gzip(bytes), CAP).as_deref(), Ok(bytes));
        }
    }

    #[test]
    fn several_members_are_one_body() {
        let body = [gzip(b"{\"a\""), gzip(b""), gzip(b":1}")].concat();
        assert_eq!(inflate(&body, CAP).as_deref(), Ok(&b"{\"a\":1}"[..]));
        assert_eq!(inflate(&body, 6), Err(InflateError::TooLarge(6)));
        let many = gzip(b"").repeat(MAX_MEMBERS + 1);
        assert!(matches!(inflate(&many, CAP), Err(InflateError::Broken(_))));
    }

    #[test]
    fn the_bound_is_exact() {
        let body = gzip(&[b'x'; 1000]);
        assert_eq!(inflate(&body, 1000).map(|bytes| bytes.len()), Ok(1000));
        assert_eq!(inflate(&body, 999), Err(InflateError::TooLarge(999)));
        assert_eq!(inflate(&body, 0), Err(InflateError::TooLarge(0)));
        assert_eq!(inflate(&gzip(b""), 0).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn a_bomb_is_cut_off_at_the_bound() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 80_000, "{}", bomb.len());
        assert_eq!(inflate(&bomb, CAP), Err(InflateError::TooLarge(CAP)));
        let chain = gzip(&vec![0; 600 << 10]).repeat(50);
        assert_eq!(inflate(&chain, CAP), Err(InflateError::TooLarge(CAP)));
    }

    #[test]
    fn every_shorter_body_and_every_changed_byte_is_refused() {
        let whole = gzip(b"{\"door\":\"open\",\"by\":\"nobody\"}");
        for end in 0..whole.len() {
            assert!(inflate(&whole[..end], CAP).is_err(), "cut at {end}");
        }
        // Behind the ten bytes of the head, where a time and a system may say anything.
        for at in 10..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            let outcome = inflate(&changed, CAP);
            let same = outcome.as_deref() == Ok(&b"{\"door\":\"open\",\"by\":\"nobody\"}"[..]);
            assert!(outcome.is_err() || same, "byte {at}: {outcome:?}");
        }
    }

    #[test]
    fn bytes_behind_the_end_are_refused() {
        let whole = gzip(b"{}");
        for tail in [
            &b"\0"[..],
            b"\n",
            b"{}",
            b"\x1f",
            b"\x1f\x8b",
            b"\x1f\x8b\x08",
        ] {
            let body = [&whole, tail].concat();
            assert!(inflate(&body, CAP).is_err(), "{tail:?}");
        }
        for body in [&b""[..], b"{}", b"PK\x03\x04", b"\x78\x9c\x03\0\0\0\0\x01"] {
            assert!(inflate(body, CAP).is_err(), "{body:?}");
        }
    }
}
