//! `application/x-www-form-urlencoded`, strictly where strictness loses nothing.
//!
//! The usual readers replace what is not UTF-8 by a question mark of sorts: two different names
//! become the same, and a plate or a token is no longer what was sent. Such a form is refused. A
//! lone `%` stays a `%`, as everywhere.

use super::Unusable;
use super::charset::Charset;

/// The most fields; PHP's old limit, which no honest sender has ever reached.
pub const MAX_FIELDS: usize = 1000;

/// The fields in their order.
///
/// # Errors
/// There are too many, or one of them is not text in this charset.
pub fn read(body: &[u8], charset: Charset) -> Result<Vec<(String, String)>, Unusable> {
    let mut fields = Vec::new();
    for pair in body.split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        if fields.len() == MAX_FIELDS {
            return Err(Unusable::new(format!(
                "the form has more than {MAX_FIELDS} fields"
            )));
        }
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        fields.push((text(name, charset)?, text(value, charset)?));
    }
    Ok(fields)
}

fn text(encoded: &[u8], charset: Charset) -> Result<String, Unusable> {
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let bytes = percent_decoded(&spaced);
    let text = charset
        .decode(&bytes)
        .map_err(|_| Unusable::new("a field of the form is not UTF-8 text"))?;
    Ok(text.into_owned())
}

/// Every `%` with two hex digits behind it as the byte that it stands for.
pub fn percent_decoded(encoded: &[u8]) -> Vec<u8> {
    let digit = |at: usize| char::from(*encoded.get(at)?).to_digit(16);
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(byte) = encoded.get(at) {
        let pair = digit(at + 1).zip(digit(at + 2));
        match (byte, pair) {
            (b'%', Some((high, low))) => {
                bytes.push((high << 4 | low) as u8);
                at += 3;
            }
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    bytes
}
