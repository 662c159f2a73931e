//! Reading JSON strictly, in one pass, without building it.
//!
//! A body is read by several programs on its way: the proof, the preset's rules, the scripts, and
//! whoever a script sends it on to. Where JSON lets them disagree (a name that is there twice, half
//! of a surrogate pair) the document is refused, so that all of them see the same. It never converts
//! a number that nobody asks for, and never recurses deeper than [`MAX_DEPTH`].
//!
//! It is our own because a general reader either builds the whole document or skips what it isn't
//! asked for, unchecked; and because it turns `2^64` into another number and fails at `1e400`.

mod pick;
mod pieces;
mod scalars;

pub use pick::pick;
use pieces::exact;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;

/// The deepest nesting taken. The deepest known sender nests nine levels; recursive readers further
/// on give up at 128.
pub const MAX_DEPTH: usize = 64;

/// From so many names in one object on, a set finds the one that is there twice; a short list is
/// quicker below.
const MANY_NAMES: usize = 24;

/// Why a text was not taken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Whether the text is no JSON at all; otherwise it is JSON that readers disagree about, or
    /// that is nested too deeply.
    pub malformed: bool,
    what: &'static str,
    line: usize,
    column: usize,
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} at line {} column {}",
            self.what, self.line, self.column
        )
    }
}

impl std::error::Error for JsonError {}

/// Checks a whole document.
///
/// # Errors
/// It is malformed, ambiguous or nested too deeply.
pub fn check(text: &str) -> Result<(), JsonError> {
    let mut reader = Reader::new(text);
    reader.skip()?;
    reader.end()
}

/// Builds a whole document. Whole numbers that fit 64 bits and fractions are numbers; a number that
/// these cannot hold (`9223372036854775808000`, `1e400`) is a text, written as it was sent.
///
/// # Errors
/// It is malformed, ambiguous or nested too deeply.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader::new(text);
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

/// A document that is read from its start to its end.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// The names of all objects that are open, innermost last.
    names: Vec<Cow<'a, str>>,
}

type Read<T> = Result<T, JsonError>;

impl<'a> Reader<'a> {
    /// Begins before the document's first value.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            // Room for the names that are usually open at once, so that it is made only once.
            names: Vec::with_capacity(if text.len() < 64 { 0 } else { 32 }),
        }
    }

    /// The first byte of the next value: `{`, `[`, `"`, or that of a number or a word.
    ///
    /// # Errors
    /// The text ends here.
    pub fn peek(&mut self) -> Read<u8> {
        match self.ahead() {
            Some(byte) => Ok(byte),
            None => Err(self.malformed("the JSON ends too early")),
        }
    }

    /// The next byte that is not white space; none at the end of the text.
    fn ahead(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// What is left of the text.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Reads an object; `member` has to read the value of each name.
    ///
    /// # Errors
    /// What is wrong with it, or what `member` says.
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Read<()>) -> Read<()> {
        self.open(b'{', "an object was expected")?;
        let base = self.names.len();
        let (mut marks, mut set) = (0_u64, None);
        if self.peek()? == b'}' {
            return self.close(base);
        }
        loop {
            if self.peek()? != b'"' {
                return Err(self.malformed("a name in quotes was expected"));
            }
            let begins = self.at;
            let name = self.text_value()?;
            if self.peek()? != b':' {
                return Err(self.malformed("a colon was expected"));
            }
            self.at += 1;
            self.names.push(name.clone());
            if self.is_repeated(base, &mut marks, &mut set) {
                return Err(self.error(false, "a name is there twice in one object", begins));
            }
            self.peek()?;
            member(self, &name)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => return self.close(base),
                _ => return Err(self.malformed("a comma or } was expected")),
            }
        }
    }

    /// Reads an array; `item` has to read each value.
    ///
    /// # Errors
    /// What is wrong with it, or what `item` says.
    pub fn array(&mut self, mut item: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.open(b'[', "an array was expected")?;
        let base = self.names.len();
        if self.peek()? == b']' {
            return self.close(base);
        }
        loop {
            item(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => return self.close(base),
                _ => return Err(self.malformed("a comma or ] was expected")),
            }
        }
    }

    /// Reads any value and gives its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn skip(&mut self) -> Read<&'a str> {
        let first = self.peek()?;
        let begins = self.at;
        match first {
            b'{' => self.object(|reader, _| reader.skip().map(drop))?,
            b'[' => self.array(|reader| reader.skip().map(drop))?,
            b'"' => drop(self.string()?),
            b'-' | b'0'..=b'9' => drop(self.number()?),
            _ => drop(self.word()?),
        }
        Ok(&self.text[begins..self.at])
    }

    /// Reads any value and builds it; numbers as [`parse`] says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn value(&mut self) -> Read<Value> {
        Ok(match self.peek()? {
            b'{' => {
                let mut members = Map::new();
                self.object(|reader, name| {
                    let value = reader.value()?;
                    members.insert(name.to_owned(), value);
                    Ok(())
                })?;
                Value::Object(members)
            }
            b'[' => {
                let mut items = Vec::new();
                self.array(|reader| {
                    items.push(reader.value()?);
                    Ok(())
                })?;
                Value::Array(items)
            }
            b'"' => Value::String(self.text_value()?.into_owned()),
            b'-' | b'0'..=b'9' => exact(self.number()?),
            _ => self.word()?,
        })
    }

    /// Makes sure that nothing follows.
    ///
    /// # Errors
    /// Something does.
    pub fn end(mut self) -> Read<()> {
        // Not `peek`: an error looks for its line in the whole text, and here the end is no error.
        match self.ahead() {
            Some(_) => Err(self.malformed("the JSON goes on after its end")),
            None => Ok(()),
        }
    }

    fn open(&mut self, bracket: u8, expected: &'static str) -> Read<()> {
        if self.peek()? != bracket {
            return Err(self.malformed(expected));
        }
        if self.depth == MAX_DEPTH {
            return Err(self.error(
                false,
                "the JSON is nested more than 64 levels deep",
                self.at,
            ));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, base: usize) -> Read<()> {
        self.names.truncate(base);
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    /// Whether the object whose names begin at `base` has the last one already. `marks` remembers a
    /// trace of each name in one of 64 bits, which settles nearly every question.
    fn is_repeated(
        &self,
        base: usize,
        marks: &mut u64,
        set: &mut Option<HashSet<Cow<'a, str>>>,
    ) -> bool {
        let Some((name, known)) = self.names[base..].split_last() else {
            return false;
        };
        if known.len() >= MANY_NAMES {
            let set = set.get_or_insert_with(|| known.iter().cloned().collect());
            return !set.insert(name.clone());
        }
        let bytes = name.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| (*first, *last));
        let trace = (bytes.len() as u8).wrapping_mul(29) ^ first.wrapping_mul(7) ^ last;
        let mark = 1_u64 << (trace & 63);
        let maybe = *marks & mark != 0;
        *marks |= mark;
        maybe && known.contains(name)
    }

    fn malformed(&self, what: &'static str) -> JsonError {
        self.error(true, what, self.at)
    }

    #[cold]
    fn error(&self, malformed: bool, what: &'static str, at: usize) -> JsonError {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line_begins = before.iter().rposition(|byte| *byte == b'\n');
        JsonError {
            malformed,
            what,
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: before.len() - line_begins.map_or(0, |newline| newline + 1) + 1,
        }
    }
}

#[cfg(test)]
#[path = "json/tests.rs"]
mod tests;
