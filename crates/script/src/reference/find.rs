//! Looks something up by what a person types: a page, a function, a property, or just a word.

use super::{Entry, Page, Property, Reference};
use porchlight_core::diagnostic::nearest;

/// What there is under a name.
#[derive(Debug)]
pub enum Found<'a> {
    /// A page, whole.
    Page(&'a Page),
    /// Functions of that name, with their module or without.
    Functions(Vec<&'a Entry>),
    /// A property such as `event.facts`: the value it belongs to, and what it is.
    Property(&'static str, &'static Property),
    /// Nothing has that name.
    Nothing {
        /// The name that is nearest, if any is near.
        near: Option<String>,
        /// The functions that speak of it.
        mentions: Vec<&'a Entry>,
    },
}

impl Reference {
    /// Looks a name up: `http`, `http::send`, `send`, `event.facts`.
    pub fn find(&self, name: &str) -> Found<'_> {
        let name = name.trim().trim_end_matches("()");
        let functions: Vec<&Entry> = self
            .entries()
            .filter(|entry| entry.name == name || last(&entry.name) == name)
            .collect();
        if let Some(exact) = functions.iter().find(|entry| entry.name == name) {
            return Found::Functions(vec![exact]);
        }
        if let Some(page) = self.pages.iter().find(|page| page.name == name) {
            return Found::Page(page);
        }
        if !functions.is_empty() {
            return Found::Functions(functions);
        }
        let properties = self.pages.iter().flat_map(|page| page.properties);
        for value in properties {
            let owner = value.kind.to_lowercase();
            let member = name.strip_prefix(owner.as_str());
            let member = member.and_then(|rest| rest.strip_prefix('.'));
            let is = |one: &&Property| Some(one.name) == member;
            if let Some(property) = value.all.iter().find(is) {
                return Found::Property(value.kind, property);
            }
        }
        let pages = self.pages.iter().map(|page| page.name.as_str());
        let names = self.entries().map(|entry| entry.name.as_str());
        let near = nearest(name, names.chain(pages)).map(str::to_owned);
        let near = near.or_else(|| {
            let short = nearest(name, self.entries().map(|entry| last(&entry.name)))?;
            let entry = self.entries().find(|entry| last(&entry.name) == short)?;
            Some(entry.name.clone())
        });
        let word = name.to_lowercase();
        let speaks = |entry: &&Entry| entry.doc.text.to_lowercase().contains(&word);
        Found::Nothing {
            near,
            mentions: self.entries().filter(speaks).collect(),
        }
    }
}

/// What is behind the last `::` or dot.
fn last(name: &str) -> &str {
    name.rsplit([':', '.']).next().unwrap_or(name)
}
