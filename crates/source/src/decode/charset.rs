//! Text that is not written in UTF-8, as old cameras and German intercoms send it.
//!
//! Three ways cover what such devices do: UTF-8, Latin-1 (read as Windows-1252, which is what
//! senders who say Latin-1 mean), and UTF-16 with its mark in front. Everything else is refused by
//! name: a wrong guess would turn into wrong plates and wrong names, unseen.

use super::Unusable;
use std::borrow::Cow;

/// What the bytes 0x80 to 0x9f are in Windows-1252; the five that it leaves out stay what they are
/// in Latin-1.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A way to write text as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    Latin1,
}

impl Charset {
    /// The charset of this name, in any case.
    ///
    /// # Errors
    /// It is none of those that are read here: 415.
    pub fn named(name: &str) -> Result<Self, Unusable> {
        match name.trim().to_ascii_lowercase().as_str() {
            // UTF-16 is told by its mark; whoever writes the name of it before plain bytes lies.
            "" | "utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16" => Ok(Self::Utf8),
            "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1" | "l1"
            | "windows-1252" | "cp1252" => Ok(Self::Latin1),
            _ => Err(Unusable::unsupported(
                "the charset of the body is not read here; send UTF-8, ISO-8859-1 or UTF-16 with its mark",
            )),
        }
    }

    /// The text without a mark in front. A mark counts more than the name.
    ///
    /// # Errors
    /// The bytes are not written like this: 400.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, Unusable> {
        match (self, bytes) {
            (_, [0xef, 0xbb, 0xbf, rest @ ..]) => utf8(rest),
            (_, [0xff, 0xfe, rest @ ..]) => utf16(rest, u16::from_le_bytes),
            (_, [0xfe, 0xff, rest @ ..]) => utf16(rest, u16::from_be_bytes),
            (Self::Utf8, bytes) => utf8(bytes),
            (Self::Latin1, bytes) => Ok(latin1(bytes)),
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Unusable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unusable::not_utf8())?;
    Ok(Cow::Borrowed(text))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, Unusable> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if odd.is_empty() => Ok(Cow::Owned(text)),
        _ => Err(Unusable::new("the body is not UTF-16, though it begins so")),
    }
}

fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    let text = bytes.iter().map(|byte| match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    });
    Cow::Owned(text.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_old_devices_becomes_readable() {
        let decode = |name, bytes| {
            Charset::named(name).and_then(|set| set.decode(bytes).map(Cow::into_owned))
        };
        for (name, bytes, text) in [
            ("", &b"T\xc3\xbcr"[..], "Tür"),
            ("UTF-8", b"\xef\xbb\xbfT\xc3\xbcr", "Tür"),
            ("iso-8859-1", b"T\xfcr \x80 \x93x\x94", "Tür € “x”"),
            ("Windows-1252", b"\x9f\x81", "Ÿ\u{81}"),
            ("iso-8859-1", b"\xef\xbb\xbfT\xc3\xbcr", "Tür"),
            ("", b"\xff\xfeT\0\xfc\0", "Tü"),
            ("utf-16", b"\xfe\xff\0T\xd8\x3d\xde\x00", "T😀"),
        ] {
            assert_eq!(decode(name, bytes).as_deref(), Ok(text), "{name}");
        }
        for (name, bytes) in [
            ("", &b"T\xfcr"[..]),
            ("utf-8", b"\xc3\x28"),
            ("us-ascii", b"\xff"),
            ("", b"\xff\xfeT"),
            ("", b"\xff\xfe\0\xd8"),
            ("gb2312", b"a"),
            ("utf-7", b"a"),
        ] {
            assert!(decode(name, bytes).is_err(), "{name} {bytes:?}");
        }
    }
}
