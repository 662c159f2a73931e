//! The options that the words of a function have are those that the function takes.

use super::examples::{event, host};
use porchlight_core::Outcome;
use porchlight_script::reference::{Entry, Reference};
use porchlight_script::{Host, STACK_SIZE};
use std::collections::BTreeSet;

/// An argument that any function with a parameter of this name can take.
fn argument(function: &str, parameter: &str) -> String {
    let text = match (function, parameter) {
        (_, "options") => return "o".to_owned(),
        (_, "row") => return "[1]".to_owned(),
        (_, "port") => return "9".to_owned(),
        (_, "mac") => "a4:bb:6d:00:00:01",
        (_, "then" | "on_timeout") => return "|| ()".to_owned(),
        (_, "handler" | "on_event") => return "|event| ()".to_owned(),
        (_, "url") => "http://a.lan/",
        (_, "file") => "a.csv",
        ("cron", "pattern") => "0 7 * * *",
        (_, "delay" | "after" | "period") => "1m",
        (_, "times") => "07:30",
        (_, "when") => "sunset",
        ("message::send", "name") => "family",
        (_, "name") => "porch",
        _ => "a",
    };
    format!("{text:?}")
}

/// What the function itself says that its options are; `None` where it does not say.
fn taken(host: &Host, entry: &Entry) -> Option<BTreeSet<String>> {
    let call = entry.calls.iter().max_by_key(|call| call.len())?;
    let arguments: Vec<String> = call.iter().map(|one| argument(&entry.name, one)).collect();
    let call = format!("{}({});", entry.name, arguments.join(", "));
    let options = match entry.name.as_str() {
        "wait_for" => "let o = #{ within: \"1m\", zzzzzz: 1 };",
        _ => "let o = #{ zzzzzz: 1 };",
    };
    let inside = format!("on(\"a\", |event| {{ {options} {call} }});");
    let said = match host.load("a.rhai", &format!("{options} {call}")) {
        Err(wrong) if wrong.iter().any(|one| one.help.contains("options are")) => {
            wrong.into_iter().map(|one| one.help).collect::<String>()
        }
        _ => {
            let script = host.load("a.rhai", &inside).unwrap_or_else(|wrong| {
                panic!("{inside}: {wrong:#?}");
            });
            let now = porchlight_core::Timestamp(1_700_000_000_000);
            match host.run(&script, 0, &event("a"), now).outcome {
                Outcome::Error { message, .. } => message,
                other => panic!("{inside}: {other:?}"),
            }
        }
    };
    let (_, list) = said
        .split_once("it has ")
        .or_else(|| said.split_once("options are "))?;
    // A library's message goes on with the way it came.
    let list = list.split(';').next().unwrap_or(list);
    Some(list.trim().split(", ").map(str::to_owned).collect())
}

#[test]
fn the_words_have_exactly_the_options_that_functions_take() {
    let work = || {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path());
        let mut compared = 0;
        for entry in Reference::read().entries() {
            let options = entry.doc.parameter("options").map(|one| &one.options);
            let Some(options) = options.filter(|all| !all.is_empty()) else {
                continue;
            };
            let said: BTreeSet<String> = options.iter().map(|one| one.name.clone()).collect();
            if let Some(taken) = taken(&host, entry) {
                assert_eq!(said, taken, "{}", entry.name);
                compared += 1;
            }
        }
        compared
    };
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
    let compared: usize = thread.spawn(work).unwrap().join().unwrap();
    assert!(
        compared >= 15,
        "only {compared} functions say their options"
    );
}
