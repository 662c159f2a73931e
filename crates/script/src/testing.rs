//! Tests beside scripts: `gate.test.rhai` tests `gate.rhai`.
//!
//! A test file is Rhai, too, but no script: it knows `test`, `assert` and the `home` that each test
//! is given, and none of the functions that tell or ask. Each test gets a [`World`](crate::World)
//! of its own, so none sees what another did. Nothing is performed; events that were recorded,
//! samples and fixtures come through the functions of [`Supplies`].
//!
//! The script is compiled once for all tests of its file, and anew only for a test that changes a
//! setting, because settings are read while a script loads.

mod answers;
mod deadline;
mod event;
mod expect;
mod file;
mod happened;
mod home;
mod matching;
mod message;
mod trial;
mod words;

pub use file::{FileReport, TestReport, Tests};
pub(crate) use home::register;
pub(crate) use words::WORDS;

use porchlight_core::{Event, NewEvent, Timestamp};
use std::sync::Arc;

/// How test files end; what stands before it is the name of the script.
const ENDING: &str = ".test.rhai";

/// The script that a test file tests: `gate.rhai` for `gate.test.rhai`. `None` for any other file.
pub fn tested_by(path: &str) -> Option<String> {
    let stem = path.strip_suffix(ENDING)?;
    (!stem.is_empty() && !stem.ends_with('/')).then(|| format!("{stem}.rhai"))
}

/// The test file of a script: `gate.test.rhai` for `gate.rhai`.
pub fn tests_of(script: &str) -> String {
    format!("{}{ENDING}", crate::script::stem(script))
}

/// Finds an event by its number.
pub type Recorded = Arc<dyn Fn(u64) -> Result<Event, String> + Send + Sync>;
/// Makes the event of a preset's sample, as at this moment; the number makes it unlike the others.
pub type Sample = Arc<dyn Fn(&str, Timestamp, u64) -> Result<NewEvent, String> + Send + Sync>;
/// Makes an event of a file: its path below the scripts folder, the webhook that gets it where the file
/// does not say, the moment, and a number as for [`Sample`].
pub type Fixture =
    Arc<dyn Fn(&str, Option<&str>, Timestamp, u64) -> Result<NewEvent, String> + Send + Sync>;

/// Where events come from that a test does not write out. Each gives a sentence when it can't.
#[derive(Clone)]
pub struct Supplies {
    /// `home.send_recorded(17)`.
    pub recorded: Recorded,
    /// `home.send_sample("xprotect")`.
    pub sample: Sample,
    /// `home.send_file("fixtures/motion.http")`.
    pub fixture: Fixture,
}

impl Supplies {
    /// Has nothing, and says so.
    pub fn none() -> Self {
        Self {
            recorded: Arc::new(|_| Err(nothing())),
            sample: Arc::new(|_, _, _| Err(nothing())),
            fixture: Arc::new(|_, _, _, _| Err(nothing())),
        }
    }
}

fn nothing() -> String {
    "there is nothing to take it from here".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_file_is_known_by_its_name_and_names_its_script() {
        assert_eq!(tested_by("gate.test.rhai").as_deref(), Some("gate.rhai"));
        assert_eq!(tested_by("a/b.test.rhai").as_deref(), Some("a/b.rhai"));
        for other in ["gate.rhai", "test.rhai", ".test.rhai", "a/.test.rhai"] {
            assert_eq!(tested_by(other), None, "{other}");
        }
        assert_eq!(tests_of("gate.rhai"), "gate.test.rhai");
    }
}
