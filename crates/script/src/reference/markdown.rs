//! The pages of `docs/reference`, and the same text for a terminal.

use super::{Entry, Page, Property, Reference, doc};
use crate::api::SHARED;

const NOTICE: &str = "<!-- Written by `porchlight reference --write docs/reference` from the doc \
                      comments in the code; change it there. -->\n";

impl Reference {
    /// Name and text of every file of `docs/reference`.
    pub fn files(&self) -> Vec<(String, String)> {
        let pages = self.pages.iter();
        let mut files: Vec<(String, String)> = pages
            .map(|page| (format!("{}.md", page.name), page.markdown()))
            .collect();
        files.push(("options.md".to_owned(), options()));
        files.push(("README.md".to_owned(), self.contents()));
        files.sort();
        files
    }

    fn contents(&self) -> String {
        let mut text = format!(
            "{NOTICE}# Reference\n\nEverything that scripts can call, besides \
             [Rhai itself](https://rhai.rs/book/). The same is in the program: `porchlight reference`, \
             `porchlight reference http::send`. How values are written: [kinds](#kinds). For \
             completion in an editor: [editors](../editors.md).\n"
        );
        for page in &self.pages {
            text.push_str(&format!("\n## [{}]({}.md)\n\n", page.name, page.name));
            if let Some(first) = page.about.split("\n\n").next() {
                text.push_str(&format!("{}\n\n", first.replace('\n', " ")));
            }
            if !page.entries.is_empty() {
                text.push_str("| | |\n|---|---|\n");
            }
            for entry in &page.entries {
                text.push_str(&format!(
                    "| [`{}`]({}.md#{}) | {} |\n",
                    entry.name,
                    page.name,
                    anchor(&entry.name),
                    entry.doc.summary
                ));
            }
        }
        text.push_str("\n## Kinds\n\n| word | means |\n|---|---|\n");
        for (word, meaning) in super::kind::meanings() {
            text.push_str(&format!("| {word} | {} |\n", meaning.replace('|', "\\|")));
        }
        text
    }
}

/// The options that many functions have.
fn options() -> String {
    let mut text = format!("{NOTICE}# Options that many functions have\n");
    for (name, options) in SHARED {
        text.push_str(&format!("\n## {name}\n\n{}\n", options.trim()));
    }
    text
}

/// As the sites that show Markdown make an anchor of a heading.
fn anchor(name: &str) -> String {
    let keep = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-');
    name.to_lowercase().chars().filter(keep).collect()
}

impl Page {
    fn markdown(&self) -> String {
        let mut text = format!("{NOTICE}# {}\n", self.name);
        if !self.about.is_empty() {
            text.push_str(&format!("\n{}\n", self.about));
        }
        for value in self.properties {
            text.push_str(&format!("\n## {}\n\n{}\n", value.kind, value.about));
            text.push_str("\n| property | kind | is |\n|---|---|---|\n");
            for one in value.all {
                text.push_str(&format!(
                    "| `{}` | {} | {} |\n",
                    one.name, one.kinds, one.text
                ));
            }
        }
        for entry in &self.entries {
            text.push_str(&format!(
                "\n## {}\n\n```rhai\n{}```\n\n{}",
                entry.name,
                entry.signatures(),
                doc::linked(&entry.doc.text)
            ));
        }
        text
    }

    /// The page for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.name);
        if !self.about.is_empty() {
            text.push_str(&format!("{}\n\n", self.about));
        }
        for value in self.properties {
            text.push_str(&format!("{}: {}\n\n", value.kind, value.about));
            for one in value.all {
                text.push_str(&format!("    {}\n", one.line()));
            }
            text.push('\n');
        }
        for entry in &self.entries {
            text.push_str(&entry.terminal());
            text.push('\n');
        }
        text
    }
}

impl Entry {
    /// Each way of calling it on a line.
    pub fn signatures(&self) -> String {
        let call = |names: &Vec<String>| format!("{}({})\n", self.name, names.join(", "));
        self.calls.iter().map(call).collect()
    }

    /// All that is known about it, for a terminal: examples are set in instead of fenced.
    pub fn terminal(&self) -> String {
        let mut text = self.signatures();
        text.push('\n');
        let mut example = false;
        for line in doc::written_out(&self.doc.text).lines() {
            let space = if example { "        " } else { "    " };
            if line.trim_start().starts_with("```") {
                example = !example;
            } else if line.is_empty() {
                text.push('\n');
            } else {
                text.push_str(&format!("{space}{line}\n"));
            }
        }
        text
    }
}

impl Property {
    /// One line for a terminal.
    pub fn line(&self) -> String {
        format!("{} ({}): {}", self.name, self.kinds, self.text)
    }
}
