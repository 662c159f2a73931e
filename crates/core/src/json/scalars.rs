//! The reader's steps over what is no object and no array: words, numbers, texts.
//!
//! Each checks to the letter what it steps over, and converts nothing.

use super::pieces::{hex4, plain_until, unescape};
use super::{Read, Reader};
use serde_json::Value;
use std::borrow::Cow;

impl<'a> Reader<'a> {
    pub(super) fn word(&mut self) -> Read<Value> {
        let rest = &self.text.as_bytes()[self.at..];
        for (word, value) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.malformed("a value was expected"))
    }

    pub(super) fn number(&mut self) -> Read<&'a str> {
        let begins = self.at;
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut at = begins + usize::from(bytes[begins] == b'-');
        let whole = at;
        at = digits(at);
        let mut sound = at > whole && (bytes[whole] != b'0' || at == whole + 1);
        if bytes.get(at) == Some(&b'.') {
            let fraction = at + 1;
            at = digits(fraction);
            sound &= at > fraction;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = at + 1 + sign;
            at = digits(exponent);
            sound &= at > exponent;
        }
        self.at = at;
        if sound {
            Ok(&self.text[begins..at])
        } else {
            Err(self.malformed("a number is not written as JSON demands"))
        }
    }

    pub(super) fn text_value(&mut self) -> Read<Cow<'a, str>> {
        let (text, escaped) = self.string()?;
        Ok(if escaped {
            Cow::Owned(unescape(text))
        } else {
            Cow::Borrowed(text)
        })
    }

    /// The text between the quotes, and whether anything in it is escaped.
    pub(super) fn string(&mut self) -> Read<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        let begins = self.at + 1;
        let mut escaped = false;
        self.at = begins;
        loop {
            self.at = plain_until(bytes, self.at);
            match bytes.get(self.at) {
                Some(b'"') => {
                    let text = &self.text[begins..self.at];
                    self.at += 1;
                    return Ok((text, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.malformed("a text holds a raw control character")),
                None => return Err(self.malformed("the JSON ends inside a text")),
            }
        }
    }

    /// Steps over one escape, or over the two that make a surrogate pair.
    pub(super) fn escape(&mut self) -> Read<()> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                const HALF: &str = "a text holds half of a surrogate pair";
                let begins = self.at;
                let unit = hex4(bytes, begins + 2);
                self.at += 6;
                match unit {
                    Some(0xd800..=0xdbff) => {
                        let follows = bytes.get(self.at..self.at + 2) == Some(b"\\u");
                        let low = hex4(bytes, self.at + 2);
                        if !follows || !matches!(low, Some(0xdc00..=0xdfff)) {
                            return Err(self.error(false, HALF, begins));
                        }
                        self.at += 6;
                    }
                    Some(0xdc00..=0xdfff) => return Err(self.error(false, HALF, begins)),
                    Some(_) => {}
                    None => return Err(self.error(true, "an escape is broken", begins)),
                }
            }
            _ => return Err(self.malformed("an escape is broken")),
        }
        Ok(())
    }
}
