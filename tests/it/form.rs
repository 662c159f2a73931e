//! A form with files, taken apart again.

use super::fake::Asked;
use super::http::find;

/// One part of a form with files.
pub struct Part {
    /// Its header lines.
    head: String,
    pub bytes: Vec<u8>,
}

impl Part {
    /// `name` or `filename`, where it has one.
    pub fn field(&self, name: &str) -> Option<String> {
        let (_, after) = self.head.split_once(&format!("; {name}=\""))?;
        Some(after.split_once('"')?.0.to_owned())
    }
}

/// The parts of a `multipart/form-data`, byte for byte.
pub fn parts(asked: &Asked) -> Vec<Part> {
    let content_type = asked.header("content-type").expect("a content type");
    let boundary = content_type.split("boundary=").nth(1).expect("a boundary");
    let mark = format!("--{boundary}");
    let mut rest = asked.body.as_slice();
    let mut parts = Vec::new();
    while let Some(begin) = find(rest, mark.as_bytes()) {
        let part = &rest[begin + mark.len()..];
        let Some(end) = find(part, format!("\r\n{mark}").as_bytes()) else {
            break;
        };
        let head = find(part, b"\r\n\r\n").expect("a head");
        parts.push(Part {
            head: String::from_utf8_lossy(&part[..head]).into_owned(),
            bytes: part[head + 4..end].to_vec(),
        });
        rest = &part[end..];
    }
    parts
}
