//! Names that are misspelt, found without running a handler, each with its place and the nearest.

use super::checks::{error, found, none, one, warning};
use porchlight_core::{Diagnostic, Severity};

#[test]
fn an_unknown_option_has_the_nearest_name() {
    error(
        "http::send(\"http://a/\", #{ jsn: 1 });",
        "no option `jsn`",
        "`json`",
    );
    error(
        "later(\"5m\", #{ ids: \"a\" }, || ());",
        "no option `ids`",
        "`id`",
    );
    warning(
        "light::flash(\"porch\", #{ tiems: 2 });",
        "no option `tiems`",
        "`times`",
    );
}

#[test]
fn a_misspelt_variable_hides_no_other_mistake() {
    let source = "let family = [\"A\"];\non(\"a\", |event| {\n    log::info(famliy);\n    \
                  if evnt.id == 1 { lgo::info(1); }\n    http::sned(\"x\");\n    light::on(\"porch\");\n});\n\
                  fn helper(a) { log::info(b); }";
    let found = found(source);
    let said: Vec<(u32, &str)> = found
        .iter()
        .map(|one| (one.line, one.message.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (3, "Undefined variable: famliy"),
            (4, "Undefined variable: evnt"),
            (5, "there is no function `http::sned`"),
            (8, "Undefined variable: b"),
        ]
    );
    assert_eq!(found[0].help, "did you mean `family`?");
    assert_eq!(found[1].help, "did you mean `event`?");
}

#[test]
fn an_unknown_module_has_its_caret_and_the_nearest_name() {
    let one = one("  staet::get(\"a\");");
    assert_eq!((one.line, one.column), (2, 3), "{one:#?}");
    assert_eq!(one.message, "there is no module `staet`");
    assert_eq!(one.help, "did you mean `state`?");
}

#[test]
fn a_misspelt_function_is_found_wherever_a_call_can_stand() {
    for body in [
        "nofn();",
        "let x = nofn();",
        "let x = 1; x = nofn();",
        "let x = [1, nofn()];",
        "let x = #{ a: nofn() };",
        "let x = `a ${nofn()}`;",
        "if nofn() { }",
        "if true { } else if nofn() { }",
        "while nofn() { break; }",
        "do { } while nofn();",
        "loop { break nofn(); }",
        "for x in nofn() { }",
        "switch event.type { \"a\" => nofn(), _ => () }",
        "switch event.type { \"a\" if nofn() => 1, _ => 2 }",
        "switch event.type { _ => nofn() }",
        "return nofn();",
        "throw nofn();",
        "try { nofn(); } catch (e) { }",
        "try { } catch (e) { nofn(); }",
        "let f = || nofn(); f.call();",
        "[1].map(|x| nofn());",
        "later(\"1m\", || nofn());",
        "log::info(nofn());",
        "log::info(event.data[nofn()]);",
        "log::info(event.data ?? nofn());",
        "log::info(1 + nofn());",
        "log::info(!nofn());",
        "log::info(true && nofn());",
        "log::info(nofn().a);",
        "http::send(\"http://a/\", #{ json: #{ a: [nofn()] } });",
        "{ { nofn(); } }",
    ] {
        let found = found(&format!("on(\"**\", |event| {{\n{body}\n}});"));
        let errors: Vec<&Diagnostic> = found
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .collect();
        assert_eq!(errors.len(), 1, "{body}: {found:#?}");
        assert_eq!(errors[0].message, "there is no function `nofn`", "{body}");
        let column = body.find("nofn").unwrap_or_default() + 1;
        assert_eq!(
            (errors[0].line, errors[0].column as usize),
            (2, column),
            "{body}"
        );
    }
}

#[test]
fn names_that_lead_nowhere_are_warnings_with_the_nearest() {
    warning("light::on(\"porhc\");", "no [light.porhc]", "\"porch\"");
    warning(
        "message::send(\"cellar\", 1);",
        "no [message.cellar]",
        "add a table",
    );
    warning(
        "command::start(\"bakcup\");",
        "no [command.bakcup]",
        "\"backup\"",
    );
    let one = one("  log::info(command::run(\"weather\").stdout);");
    assert_eq!((one.line, one.column), (2, 26), "{one:#?}");
    assert_eq!(one.help, "add a table [command.weather] to porchlight.toml");
    warning(
        "log::info(target(\"light\", \"porhc\").url);",
        "no [light.porhc]",
        "\"porch\"",
    );
    warning(
        "later(\"1m\", #{ id: \"hall\" }, || ()); cancel(\"hal\");",
        "called \"hal\"",
        "\"hall\"",
    );
    warning(
        "http::send(\"http://a/\", #{ json: #{ id: 5 } }); light::on(\"porch\"); cancel(\"hal\");",
        "called \"hal\"",
        "a wait gets a name",
    );
    none(
        "on(\"a\", |event| { let o = #{ id: \"a\" }; later(\"1m\", o, || ()); cancel(\"hal\"); });",
    );
    none("on(\"a\", |event| { later(\"1m\", #{ id: event.type }, || ()); cancel(\"hal\"); });");
    none(
        "on(\"a\", |event| { let w = later(\"1m\", || ()); cancel(w); light::on(event.data.lamp); });",
    );
}
