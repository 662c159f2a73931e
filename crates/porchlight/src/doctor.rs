//! `porchlight doctor`: looks whether everything that the house stands on is in order, and says what to
//! do about the rest.
//!
//! It performs nothing. It writes one small file into each folder that must be writable, and removes
//! it; it asks targets only what changes nothing there, and most of them only whether somebody
//! listens. Every look has a deadline, so it ends within some seconds whatever is broken.

mod brokers;
mod clock;
mod files;
mod folders;
mod journal;
mod lamps;
mod mail;
mod ports;
mod questions;
mod targets;

use crate::Ending;
use crate::cli::DoctorArgs;
use crate::config::Config;
use crate::home::Home;
use crate::output::{line, paint};
use porchlight_core::diagnostic::printable;
use porchlight_core::{Diagnostic, Severity};
use serde_json::json;
use std::sync::Arc;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// In order.
    Ok,
    /// Works, and may not for long or not as meant.
    Warn,
    /// Does not work.
    Bad,
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `clock`, `disk`, `target`, …
    pub area: &'static str,
    /// How it is.
    pub level: Level,
    /// What it is.
    pub message: String,
    /// What to do; empty when nothing.
    pub fix: String,
}

impl Finding {
    /// In order.
    pub fn ok(area: &'static str, message: impl Into<String>) -> Self {
        Self::new(area, Level::Ok, message, "")
    }

    /// Works, but.
    pub fn warn(area: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(area, Level::Warn, message, fix)
    }

    /// Does not work.
    pub fn bad(area: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(area, Level::Bad, message, fix)
    }

    fn new(
        area: &'static str,
        level: Level,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            area,
            level,
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// Looks and says.
pub fn doctor(home: &Home, args: &DoctorArgs) -> Ending {
    let (config, mut findings) = match Config::look(&home.dir) {
        Ok((config, problems)) => (Some(Arc::new(config)), configuration(&problems)),
        Err(problems) => (None, configuration(&problems)),
    };
    let config = config.as_ref();
    findings.extend(clock::look(home, config.map(|config| &config.place)));
    findings.extend(folders::look(home, config.map(AsRef::as_ref)));
    findings.extend(files::look(home, config.map(AsRef::as_ref)));
    findings.extend(journal::look(home, config.map(AsRef::as_ref)));
    if let Some(config) = config {
        findings.extend(ports::look(home, config));
        findings.extend(targets::look(home, config));
    }
    let shown = findings
        .iter()
        .all(|finding| line(&text(finding, args.json)));
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let (bad, warn) = (count(Level::Bad), count(Level::Warn));
    if shown && !args.json {
        line(&format!(
            "{} looked at: {bad} bad, {warn} to be watched",
            findings.len()
        ));
    }
    if bad > 0 {
        Ending::Mistake
    } else {
        Ending::Done
    }
}

fn text(finding: &Finding, as_json: bool) -> String {
    let (word, colour) = match finding.level {
        Level::Ok => ("ok", "32"),
        Level::Warn => ("warn", "33"),
        Level::Bad => ("bad", "31"),
    };
    if as_json {
        let Finding {
            area, message, fix, ..
        } = finding;
        return json!({ "area": area, "level": word, "message": message, "fix": fix }).to_string();
    }
    let word = paint(colour, &format!("{word:<4}"));
    // Others have a say in it: a device by its answer, a sender by the name of a lane.
    let message = printable(&finding.message);
    let fix = match finding.fix.as_str() {
        "" => String::new(),
        fix => format!("\n               {fix}"),
    };
    format!("{word}  {:<8} {message}{fix}", finding.area)
}

/// What is wrong with `porchlight.toml`, or that nothing is.
fn configuration(problems: &[Diagnostic]) -> Vec<Finding> {
    if problems.is_empty() {
        return vec![Finding::ok("config", "porchlight.toml has no mistake")];
    }
    let finding = |problem: &Diagnostic| {
        let place = match problem.line {
            0 => problem.path.clone(),
            line => format!("{}:{line}:{}", problem.path, problem.column),
        };
        let message = format!("{place}: {}", problem.message);
        match problem.severity {
            Severity::Error => Finding::bad("config", message, problem.help.clone()),
            _ => Finding::warn("config", message, problem.help.clone()),
        }
    };
    problems.iter().map(finding).collect()
}
