//! Files that came with a delivery: what they are, under which harmless name, and their bytes.

use crate::decode::xml::looks_like_xml;
use bytes::Bytes;
use porchlight_core::Attachment;
use porchlight_journal::Blob;
use sha2::{Digest, Sha256};

/// The longest file name kept, in bytes; most file systems end at 255.
const MAX_NAME: usize = 128;

/// A file: what people see and what is stored.
#[derive(Debug, Clone)]
pub struct File {
    /// Name, kind, size and hash.
    pub about: Attachment,
    /// The bytes, under their hash.
    pub blob: Blob,
}

impl File {
    /// A file out of a form field. Both names come from the sender and are made harmless.
    pub fn new(
        field: &str,
        filename: Option<&str>,
        content_type: Option<&str>,
        bytes: Bytes,
    ) -> Self {
        let hash = hex::encode(Sha256::digest(&bytes));
        let sent = content_type.and_then(essence);
        let sent = sent.filter(|kind| kind != "application/octet-stream");
        Self {
            about: Attachment {
                name: harmless(field),
                filename: filename.map(harmless).unwrap_or_default(),
                content_type: sent.unwrap_or_else(|| sniff(&bytes).to_owned()),
                size: bytes.len() as u64,
                hash: hash.clone(),
            },
            blob: Blob { hash, bytes },
        }
    }
}

/// A content type without its parameters, in lower case; nothing when it is none, because it is
/// shown, and sent on in headers.
fn essence(content_type: &str) -> Option<String> {
    let essence = content_type.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |text: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !text.is_empty() && text.bytes().all(good)
    };
    (essence.len() <= 127 && is_token(kind) && is_token(subtype)).then_some(essence)
}

/// What the bytes are, by how they begin. Many cameras name no content type, or a wrong one.
pub fn sniff(bytes: &[u8]) -> &'static str {
    let is_json = || {
        let document = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
        let text = document.then(|| std::str::from_utf8(bytes).ok()).flatten();
        text.is_some_and(|text| porchlight_core::json::check(text).is_ok())
    };
    match bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => "image/png",
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => "image/gif",
        _ if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => "image/webp",
        _ if bytes.get(4..8) == Some(b"ftyp") => "video/mp4",
        _ if bytes.starts_with(b"%PDF-") => "application/pdf",
        _ if looks_like_xml(bytes) => "application/xml",
        _ if is_json() => "application/json",
        _ => "application/octet-stream",
    }
}

/// The last component of what may be a path on any system, without characters that mean something
/// to a shell, a terminal or a file system, without dots in front, and never the name of a device.
/// May be empty.
pub fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut kept = String::new();
    for c in last.trim().trim_start_matches('.').chars() {
        if c.is_control() || is_invisible(c) {
            continue;
        }
        if kept.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        kept.push(if "<>:\"|?*$`;&".contains(c) { '_' } else { c });
    }
    let kept = kept.trim_end_matches(['.', ' ']);
    if is_device(kept) {
        return format!("_{kept}");
    }
    kept.to_owned()
}

/// Characters that nobody sees, or that change the order of what is seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Names that Windows gives to devices, whatever ending they have.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_lowercase();
    let numbered = |start| {
        let number = stem.strip_prefix(start).unwrap_or_default();
        matches!(
            number,
            "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
        )
    };
    let named = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    named.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_never_a_path() {
        for (sent, kept) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\system32\\evil.exe", "evil.exe"),
            ("..", ""),
            ("a/..", ""),
            (".bashrc", "bashrc"),
            ("x\0y\r\n.jpg", "xy.jpg"),
            ("photo\u{202e}gpj.exe", "photogpj.exe"),
            ("a|b>c.jpg", "a_b_c.jpg"),
            ("Grün 7.jpg", "Grün 7.jpg"),
            ("../COM1.jpg", "_COM1.jpg"),
            ("nul", "_nul"),
            ("aux .tar.gz", "_aux .tar.gz"),
            ("console.log", "console.log"),
            (" . .", ""),
            ("a\u{2028}b\u{ad}c", "abc"),
        ] {
            assert_eq!(harmless(sent), kept, "{sent:?}");
        }
        assert!(harmless(&"é".repeat(400)).len() <= MAX_NAME);
    }

    #[test]
    fn bytes_tell_what_they_are_when_the_sender_does_not() {
        let kind = |bytes: &'static [u8], sent| {
            File::new("f", None, sent, Bytes::from_static(bytes))
                .about
                .content_type
        };
        assert_eq!(kind(b"\xff\xd8\xff\xe0", None), "image/jpeg");
        assert_eq!(
            kind(b"%PDF-1.7", Some("application/octet-stream")),
            "application/pdf"
        );
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 ", None), "image/webp");
        assert_eq!(kind(b"\xff\xd8", None), "application/octet-stream");
        assert_eq!(kind(b"", None), "application/octet-stream");
        assert_eq!(kind(b"hello", Some("text/plain")), "text/plain");
        assert_eq!(kind(b"\0\0\0\x18ftypmp42", None), "video/mp4");
        assert_eq!(
            kind(b"\xef\xbb\xbf<?xml version='1.0'?>", None),
            "application/xml"
        );
        assert_eq!(kind(b" [1]", None), "application/json");
        assert_eq!(kind(b"{not json", None), "application/octet-stream");
        assert_eq!(kind(b"hello", Some("Text/Plain; charset=x")), "text/plain");
        assert_eq!(kind(b"GIF89a", Some("image/\u{202e}gif")), "image/gif");
        assert_eq!(kind(b"GIF89a", Some("nonsense")), "image/gif");
    }
}
