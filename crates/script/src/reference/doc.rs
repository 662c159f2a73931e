//! A doc comment, read: its sentence, parameters, options, result, failures and examples.
//!
//! It reads what [`super`] agrees on and nothing else, so a comment that keeps to no agreement
//! still is a comment; what then is missing is found by the tests of the reference.

use crate::api::SHARED;

/// What a doc comment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doc {
    /// The Markdown as it was written, without the slashes.
    pub text: String,
    /// Its first paragraph: one sentence.
    pub summary: String,
    /// In the order of the longest call.
    pub parameters: Vec<Parameter>,
    /// What it gives: the kind, and what it means. `None` when it gives nothing.
    pub gives: Option<(String, String)>,
    /// "Fails when …"; empty when it can't.
    pub fails: String,
    /// The text of each example.
    pub examples: Vec<String>,
}

/// A parameter of a function, or a member of a map of options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// "text", "text or list"; see the kinds of the reference.
    pub kinds: String,
    /// What it means.
    pub text: String,
    /// The members that a map may have; empty when they are not said.
    pub options: Vec<Parameter>,
}

/// What a bullet says instead of options that many functions have.
const SHARED_MARK: &str = "* the options of ";

impl Doc {
    /// Reads a comment: lines that begin with `///`, or plain Markdown.
    pub(crate) fn parse(comment: &str) -> Self {
        let mut doc = Self {
            text: plain(comment),
            ..Self::default()
        };
        let text = doc.text.clone();
        let mut example: Option<String> = None;
        let mut paragraph: Vec<&str> = Vec::new();
        for line in text.lines() {
            match &mut example {
                Some(whole) if line.trim_start().starts_with("```") => {
                    doc.examples.push(std::mem::take(whole));
                    example = None;
                }
                Some(whole) => {
                    whole.push_str(line);
                    whole.push('\n');
                }
                None if line.starts_with("```") => {
                    doc.paragraph(&std::mem::take(&mut paragraph));
                    example = Some(String::new());
                }
                None if line.trim().is_empty() => doc.paragraph(&std::mem::take(&mut paragraph)),
                None => paragraph.push(line),
            }
        }
        doc.paragraph(&paragraph);
        doc
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|one| one.name == name)
    }

    fn paragraph(&mut self, lines: &[&str]) {
        let whole = || lines.join(" ");
        let Some(first) = lines.first() else { return };
        if first.trim_start().starts_with("* ") {
            bullets(lines.iter().copied(), &mut self.parameters);
        } else if let Some((kinds, text)) = first
            .strip_prefix("Gives (")
            .and_then(|_| whole()["Gives (".len()..].split_once(')').map(own))
        {
            self.gives = Some((kinds, text.trim_start_matches(": ").to_owned()));
        } else if first.starts_with("Fails ") {
            self.fails = whole();
        } else if self.summary.is_empty() {
            self.summary = whole();
        }
    }
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// Takes the slashes away, and the space behind them.
fn plain(comment: &str) -> String {
    let lines = comment.lines().map(|line| {
        let said = line.trim_start().strip_prefix("///");
        let said = said.map(|said| said.strip_prefix(' ').unwrap_or(said));
        said.unwrap_or(line).trim_end()
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Reads bullets; those further in are options of the one before.
fn bullets<'a>(lines: impl Iterator<Item = &'a str>, into: &mut Vec<Parameter>) {
    for line in lines {
        let inner = line.starts_with(' ');
        let line = line.trim();
        if !line.starts_with("* ") {
            let last = into.last_mut();
            if let Some(last) = last.map(|outer| match outer.options.last_mut() {
                Some(option) => &mut option.text,
                None => &mut outer.text,
            }) {
                last.push(' ');
                last.push_str(line);
            }
            continue;
        }
        let list = match into.last_mut() {
            Some(outer) if inner => &mut outer.options,
            _ => &mut *into,
        };
        if let Some(shared) = line.strip_prefix(SHARED_MARK) {
            if let Some((_, text)) = SHARED.iter().find(|(name, _)| *name == shared) {
                bullets(text.trim().lines(), list);
            }
        } else {
            list.extend(bullet(line));
        }
    }
}

/// "* `name` (kinds): text".
fn bullet(line: &str) -> Option<Parameter> {
    let (name, rest) = line.strip_prefix("* `")?.split_once("` (")?;
    let (kinds, text) = rest.split_once(')')?;
    Some(Parameter {
        name: name.to_owned(),
        kinds: kinds.to_owned(),
        text: text.trim_start_matches(':').trim().to_owned(),
        options: Vec::new(),
    })
}

/// The text with shared options written out, for who sees one function alone.
pub(crate) fn written_out(text: &str) -> String {
    let mut whole = String::new();
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let shared = line.trim_start().strip_prefix(SHARED_MARK);
        match shared.and_then(|name| SHARED.iter().find(|(known, _)| *known == name)) {
            Some((_, options)) => {
                for option in options.trim().lines() {
                    whole.push_str(&format!("{indent}{option}\n"));
                }
            }
            None => whole.push_str(&format!("{line}\n")),
        }
    }
    whole
}

/// The text with shared options as links to the page that has them.
pub(crate) fn linked(text: &str) -> String {
    let line = |line: &str| match line.trim_start().strip_prefix(SHARED_MARK) {
        Some(name) if SHARED.iter().any(|(known, _)| *known == name) => {
            let indent = &line[..line.len() - line.trim_start().len()];
            let anchor = name.replace(' ', "-");
            format!("{indent}{SHARED_MARK}[{name}](options.md#{anchor})\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMENT: &str = "/// Sends a request,\n/// later.\n///\n/// More words.\n///\n\
        /// * `url` (text or secret): where to\n///   and on\n/// * `options` (map): what\n\
        ///   * `json` (any): the body\n///   * the options of every told action\n///\n\
        /// Gives (map): the answer\n///\n/// Fails when nobody\n/// answers.\n///\n\
        /// ```rhai\n/// if a {\n///     b();\n/// }\n/// ```\n";

    #[test]
    fn a_comment_is_read_into_its_parts() {
        let doc = Doc::parse(COMMENT);
        assert_eq!(doc.summary, "Sends a request, later.");
        assert_eq!(doc.gives, Some(("map".to_owned(), "the answer".to_owned())));
        assert_eq!(doc.fails, "Fails when nobody answers.");
        assert_eq!(doc.examples, ["if a {\n    b();\n}\n"]);
        let names: Vec<_> = doc.parameters.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["url", "options"]);
    }

    #[test]
    fn shared_options_count_as_written_out() {
        let doc = Doc::parse(COMMENT);
        assert_eq!(doc.parameter("url").expect("url").text, "where to and on");
        let options = &doc.parameter("options").expect("options").options;
        let names: Vec<_> = options.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(
            names,
            ["json", "ttl", "retries", "key", "lane", "limit", "title"]
        );
        assert!(written_out(&doc.text).contains("\n  * `ttl` (duration)"));
        assert!(linked(&doc.text).contains("](options.md#every-told-action)\n"));
    }
}
