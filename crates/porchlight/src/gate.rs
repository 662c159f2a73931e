//! What stands between a save and the house: the tests beside a script.
//!
//! A script whose tests fail is not swapped in; the last good version goes on, as after a typo. The
//! tests run on the loader's thread, under a deadline, so that a test that hangs keeps a reload
//! waiting for seconds and never for ever. A version that was live before is not tested again at a
//! start: it would go live all the same, as the last good one.

use crate::config::Config;
use crate::home::Home;
use crate::rehearse::{FILE_TIME, supplies};
use porchlight_core::units::format_duration;
use porchlight_script::testing::{FileReport, Tests, tests_of};
use porchlight_script::{Host, Script};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Makes what runs tests; a home without tests does without.
type Make = Box<dyn FnOnce() -> Tests + Send>;

/// The tests of all scripts.
pub struct Gate {
    tests: LazyLock<Tests, Make>,
    /// Whether a script goes live although its tests fail.
    swap_on_failing: bool,
    /// The texts of the test files, by the script that they test.
    sources: BTreeMap<String, String>,
}

/// What the tests of a script came to.
pub enum Verdict {
    /// All passed; what to add to the sentence about the reload.
    Passed(String),
    /// Some failed, or the file does not load.
    Failed {
        /// What did, as part of a sentence.
        what: String,
        /// Whether the script goes live all the same.
        swap: bool,
        /// All that a person has to mend.
        report: Box<FileReport>,
    },
}

impl Gate {
    /// The gate of this home; what runs tests is made when there is a first one.
    pub fn of(home: &Home, config: &Arc<Config>, host: &Host) -> Self {
        let swap_on_failing = config.scripts.swap_on_failing_tests;
        let (home, config, host) = (home.clone(), Arc::clone(config), host.clone());
        let tests = move || Tests::new(&host, supplies(&home, Some(&config)));
        Self::new(tests, swap_on_failing)
    }

    /// A gate that knows no tests yet.
    fn new(tests: impl FnOnce() -> Tests + Send + 'static, swap_on_failing: bool) -> Self {
        Self {
            tests: LazyLock::new(Box::new(tests)),
            swap_on_failing,
            sources: BTreeMap::new(),
        }
    }

    /// Takes the text of a test file; none when it is gone.
    pub fn take(&mut self, script: &str, source: Option<String>) {
        match source {
            Some(source) => _ = self.sources.insert(script.to_owned(), source),
            None => _ = self.sources.remove(script),
        }
    }

    /// Runs the tests of a script; `None` when it has none.
    pub fn judge(&self, script: &Arc<Script>) -> Option<Verdict> {
        let source = self.sources.get(&script.name)?;
        let path = tests_of(&script.name);
        let report = self.tests.run(&path, source, script, "", FILE_TIME);
        let (count, failed) = (report.tests.len(), report.failed());
        if report.is_good() {
            let noun = if count == 1 { "test" } else { "tests" };
            let took = format_duration(report.took);
            return Some(Verdict::Passed(format!("{count} {noun} passed in {took}")));
        }
        let what = match report.tests.iter().find(|test| test.failure.is_some()) {
            Some(first) => format!("{failed} of {count} tests failed ({:?})", first.name),
            None => format!("{path} does not load"),
        };
        Some(Verdict::Failed {
            what,
            swap: self.swap_on_failing,
            report: Box::new(report),
        })
    }

    /// Whether a script has tests.
    pub fn has_tests(&self, script: &str) -> bool {
        self.sources.contains_key(script)
    }
}
