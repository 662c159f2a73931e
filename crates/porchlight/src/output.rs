//! What commands say: results on standard output, complaints on standard error.
//!
//! `println!` panics when the reader of a pipe goes away (`porchlight events | head -1`); these
//! functions don't. Colour is for terminals only.

use porchlight_core::Diagnostic;
use std::io::{IsTerminal, Write};

/// One line of a result. False when nobody reads any more.
pub fn line(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// A complaint.
pub fn complain(text: &str) {
    let colour = std::io::stderr().is_terminal();
    let word = if colour {
        "\x1b[1;31merror\x1b[0m"
    } else {
        "error"
    };
    _ = writeln!(std::io::stderr().lock(), "{word}: {text}");
}

/// A line for the person at the terminal, beside the log.
pub fn note(text: &str) {
    _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Mistakes with their carets. On a terminal for people; elsewhere each is a log record.
pub fn diagnostics(problems: &[Diagnostic]) {
    let colour = std::io::stderr().is_terminal();
    let mut error = std::io::stderr().lock();
    for problem in problems {
        _ = writeln!(error, "{}", problem.render(colour));
    }
}

/// ANSI colour for standard output, when it is a terminal.
pub fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// A mistake with its caret, for standard output.
pub fn diagnostic_text(problem: &Diagnostic) -> String {
    problem.render(std::io::stdout().is_terminal())
}
