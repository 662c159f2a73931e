//! The scripting reference: everything that scripts can call, from the doc comments of the host's
//! functions and of the standard library.
//!
//! It feeds `docs/reference`, `porchlight reference`, the definition files for editors, and the
//! check of literal arguments, so none of these can say something else than the others. A doc
//! comment is Markdown with four agreements:
//!
//! - the first paragraph is one sentence, which stands alone in lists;
//! - each parameter is a bullet, "* `name` (kind): what it means", the options of a map are
//!   bullets below it, and "* the options of every told action" stands for those that many have;
//! - a paragraph "Gives (kind): …" where it gives something, one "Fails when …" where it can fail;
//! - at least one example between fences, which runs as a test. One without a trigger such as
//!   `on(…)` is taken for the inside of a handler.

mod definitions;
mod doc;
mod event;
mod find;
pub(crate) mod kind;
mod markdown;
mod pages;
mod test_files;

pub use doc::{Doc, Parameter};
pub(crate) use event::event_properties;
pub use event::{Properties, Property};
pub use find::Found;
pub use kind::is_kind;

use crate::{api, stdlib};
use rhai::{AST, Engine, FnAccess};
use std::collections::BTreeMap;

/// Everything that scripts can call, in pages.
#[derive(Debug, Clone)]
pub struct Reference {
    /// First what every script has in scope, then the modules in alphabetical order.
    pub pages: Vec<Page>,
}

/// A module, or some of what every script has in scope.
#[derive(Debug, Clone)]
pub struct Page {
    /// The name before `::`, or of the file: `http`, `triggers`.
    pub name: String,
    /// What it is about: Markdown.
    pub about: String,
    /// Its functions, by name.
    pub entries: Vec<Entry>,
    /// What is after a dot, for the pages about values: the event and its attachments.
    pub properties: &'static [Properties],
}

/// One function, with all the ways of calling it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As scripts call it: `http::send`, `on`, `event.header`.
    pub name: String,
    /// The names of the parameters of each way to call it, the shortest first.
    pub calls: Vec<Vec<String>>,
    /// What its comment says.
    pub doc: Doc,
}

/// Of Rhai itself (refused, guarded by a limit) or meaningless for people; they need no words.
const UNSPOKEN: &[&str] = &["to_string", "to_debug", "sleep", "timestamp", "replace"];

/// What `event.data` and `event.facts` have of Rhai's maps; they are told of as properties.
const OF_MAPS: &[&str] = &[
    "keys", "values", "len", "get", "contains", "to_map", "to_json",
];

impl Reference {
    /// Reads the doc comments of all functions of the host and of the standard library.
    pub fn read() -> Self {
        // Without Rhai's own packages: the Rhai book says what is in these.
        let mut engine = Engine::new_raw();
        crate::Limits::default().apply(&mut engine);
        api::register(&mut engine);
        let mut pages: BTreeMap<String, Page> = BTreeMap::new();
        page(&mut pages, "event");
        for Native {
            module,
            name,
            parameters,
            comment,
        } in native(&engine)
        {
            let first = parameters.first().map(|(_, kind)| kind.as_str());
            let on = pages::of(&module, &name, first);
            let whole = match on {
                "event" => format!("event.{name}"),
                _ if module.is_empty() => name,
                _ => format!("{module}::{name}"),
            };
            let names = parameters.into_iter().map(|(name, _)| name);
            // What stands before the dot is no parameter to people.
            let call = names.skip(usize::from(on == "event")).collect();
            add(&mut pages, on, whole, call, &comment);
        }
        for (module, text) in stdlib::standard_library() {
            if let Ok(ast) = engine.compile(text) {
                library(&mut pages, module, text, &ast);
            }
        }
        test_files::add(page(&mut pages, "tests"));
        for page in pages.values_mut() {
            page.entries.sort_by(|a, b| a.name.cmp(&b.name));
            for entry in &mut page.entries {
                entry.calls.sort_by_key(Vec::len);
                entry.calls.dedup();
            }
        }
        let mut pages: Vec<Page> = pages.into_values().collect();
        pages.sort_by_key(|page| (pages::order(&page.name), page.name.clone()));
        Self { pages }
    }

    /// All functions.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.pages.iter().flat_map(|page| &page.entries)
    }
}

/// One way to call a native function.
struct Native {
    module: String,
    name: String,
    /// Their names, and their types as editors see them.
    parameters: Vec<(String, String)>,
    comment: String,
}

/// What the engine offers to people: no operators, nothing of the host's own.
fn native(engine: &Engine) -> Vec<Native> {
    let one = |info: rhai::FuncInfo| {
        let about = info.metadata;
        let name = about.name.as_str();
        let plain = name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.contains('$');
        if !plain || UNSPOKEN.contains(&name) {
            return None;
        }
        let of_map = info.namespace.is_empty() && OF_MAPS.contains(&name);
        if of_map && about.comments.is_empty() {
            return None;
        }
        let parameter = |told: &rhai::Identifier| {
            let (name, kind) = told.split_once(':').unwrap_or((told, ""));
            (name.trim().to_owned(), kind.trim().to_owned())
        };
        Some(Native {
            module: info.namespace.to_string(),
            name: name.to_owned(),
            parameters: about.params_info.iter().map(parameter).collect(),
            comment: about.comments.join("\n"),
        })
    };
    engine.collect_fn_metadata(None, one, true)
}

fn library(pages: &mut BTreeMap<String, Page>, module: &str, text: &str, ast: &AST) {
    for function in ast.iter_functions() {
        // A closure is a function without a name of its own.
        if function.access == FnAccess::Public && !function.name.contains('$') {
            let names = function.params.iter().map(|name| (*name).to_owned());
            add(
                pages,
                module,
                format!("{module}::{}", function.name),
                names.collect(),
                &function.comments.join("\n"),
            );
        }
    }
    if let Some(page) = pages.get_mut(module) {
        page.about = crate::load::description(text);
    }
}

/// Adds a way to call a function; the first comment that isn't empty is the comment of all.
fn add(
    pages: &mut BTreeMap<String, Page>,
    page: &str,
    name: String,
    call: Vec<String>,
    comment: &str,
) {
    let page = self::page(pages, page);
    let doc = Doc::parse(comment);
    match page.entries.iter_mut().find(|entry| entry.name == name) {
        Some(entry) => {
            entry.calls.push(call);
            if entry.doc.text.is_empty() {
                entry.doc = doc;
            }
        }
        None => page.entries.push(Entry {
            name,
            calls: vec![call],
            doc,
        }),
    }
}

fn page<'a>(pages: &'a mut BTreeMap<String, Page>, name: &str) -> &'a mut Page {
    pages.entry(name.to_owned()).or_insert_with(|| Page {
        name: name.to_owned(),
        about: pages::about(name).to_owned(),
        entries: Vec::new(),
        properties: pages::properties(name),
    })
}
