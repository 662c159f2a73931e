//! `porchlight test`: runs the tests beside scripts, and shows what failed and why.
//!
//! It reads the configuration and the scripts folder, and of the journal only the events that a test
//! asks for. Nothing is performed, asked or written.

mod shown;

use crate::cli::TestArgs;
use crate::home::Home;
use crate::rehearse::{self, FILE_TIME, nothing_to_test};
use crate::{Ending, output};
use porchlight_core::Diagnostic;
use porchlight_script::testing::{FileReport, Tests, tested_by};
use porchlight_script::watch::{Batch, Content, Watcher, scan};
use porchlight_script::{Host, Script};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Runs the tests.
pub fn test(home: &Home, args: &TestArgs) -> Ending {
    let config = match rehearse::config(home) {
        Ok(config) => config,
        Err(problems) => {
            output::diagnostics(&problems);
            return Ending::Mistake;
        }
    };
    let host = rehearse::host(home, config.as_ref());
    let supplies = rehearse::supplies(home, config.as_ref());
    let work = || {
        let mut folder = Folder {
            tests: Tests::new(&host, supplies),
            host,
            sources: BTreeMap::new(),
            imports: BTreeMap::new(),
        };
        if args.watch {
            return watch(home, &mut folder, args);
        }
        match scan(&home.scripts(), &[]) {
            Ok(batch) => match folder.take(batch, args) {
                Sum {
                    passed: 0,
                    failed: 0,
                } => {
                    shown::nothing(&args.filter);
                    Ending::Mistake
                }
                Sum { failed: 0, .. } => Ending::Done,
                Sum { .. } => Ending::Mistake,
            },
            Err(error) => Ending::Failed(format!("scripts can't be read: {error}")),
        }
    };
    rehearse::on_big_stack(work).unwrap_or_else(Ending::Failed)
}

/// Runs what each save concerns, until the process is ended.
fn watch(home: &Home, folder: &mut Folder, args: &TestArgs) -> Ending {
    let (batches, saved) = mpsc::channel();
    let watching = Watcher::start(&home.scripts(), &[], move |batch| _ = batches.send(batch));
    let _watcher = match watching {
        Ok(watcher) => watcher,
        Err(error) => return Ending::Failed(error.to_string()),
    };
    for batch in saved {
        folder.take(batch, args);
    }
    Ending::Done
}

/// How many tests there were.
#[derive(Clone, Copy, Default)]
pub struct Sum {
    /// Those that passed.
    pub passed: usize,
    /// Those that did not, and files that don't load.
    pub failed: usize,
}

/// The scripts folder as it was read last.
struct Folder {
    host: Host,
    tests: Tests,
    sources: BTreeMap<String, String>,
    /// The libraries of each script, as it was loaded last.
    imports: BTreeMap<String, Vec<String>>,
}

impl Folder {
    /// Takes what was saved, and runs the tests that it concerns.
    fn take(&mut self, batch: Batch, args: &TestArgs) -> Sum {
        let started = Instant::now();
        let mut concerned = BTreeSet::new();
        for entry in batch.entries {
            let path = entry.path;
            concerned.extend(self.importers(&path));
            concerned.insert(tested_by(&path).unwrap_or_else(|| path.clone()));
            match entry.content {
                Content::Text(source) => _ = self.sources.insert(path, source),
                Content::Gone => _ = self.sources.remove(&path),
                Content::Unreadable { message } => {
                    output::diagnostics(&[Diagnostic::error_in(&path, message)]);
                }
            }
        }
        let mut sum = Sum::default();
        let files: Vec<(String, String)> = self
            .sources
            .iter()
            // A file that does not have the words needs not even its script compiled.
            .filter(|(path, source)| path.contains(&args.filter) || source.contains(&args.filter))
            .filter_map(|(path, _)| Some((path.clone(), tested_by(path)?)))
            .filter(|(_, script)| concerned.contains(script))
            .collect();
        for (path, script) in files {
            let report = self.run(&path, &script, &args.filter);
            if report.tests.is_empty() && report.is_good() && !args.filter.is_empty() {
                continue;
            }
            sum.failed += report.failed() + usize::from(!report.is_good() && report.failed() == 0);
            sum.passed += report.tests.len() - report.failed();
            shown::file(&report, args.json);
        }
        if sum.passed + sum.failed > 0 {
            shown::sum(sum, started.elapsed(), args.json);
        }
        sum
    }

    /// The scripts that use this library, as far as they were loaded.
    fn importers(&self, library: &str) -> Vec<String> {
        let users = self
            .imports
            .iter()
            .filter(|(_, used)| used.iter().any(|one| one == library));
        users.map(|(script, _)| script.clone()).collect()
    }

    fn run(&mut self, path: &str, script: &str, filter: &str) -> FileReport {
        let source = self.sources.get(path).map_or("", String::as_str);
        match self.load(script) {
            Ok(loaded) => {
                let report = self.tests.run(path, source, &loaded, filter, FILE_TIME);
                self.imports
                    .insert(script.to_owned(), loaded.imports.clone());
                report
            }
            Err(problems) => FileReport {
                path: path.to_owned(),
                tests: Vec::new(),
                problems,
                took: Duration::ZERO,
            },
        }
    }

    fn load(&self, script: &str) -> Result<Arc<Script>, Vec<Diagnostic>> {
        let source = self.sources.get(script);
        if let Some(wrong) = nothing_to_test(script, source.is_some()) {
            return Err(vec![wrong]);
        }
        let source = source.map_or("", String::as_str);
        self.host.load(script, source).map(Arc::new)
    }
}
