//! Definition files (`.d.rhai`) for editors that speak to Rhai's language server.
//!
//! Those of Rhai itself are written by Rhai; what the language server can't read of them
//! (indexers, ranges) is left out, because one line that it can't read makes it give up the rest.
//! Ours are written here, from the reference, and have what Rhai can't see: the standard library,
//! the properties of an event, and the kinds of values that are `Dynamic` to Rhai.

use super::{Entry, Reference, doc, event, kind};
use rhai::Engine;

impl Reference {
    /// Name and text of every definition file.
    pub fn definitions(&self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        for (name, text) in Engine::new().definitions().iter_files() {
            match name.as_str() {
                "__static__.d.rhai" => {
                    files.push(("__standard__.d.rhai".to_owned(), readable(&text)));
                }
                _ => files.push((name, text)),
            }
        }
        // What every script has in scope is one module to editors, however many pages it has.
        let mut scope = "module static;\n".to_owned();
        for page in &self.pages {
            let module = page
                .entries
                .first()
                .and_then(|one| one.name.split_once("::"));
            match module {
                Some((module, _)) => {
                    let all: String = page.entries.iter().map(declared).collect();
                    let text = format!("module {module};\n{all}");
                    files.push((format!("{module}.d.rhai"), text));
                }
                None => scope.extend(page.entries.iter().map(declared)),
            }
        }
        scope.push_str(&properties());
        files.push(("__porchlight__.d.rhai".to_owned(), scope));
        files.sort();
        files
    }
}

/// A function, once for each way of calling it.
fn declared(entry: &Entry) -> String {
    let comment = commented(&doc::written_out(&entry.doc.text));
    let (owner, name) = match entry.name.rsplit_once([':', '.']) {
        // What stands before the dot is the first parameter to editors.
        Some((owner, name)) if !owner.ends_with(':') => (Some(owner), name),
        Some((_, name)) => (None, name),
        None => (None, entry.name.as_str()),
    };
    let gives = entry.doc.gives.as_ref();
    let gives = gives.map_or("()".to_owned(), |(kinds, _)| kind::for_editors(kinds, ""));
    let mut text = String::new();
    for call in &entry.calls {
        let this = owner.map(|owner| format!("{owner}: {}", first_letter_up(owner)));
        let parameters = call.iter().map(|name| {
            let kinds = entry.doc.parameter(name).map_or("", |one| &one.kinds);
            format!("{name}: {}", kind::for_editors(kinds, ""))
        });
        let parameters: Vec<String> = this.into_iter().chain(parameters).collect();
        let parameters = parameters.join(", ");
        text.push_str(&format!("\n{comment}fn {name}({parameters}) -> {gives};\n"));
    }
    text
}

fn first_letter_up(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn commented(text: &str) -> String {
    let line = |line: &str| format!("{}\n", format!("/// {line}").trim_end());
    text.lines().map(line).collect()
}

fn properties() -> String {
    let mut text = String::new();
    for value in event::ALL {
        for one in value.all {
            text.push_str(&format!(
                "\n{}fn get {}(value: {}) -> {};\n",
                commented(one.text),
                one.name,
                value.kind,
                kind::for_editors(one.kinds, "")
            ));
        }
    }
    text
}

/// Rhai's declarations that the language server can read: plain names, plain types.
fn readable(text: &str) -> String {
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let kind = |text: &str| text == "?" || text == "()" || word(text);
    let plain = |declaration: &str| {
        let parts = declaration
            .strip_prefix("fn ")
            .and_then(|rest| rest.strip_suffix(';'))
            .and_then(|rest| rest.split_once(") -> "))
            .and_then(|(head, gives)| Some((head.split_once('(')?, gives)));
        parts.is_some_and(|((name, parameters), gives)| {
            let names = name.strip_prefix("get ").or(name.strip_prefix("set "));
            let parameter = |one: &str| {
                let parts = one.split_once(": ");
                parts.is_some_and(|(name, of)| word(name) && name != "default" && kind(of))
            };
            name != "exit"
                && word(names.unwrap_or(name))
                && kind(gives)
                && (parameters.is_empty() || parameters.split(", ").all(parameter))
        })
    };
    let mut whole = String::from("module static;\n");
    let mut block: Vec<&str> = Vec::new();
    for line in text.lines().skip(1) {
        if line.starts_with("///") {
            block.push(line);
            continue;
        }
        if plain(line) {
            whole.push('\n');
            for line in block.iter().chain([&line]) {
                whole.push_str(line);
                whole.push('\n');
            }
        }
        block.clear();
    }
    whole
}
