//! Mistakes that are found without running a handler, each with its place and what to do.

use super::support::{home, on_big_stack};
use porchlight_core::{Diagnostic, Severity};
use porchlight_script::{Host, standard_library};

pub(super) fn found(source: &str) -> Vec<Diagnostic> {
    super::support::mistakes(&[], source)
}

/// The one mistake of a handler with this body.
pub(super) fn one(body: &str) -> Diagnostic {
    let source = format!("on(\"**\", |event| {{\n{body}\n}});");
    let found = found(&source);
    assert_eq!(found.len(), 1, "{body}: {found:#?}");
    found.into_iter().next().unwrap()
}

pub(super) fn none(source: &str) {
    assert_eq!(found(source), [], "{source}");
}

#[track_caller]
pub(super) fn error(body: &str, words: &str, help: &str) {
    let one = one(body);
    assert_eq!(one.severity, Severity::Error, "{one:#?}");
    assert!(one.message.contains(words), "{words}: {one:#?}");
    assert!(one.help.contains(help), "{help}: {one:#?}");
    assert!(one.line > 1 && one.column > 0, "{one:#?}");
}

#[track_caller]
pub(super) fn warning(body: &str, words: &str, help: &str) {
    let one = one(body);
    assert_eq!(one.severity, Severity::Warning, "{one:#?}");
    assert!(one.message.contains(words), "{words}: {one:#?}");
    assert!(one.help.contains(help), "{help}: {one:#?}");
}

#[test]
fn a_literal_of_the_wrong_kind_is_an_error_at_its_place() {
    error(
        "later(5, || ());",
        "`delay` of `later` is duration, not a whole number",
        "\"5s\"",
    );
    error("http::send(1);", "`url` of `http::send`", "whole address");
    error("file::save(true, \"x\");", "`path` of `file::save`", "");
    error("state::add(\"n\", \"1\");", "not a text", "");
    error("sheet::append(\"a.csv\", 5);", "is list or map", "");
    let wrong = one("  http::send(\"http://a/\", 7);");
    assert_eq!((wrong.line, wrong.column), (2, 27));
}

#[test]
fn a_duration_that_is_none_is_found_also_inside_options() {
    error("later(\"5 parsecs\", || ());", "5 parsecs", "");
    error("http::send(\"http://a/\", #{ ttl: \"soon\" });", "soon", "");
    error(
        "http::get(\"http://a/\", #{ timeout: 5 });",
        "`timeout` of `http::get`",
        "\"5s\"",
    );
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let source = "let n = 0;\non(\"a\", |event| {\n    n += 1;\n    http::sned(\"x\");\n    \
                  later(5, || ());\n    light::on(\"porhc\");\n    log::info(event.tpye);\n});\n\
                  on(\"a b\", |event| ());";
    let lines: Vec<u32> = found(source).iter().map(|one| one.line).collect();
    assert_eq!(lines, [4, 5, 7, 9, 3, 6], "errors first");
}

#[test]
fn what_a_function_certainly_refuses_is_found_before_a_run_gets_there() {
    error(
        "http::send(\"gate.lan/open\");",
        "no whole address",
        "\"http://gate.lan/open\"",
    );
    error("http::send(\"gate.lan:80/open\");", "", "http");
    error(
        "http::get(\"ftp://gate.lan/\");",
        "only http:// and https://",
        "",
    );
    error(
        "file::save(\"../x\", \"y\");",
        "no path inside data/files",
        "",
    );
    error(
        "sheet::read(\"/etc/x.csv\");",
        "no path inside data/files",
        "",
    );
    error(
        "event.source = \"x\";",
        "an event cannot be changed",
        "to_map()",
    );
    error(
        "event.data.list[0] = 1;",
        "an event cannot be changed",
        "copy it",
    );
    error("sleep(5);", "do not sleep", "later(");
    error("log::info(timestamp());", "timestamp", "now()");
    error(
        "wait_for(\"a\", #{ within: \"1m\", where: #{ \"dta.x\": 1 } }, || ());",
        "no field `dta`",
        "`data`",
    );
    error(
        "later(\"1m\", #{ on_gap: \"fier\" }, || ());",
        "`on_gap` is \"fier\"",
        "\"fire\"",
    );
    error("job(#{ on_reload: \"x\" }, || ());", "on_reload", "migrate");
    none(
        "on(\"a\", |event| { let data = event.data.to_map(); data.x = 1; http::get(data.url); });",
    );
    none("on(\"a\", |event| http::get(\"HTTPS://gate.lan\")); fn sleep(n) { n }");
}

#[test]
fn what_is_called_at_once_is_not_left_for_later() {
    error(
        "later(\"5m\", light::off(\"hall\"));",
        "`light::off(…)` is called at once",
        "write `|| light::off(…)`",
    );
    error(
        "wait_for(\"a\", #{ within: \"1m\" }, || (), log::info(1));",
        "`on_timeout` of `wait_for`",
        "|| log::info(…)",
    );
    none("on(\"a\", |event| later(\"5m\", made())); fn made() { || log::info(1) }");
}

#[test]
fn a_trigger_in_a_handler_is_an_error_and_in_a_function_it_is_not() {
    error("on(\"b\", || ());", "top level", "wait_for");
    error(
        "later(\"1m\", || every(\"1h\", || ()));",
        "what `later` calls",
        "",
    );
    none("fn watch(kind) { on(kind, || log::info(kind)); } watch(\"a\"); watch(\"b\");");
}

#[test]
fn a_wait_is_given_a_function_with_one_parameter_at_most() {
    error(
        "later(\"1m\", |a, b| ());",
        "one parameter or none, not 2",
        "",
    );
    error("let n = 1; job(|a, b, c| log::info(n));", "not 3", "");
    error(
        "wait_for(\"a\", #{ within: \"1m\" }, |e| (), |a, b| ());",
        "not 2",
        "",
    );
    none(
        "on(\"a\", |event| { let n = 1; let m = 2; later(\"1m\", |wait| log::info(n + m + wait.attempt)); });",
    );
}

#[test]
fn a_change_to_a_captured_value_is_lost_in_every_trigger_and_wait() {
    for trigger in [
        "on(\"a\", |event| { n += 1; });",
        "on_silence(\"a\", \"1m\", |silence| { n += 1; });",
        "on(\"a\", || { for i in 0..3 { n += i; } });",
    ] {
        let found = found(&format!("let n = 0;\n{trigger}"));
        assert_eq!(found.len(), 1, "{trigger}: {found:#?}");
        assert!(found[0].help.contains("state::set(\"n\""), "{found:#?}");
    }
    warning(
        "let n = 0; later(\"1m\", || { n += 1; });",
        "a copy in here",
        "state::add",
    );
    warning("let n = 0; job(|| n = 2);", "when `job` was called", "");
    for change in ["n.push(1);", "n.a.insert(0, 1);", "n[0] = 1;", "n.a = 1;"] {
        let found = found(&format!("let n = [1];\non(\"a\", || {{ {change} }});"));
        assert_eq!(found.len(), 1, "{change}: {found:#?}");
        assert!(
            found[0].message.contains("this change is lost"),
            "{found:#?}"
        );
    }
    none("let n = [1]; on(\"a\", || { log::info(n.len()); let m = n; m.push(1); });");
    // These work: the closure is called at once, or the name is its own.
    none("on(\"a\", |event| { let n = 0; [1, 2].for_each(|x| n += x); log::info(n); });");
    none("let n = 0; on(\"a\", |event| { log::info(n); });");
}

#[test]
fn a_closure_over_the_root_of_its_own_chain_is_an_error() {
    error(
        "let m = #{ l: [1], n: 2 }; m.l.map(|x| x + m.n);",
        "always fails",
        "let part = m",
    );
    error(
        "let l = [1]; l.filter(|x| l.len() > x);",
        "always fails",
        "",
    );
    none("on(\"a\", |event| { let m = #{ l: [1], n: 2 }; let l = m.l; l.map(|x| x + m.n); });");
}

#[test]
fn what_is_called_a_chain_that_always_fails_does() {
    for body in [
        "let m = #{ l: [1], n: 2 }; let f = |x| x + m.n; m.l.map(f);",
        "let l = [1]; let f = |x| l.len() > x; l.filter(f);",
        "let f = |x| x + event.id; event.data.a.b.map(f);",
        "let m = [[1]]; let f = |x| x + m.len(); m[0].map(f);",
    ] {
        let run = super::support::run(&format!("on(\"**\", |event| {{ {body} }});"));
        let porchlight_core::Outcome::Error { message, .. } = &run.outcome else {
            panic!("{body}: {:?}", run.outcome)
        };
        assert!(
            message.contains("into a variable first"),
            "{body}: {message}"
        );
    }
}

#[test]
fn an_event_has_no_such_property() {
    error("log::info(event.tpye);", "an event has no `tpye`", "`type`");
    error(
        "log::info(event.doors[0].x);",
        "an event has no `doors`",
        "event.data.doors",
    );
    error(
        "later(\"1m\", || log::info(event.dta));",
        "no `dta`",
        "`data`",
    );
    none("on(\"a\", |event| { [1].for_each(|event| event.anything); });");
    none("on(\"a\", |event| { let event = #{ mine: 1 }; log::info(event.mine); });");
    none("on_silence(\"a\", \"1m\", |event| log::info(event.since));");
}

#[test]
fn a_type_of_events_that_is_none_is_an_error_before_a_run_gets_there() {
    error(
        "wait_for(\"a b\", #{ within: \"1m\" }, || ());",
        "white space",
        "",
    );
    error("emit(\"door..open\");", "empty part", "");
    error("emit(\"door.*\");", "is a pattern", "");
    let one = one("  emit(\"door.*\");");
    assert_eq!((one.line, one.column), (2, 8));
    none("fn emit(kind) { log::info(kind); } on(\"a\", |event| emit(\"door.*\"));");
}

#[test]
fn a_wait_that_is_kept_for_nobody_is_a_warning() {
    for call in ["later(\"5m\", || ())", "job(|| ())"] {
        warning(
            &format!("let w = {call};"),
            "nothing uses the wait `w`",
            "cancel(w)",
        );
    }
    none("on(\"a\", |event| { let w = later(\"5m\", || ()); cancel(w); });");
    none("on(\"a\", |event| { let w = later(\"5m\", || ()); later(\"1m\", || cancel(w)); });");
    none("on(\"a\", |event| { let w = later(\"5m\", || ()); log::info(w.id); });");
    none("fn later(a) { a } on(\"a\", |event| { let w = later(1); });");
}

#[test]
fn a_comparison_that_never_holds_is_a_warning() {
    warning("if event.type == 5 { log::info(1); }", "never true", "");
    warning("if \"17\" != event.id { log::info(1); }", "always true", "");
    none(
        "on(\"a\", |event| { if event.id > 5 && event.data.n == \"5\" { log::info(event.type == \"a\"); } });",
    );
}

#[test]
fn a_file_of_many_closures_and_mistakes_is_checked_in_no_time() {
    let many =
        |line: &str, times: usize| format!("on(\"a\", |event| {{\n{}}});", line.repeat(times));
    let started = std::time::Instant::now();
    none(&many("later(\"1m\", || { log::info(event.id); });\n", 400));
    assert_eq!(found(&many("lgo();\n", 8_000)).len(), 200);
    // Some hundredths of a second; and as much for ten times the mistakes.
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn print_has_no_screen() {
    warning("print(\"x\");", "no screen", "log::info");
}

#[test]
fn a_version_that_once_went_live_is_not_judged_again() {
    on_big_stack(|| {
        let host: Host = home(&[]).host;
        let source = "on(\"a\", |event| later(5, || ()));";
        assert!(host.load("gate.rhai", source).is_err());
        let sources = [("gate.rhai".to_owned(), source.to_owned())];
        assert!(host.load_version("gate.rhai", &sources).is_ok());
    });
}

#[test]
fn scripts_libraries_and_examples_raise_no_false_alarm() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("scripts"), root.join("examples")];
    let mut scripts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rhai")
                && !path.to_string_lossy().ends_with(".test.rhai")
                && !path.to_string_lossy().contains("/lib/")
            {
                scripts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for (name, text) in standard_library() {
        // As a file of its own it has all there is to check, except a handler.
        scripts.push(format!("{text}\non(\"a\", |event| log::info(\"{name}\"));"));
    }
    assert!(scripts.len() >= 8);
    for source in scripts {
        // Their own configuration has the lamps, and says where the home is.
        let unknown = |one: &Diagnostic| {
            one.message.starts_with("the configuration has no [")
                || one.message.ends_with("needs to know where the home is")
        };
        let mut found = found(&source);
        found.retain(|one| !unknown(one));
        assert_eq!(found, [], "{source}");
    }
}
