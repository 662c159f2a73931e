//! The commands, as a person uses them.

use super::house::{House, PROGRAM, eventually, gate_config};
use std::process::Command;

#[test]
fn the_first_run_makes_a_home_and_every_sample_then_makes_a_script_act() {
    let mut house = House::furnish("", &[]);
    std::fs::remove_file(house.path().join("porchlight.toml")).expect("remove");
    house.write_script(
        "count.rhai",
        "on(\"**\", |event| { file::append(\"seen.txt\", event.type + \"\\n\"); });",
    );
    house.restart();
    let said = house.said().join("\n");
    assert!(said.contains("made a home"), "{said}");
    for name in ["xprotect", "rhombus", "connectit", "platerecognizer"] {
        assert!(said.contains(&format!("/webhook/{name}")), "{said}");
    }
    let to = house.address.to_string();
    for preset in ["xprotect", "platerecognizer", "rhombus", "connectit"] {
        let output = house.porchlight(&["send", preset, "--to", &to]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{preset}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(text.starts_with("200 stored as event "), "{text}");
        assert!(
            text.contains("count.rhai:1") && text.contains("ok in"),
            "{text}"
        );
        assert!(text.contains("done"), "{text}");
    }
    assert_eq!(
        house.file("seen.txt").map(|text| text.lines().count()),
        Some(4)
    );
    // Sending again is a new event, not a duplicate.
    let again = house.porchlight(&["send", "xprotect", "--to", &to]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("stored as event 5"));
}

#[cfg(unix)]
#[test]
fn the_configuration_of_the_first_run_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let mut house = House::furnish("", &[]);
    std::fs::remove_file(house.path().join("porchlight.toml")).expect("remove");
    house.restart();
    let mode = std::fs::metadata(house.path().join("porchlight.toml"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn lists_work_while_the_host_runs_and_when_it_does_not() {
    let mut house = House::start(
        &gate_config(),
        &[(
            "a.rhai",
            "on(\"gate.*\", |event| { file::append(\"a.txt\", \"x\"); });",
        )],
    );
    for n in 0..5 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    house.wait_for_done(5);
    let limited = house.json_lines(&["events", "--json", "--limit", "2"]);
    let ids: Vec<&str> = limited
        .iter()
        .filter_map(|event| event["id"].as_str())
        .collect();
    assert_eq!(ids, ["4", "5"]);
    assert_eq!(limited[0]["source"], "gate");
    assert!(
        limited[0]["dedupkey"]
            .as_str()
            .is_some_and(|key| key.starts_with("sha256:"))
    );
    let one = house.porchlight(&["events", "3"]);
    let text = String::from_utf8_lossy(&one.stdout).into_owned();
    assert!(
        text.contains("gate.opened") && text.contains("a.rhai:1"),
        "{text}"
    );
    house.terminate();
    assert_eq!(house.events().len(), 5);
    assert_eq!(house.runs().len(), 5);
    assert_eq!(house.porchlight(&["events", "99"]).status.code(), Some(1));
}

#[test]
fn following_shows_events_as_they_come_in() {
    let house = House::start(&gate_config(), &[]);
    let output = house.path().join("followed.txt");
    let file = std::fs::File::create(&output).expect("a file");
    let mut follower = Command::new(PROGRAM)
        .args(["events", "-f", "--json", "--home"])
        .arg(house.path())
        .stdout(file)
        .spawn()
        .expect("it follows");
    house.post_ok("{\"type\":\"opened\"}");
    eventually("the event is shown", || {
        std::fs::read_to_string(&output)
            .ok()
            .filter(|text| text.contains("gate.opened"))
    });
    follower.kill().expect("kill");
    follower.wait().expect("wait");
}

#[test]
fn check_reports_every_mistake_in_scripts_and_configuration() {
    let house = House::furnish(
        &gate_config(),
        &[
            (
                "a.rhai",
                "on(\"gate.*\", |event| {\n  lgo::info(\"x\");\n});",
            ),
            ("b.rhai", "let x = ;"),
            ("c.rhai", "on(\"gate.*\", |event| {});"),
        ],
    );
    let output = house.porchlight(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("a.rhai:2:") && text.contains("b.rhai:1:"),
        "{text}"
    );
    let json = house.json_lines(&["check", "--json"]);
    assert!(
        json.iter()
            .any(|problem| problem["line"] == 2 && problem["severity"] == "error")
    );
    house.write_script("a.rhai", "on(\"gate.*\", |event| {});");
    house.write_script("b.rhai", "on(\"gate.*\", |event| {});");
    let output = house.porchlight(&["check"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("webhook gate: "), "{text}");
}

#[test]
fn check_looks_at_configuration_and_scripts_together() {
    let settings =
        "\n[settings.a]\nfamilly = [\"ABC123\"]\n[command.backup]\nargv = [\"/bin/true\"]\n";
    let house = House::furnish(
        &(gate_config() + settings),
        &[
            (
                "a.rhai",
                "let family = setting(\"family\", [\"X\"]);\non(\"gaet.opened\", |event| light::on(\"porch\"));",
            ),
            (
                "b.rhai",
                "on(\"stripe.**\", |event| ());\non(\"gate.opened\", |event| emit(\"visitor.came\"));\non(\"visitor.*\", |event| ());",
            ),
            (
                "c.rhai",
                "on(\"gate.opened\", |event| {\n    wait_for(\"gaet.closed\", #{ within: \"1m\" }, || command::start(\"bakcup\"));\n});\non_silence(\"gaet.**\", \"1h\", || ());",
            ),
        ],
    );
    let warnings = house.json_lines(&["check", "--json"]);
    let told: Vec<String> = warnings
        .iter()
        .map(|one| format!("{}:{} {}", one["path"], one["line"], one["help"]).replace('"', ""))
        .collect();
    let has = |words: &str| told.iter().any(|one| one.contains(words));
    assert!(has("did you mean `family`?"), "{told:?}");
    assert!(has("a.rhai:2 did you mean \\gate.opened\\?"), "{told:?}");
    assert!(has("a.rhai:2 add a table [light.porch]"), "{told:?}");
    assert!(
        has("b.rhai:1 no webhook has `preset = \\stripe\\`"),
        "{told:?}"
    );
    assert!(has("c.rhai:2 did you mean \\gate.closed\\?"), "{told:?}");
    assert!(has("c.rhai:2 did you mean \\backup\\?"), "{told:?}");
    assert!(has("c.rhai:4 did you mean \\gate.**\\?"), "{told:?}");
    let awaited = warnings
        .iter()
        .find(|one| one["path"] == "c.rhai" && one["column"] == 14);
    assert!(
        awaited.is_some(),
        "the caret is below the pattern: {told:?}"
    );
    assert_eq!(told.len(), 7, "{told:?}");
    assert!(warnings.iter().all(|one| one["severity"] == "warning"));
    assert_eq!(house.porchlight(&["check"]).status.code(), Some(0));
}

#[test]
fn check_explains_the_webhooks_also_when_there_are_mistakes() {
    let house = House::furnish(&(gate_config() + "\n[sevrer]\nlisten = 5\n"), &[]);
    let output = house.porchlight(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("webhook gate: "), "{text}");
}

#[test]
fn a_new_script_from_the_template_loads_and_is_never_written_over() {
    let house = House::furnish(&gate_config(), &[]);
    assert!(house.porchlight(&["new", "garage"]).status.success());
    assert_eq!(house.porchlight(&["check"]).status.code(), Some(0));
    house.write_script("garage.rhai", "// mine");
    assert_eq!(house.porchlight(&["new", "garage"]).status.code(), Some(3));
    assert_eq!(
        std::fs::read_to_string(house.path().join("scripts/garage.rhai")).expect("script"),
        "// mine"
    );
    assert_eq!(house.porchlight(&["new", "../evil"]).status.code(), Some(3));
}

#[test]
fn a_second_host_in_the_same_home_is_refused() {
    let house = House::start(&gate_config(), &[]);
    let second = house.porchlight(&["run", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(3));
    assert!(house.is_running());
    house.post_ok("{\"type\":\"opened\"}");
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let output = Command::new(PROGRAM).arg("--help").output().expect("help");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in [
        "run",
        "check",
        "send",
        "events",
        "runs",
        "actions",
        "new",
        "--home",
        "--log",
        "Exit codes",
    ] {
        assert!(text.contains(word), "no {word} in\n{text}");
    }
    assert_eq!(
        Command::new(PROGRAM)
            .arg("--nonsense")
            .output()
            .expect("it ends")
            .status
            .code(),
        Some(2)
    );
}
