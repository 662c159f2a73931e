//! What loading finds, and where it says so.

use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::json;
use std::path::Path;

#[test]
fn every_mistake_at_load_is_reported_with_its_place() {
    let found = mistakes(
        &[],
        "on(\"a\", #{ wher: #{} }, |event| lihgt());\nfn light2() {}\non(\"\", |e| ());\non(\"b\", |event| { http::gett(\"x\"); light::flsh(\"porch\"); state::get(); \"a\".to_uper(); });\nlet x = setting(\"wrong\", \"text\");\nhttp::send(\"http://x/\");",
    );
    let lines: Vec<_> = found
        .iter()
        .map(|d| (d.line, d.message.as_str(), d.help.as_str()))
        .collect();
    let has = |line: u32, message: &str, help: &str| {
        assert!(
            lines
                .iter()
                .any(|(l, m, h)| *l == line && m.contains(message) && h.contains(help)),
            "{line} {message} {help}: {lines:#?}"
        );
    };
    has(1, "no option `wher`", "`where`");
    has(1, "`lihgt`", "");
    has(3, "empty", "");
    has(4, "`http::gett`", "`http::get`");
    has(4, "`light::flsh`", "`light::flash`");
    has(4, "`state::get` takes 1 or 2 arguments, not 0", "");
    has(4, "`to_uper`", "`to_upper`");
    has(5, "[settings.gate] wrong", "porchlight.toml");
    has(6, "top level", "");
    assert!(lines.iter().all(|(line, ..)| *line > 0));
}

#[test]
fn a_misspelt_variable_is_found_at_load() {
    let found = mistakes(
        &[],
        "let family = 1;\non(\"a\", |event| {\n    print(familly);\n});",
    );
    assert_eq!((found[0].line, found[0].column), (3, 11), "{found:?}");
    assert!(found[0].help.contains("`family`"), "{found:?}");
    assert_eq!(found[0].source_line, "    print(familly);");
}

#[test]
fn a_script_without_handlers_warns() {
    let found = mistakes(&[], "//! Nothing.\nlet x = 1;");
    assert_eq!(found[0].severity, Severity::Warning);
}

#[test]
fn a_wrong_call_of_a_module_names_its_line() {
    let run = run("on(\"**\", |event| {\n  let to = \"nowhere\";\n  http::send(to);\n});");
    let Outcome::Error { place, .. } = &run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert_eq!((place.line, place.column > 0), (3, true));
}

#[test]
fn an_error_in_a_library_names_its_file_and_line() {
    let run = run_with(
        &[(
            "lib/a.rhai",
            "// one\nfn broken(x) {\n    throw \"no \" + x;\n}",
        )],
        "import \"lib/a\" as a;\non(\"**\", |event| {\n  http::send(\"http://x/\");\n  a::broken(\"way\");\n});",
        json!({}),
    );
    let Outcome::Error { message, place } = &run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert_eq!(
        (place.path.as_str(), place.line),
        ("lib/a.rhai", 3),
        "{message}"
    );
    assert!(
        message.contains("no way") && message.contains("gate.rhai:4"),
        "{message}"
    );
    assert_eq!(
        run.actions.len(),
        1,
        "what was told before the error stands"
    );
}

#[test]
fn settings_come_from_the_configuration() {
    let run = ok(run(
        "let family = setting(\"family\", [\"X\"], \"Plates\");\nlet other = setting(\"other\", 5);\non(\"**\", |event| { print(family); print(other); });",
    ));
    assert_eq!(
        (run.logs[0].message.as_str(), run.logs[1].message.as_str()),
        ("[\"ABC123\"]", "5")
    );
}

#[test]
fn the_templates_and_starter_scripts_load_without_a_warning() {
    on_big_stack(|| {
        let home = home(&[]);
        for template in TEMPLATES {
            let script = home
                .host
                .load("new.rhai", template.text)
                .unwrap_or_else(|e| panic!("{}: {e:#?}", template.name));
            assert!(script.warnings.is_empty(), "{:?}", script.warnings);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
        for name in ["welcome.rhai", "plates.rhai"] {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let script = home
                .host
                .load(name, &text)
                .unwrap_or_else(|e| panic!("{e:#?}"));
            assert!(script.warnings.is_empty() && !script.description.is_empty());
            let run = ok(home.host.run(&script, 0, &event("a.b", json!({})), NOW));
            assert_eq!(run.actions[0].kind, "sheet.append");
        }
    });
}
