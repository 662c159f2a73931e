//! Targets that go away and come back: told to scripts once each, also over restarts, and shown to
//! people who ask at night.

use super::fake::Fake;
use super::house::{House, eventually, gate_config};
use serde_json::{Value, json};

/// A gateway that speaks for somebody who isn't there, and does not ask for patience.
const AWAY: &str = "HTTP/1.1 503 Away\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";

const TOLD: &str = r#"
on("porchlight.target.*", |event| {
    let told = event.data;
    let why = told?.error?.message ?? "well";
    file::append("told.txt", `${event.type} ${told.targets[0]} ${told.failures} ${why} ${event.source}` + "\n");
});
"#;

const TOLD_AWAY: &str =
    "porchlight.target.away light.porch 5 the answer was 503 Service Unavailable porchlight\n";

/// A house with a lamp at this address, which is spoken to on each event of the gate.
fn house(lamp: &Fake, told: &str) -> House {
    let url = lamp.url();
    let config = gate_config() + &format!("[light.porch]\ndriver = \"wled\"\nurl = \"{url}\"\n");
    let ring = format!("on(\"gate.*\", |event| http::send(\"{url}/n\"));");
    House::start(&config, &[("a.rhai", &ring), ("told.rhai", told)])
}

fn said(house: &House, args: &[&str]) -> String {
    let output = house.porchlight(args);
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn of_targets(house: &House) -> Vec<Value> {
    let mut events = house.events();
    let is = |event: &Value, kind| event["type"] == format!("porchlight.target.{kind}");
    events.retain(|event| is(event, "away") || is(event, "back"));
    events
}

/// The lanes that are shown as away, and since when.
fn shown_away(house: &House) -> Vec<String> {
    let text = said(house, &["actions"]);
    let lines = text.lines().filter(|line| line.contains("away since"));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_target_that_goes_away_and_comes_back_is_told_once_each_and_shown_in_between() {
    let lamp = Fake::start();
    (0..5).for_each(|_| lamp.answer_next(AWAY));
    let house = house(&lamp, TOLD);
    house.post_ok("{\"type\":\"opened\",\"n\":1}");
    house.post_ok("{\"type\":\"opened\",\"n\":2}");
    house.wait_for_file("told.txt", TOLD_AWAY);
    let away = of_targets(&house);
    let [away] = away.as_slice() else {
        panic!("{away:?}");
    };
    let lane = lamp.url();
    assert_eq!(away["subject"], json!(lane));
    assert_eq!(away["data"]["lane"], json!(lane));
    let since = away["data"]["since"].as_str().expect("a time");
    let shown = shown_away(&house);
    let line = format!("lane {lane}  away since {since}  action 1: ");
    assert!(shown[0].starts_with(&line), "{shown:?}");
    assert!(shown[0].ends_with("; 1 wait behind it"), "{shown:?}");
    let doctor = said(&house, &["doctor"]);
    assert!(
        doctor.contains(&format!("{lane} has been away since {since}")),
        "{doctor}"
    );

    house.wait_for_done(2);
    let both = TOLD_AWAY.to_owned() + "porchlight.target.back light.porch 5 well porchlight\n";
    house.wait_for_file("told.txt", &both);
    let back = of_targets(&house);
    assert_eq!(back.len(), 2);
    let lasted = back[1]["data"]["lasted_ms"].as_u64().expect("a length");
    assert!((10_000..60_000).contains(&lasted), "{lasted}");
    assert_eq!(back[1]["data"]["since"], away["data"]["since"]);
    assert_eq!(shown_away(&house), [""; 0]);
    house.wait_until_said("a target answers again");
}

#[test]
fn a_restart_tells_no_absence_twice_and_forgets_no_return() {
    let lamp = Fake::start();
    (0..6).for_each(|_| lamp.answer_next(AWAY));
    let mut house = house(&lamp, TOLD);
    house.post_ok("{\"type\":\"opened\"}");
    house.wait_for_file("told.txt", TOLD_AWAY);
    let shown = shown_away(&house);
    for failures in [5, 6] {
        let noted = format!("left alone after {failures} failures in a row");
        eventually("the last try is noted", || {
            said(&house, &["actions"]).contains(&noted).then_some(())
        });
        let since = |lines: &[String]| lines[0].split("  ").nth(1).map(str::to_owned);
        assert_eq!(since(&shown_away(&house)), since(&shown));
        house.kill();
        house.let_pass_while_down(100);
        house.restart();
    }
    house.wait_for_done(1);
    let both = TOLD_AWAY.to_owned() + "porchlight.target.back light.porch 5 well porchlight\n";
    house.wait_for_file("told.txt", &both);
    assert_eq!(of_targets(&house).len(), 2);
    assert_eq!(shown_away(&house), [""; 0]);
}

#[test]
fn people_are_shown_who_is_away_also_where_no_script_listens_by_name() {
    let lamp = Fake::answering(AWAY);
    let everything = format!("on(\"**\", |event| http::send(\"{}/log\"));", lamp.url());
    let house = house(&lamp, &everything);
    house.post_ok("{\"type\":\"opened\"}");
    let shown = eventually("it is shown", || shown_away(&house).pop());
    assert!(shown.contains(&lamp.url()), "{shown}");
    assert_eq!(house.events().len(), 1);
}

#[test]
fn who_was_not_told_of_an_absence_is_not_told_of_its_end() {
    let lamp = Fake::start();
    (0..5).for_each(|_| lamp.answer_next(AWAY));
    let mut house = house(&lamp, "on(\"**\", |event| {});");
    house.post_ok("{\"type\":\"opened\"}");
    eventually("it is shown", || shown_away(&house).pop());
    house.kill();
    house.write_script("told.rhai", TOLD);
    house.let_pass_while_down(100);
    house.restart();
    house.wait_for_done(1);
    eventually("it is no longer away", || {
        shown_away(&house).is_empty().then_some(())
    });
    assert_eq!(of_targets(&house).len(), 0);
}

#[test]
fn handlers_whose_own_targets_are_away_as_well_come_to_an_end() {
    let lamp = Fake::answering(AWAY);
    // Each absence speaks to one more target, which is away, too.
    let script = format!(
        "on(\"porchlight.target.away\", |event| http::send(\"{}/n\", #{{ lane: event.data.lane + \"x\" }}));",
        lamp.url()
    );
    let house = house(&lamp, &script);
    house.post_ok("{\"type\":\"opened\"}");
    let lanes = eventually("five lanes are away", || {
        let lanes = shown_away(&house);
        (lanes.len() == 5).then_some(lanes)
    });
    assert_eq!(of_targets(&house).len(), 4, "{lanes:?}");
}

#[test]
fn a_misspelt_event_of_the_host_is_found_by_check() {
    let script = "on(\"porchlight.target.awya\", |event| log::info(\"x\"));\non(\"porchlight.*.back\", |event| log::info(\"y\"));";
    let house = House::furnish(&gate_config(), &[("a.rhai", script)]);
    let text = said(&house, &["check"]);
    assert!(
        text.contains("did you mean \"porchlight.target.away\"?"),
        "{text}"
    );
    assert_eq!(text.matches("nothing makes events").count(), 1, "{text}");
}
