//! Taking a multipart body apart that is already complete in memory.
//!
//! The number of parts is bounded; their sizes are bounded by the body. A broken body is refused
//! whole: half of a form is another form.

use crate::attachment::File;
use bytes::Bytes;
use std::convert::Infallible;

/// The most parts. The busiest known sender uses three.
const MAX_PARTS: usize = 64;

/// A form: text fields in their order, and files.
#[derive(Debug, Default)]
pub struct Form {
    /// Names and bytes of the fields without file name.
    pub fields: Vec<(String, Bytes)>,
    /// The parts with a file name.
    pub files: Vec<File>,
}

/// Takes the body apart. `content_type` is the whole header, which holds the boundary.
///
/// # Errors
/// A sentence: no boundary, a broken or unfinished part, or too many parts.
pub async fn read(content_type: &str, body: Bytes) -> Result<Form, String> {
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| "the content type is multipart, but it names no boundary".to_owned())?;
    let stream = futures_util::stream::once(std::future::ready(Ok::<_, Infallible>(body)));
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut form = Form::default();
    let broken = |error: multer::Error| format!("the multipart body is broken: {error}");
    for _ in 0..=MAX_PARTS {
        let Some(part) = parts.next_field().await.map_err(broken)? else {
            return Ok(form);
        };
        let name = part.name().unwrap_or_default().to_owned();
        let filename = part.file_name().map(str::to_owned);
        let kind = part
            .content_type()
            .map(|kind| kind.essence_str().to_owned());
        let bytes = part.bytes().await.map_err(broken)?;
        let is_text = kind
            .as_deref()
            .is_none_or(|kind| kind.starts_with("text/") || kind == "application/json");
        if filename.is_some() || !is_text {
            form.files.push(File::new(
                &name,
                filename.as_deref(),
                kind.as_deref(),
                bytes,
            ));
        } else {
            form.fields.push((name, bytes));
        }
    }
    Err(format!(
        "the multipart body has more than {MAX_PARTS} parts"
    ))
}
