//! The page about test files: the functions that only they have.

use super::{Doc, Entry, Page, kind};
use crate::testing;
use rhai::Engine;

/// Adds what test files can call, in the words that [`testing::WORDS`] has for it.
pub(super) fn add(page: &mut Page) {
    let entry = |(name, comment): &(&str, &str)| Entry {
        name: (*name).to_owned(),
        calls: Vec::new(),
        doc: Doc::parse(comment),
    };
    page.entries = testing::WORDS.iter().map(entry).collect();
    let mut engine = Engine::new_raw();
    testing::register(&mut engine);
    for native in super::native(&engine) {
        let mut given: Vec<&str> = native
            .parameters
            .iter()
            .map(|(_, of)| of.as_str())
            .collect();
        let mut name = native.name.clone();
        if given.first().is_some_and(|first| first.ends_with("Home")) {
            given.remove(0);
            name = format!("home.{name}");
        }
        let found = page.entries.iter().position(|entry| entry.name == name);
        let place = found.unwrap_or_else(|| {
            page.entries.push(Entry {
                name,
                calls: Vec::new(),
                doc: Doc::default(),
            });
            page.entries.len() - 1
        });
        let entry = &mut page.entries[place];
        let call = names(&entry.doc, &given);
        entry.calls.push(call);
    }
    // The one that makes the tests is known only while their file is loaded.
    let made = page.entries.iter_mut().find(|entry| entry.name == "test");
    if let Some(test) = made {
        test.calls.push(vec!["name".to_owned(), "body".to_owned()]);
    }
}

/// The parameters that a call with values of these types means: the first ones that fit.
fn names(doc: &Doc, given: &[&str]) -> Vec<String> {
    let mut parameters = doc.parameters.iter();
    let name = |of: &&str| {
        let fits = parameters.find(|one| {
            let kind = kind::for_editors(&one.kinds, "");
            of.contains("Dynamic") || kind == **of || kind == "int" && of.contains("i64")
        });
        fits.map_or("_".to_owned(), |one| one.name.clone())
    };
    given.iter().map(name).collect()
}
