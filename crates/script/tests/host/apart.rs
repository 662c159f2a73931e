//! Functions of the same name in different files, which Rhai by itself takes for one after the second
//! call of a run.

use super::support::*;
use serde_json::json;

/// What a run of this handler tells, with two libraries that each have a `helper` of their own.
fn told(body: &str, more: &str) -> String {
    let library = |name: &str| {
        format!(
            "fn run(x) {{ helper(x) }}\nprivate fn helper(x) {{ `{name}${{x}}` }}\n\
             fn each(list, then) {{ let all = \"\"; for x in list {{ all += helper(x) + then.call(x); }} all }}\n\
             fn tail(x, depth) {{ if depth == 0 {{ helper(x) }} else {{ tail(x, depth - 1) }} }}"
        )
    };
    let (a, b) = (library("a"), library("b"));
    let source = format!(
        "import \"lib/a\" as a;\nimport \"lib/b\" as b;\n{more}\n\
         on(\"**\", |event| {{ let all = [];\n{body}\nlog::info(all.reduce(|sum, one| sum + \" \" + one, \"\")); }});"
    );
    let home = home(&[("lib/a.rhai", &a), ("lib/b.rhai", &b)]);
    let script = home.host.load("gate.rhai", &source).unwrap();
    let run = ok(home.host.run(&script, 0, &event("x", json!({})), NOW));
    run.logs[0].message.trim().to_owned()
}

#[test]
fn a_library_calls_its_own_functions_however_often_another_called_its_own() {
    let body = "for n in 0..4 { all.push(a::run(n)); }\nfor n in 0..4 { all.push(b::run(n)); }\nall.push(a::run(9)); all.push(b::tail(8, 5));";
    assert_eq!(told(body, ""), "a0 a1 a2 a3 b0 b1 b2 b3 a9 b8");
}

#[test]
fn a_function_of_the_script_is_none_of_a_librarys() {
    let own = "fn helper(x) { `own${x}` }";
    let body = "for n in 0..4 { all.push(helper(n)); }\nfor n in 0..3 { all.push(b::run(n)); }\nall.push(helper(9));";
    assert_eq!(told(body, own), "own0 own1 own2 own3 b0 b1 b2 own9");
}

#[test]
fn a_closure_that_a_library_calls_means_the_functions_of_its_own_file() {
    let own = "fn helper(x) { `own${x}` }";
    let body = "all.push(a::each([1, 2, 3], |x| helper(x)));";
    assert_eq!(told(body, own), "a1own1a2own2a3own3");
}

#[test]
fn a_mistake_names_functions_as_they_are_written() {
    let home = home(&[(
        "lib/a.rhai",
        "fn run(x) { helper(x) }\nprivate fn helper(x) { throw x }",
    )]);
    let source =
        "import \"lib/a\" as a;\nfn try_it(x) { a::run(x) }\non(\"**\", |event| try_it(\"x\"));";
    let script = home.host.load("gate.rhai", source).unwrap();
    let run = home.host.run(&script, 0, &event("x", json!({})), NOW);
    let said = format!("{run:?}");
    assert!(
        said.contains("in helper, called at lib/a.rhai:1:13"),
        "{said}"
    );
    assert!(
        said.contains("in try_it, called at gate.rhai:3:18"),
        "{said}"
    );
    assert!(!said.contains("__of_"), "{said}");
}
