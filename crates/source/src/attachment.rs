//! Files that came with a delivery: what they are, under which harmless name, and their bytes.

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
        let sent =
            content_type.filter(|kind| !kind.is_empty() && *kind != "application/octet-stream");
        Self {
            about: Attachment {
                name: harmless(field),
                filename: filename.map(harmless).unwrap_or_default(),
                content_type: sent.unwrap_or_else(|| sniff(&bytes)).to_owned(),
                size: bytes.len() as u64,
                hash: hash.clone(),
            },
            blob: Blob { hash, bytes },
        }
    }
}

/// What the bytes are, by how they begin. Many cameras name no content type, or a wrong one.
fn sniff(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "image/gif",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "image/webp",
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        _ => "application/octet-stream",
    }
}

/// The last component of what may be a path on any system, without characters that mean something
/// to a shell, a terminal or a file system, and without dots in front. May be empty.
pub fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut kept = String::new();
    for c in last.trim().trim_start_matches('.').chars() {
        let invisible = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if invisible {
            continue;
        }
        if kept.len() + c.len_utf8() > MAX_NAME {
            break;
        }
        kept.push(if "<>:\"|?*$`;&".contains(c) { '_' } else { c });
    }
    kept.trim_end_matches(['.', ' ']).to_owned()
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
    }
}
