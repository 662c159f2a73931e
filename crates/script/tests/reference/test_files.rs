//! The examples of what test files can call are tests themselves, of one small script.

use super::examples::{event, host};
use porchlight_core::NewEvent;
use porchlight_script::STACK_SIZE;
use porchlight_script::reference::Reference;
use porchlight_script::testing::{Supplies, Tests};
use std::sync::Arc;
use std::time::Duration;

const SCRIPT: &str = r#"
let lamp = setting("lamp", "hall");
on("door.opened", #{ expires: "1h" }, |event| {
    state::add("visits", 1);
    light::on(lamp);
    http::send("http://gate.lan/open");
    log::info(`${event.data.door} is open`);
    later("5m", #{ id: "hall" }, || light::off(lamp));
});
on("door.broken", |event| { throw "the door is broken"; });
on_start(|start| log::info("awake"));
"#;

fn supplies() -> Supplies {
    let content = || -> NewEvent { event("window.closed").content.clone() };
    Supplies {
        recorded: Arc::new(|_| Ok((*event("window.closed")).clone())),
        sample: Arc::new(move |_, _, _| Ok(content())),
        fixture: Arc::new(move |_, _, _, _| Ok(content())),
    }
}

#[test]
fn every_example_of_a_test_passes() {
    let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
    let work = || {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path());
        let script = Arc::new(host.load("gate.rhai", SCRIPT).unwrap());
        let tests = Tests::new(&host, supplies());
        let reference = Reference::read();
        let page = reference.pages.iter().find(|page| page.name == "tests");
        let mut count = 0;
        for entry in &page.expect("a page about tests").entries {
            for example in &entry.doc.examples {
                let source = match example.starts_with("test(") {
                    true => example.clone(),
                    false => format!("test(\"example\", |home| {{\n{example}\n}});"),
                };
                let time = Duration::from_secs(10);
                let report = tests.run("gate.test.rhai", &source, &script, "", time);
                assert!(
                    report.problems.is_empty(),
                    "{source}: {:#?}",
                    report.problems
                );
                assert_eq!(report.tests.len(), 1, "{source}");
                let failure = &report.tests[0].failure;
                assert!(failure.is_none(), "{source}: {failure:#?}");
                count += 1;
            }
        }
        count
    };
    let count: usize = thread.spawn(work).unwrap().join().unwrap();
    assert!(count > 20, "only {count} examples");
}
