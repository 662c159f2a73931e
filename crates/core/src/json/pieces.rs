//! The smallest pieces of JSON: where a text ends, what stands behind its escapes, what a number is.
//!
//! Apart from the reader because none of it knows where in a document it is.

use serde_json::{Number, Value};

/// From here on, the first byte that ends or interrupts a plain text: a quote, a backslash, a
/// control character. Eight bytes at a time.
pub(super) fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let found = quote | backslash | control;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..=0x1f) {
            break;
        }
        at += 1;
    }
    at
}

pub(super) fn hex4(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0_u16, |unit, digit| {
        Some(unit << 4 | char::from(*digit).to_digit(16)? as u16)
    })
}

/// The text behind escapes that were checked before.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut length = 2;
        plain.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = |at| hex4(rest.as_bytes(), at).unwrap_or(0xfffd);
                let first = unit(at + 2);
                let pair = (0xd800..0xdc00).contains(&first);
                length = if pair { 12 } else { 6 };
                let units = [first, if pair { unit(at + 8) } else { 0 }];
                let mut characters = char::decode_utf16(units);
                let first = characters.next().and_then(Result::ok);
                first.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        });
        rest = rest.get(at + length..).unwrap_or_default();
    }
    plain + rest
}

/// A number that holds exactly what is written as far as 64 bits can; else the text itself.
pub(super) fn exact(text: &str) -> Value {
    if !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        let whole = text.parse::<i64>().map(Number::from);
        return match whole.or_else(|_| text.parse::<u64>().map(Number::from)) {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        };
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let vanished =
        |number: f64| number == 0.0 && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    let number = text.parse::<f64>().ok().filter(|number| !vanished(*number));
    match number.and_then(Number::from_f64) {
        Some(number) => number.into(),
        None => text.into(),
    }
}
