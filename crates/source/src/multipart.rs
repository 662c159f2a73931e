//! Taking a multipart body apart that is already complete in memory.
//!
//! The parts are slices of the body, and only so many of them are looked at: a body of a million
//! tiny parts costs no more than one of sixty-five. A broken body is refused whole, because half of
//! a form is another form. Any kind of multipart is read alike: cameras say `form-data`, `mixed` or
//! `x-mixed-replace` and mean the same.

use crate::decode::kind::parameter;
use bytes::Bytes;
use memchr::memmem::Finder;

/// The most parts. The busiest known sender uses five.
const MAX_PARTS: usize = 64;
/// The most bytes of the lines above one part.
const MAX_HEAD: usize = 8 * 1024;
/// The longest boundary: RFC 2046 says 70, and nobody counts.
const MAX_BOUNDARY: usize = 200;

/// One part, nothing of it checked or changed but its form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// The name of the field; empty when there was none.
    pub name: String,
    /// The file name, as sent.
    pub filename: Option<String>,
    /// The whole content type, as sent.
    pub content_type: Option<String>,
    /// What it holds.
    pub bytes: Bytes,
}

/// Takes the body apart. `boundary` is the parameter of the content type.
///
/// # Errors
/// A sentence: no boundary, a broken, unfinished or nested part, or too many.
pub fn read(boundary: Option<String>, body: &Bytes) -> Result<Vec<Part>, String> {
    let boundary = boundary
        .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
        .ok_or("the content type is multipart, but it names no usable boundary")?;
    let delimiter = format!("\r\n--{boundary}");
    let finder = Finder::new(delimiter.as_bytes());
    let mut parts = Vec::new();
    // The line end before the first boundary is often left out.
    let (mut at, mut is_last) = if body.starts_with(&delimiter.as_bytes()[2..]) {
        after_delimiter(body, delimiter.len() - 2).ok_or("the multipart body is broken")?
    } else {
        next_delimiter(body, 0, &finder)
            .map(|(_, after, is_last)| (after, is_last))
            .ok_or("the multipart body does not hold its boundary")?
    };
    while !is_last {
        if parts.len() == MAX_PARTS {
            return Err(format!(
                "the multipart body has more than {MAX_PARTS} parts"
            ));
        }
        // A part without any head begins with the empty line itself, which may also be the line
        // end of the next boundary; so the search begins two bytes early.
        let (end, after, last) = next_delimiter(body, at - 2, &finder)
            .ok_or("the multipart body ends before its last boundary")?;
        parts.push(part(body, at, end)?);
        (at, is_last) = (after, last);
    }
    Ok(parts)
}

/// Where the next part's content ends, where its delimiter ends, and whether that was the last.
/// A longer word that only begins like the boundary is content.
fn next_delimiter(body: &[u8], from: usize, finder: &Finder<'_>) -> Option<(usize, usize, bool)> {
    let mut from = from;
    loop {
        let at = from + finder.find(body.get(from..)?)?;
        let ends = at + finder.needle().len();
        if let Some((after, is_last)) = after_delimiter(body, ends) {
            return Some((at, after, is_last));
        }
        from = ends;
    }
}

/// What follows the boundary's text: `--` for the last, else blanks and a line end.
fn after_delimiter(body: &[u8], at: usize) -> Option<(usize, bool)> {
    let rest = body.get(at..)?;
    if rest.starts_with(b"--") {
        return Some((at + 2, true));
    }
    let blanks = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    rest[blanks..]
        .starts_with(b"\r\n")
        .then_some((at + blanks + 2, false))
}

fn part(body: &Bytes, begins: usize, ends: usize) -> Result<Part, String> {
    let content = body.get(begins..ends).unwrap_or_default();
    if content.starts_with(b"\r\n") {
        return Ok(Part {
            bytes: body.slice(begins + 2..ends),
            ..Part::default()
        });
    }
    let head = &content[..content.len().min(MAX_HEAD + 4)];
    let length = memchr::memmem::find(head, b"\r\n\r\n")
        .ok_or("the head of a part of the multipart body is broken or too long")?;
    let mut part = Part {
        bytes: body.slice(begins + length + 4..ends),
        ..Part::default()
    };
    // What is no UTF-8 shows as a question mark of sorts; it is a name, and nothing is found by it.
    let head = String::from_utf8_lossy(&head[..length]).replace("\r\n ", " ");
    for line in head.replace("\r\n\t", " ").split("\r\n") {
        let (name, value) = line
            .split_once(':')
            .ok_or("the head of a part of the multipart body is broken")?;
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                part.name = parameter(value, "name").unwrap_or_default();
                part.filename = extended(value).or_else(|| parameter(value, "filename"));
            }
            "content-type" => {
                if value.to_ascii_lowercase().starts_with("multipart/") {
                    return Err("a part of the multipart body is multipart itself".to_owned());
                }
                part.content_type = Some(value.to_owned());
            }
            "content-transfer-encoding" => {
                let known = ["7bit", "8bit", "binary"];
                if !known.iter().any(|known| value.eq_ignore_ascii_case(known)) {
                    return Err("a part of the multipart body is encoded once more".to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(part)
}

/// `filename*=UTF-8''na%C3%AFve.jpg` (RFC 8187).
fn extended(header: &str) -> Option<String> {
    let value = parameter(header, "filename*")?;
    let mut pieces = value.splitn(3, '\'');
    let is_utf8 = pieces.next()?.eq_ignore_ascii_case("utf-8");
    let encoded = pieces.nth(1).filter(|_| is_utf8)?;
    String::from_utf8(crate::decode::form::percent_decoded(encoded.as_bytes())).ok()
}
