//! Reads a TOML file into sections that remember where everything stands.
//!
//! Nothing here stops at the first mistake: each getter notes its mistake, with line, column and
//! advice, and gives `None`; the caller goes on. The keys that a section was asked for are the
//! keys that it knows, so that help, check and parser can't drift apart: whatever else stands
//! there is an unknown key, and the nearest known one is suggested.

use super::values::quoted_list;
use porchlight_core::diagnostic::{Diagnostic, nearest};
use porchlight_core::units::{parse_duration, parse_size};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of a configuration file, and the mistakes found in it so far.
pub struct Source<'a> {
    path: &'a str,
    text: &'a str,
    problems: RefCell<Vec<Diagnostic>>,
}

impl<'a> Source<'a> {
    /// A file that is yet to be read.
    pub fn new(path: &'a str, text: &'a str) -> Self {
        Self {
            path,
            text,
            problems: RefCell::new(Vec::new()),
        }
    }

    /// Parses the text; every syntax mistake becomes a diagnostic and the rest is still read.
    pub fn parse(&self) -> Spanned<DeTable<'a>> {
        let (root, mistakes) = DeTable::parse_recoverable(self.text);
        for mistake in mistakes {
            let span = mistake.span().unwrap_or(0..0);
            self.note(Diagnostic::error_at(
                self.path,
                self.text,
                span,
                mistake.message(),
            ));
        }
        root
    }

    /// An error at this place.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.note(Diagnostic::error_at(self.path, self.text, span, message).with_help(help));
    }

    /// A mistake at this place, which is not noted.
    pub fn diagnostic(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error_at(self.path, self.text, span, message)
    }

    /// Something that works, but probably not as meant.
    pub fn warning(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let warning = Diagnostic::error_at(self.path, self.text, span, message);
        self.note(warning.with_help(help).as_warning());
    }

    fn note(&self, mut problem: Diagnostic) {
        problem.source_line = without_secrets(&problem.source_line);
        self.problems.borrow_mut().push(problem);
    }

    /// All mistakes, in the order of their lines.
    pub fn into_problems(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }
}

/// The line as it may be shown: a secret that stands in it has each character replaced.
fn without_secrets(line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    if !["secret", "token", "key", "password"]
        .iter()
        .any(|word| key.contains(word))
    {
        return line.to_owned();
    }
    let mut shown = String::new();
    for (number, part) in line.split('"').enumerate() {
        let quote = if number == 0 { "" } else { "\"" };
        let before = shown.trim_end_matches(['"', ' ', '=']);
        let is_place = before.ends_with("env") || before.ends_with("file");
        shown += quote;
        if number % 2 == 1 && !is_place {
            shown.extend(part.chars().map(|_| '*'));
        } else {
            shown += part;
        }
    }
    shown
}

/// One table of the file.
pub struct Section<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    title: String,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn root(source: &'a Source<'a>, root: &'a Spanned<DeTable<'a>>) -> Self {
        Self::new(source, root.get_ref(), 0..0, String::new())
    }

    fn new(
        source: &'a Source<'a>,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        title: String,
    ) -> Self {
        Self {
            source,
            table,
            span,
            title,
            asked: RefCell::new(BTreeSet::new()),
        }
    }

    /// `[webhook.gate]`, or `the file`.
    pub fn title(&self) -> String {
        if self.title.is_empty() {
            "the file".to_owned()
        } else {
            format!("[{}]", self.title)
        }
    }

    /// Where the section's header stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The file that it stands in.
    pub fn source(&self) -> &'a Source<'a> {
        self.source
    }

    /// The value under this key, of whatever type.
    pub fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.table.get(key)
    }

    /// The sub-table under this key.
    pub fn section(&self, key: &str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        let span = self.key_span(key).unwrap_or_else(|| value.span());
        let title = if self.title.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.title)
        };
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(self.source, table, span, title)),
            other => {
                self.wrong_type(
                    key,
                    value.span(),
                    "a table",
                    other,
                    &format!("write it as [{title}]"),
                );
                None
            }
        }
    }

    /// The sub-tables below this key, by name: `[webhook.gate]`, `[webhook.street]`.
    pub fn named_sections(&self, key: &str) -> Vec<(&'a str, Section<'a>)> {
        let Some(section) = self.section(key) else {
            return Vec::new();
        };
        let names: Vec<&'a str> = section
            .table
            .iter()
            .map(|(name, _)| name.get_ref().as_ref())
            .collect();
        names
            .into_iter()
            .filter_map(|name| Some((name, section.section(name)?)))
            .collect()
    }

    /// The keys that stand in it, known or not.
    pub fn keys(&self) -> Vec<&'a str> {
        let keys = self.table.iter();
        keys.map(|(name, _)| name.get_ref().as_ref()).collect()
    }

    /// Where the key itself stands.
    pub fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(name, _)| name.span())
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            other => {
                self.wrong_type(key, value.span(), "a text in quotes", other, "");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &str, example: &str) -> Option<&'a str> {
        if self.value(key).is_none() {
            self.missing(key, example);
        }
        self.text(key)
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Option<Vec<&'a str>> {
        let value = self.value(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value.span(), "a list of texts", value.get_ref(), "");
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(text.as_ref()),
                other => self.wrong_type(key, item.span(), "a list of texts", other, ""),
            }
        }
        Some(texts)
    }

    /// A whole number within these bounds.
    pub fn number(&self, key: &str, bounds: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(key, value.span(), "a whole number", value.get_ref(), "");
            return None;
        };
        let number = u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok();
        if let Some(number) = number.filter(|number| bounds.contains(number)) {
            return Some(number);
        }
        let message = format!(
            "`{key}` must be a whole number from {} to {}",
            bounds.start(),
            bounds.end()
        );
        self.source.error(value.span(), message, "");
        None
    }

    /// A length of time with its unit.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        self.measured(key, "a length of time such as \"30s\"", parse_duration)
    }

    /// A size with its unit.
    pub fn size(&self, key: &str) -> Option<u64> {
        self.measured(key, "a size such as \"16MiB\"", parse_size)
    }

    fn measured<T>(
        &self,
        key: &str,
        what: &str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => match parse(text) {
                Ok(parsed) => Some(parsed),
                Err(message) => {
                    self.source.error(value.span(), message, "");
                    None
                }
            },
            other => {
                let help = match other {
                    DeValue::Integer(number) => {
                        format!("a unit belongs to it, as in \"{}s\"", number.as_str())
                    }
                    _ => String::new(),
                };
                let help = if what.contains("size") {
                    help.replace("s\"", "MiB\"")
                } else {
                    help
                };
                self.wrong_type(key, value.span(), what, other, &help);
                None
            }
        }
    }

    /// One of these words.
    pub fn word(&self, key: &str, known: &[&'static str]) -> Option<&'static str> {
        let text = self.text(key)?;
        let found = known.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let span = self.value(key).map_or(self.span(), |value| value.span());
            let help = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("write one of {}", quoted_list(known)),
            };
            self.source
                .error(span, format!("`{key}` can't be \"{text}\""), help);
        }
        found
    }

    /// Notes that a key is missing.
    pub fn missing(&self, key: &str, example: &str) {
        self.source.error(
            self.span(),
            format!("{} needs `{key}`", self.title()),
            format!("add {key} = {example}"),
        );
    }

    /// Notes a value of the wrong type.
    pub fn wrong_type(
        &self,
        key: &str,
        span: Range<usize>,
        wanted: &str,
        found: &DeValue<'_>,
        help: &str,
    ) {
        let found = match found.type_str() {
            "string" => "a text",
            "integer" => "a number",
            "float" => "a decimal number",
            "boolean" => "true or false",
            "array" => "a list",
            "table" => "a table",
            _ => "a date",
        };
        self.source
            .error(span, format!("`{key}` must be {wanted}, not {found}"), help);
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if asked.contains(name) {
                continue;
            }
            let help = match nearest(name, asked.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "{} knows {}",
                    self.title(),
                    asked
                        .iter()
                        .map(|key| format!("`{key}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            let what = if self.title.is_empty() {
                "table or key"
            } else {
                "key"
            };
            self.source
                .error(key.span(), format!("unknown {what} `{name}`"), help);
        }
    }
}
