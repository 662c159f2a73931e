//! The owner's rules for scripts: limits, parking and permissions, with the real program.

use super::house::{House, eventually, gate_config};

fn outcomes(house: &House, outcome: &str) -> usize {
    let runs = house.runs();
    let fits = runs
        .iter()
        .filter(|run| run["outcome"]["outcome"] == outcome);
    fits.count()
}

#[test]
fn a_script_that_fails_again_and_again_is_parked_and_a_save_revives_it() {
    let config = gate_config() + "\n[scripts]\npark_after = 3\n";
    let broken = "on(\"gate.*\", |event| { throw \"no key\"; });";
    let watch = "on(\"porchlight.script.parked\", |event| {
        file::append(\"parked.txt\", `${event.data.script} ${event.data.failures} ${event.data.error} ${event.data.place}` + \"\\n\");
    });";
    let house = House::start(&config, &[("gate.rhai", broken), ("watch.rhai", watch)]);
    for count in 1..=5 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{count}}}"));
    }
    eventually("three failures and two events that were skipped", || {
        (outcomes(&house, "error") == 3 && outcomes(&house, "skipped") == 2).then_some(())
    });
    assert_eq!(house.skips(), ["parked", "parked"]);
    house.wait_until_said("gate.rhai is parked after 3 failures in a row");
    house.wait_for_file("parked.txt", "gate.rhai 3 no key gate.rhai:1:24\n");

    let mended = "on(\"gate.*\", |event| { file::append(\"gate.txt\", \"open\\n\"); });";
    house.write_script("gate.rhai", mended);
    house.wait_until_said("reloaded gate.rhai");
    house.post_ok("{\"type\":\"opened\",\"n\":6}");
    house.wait_for_file("gate.txt", "open\n");
}

#[test]
fn check_knows_limits_permissions_and_the_scripts_that_they_are_for() {
    let config = gate_config()
        + "
[limits]
actoins = 5

[permissions]
mode = \"declard\"

[script.\"gaet.rhai\"]
allow = [\"ligth porch\"]
[script.\"gaet.rhai\".limits]
time = \"1m\"
";
    let house = House::furnish(&config, &[("gate.rhai", "on(\"**\", |event| ());")]);
    let output = house.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    for expected in [
        "unknown key `actoins`",
        "did you mean `actions`?",
        "did you mean \"declared\"?",
        "did you mean `light`?",
        "there is no script \"gaet.rhai\"",
        "did you mean \"gate.rhai\"?",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_script_reaches_what_it_declares_and_check_says_what_that_is() {
    let config = gate_config()
        + "\n[permissions]\nmode = \"declared\"\n[script.\"b.rhai\".limits]\nactions = 1\n";
    let a = "//! needs: file a.txt, event gate.*
on(\"gate.*\", |event| {
    file::append(\"a.txt\", \"a\\n\");
    let other = \"b\";
    file::append(`${other}.txt`, \"a\\n\");
});";
    let b = "//! needs: file b.txt, event gate.opened, event gate.*
on(\"gate.*\", |event| { file::append(\"b.txt\", \"b\\n\"); file::append(\"b.txt\", \"b\\n\"); });";
    let house = House::start(&config, &[("a.rhai", a), ("b.rhai", b)]);
    let output = house.porchlight(&["check"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("script a.rhai can reach file a.txt, event gate.* (and nothing else)"),
        "{text}"
    );
    house.post_ok("{\"type\":\"opened\"}");
    house.wait_for_file("a.txt", "a\n");
    let runs = house.wait_for_runs(2);
    let message = |script: &str| {
        let run = runs.iter().find(|run| run["script"] == script);
        run.map(|run| run["outcome"]["message"].to_string())
            .unwrap_or_default()
    };
    let missing = "its header has `file a.txt`; write `//! needs: file b.txt`";
    assert!(message("a.rhai").contains(missing), "{runs:#?}");
    assert!(message("b.rhai").contains("more than 1 actions in one run"));
    assert!(house.file("b.txt").is_none());
}
