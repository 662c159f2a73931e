//! The rules of a preset: where an event's type, time, id and facts stand.
//!
//! A rule names sources and conditions; the first rule that yields something wins. All of it is
//! data out of `presets/*.toml`, checked when it is read, and it never fails at an event: what is
//! not there is simply not there.

use crate::attachment::File;
use crate::reading::{Document, Path, Plan};
use crate::{moment, naming};
use http::HeaderMap;
use http::header::HeaderName;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// Where something stands: `/pointer`, `header:NAME`, or `file:FIELD` (the name of an attachment).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Source {
    Body(Path),
    Header(HeaderName),
    File(String),
}

/// `/pointer` (something is there), or `/pointer = this|that*` (it is one of these).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Condition {
    source: Source,
    is: Vec<String>,
}

/// A rule for the event's type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeRule {
    #[serde(default)]
    from: Option<Source>,
    #[serde(default)]
    when: Vec<Condition>,
    #[serde(default)]
    unless: Vec<Condition>,
    #[serde(default)]
    one_of: Vec<String>,
    /// Taken off the front of the text where it is there: `zen:event-type:`.
    #[serde(default)]
    strip: String,
    /// Take the first item of a list in one text.
    #[serde(default)]
    split: Option<String>,
    /// Dots in the text stay; the sender means them as structure.
    #[serde(default)]
    dots: bool,
    /// Text in front, or the whole type where there is no `from`; `{webhook}` is the name.
    prefix: String,
}

/// A rule for the time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRule {
    from: Source,
    #[serde(default)]
    format: moment::Format,
}

/// A rule for the vendor's id of the event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdRule {
    from: Source,
    #[serde(default)]
    when: Vec<Condition>,
    #[serde(default)]
    unless: Vec<Condition>,
    #[serde(default)]
    suffix: String,
}

/// All rules of the `[event]` table.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventRules {
    r#type: Vec<TypeRule>,
    time: Vec<TimeRule>,
    id: Vec<IdRule>,
    subject: Vec<Source>,
}

/// Where rules look: the whole delivery, or one element of an array in it.
#[derive(Clone, Copy)]
pub enum View<'a> {
    Delivery {
        document: &'a Document<'a>,
        headers: &'a HeaderMap,
        files: &'a [File],
    },
    Element(&'a Value),
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let problem =
            || format!("`{text}` is no source; write /pointer, header:NAME or file:FIELD");
        if let Some(name) = text.strip_prefix("header:") {
            return HeaderName::from_bytes(name.as_bytes())
                .map(Self::Header)
                .map_err(|_| problem());
        }
        if let Some(field) = text.strip_prefix("file:") {
            return Ok(Self::File(field.to_owned()));
        }
        Path::parse(&text).map(Self::Body).ok_or_else(problem)
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (source, is) = match text.split_once(" = ") {
            Some((source, is)) => (source, is.split('|').map(str::to_owned).collect()),
            None => (text.as_str(), Vec::new()),
        };
        Ok(Self {
            source: source.trim().to_owned().try_into()?,
            is,
        })
    }
}

impl Source {
    pub fn plan(&mut self, plan: &mut Plan) {
        if let Self::Body(path) = self {
            plan.add(path);
        }
    }
}

impl Condition {
    pub fn plan(&mut self, plan: &mut Plan) {
        self.source.plan(plan);
    }

    pub fn holds(&self, view: View<'_>) -> bool {
        view.all(&self.source).iter().any(|value| {
            self.is.is_empty()
                || text(value).is_some_and(|text| {
                    self.is.iter().any(|is| match is.strip_suffix('*') {
                        Some(start) => text.starts_with(start),
                        None => text == is.as_str(),
                    })
                })
        })
    }
}

/// Whether all of `when` and none of `unless` hold.
pub fn applies(when: &[Condition], unless: &[Condition], view: View<'_>) -> bool {
    when.iter().all(|condition| condition.holds(view))
        && !unless.iter().any(|condition| condition.holds(view))
}

/// A scalar as text; `None` for null, lists, objects and blank texts.
pub fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        _ => None,
    }
}

impl<'a> View<'a> {
    /// Everything that stands at a source; null counts as nothing.
    pub fn all(self, source: &Source) -> Vec<Cow<'a, Value>> {
        match (self, source) {
            (Self::Delivery { document, .. }, Source::Body(path)) => present(document.all(path)),
            (Self::Delivery { headers, .. }, Source::Header(name)) => headers
                .get(name)
                .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
                .map(|text| Cow::Owned(Value::String(text.to_owned())))
                .into_iter()
                .collect(),
            (Self::Delivery { files, .. }, Source::File(field)) => files
                .iter()
                .find(|file| file.about.name == *field)
                .map(|file| Cow::Owned(Value::String(file.about.name.clone())))
                .into_iter()
                .collect(),
            (Self::Element(value), Source::Body(path)) => present(path.all(value)),
            (Self::Element(_), Source::Header(_) | Source::File(_)) => Vec::new(),
        }
    }

    /// The first text at a source.
    fn first_text(self, source: &Source) -> Option<String> {
        let values = self.all(source);
        values
            .iter()
            .find_map(|value| text(value).map(Cow::into_owned))
    }
}

fn present(values: Vec<&Value>) -> Vec<Cow<'_, Value>> {
    let there = values.into_iter().filter(|value| !value.is_null());
    there.map(Cow::Borrowed).collect()
}

impl EventRules {
    /// Tells the plan every pointer of these rules.
    pub fn plan(&mut self, plan: &mut Plan) {
        for rule in &mut self.r#type {
            rule.from.iter_mut().for_each(|source| source.plan(plan));
            rule.when
                .iter_mut()
                .chain(&mut rule.unless)
                .for_each(|c| c.plan(plan));
        }
        for rule in &mut self.id {
            rule.from.plan(plan);
            rule.when
                .iter_mut()
                .chain(&mut rule.unless)
                .for_each(|c| c.plan(plan));
        }
        self.time.iter_mut().for_each(|rule| rule.from.plan(plan));
        self.subject.iter_mut().for_each(|source| source.plan(plan));
    }

    /// The event's type; `None` when no rule yields one.
    pub fn kind(&self, view: View<'_>, webhook: &str) -> Option<String> {
        self.r#type.iter().find_map(|rule| rule.kind(view, webhook))
    }

    /// Patterns for all types that [`EventRules::kind`] can give; and whether it can give none.
    pub fn kinds(&self, webhook: &str) -> (Vec<String>, bool) {
        let rules = self.r#type.iter();
        let always =
            |rule: &TypeRule| rule.from.is_none() && rule.when.is_empty() && rule.unless.is_empty();
        let none = !self.r#type.iter().any(always);
        (rules.flat_map(|rule| rule.kinds(webhook)).collect(), none)
    }

    /// When it happened, RFC 3339 in UTC.
    pub fn time(&self, view: View<'_>) -> Option<String> {
        self.time.iter().find_map(|rule| {
            view.all(&rule.from)
                .iter()
                .find_map(|value| rule.format.read(value))
        })
    }

    /// The vendor's id of the event, from the body. The nil UUID is what some systems write for
    /// "none", so it never identifies anything.
    pub fn id(&self, view: View<'_>) -> Option<String> {
        self.id
            .iter()
            .filter(|rule| {
                matches!(rule.from, Source::Body(_)) && applies(&rule.when, &rule.unless, view)
            })
            .find_map(|rule| {
                let id = view
                    .first_text(&rule.from)
                    .filter(|id| !is_nil(id) && id.len() <= 256)?;
                Some(id + &rule.suffix)
            })
    }

    /// Whether a rule names an id in the body.
    pub fn reads_id(&self) -> bool {
        let mut rules = self.id.iter();
        rules.any(|rule| matches!(rule.from, Source::Body(_)))
    }

    /// What the event is about.
    pub fn subject(&self, view: View<'_>) -> Option<String> {
        self.subject
            .iter()
            .find_map(|source| view.first_text(source))
            .map(|text| text.chars().take(256).collect())
    }
}

impl TypeRule {
    fn kind(&self, view: View<'_>, webhook: &str) -> Option<String> {
        if !applies(&self.when, &self.unless, view) {
            return None;
        }
        let prefix = self.prefix.replace("{webhook}", webhook);
        let Some(source) = &self.from else {
            return Some(prefix);
        };
        let text = view.first_text(source)?;
        if !self.one_of.is_empty() && !self.one_of.contains(&text) {
            return None;
        }
        self.named(&prefix, &text)
    }

    /// The type out of a text of the sender.
    fn named(&self, prefix: &str, text: &str) -> Option<String> {
        let text = text.strip_prefix(self.strip.as_str()).unwrap_or(text);
        let text = match &self.split {
            Some(split) => text
                .split(split.as_str())
                .find(|item| !item.trim().is_empty())?,
            None => text,
        };
        let name = if self.dots {
            naming::dotted(text)
        } else {
            naming::part(text)
        };
        (!name.is_empty()).then(|| format!("{prefix}{name}"))
    }

    /// Patterns for all types that this rule can give.
    fn kinds(&self, webhook: &str) -> Vec<String> {
        let prefix = self.prefix.replace("{webhook}", webhook);
        if self.from.is_none() {
            return vec![prefix];
        }
        if !self.one_of.is_empty() {
            let each = self.one_of.iter();
            return each.filter_map(|text| self.named(&prefix, text)).collect();
        }
        // A name with dots is at least one part.
        let rest = if self.dots { "*.**" } else { "*" };
        vec![format!("{prefix}{rest}")]
    }
}

fn is_nil(id: &str) -> bool {
    let id = id.trim_matches(['{', '}']);
    !id.is_empty() && id.bytes().all(|byte| matches!(byte, b'0' | b'-'))
}
