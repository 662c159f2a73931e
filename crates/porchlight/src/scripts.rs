//! The scripts folder as it is live: what changed is loaded, what is broken keeps its last good
//! version, and the set is swapped as a whole.
//!
//! Start-up is a reload from nothing: the first batch holds every file. A changed library reloads
//! the scripts that import it. A version is in the journal before it goes live, so that a wait
//! which it begins can always run the code that began it.

use crate::dispatch::ScriptSet;
use crate::gate::{Gate, Verdict};
use crate::shadow::Shadow;
use porchlight_core::Diagnostic;
use porchlight_core::units::format_duration;
use porchlight_journal::ScriptVersion;
use porchlight_script::testing::{tested_by, tests_of};
use porchlight_script::watch::{Batch, Content};
use porchlight_script::{Host, Script};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Finds the version of a script that was live last, in the journal.
pub type LastGood = Box<dyn Fn(&str) -> Option<ScriptVersion> + Send>;

/// All scripts, live and broken.
pub struct Library {
    host: Host,
    last_good: LastGood,
    sources: BTreeMap<String, String>,
    live: BTreeMap<String, Arc<Script>>,
    broken: BTreeMap<String, Vec<Diagnostic>>,
    gate: Option<Gate>,
    shadow: Option<Shadow>,
}

/// What a batch of changes came to.
pub struct Report {
    /// The set that is live now; none when nothing changed in it.
    pub set: Option<Arc<ScriptSet>>,
    /// What a new version would have done differently, to be told before it goes live.
    pub forecast: Vec<String>,
    /// Sentences for the person at the terminal.
    pub sentences: Vec<String>,
    /// Mistakes and warnings.
    pub problems: Vec<Diagnostic>,
}

impl Library {
    /// An empty library. `last_good` is asked at start, for a file that is broken by then.
    pub fn new(host: Host, last_good: LastGood) -> Self {
        Self {
            host,
            last_good,
            sources: BTreeMap::new(),
            live: BTreeMap::new(),
            broken: BTreeMap::new(),
            gate: None,
            shadow: None,
        }
    }

    /// The same with a gate: a script goes live when its tests pass.
    #[must_use]
    pub fn with_gate(self, gate: Gate) -> Self {
        Self {
            gate: Some(gate),
            ..self
        }
    }

    /// The same with a shadow: each new version is compared with the old one on recorded events.
    #[must_use]
    pub fn with_shadow(self, shadow: Option<Shadow>) -> Self {
        Self { shadow, ..self }
    }

    /// The live scripts, by name.
    pub fn live(&self) -> impl Iterator<Item = &Arc<Script>> {
        self.live.values()
    }

    /// The names of the scripts that have mistakes, whether an earlier version is live or not.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        self.broken.keys().map(String::as_str)
    }

    /// Takes what the watcher saw.
    pub fn apply(&mut self, batch: Batch) -> Report {
        let mut report = Report {
            set: None,
            forecast: Vec::new(),
            sentences: Vec::new(),
            problems: Vec::new(),
        };
        let mut to_load = BTreeSet::new();
        let mut changed = false;
        for entry in batch.entries {
            let path = entry.path;
            if let Some(script) = tested_by(&path) {
                self.take_tests(&script, entry.content, &mut report);
                to_load.insert(script);
                continue;
            }
            if is_library(&path) {
                to_load.extend(self.importers(&path));
                continue;
            }
            match entry.content {
                Content::Text(source) => {
                    self.sources.insert(path.clone(), source);
                    to_load.insert(path);
                }
                Content::Gone => {
                    self.sources.remove(&path);
                    self.broken.remove(&path);
                    changed |= self.live.remove(&path).is_some();
                    report.sentences.push(format!("unloaded {path}"));
                }
                Content::Unreadable { message } => {
                    report
                        .problems
                        .push(Diagnostic::error_in(&format!("scripts/{path}"), message));
                }
            }
        }
        for path in to_load {
            changed |= self.load(&path, &mut report);
        }
        if changed {
            report.set = Some(Arc::new(ScriptSet::new(
                self.live.values().cloned().collect(),
            )));
        }
        report
    }

    fn load(&mut self, path: &str, report: &mut Report) -> bool {
        let Some(source) = self.sources.get(path) else {
            return false;
        };
        let started = Instant::now();
        match self.host.load(path, source).map(Arc::new) {
            Ok(script) => {
                let took = format_duration(started.elapsed());
                let tested = match self.admit(&script, report) {
                    Ok(tested) => tested,
                    Err(failed) => return self.hold_back(&script, &failed, report),
                };
                self.broken.remove(path);
                let live = self.live.get(path);
                if !tested.is_empty() && live.is_some_and(|live| live.hash == script.hash) {
                    report.sentences.push(format!("{path}: {tested}"));
                    return false;
                }
                if let (Some(shadow), Some(live)) = (&self.shadow, live)
                    && live.hash != script.hash
                {
                    report.forecast.extend(shadow.compare(live, &script));
                }
                let verb = if live.is_some() { "reloaded" } else { "loaded" };
                let handlers = match script.handlers.len() {
                    1 => "1 handler".to_owned(),
                    count => format!("{count} handlers"),
                };
                let tested = if tested.is_empty() {
                    tested
                } else {
                    format!("; {tested}")
                };
                report
                    .sentences
                    .push(format!("{verb} {path} ({handlers}) in {took}{tested}"));
                report.problems.extend(script.warnings.iter().cloned());
                self.live.insert(path.to_owned(), script);
                true
            }
            Err(problems) => {
                let kept = !self.live.contains_key(path) && self.take_last_good(path);
                report.sentences.push(if self.live.contains_key(path) {
                    format!("{path} is broken; its last good version goes on running")
                } else {
                    format!("{path} is broken and not running")
                });
                report.problems.extend(problems.iter().cloned());
                self.broken.insert(path.to_owned(), problems);
                kept
            }
        }
    }

    /// Takes the text of a test file, which is no script.
    fn take_tests(&mut self, script: &str, content: Content, report: &mut Report) {
        let Some(gate) = &mut self.gate else { return };
        match content {
            Content::Text(source) => gate.take(script, Some(source)),
            Content::Gone => gate.take(script, None),
            Content::Unreadable { message } => {
                let path = format!("scripts/{}", tests_of(script));
                report.problems.push(Diagnostic::error_in(&path, message));
            }
        }
    }

    /// What its tests say about a script, for the sentence of its reload; empty without any.
    ///
    /// # Errors
    /// What failed, when it must not go live.
    fn admit(&self, script: &Arc<Script>, report: &mut Report) -> Result<String, String> {
        let name = script.name.as_str();
        let Some(gate) = self.gate.as_ref().filter(|gate| gate.has_tests(name)) else {
            return Ok(String::new());
        };
        // At a start: what was live before goes on, whatever its tests say now.
        let was_live = || (self.last_good)(name).is_some_and(|last| last.hash == script.hash);
        if !self.live.contains_key(name) && was_live() {
            return Ok(String::new());
        }
        match gate.judge(script) {
            None => Ok(String::new()),
            Some(Verdict::Passed(what)) => Ok(what),
            Some(Verdict::Failed {
                what,
                swap,
                report: failed,
            }) => {
                report.problems.extend(failed.diagnostics().cloned());
                if swap { Ok(what) } else { Err(what) }
            }
        }
    }

    /// Keeps what is live instead of a script whose tests failed; says whether the set changed.
    fn hold_back(&mut self, script: &Script, failed: &str, report: &mut Report) -> bool {
        let path = &script.name;
        self.broken.insert(path.clone(), Vec::new());
        let live = self.live.get(path).map(|live| live.hash == script.hash);
        let kept = live.is_none() && self.take_last_good(path);
        let rest = match live {
            Some(true) => "it is live already and goes on",
            Some(false) => "its last good version goes on running",
            None if kept => "the version that was live last goes on running",
            None => "it is not running",
        };
        report.sentences.push(format!("{path}: {failed}; {rest}"));
        kept
    }

    /// Makes the version live that was so before the host stopped; a typo made meanwhile must not
    /// disarm the house either.
    fn take_last_good(&mut self, path: &str) -> bool {
        let version = (self.last_good)(path);
        let script =
            version.and_then(|version| self.host.load_version(path, &version.sources).ok());
        script.is_some_and(|script| {
            self.live.insert(path.to_owned(), Arc::new(script));
            true
        })
    }

    /// The scripts that use this library, and those that are broken, perhaps for want of it.
    fn importers(&self, library: &str) -> Vec<String> {
        let stem = library.strip_suffix(".rhai").unwrap_or(library);
        let users = self.live.values().filter(|script| {
            script
                .imports
                .iter()
                .any(|import| import.strip_suffix(".rhai").unwrap_or(import) == stem)
        });
        users
            .map(|script| script.name.clone())
            .chain(self.broken.keys().cloned())
            .collect()
    }
}

/// Whether a path below `scripts/` is a library and not a script.
pub fn is_library(path: &str) -> bool {
    path.starts_with("lib/")
}
