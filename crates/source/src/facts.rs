//! Facts: what the preset reads out of a body under names that are the same for every vendor.
//!
//! A script asks for `event.facts.plates` and need not know who sent it. A fact that is not there
//! is left out; a list that a preset promises (`each`) is there even when it is empty.

use crate::naming;
use crate::reading::Plan;
use crate::rules::{Condition, Source, View, applies, text};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most elements that one list of facts has; the body itself stays whole in `data`.
const MAX_ELEMENTS: usize = 256;

/// How one fact is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// What stands at this source.
    One(Source),
    /// What stands at the first of these sources where something stands.
    First(Vec<Source>),
    /// Anything more.
    Spec(Box<Spec>),
}

/// A fact that is more than one value as it stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// Sources; the first that yields something counts, with `list` all of them.
    from: Vec<Source>,
    /// One object per element found here; `fields` are read relative to the element.
    each: Vec<Source>,
    /// The members of the object, or of each object.
    fields: BTreeMap<String, Fact>,
    /// Elements without this field are left out.
    require: Option<String>,
    /// Elements for which these hold, relative to the element.
    only: Vec<Condition>,
    when: Vec<Condition>,
    unless: Vec<Condition>,
    /// Texts only, in capital letters, as plates are compared.
    upper: bool,
    /// Texts only, written like the parts of an event's type.
    snake: bool,
    /// Every value found, as a list.
    list: bool,
    /// A text is a list of items with this between them.
    split: Option<String>,
}

impl Fact {
    /// The fact, if it is there.
    pub fn read(&self, view: View<'_>) -> Option<Value> {
        match self {
            Self::One(source) => first(view, source),
            Self::First(sources) => sources.iter().find_map(|source| first(view, source)),
            Self::Spec(spec) => spec.read(view),
        }
    }

    /// Tells the plan every pointer that refers to the whole delivery.
    pub fn plan(&mut self, plan: &mut Plan) {
        match self {
            Self::One(one) => one.plan(plan),
            Self::First(many) => many.iter_mut().for_each(|source| source.plan(plan)),
            Self::Spec(spec) => {
                let sources = spec.from.iter_mut().chain(&mut spec.each);
                sources.for_each(|source| source.plan(plan));
                let conditions = spec.when.iter_mut().chain(&mut spec.unless);
                conditions.for_each(|condition| condition.plan(plan));
                // The fields of an element are read relative to it.
                if spec.each.is_empty() {
                    spec.fields.values_mut().for_each(|fact| fact.plan(plan));
                }
            }
        }
    }
}

fn first(view: View<'_>, source: &Source) -> Option<Value> {
    view.all(source)
        .into_iter()
        .next()
        .map(std::borrow::Cow::into_owned)
}

impl Spec {
    fn read(&self, view: View<'_>) -> Option<Value> {
        if !applies(&self.when, &self.unless, view) {
            return None;
        }
        if !self.each.is_empty() {
            return Some(self.elements(view));
        }
        if self.list {
            let texts = self.from.iter().flat_map(|source| view.all(source));
            let mut list: Vec<Value> = Vec::new();
            for item in texts.flat_map(|value| self.items(&value)) {
                if !list.contains(&item) && list.len() < MAX_ELEMENTS {
                    list.push(item);
                }
            }
            return (!list.is_empty()).then_some(Value::Array(list));
        }
        if !self.fields.is_empty() {
            let object = self.object(view);
            return (!object.is_empty()).then_some(Value::Object(object));
        }
        let mut values = self.from.iter().flat_map(|source| view.all(source));
        values.find_map(|value| self.items(&value).into_iter().next())
    }

    fn elements(&self, view: View<'_>) -> Value {
        let mut list = Vec::new();
        for found in self.each.iter().flat_map(|source| view.all(source)) {
            let element = View::Element(&found);
            if !applies(&self.only, &[], element) {
                continue;
            }
            let object = self.object(element);
            let complete = self
                .require
                .as_ref()
                .is_none_or(|name| object.contains_key(name));
            if complete && list.len() < MAX_ELEMENTS {
                list.push(Value::Object(object));
            }
        }
        Value::Array(list)
    }

    fn object(&self, view: View<'_>) -> Map<String, Value> {
        let fields = self.fields.iter();
        fields
            .filter_map(|(name, fact)| Some((name.clone(), fact.read(view)?)))
            .collect()
    }

    /// A value as it is written here: split, in capitals, as a name; nothing when it is no text
    /// and would have to be one.
    fn items(&self, value: &Value) -> Vec<Value> {
        if !self.upper && !self.snake && self.split.is_none() {
            return vec![value.clone()];
        }
        let whole = match value {
            Value::String(_) => text(value).unwrap_or_default(),
            _ => return Vec::new(),
        };
        let items: Vec<&str> = match &self.split {
            Some(split) => whole.split(split.as_str()).collect(),
            None => vec![&whole],
        };
        let written = items
            .into_iter()
            .map(|item| match (self.upper, self.snake) {
                (true, _) => item.trim().to_uppercase(),
                (_, true) => naming::part(item),
                _ => item.trim().to_owned(),
            });
        written
            .filter(|item| !item.is_empty())
            .map(Value::String)
            .collect()
    }
}
