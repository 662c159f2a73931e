//! What a sender says that its body is: the type, and how its text is written.

use super::Unusable;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use std::borrow::Cow;

/// A content type, as far as it changes how a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Multipart,
    Form,
    Json,
    Xml,
    Text,
    Other,
}

/// A `Content-Type` header; empty when there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType<'a> {
    /// Type and subtype in lower case, without parameters.
    pub essence: Cow<'a, str>,
    whole: &'a str,
}

impl<'a> ContentType<'a> {
    /// The content type of a request.
    ///
    /// # Errors
    /// There are two, and readers could each take another one.
    pub fn of(headers: &'a HeaderMap) -> Result<Self, Unusable> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let first = values.next().and_then(|value| value.to_str().ok());
        if values.next().is_some() {
            return Err(Unusable::new("the request has two content types"));
        }
        Ok(Self::parse(first.unwrap_or_default()))
    }

    /// Reads the header's text.
    pub fn parse(whole: &'a str) -> Self {
        let essence = whole.split(';').next().unwrap_or_default().trim();
        let is_lower = !essence.bytes().any(|byte| byte.is_ascii_uppercase());
        Self {
            essence: if is_lower {
                Cow::Borrowed(essence)
            } else {
                Cow::Owned(essence.to_ascii_lowercase())
            },
            whole,
        }
    }

    /// How it is read.
    pub fn kind(&self) -> Kind {
        match &*self.essence {
            "application/x-www-form-urlencoded" => Kind::Form,
            "application/json" | "text/json" => Kind::Json,
            "application/xml" | "text/xml" => Kind::Xml,
            "text/plain" => Kind::Text,
            essence if essence.starts_with("multipart/") => Kind::Multipart,
            essence if essence.ends_with("+json") => Kind::Json,
            essence if essence.ends_with("+xml") => Kind::Xml,
            _ => Kind::Other,
        }
    }

    /// A parameter, without its quotes.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(self.whole, name)
    }
}

/// A parameter of a header of the form `value; name=token; name="quoted \" text"`.
pub fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, tail) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), tail)
            }
        };
        // Something between parameters that is none ends before the last semicolon.
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = tail;
    }
}

/// The text up to the closing quote, and what follows it. A backslash counts only before a quote
/// or another backslash: old senders write Windows paths as they are.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => {
                let next = characters.next_if(|(_, next)| matches!(next, '"' | '\\'));
                value.push(next.map_or('\\', |(_, next)| next));
            }
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_quoted_or_not() {
        let header =
            "form-data; name=\"a;b=\\\"c\\\"\"; filename=\"C:\\temp\\x.jpg\" ; Boundary = x-1";
        assert_eq!(parameter(header, "name").as_deref(), Some("a;b=\"c\""));
        assert_eq!(
            parameter(header, "filename").as_deref(),
            Some("C:\\temp\\x.jpg")
        );
        assert_eq!(parameter(header, "boundary").as_deref(), Some("x-1"));
        assert_eq!(parameter(header, "c"), None);
        assert_eq!(
            parameter("a/b; junk; charset=utf-8", "charset").as_deref(),
            Some("utf-8")
        );
        assert_eq!(parameter("a/b; name=\"never closed", "name"), None);
        assert_eq!(parameter("a/b", "charset"), None);
    }

    #[test]
    fn kinds_are_told_by_type_and_suffix_whatever_the_case() {
        for (text, kind) in [
            ("Application/JSON; charset=utf-8", Kind::Json),
            ("application/cloudevents+json", Kind::Json),
            ("text/xml", Kind::Xml),
            ("application/atom+XML;type=feed", Kind::Xml),
            ("multipart/mixed; boundary=b", Kind::Multipart),
            ("", Kind::Other),
            ("image/jpeg", Kind::Other),
        ] {
            assert_eq!(ContentType::parse(text).kind(), kind, "{text}");
        }
    }
}
