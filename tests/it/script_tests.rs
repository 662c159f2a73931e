//! Tests beside scripts, seen from outside: the command, and what a failing one keeps from going
//! live.

use super::house::{House, eventually, gate_config};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const SCRIPT: &str =
    "on(\"gate.*\", |event| { file::append(\"seen.txt\", \"1\"); log::info(\"seen\"); });";
const TEST: &str = "test(\"a visitor is written down\", |home| {\n    home.send(\"gate.opened\");\n    home.expect(\"file.append\", \"seen.txt\", #{ text: \"1\" });\n    home.expect_nothing();\n});\n";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_starter_script_and_every_example_has_tests_and_they_pass() {
    let mut homes = vec![root()];
    for entry in std::fs::read_dir(root().join("examples"))
        .expect("examples")
        .flatten()
    {
        if entry.path().join("scripts").is_dir() {
            homes.push(entry.path());
        }
    }
    assert!(homes.len() >= 5, "{homes:?}");
    for home in homes {
        for entry in std::fs::read_dir(home.join("scripts"))
            .expect("scripts")
            .flatten()
        {
            let path = entry.path();
            let name = path.to_string_lossy().into_owned();
            if let Some(stem) = name
                .strip_suffix(".rhai")
                .filter(|stem| !stem.ends_with(".test"))
            {
                let tests = format!("{stem}.test.rhai");
                assert!(Path::new(&tests).exists(), "{name} has no tests beside it");
            }
        }
        let output = Command::new(super::house::PROGRAM)
            .arg("test")
            .arg("--home")
            .arg(&home)
            .output()
            .expect("the tests run");
        assert!(
            output.status.success(),
            "{}: {}",
            home.display(),
            text(&output)
        );
        assert!(
            !home.join("data").exists() || home == root(),
            "tests write nothing"
        );
    }
}

#[test]
fn a_failing_test_shows_expectation_and_nearest_action_and_ends_with_one() {
    let house = House::furnish(&gate_config(), &[("a.rhai", SCRIPT), ("a.test.rhai", TEST)]);
    let output = house.porchlight(&["test"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        text(&output).contains("1 passed, 0 failed in "),
        "{}",
        text(&output)
    );

    house.write_script("a.test.rhai", &TEST.replace("text: \"1\"", "text: \"2\""));
    let output = house.porchlight(&["test"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    for line in [
        "FAIL a.test.rhai  0 passed, 1 failed in ",
        "test \"a visitor is written down\" (a.test.rhai:1)",
        "  --> a.test.rhai:3:10",
        "≠ text: expected \"2\", it was \"1\"",
        "0 passed, 1 failed in ",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }

    let output = house.porchlight(&["test", "--json"]);
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines[0]["ok"], false);
    assert_eq!(lines[0]["failure"]["line"], 3);
    assert_eq!(lines[1]["failed"], 1);

    assert_eq!(
        house.porchlight(&["test", "no such test"]).status.code(),
        Some(1)
    );
    let empty = House::furnish(&gate_config(), &[("a.rhai", SCRIPT)]);
    assert_eq!(empty.porchlight(&["test"]).status.code(), Some(1));
    assert!(!house.path().join("data").exists(), "tests write nothing");
}

#[test]
fn hundreds_of_tests_take_a_second() {
    let house = House::furnish(&gate_config(), &[]);
    let tests = TEST.repeat(20);
    for number in 0..25 {
        house.write_script(&format!("s{number}.rhai"), SCRIPT);
        house.write_script(&format!("s{number}.test.rhai"), &tests);
    }
    let output = house.porchlight(&["test", "--json"]);
    let said = text(&output);
    let sum: Value = serde_json::from_str(said.lines().last().expect("a sum")).expect("JSON");
    assert_eq!(sum["passed"], 500, "{said}");
    // A debug build on a busy machine; a release build takes a hundredth of it.
    assert!(
        sum["us"].as_u64().is_some_and(|us| us < 10_000_000),
        "{sum}"
    );
}

#[test]
fn a_script_whose_tests_fail_does_not_go_live_and_a_save_of_either_file_mends_it() {
    let mut house = House::start(&gate_config(), &[("a.rhai", SCRIPT), ("a.test.rhai", TEST)]);
    house.wait_until_said("loaded a.rhai (1 handler)");
    house.wait_until_said("1 test passed");
    assert_eq!(house.count_said("loaded a.test.rhai"), 0, "it is no script");

    house.write_script("a.rhai", &SCRIPT.replace("\"1\"", "\"2\""));
    house.wait_until_said("its last good version goes on running");
    house.wait_until_said("≠ text: expected \"1\", it was \"2\"");
    house.post_ok("{\"type\":\"opened\"}");
    house.wait_for_done(1);
    assert_eq!(
        house.file("seen.txt").as_deref(),
        Some("1"),
        "the old version"
    );

    // The test was wrong, not the script: saving the test alone lets the script go live.
    house.write_script("a.test.rhai", &TEST.replace("text: \"1\"", "text: \"2\""));
    house.wait_until_said("reloaded a.rhai");
    house.post_ok("{\"type\":\"opened\",\"n\":2}");
    house.wait_for_done(2);
    assert_eq!(house.file("seen.txt").as_deref(), Some("12"));

    // A test that fails beside a script which is live already changes nothing but the screen.
    house.write_script("a.test.rhai", TEST);
    house.wait_until_said("it is live already and goes on");
    house.post_ok("{\"type\":\"opened\",\"n\":3}");
    house.wait_for_done(3);

    // A file of tests that is no Rhai keeps the old version, too, and shows its own mistake.
    house.write_script("a.test.rhai", "test(\"a\", |home| { home.send(\"x\" });");
    house.wait_until_said("a.test.rhai:1:");
    house.write_script("a.rhai", &SCRIPT.replace("\"1\"", "\"9\""));
    house.wait_until_said("a.test.rhai does not load; its last good version goes on running");
    house.write_script("a.test.rhai", TEST);
    house.wait_until_said_times("1 of 1 tests failed", 2);

    // A version whose tests fail at a start: the one before goes on.
    house.kill();
    house.write_script("a.rhai", &SCRIPT.replace("\"1\"", "\"3\""));
    house.restart();
    house.wait_until_said("the version that was live last goes on running");
    house.post_ok("{\"type\":\"opened\",\"n\":4}");
    house.wait_for_done(4);
    assert_eq!(house.file("seen.txt").as_deref(), Some("1222"));
}

#[test]
fn a_new_script_whose_tests_fail_does_not_run_unless_the_configuration_says_so() {
    let wrong = TEST.replace("text: \"1\"", "text: \"2\"");
    let scripts = [("a.rhai", SCRIPT), ("a.test.rhai", wrong.as_str())];
    let house = House::start(&gate_config(), &scripts);
    house.wait_until_said("1 of 1 tests failed (\"a visitor is written down\"); it is not running");
    house.wait_until_said("ready: 0 scripts");

    let config = gate_config() + "[scripts]\nswap_on_failing_tests = true\n";
    let house = House::start(&config, &scripts);
    house.wait_until_said("loaded a.rhai (1 handler)");
    house.post_ok("{\"type\":\"opened\"}");
    house.wait_for_done(1);
}

#[test]
fn a_test_that_never_ends_keeps_no_other_script_from_going_live() {
    let endless = "test(\"a\", |home| { loop {} });";
    let house = House::start(
        &gate_config(),
        &[
            ("a.rhai", SCRIPT),
            ("a.test.rhai", endless),
            ("b.rhai", SCRIPT),
        ],
    );
    house.wait_until_said("it is not running");
    house.post_ok("{\"type\":\"opened\"}");
    house.wait_for_done(1);
}

#[test]
fn recorded_events_samples_and_files_can_be_sent_by_a_test() {
    let config =
        gate_config() + "[webhook.cars]\npreset = \"platerecognizer\"\nsecret = \"made-up\"\n";
    let script = "on(\"**\", |event| log::info(`${event.type} ${event.data.n ?? event.facts.plates[0].text}`));";
    let house = House::start(&config, &[("a.rhai", script)]);
    let id = house.post_ok("{\"type\":\"opened\",\"n\":7}");
    house.wait_for_runs(1);
    std::fs::write(house.path().join("one.json"), "{\"type\":\"shut\",\"n\":8}").expect("a file");
    house.write_script(
        "a.test.rhai",
        &format!(
            "test(\"all\", |home| {{
                home.send_recorded({id});
                home.expect_log(\"gate.opened 7\");
                home.send_file(\"../one.json\", \"gate\");
                home.expect_log(\"gate.shut 8\");
                home.send_sample(\"platerecognizer\");
                home.expect_log(\"platerecognizer.*\");
                home.send_sample(\"cars\");
            }});
            test(\"wrong\", |home| {{ home.send_recorded(99); }});
            test(\"outside\", |home| {{ home.send_file(\"../../etc/passwd\", \"gate\"); }});"
        ),
    );
    let said = eventually("the tests run", || {
        let output = house.porchlight(&["test"]);
        Some(text(&output)).filter(|said| said.contains("passed"))
    });
    assert!(said.contains("1 passed, 2 failed"), "{said}");
    assert!(said.contains("the journal has no event 99"), "{said}");
}

#[test]
fn watching_runs_what_a_save_concerns_and_nothing_else() {
    let scripts = [
        ("a.rhai", SCRIPT),
        ("a.test.rhai", TEST),
        (
            "b.rhai",
            "import \"lib/words\" as words; on(\"gate.*\", |event| { file::append(\"seen.txt\", words::one()); });",
        ),
        ("b.test.rhai", TEST),
        ("lib/words.rhai", "fn one() { \"1\" }"),
    ];
    let house = House::furnish(&gate_config(), &scripts);
    let mut child = Command::new(super::house::PROGRAM)
        .args(["test", "--watch", "--home"])
        .arg(house.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdout = child.stdout.take().expect("stdout");
    let (lines, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            _ = lines.send(line);
        }
    });
    // Everything up to the next sum, which begins with a number.
    let next = || -> String {
        let mut text = String::new();
        loop {
            let line = said
                .recv_timeout(Duration::from_secs(60))
                .expect("it says more");
            text += &line;
            text.push('\n');
            if line.starts_with(|c: char| c.is_ascii_digit()) {
                return text;
            }
        }
    };
    assert!(next().contains("2 passed, 0 failed in "));
    house.write_script("a.rhai", &SCRIPT.replace("\"1\"", "\"2\""));
    let text = next();
    assert!(
        text.contains("FAIL a.test.rhai") && !text.contains("b.test.rhai"),
        "{text}"
    );
    house.write_script("lib/words.rhai", "fn one() { \"1\" + \"\" }");
    let text = next();
    assert!(
        text.contains("ok   b.test.rhai") && !text.contains("a.test.rhai"),
        "{text}"
    );
    child.kill().expect("kill");
    child.wait().expect("wait");
}

#[test]
fn check_finds_mistakes_in_test_files_and_in_what_the_configuration_says_of_scripts() {
    let config = gate_config() + "[scripts]\nswap_on_failing_tests = \"yes\"\nshaddow = \"24h\"\n";
    let house = House::furnish(&config, &[("a.rhai", SCRIPT)]);
    let said = text(&house.porchlight(&["check"]));
    assert!(
        said.contains("`swap_on_failing_tests` must be true or false, not a text"),
        "{said}"
    );
    assert!(said.contains("did you mean `shadow`?"), "{said}");
    let scripts = [
        ("a.rhai", SCRIPT),
        ("a.test.rhai", "test(\"a\", |home| { home.expct(\"x\"); });"),
        ("gone.test.rhai", TEST),
        ("lib/words.rhai", "fn one() { 1 }"),
        ("lib/words.test.rhai", TEST),
    ];
    let house = House::furnish(&gate_config(), &scripts);
    for command in ["check", "test"] {
        let output = house.porchlight(&[command]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for line in [
            "did you mean `expect`?",
            "gone.rhai, which it tests, is not there",
            "a library has no handlers that a test could reach",
        ] {
            assert!(said.contains(line), "{command}: {line}\n{said}");
        }
    }
}

#[test]
fn the_example_of_the_page_on_testing_is_right() {
    let page = std::fs::read_to_string(root().join("docs/testing.md")).expect("the page");
    let mut blocks = page.split("```rhai\n").skip(1);
    let mut block = || {
        blocks
            .next()
            .and_then(|rest| rest.split("```").next())
            .expect("a block")
    };
    let (script, tests) = (block(), block());
    let config = gate_config() + "[light.porch]\ndriver = \"wled\"\nurl = \"http://wled.lan\"\n";
    let house = House::furnish(&config, &[("gate.rhai", script), ("gate.test.rhai", tests)]);
    let said = text(&house.porchlight(&["test"]));
    assert!(said.contains("1 passed, 0 failed in "), "{said}");
    // And what the page shows of a failure is what is shown.
    let wrong = tests.replace("http://gate.lan/open", "http://gate.lan/opn");
    house.write_script("gate.test.rhai", &wrong);
    let said = text(&house.porchlight(&["test"]));
    for line in page
        .lines()
        .skip_while(|line| !line.starts_with("error: nothing that was told"))
    {
        if line == "```" {
            return;
        }
        assert!(said.contains(line), "{line}\n{said}");
    }
    panic!("the page shows no failure");
}
