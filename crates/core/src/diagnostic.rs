//! A mistake, told to the person who must mend it: where, what, and what to do.
//!
//! Everything that a person must fix is one of these, whether it stands in the configuration, in
//! a script or in a preset. There is one text form, with the source line and a caret, and one JSON
//! form (the fields as they are).

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Works, but probably not as meant.
    Warning,
    /// Does not work; the file is not used.
    Error,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the person would type it.
    pub path: String,
    /// Line, from 1; 0 when the mistake has no line (a missing file).
    pub line: u32,
    /// Column, from 1, in characters; 0 when unknown.
    pub column: u32,
    /// How many characters the caret underlines; at least 1.
    pub width: u32,
    /// The source line itself, without its line end.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when there is nothing to add.
    pub help: String,
}

impl Diagnostic {
    /// An error at a line and column of `source`, of which the right line is copied.
    pub fn error(
        path: &str,
        source: &str,
        line: u32,
        column: u32,
        message: impl Into<String>,
    ) -> Self {
        let source_line = (line as usize)
            .checked_sub(1)
            .and_then(|index| source.lines().nth(index))
            .unwrap_or_default();
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            line,
            column,
            width: 1,
            source_line: source_line.to_owned(),
            message: message.into(),
            help: String::new(),
        }
    }

    /// An error at a byte range of `source`: the caret underlines the range up to its line's end.
    pub fn error_at(
        path: &str,
        source: &str,
        span: std::ops::Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let mut start = span.start.min(source.len());
        while !source.is_char_boundary(start) {
            start -= 1;
        }
        let before = &source[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = source[line_start..start].chars().count() + 1;
        let rest_of_line = source[start..].lines().next().unwrap_or_default();
        let wanted = span.end.saturating_sub(start).min(rest_of_line.len());
        let width = rest_of_line
            .char_indices()
            .take_while(|(at, _)| *at < wanted)
            .count()
            .max(1);
        let mut diagnostic = Self::error(path, source, to_u32(line), to_u32(column), message);
        diagnostic.width = to_u32(width);
        diagnostic
    }

    /// An error about a whole file.
    pub fn error_in(path: &str, message: impl Into<String>) -> Self {
        Self::error(path, "", 0, 0, message)
    }

    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The same, as a warning.
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The text form. `colour` adds ANSI colours for a terminal.
    ///
    /// ```text
    /// error: unknown key `presett`
    ///   --> porchlight.toml:4:1
    ///    |
    ///  4 | presett = "xprotect"
    ///    | ^^^^^^^
    ///    = help: did you mean `preset`?
    /// ```
    pub fn render(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colour {
                format!("\x1b[{code}m{text}\x1b[0m")
            } else {
                text.to_owned()
            }
        };
        let (word, code) = match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
        };
        let mut text = format!("{}: {}\n", paint(code, word), paint("1", &self.message));
        let margin = self.line.to_string().len().max(2);
        let pad = " ".repeat(margin);
        let arrow = paint("34", "-->");
        let bar = paint("34", "|");
        match (self.line, self.column) {
            (0, _) => text += &format!("{pad}{arrow} {}\n", self.path),
            (line, 0) => text += &format!("{pad}{arrow} {}:{line}\n", self.path),
            (line, column) => text += &format!("{pad}{arrow} {}:{line}:{column}\n", self.path),
        }
        if self.line > 0 && !self.source_line.is_empty() {
            text += &format!("{pad} {bar}\n");
            text += &format!(
                "{:>margin$} {bar} {}\n",
                self.line,
                printable(&self.source_line)
            );
            if self.column > 0 {
                let indent: String = self
                    .source_line
                    .chars()
                    .take(self.column as usize - 1)
                    .map(|c| if c == '\t' { '\t' } else { ' ' })
                    .collect();
                let caret = "^".repeat(self.width.max(1) as usize);
                text += &format!("{pad} {bar} {indent}{}\n", paint(code, &caret));
            }
        }
        if !self.help.is_empty() {
            text += &format!("{pad} {} {}\n", paint("34", "= help:"), self.help);
        }
        text
    }
}

/// A line that others wrote may hold escape sequences meant for somebody's terminal; shows them as
/// dots.
pub fn printable(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() && c != '\t' { '·' } else { c })
        .collect()
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The known word nearest to `word`, for "did you mean": at most a third of its letters differ.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, removals, replacements and swaps of neighbours that turn one word into the other.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_mistake() {
        let source = "[server]\nlisten = 1\n";
        let diagnostic = Diagnostic::error_at("porchlight.toml", source, 18..19, "expected text")
            .with_help("write \"127.0.0.1:8480\"");
        assert_eq!(
            diagnostic.render(false),
            "error: expected text\n  --> porchlight.toml:2:10\n   |\n 2 | listen = 1\n   |          ^\n   = help: write \"127.0.0.1:8480\"\n"
        );
    }

    #[test]
    fn columns_count_characters_and_spans_may_lie_anywhere() {
        let source = "ö = \"ü\"\n";
        let at = source.find('"').unwrap_or_default();
        let diagnostic = Diagnostic::error_at("a", source, at..at + 4, "x");
        assert_eq!(
            (diagnostic.line, diagnostic.column, diagnostic.width),
            (1, 5, 3)
        );
        for start in 0..20 {
            for end in 0..20 {
                Diagnostic::error_at("a", source, start..end, "x").render(true);
            }
        }
    }

    #[test]
    fn escape_sequences_in_a_source_line_do_not_reach_the_terminal() {
        let diagnostic = Diagnostic::error("a", "x\u{1b}[2J", 1, 1, "x");
        assert!(!diagnostic.render(false).contains('\u{1b}'));
    }

    #[test]
    fn the_nearest_word_is_suggested_only_when_it_is_near() {
        assert_eq!(nearest("presett", ["preset", "secret"]), Some("preset"));
        assert_eq!(nearest("lsiten", ["listen"]), Some("listen"));
        assert_eq!(nearest("banana", ["preset", "secret"]), None);
    }
}
