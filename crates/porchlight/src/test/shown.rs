//! What `porchlight test` shows: a line for each file, what failed under it, and the sum.

use super::Sum;
use crate::output::{diagnostic_text, line, paint};
use porchlight_core::units::format_duration;
use porchlight_script::testing::FileReport;
use serde_json::json;
use std::time::Duration;

/// The tests of one file.
pub fn file(report: &FileReport, json: bool) {
    if json {
        return file_as_json(report);
    }
    let failed = report.failed();
    let passed = report.tests.len() - failed;
    let took = format_duration(report.took);
    let word = if report.is_good() {
        paint("32", "ok  ")
    } else {
        paint("1;31", "FAIL")
    };
    let counts = if failed > 0 {
        format!("{passed} passed, {failed} failed")
    } else if report.is_good() {
        format!("{passed} passed")
    } else {
        "not run".to_owned()
    };
    line(&format!("{word} {}  {counts} in {took}", report.path));
    for problem in &report.problems {
        line(diagnostic_text(problem).trim_end());
    }
    for test in &report.tests {
        if let Some(failure) = &test.failure {
            line(&format!(
                "\ntest {:?} ({}:{})",
                test.name, report.path, test.line
            ));
            line(diagnostic_text(failure).trim_end());
        }
    }
}

fn file_as_json(report: &FileReport) {
    for problem in &report.problems {
        line(&json!({ "file": report.path, "problem": problem }).to_string());
    }
    for test in &report.tests {
        let object = json!({
            "file": report.path,
            "test": test.name,
            "line": test.line,
            "ok": test.failure.is_none(),
            "us": u64::try_from(test.took.as_micros()).unwrap_or(u64::MAX),
            "failure": test.failure,
        });
        line(&object.to_string());
    }
}

/// `12 passed, 1 failed in 34 ms`.
pub fn sum(sum: Sum, took: Duration, json: bool) {
    if json {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        line(&json!({ "passed": sum.passed, "failed": sum.failed, "us": us }).to_string());
        return;
    }
    let took = format_duration(took);
    line(&format!(
        "{} passed, {} failed in {took}",
        sum.passed, sum.failed
    ));
}

/// There was no test to run.
pub fn nothing(filter: &str) {
    if filter.is_empty() {
        crate::output::complain(
            "there are no tests; write one beside a script: scripts/NAME.test.rhai",
        );
    } else {
        crate::output::complain(&format!(
            "no test has {filter:?} in its name, and no file of tests in its path"
        ));
    }
}
