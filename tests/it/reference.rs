//! `porchlight reference`, as a person uses it: without a home.

use super::house::PROGRAM;
use std::process::{Command, Output};

fn reference(args: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("reference").args(args);
    command.output().expect("the program")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_function_is_printed_with_its_options_and_an_example() {
    let output = reference(&["http::send"]);
    assert!(output.status.success());
    let said = text(&output.stdout);
    assert!(
        said.starts_with("http::send(url)\nhttp::send(url, options)\n"),
        "{said}"
    );
    assert!(said.contains("* `retries` (whole number)"), "{said}");
    assert!(
        said.contains("        http::send(\"http://gate.lan/open\");"),
        "{said}"
    );
    assert!(!said.contains("```"), "{said}");
}

#[test]
fn without_a_name_everything_is_printed() {
    let said = text(&reference(&[]).stdout);
    for name in [
        "http::send(url)",
        "light::flash(name)",
        "facts (map)",
        "state::keys()",
    ] {
        assert!(said.contains(name), "{name} is missing");
    }
}

#[test]
fn an_unknown_name_is_a_mistake_with_the_nearest() {
    let output = reference(&["http::sent"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("nothing is called `http::sent`; did you mean `http::send`?"),
        "{said}"
    );
}

#[test]
fn editors_get_their_definition_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().join("new");
    let output = reference(&["--definitions", &there.to_string_lossy()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in [
        "__builtin__.d.rhai",
        "__porchlight__.d.rhai",
        "http.d.rhai",
        "light.d.rhai",
    ] {
        let file = std::fs::read_to_string(there.join(name)).expect(name);
        assert!(file.starts_with("module "), "{name}");
    }
}
