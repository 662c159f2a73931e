//! Definition files (`.d.rhai`) for editors that speak to Rhai's language server.
//!
//! Rhai writes those of the native functions, with our comments. What it can't see is added here:
//! the standard library, whose functions are Rhai themselves, and the properties of an event,
//! which are looked up by name when a script runs.

use super::{Entry, Reference, doc, event, kind};
use crate::{api, stdlib};
use rhai::Engine;

impl Reference {
    /// Name and text of every definition file.
    pub fn definitions(&self) -> Vec<(String, String)> {
        let mut engine = Engine::new();
        api::register(&mut engine);
        let mut files: Vec<(String, String)> = engine
            .definitions()
            .iter_files()
            .map(|(name, text)| (name, options_written_out(&text)))
            .collect();
        if let Some((_, text)) = files
            .iter_mut()
            .find(|(name, _)| name == "__static__.d.rhai")
        {
            text.push_str(&properties());
        }
        for (module, _) in stdlib::standard_library() {
            let page = self.pages.iter().find(|page| page.name == module);
            let entries = page.map_or(&[][..], |page| &page.entries);
            let mut text = format!("module {module};\n");
            for entry in entries {
                text.push_str(&declared(module, entry));
            }
            files.push((format!("{module}.d.rhai"), text));
        }
        files.sort();
        files
    }
}

/// A function of the standard library, once for each way of calling it.
fn declared(module: &str, entry: &Entry) -> String {
    let name = entry
        .name
        .trim_start_matches(module)
        .trim_start_matches("::");
    let comment: String = doc::written_out(&entry.doc.text)
        .lines()
        .map(|line| format!("/// {line}\n"))
        .collect();
    let gives = entry.doc.gives.as_ref();
    let gives = gives.map_or("()".to_owned(), |(kinds, _)| kind::for_editors(kinds, ""));
    let mut text = String::new();
    for call in &entry.calls {
        let parameters = call.iter().map(|name| {
            let kinds = entry.doc.parameter(name).map_or("", |one| &one.kinds);
            format!("{name}: {}", kind::for_editors(kinds, ""))
        });
        let parameters = parameters.collect::<Vec<_>>().join(", ");
        text.push_str(&format!("\n{comment}fn {name}({parameters}) -> {gives};\n"));
    }
    text
}

fn properties() -> String {
    let mut text = String::new();
    for value in event::ALL {
        for one in value.all {
            text.push_str(&format!(
                "\n\n/// {}\nfn get {}(value: {}) -> {};",
                one.text,
                one.name,
                value.kind,
                kind::for_editors(one.kinds, "")
            ));
        }
    }
    text.push('\n');
    text
}

/// The comments with the options that many functions have, because an editor shows one comment.
fn options_written_out(text: &str) -> String {
    let mut whole = String::new();
    for line in text.lines() {
        match line.strip_prefix("/// ") {
            Some(said) => {
                for line in doc::written_out(said).lines() {
                    whole.push_str(&format!("/// {line}\n"));
                }
            }
            None => whole.push_str(&format!("{line}\n")),
        }
    }
    whole
}
