//! Events of Home Assistant, with the lines of configuration that stand in docs/homeassistant.md.

use super::super::mosquitto::Broker;
use super::{Hass, act, knows};
use crate::house::{House, PROGRAM, eventually, eventually_or_say};
use crate::mqtt::broker_table;
use serde_json::{Value, json};
use std::process::Command;

/// Where the house listens: Home Assistant must know that before there is a house.
const OURS: &str = "127.0.0.1:14124";
const PAGE: &str = include_str!("../../../../docs/homeassistant.md");
/// A test key: it protects nothing.
const SECRET: &str = "test-key-that-protects-nothing";

/// What the page says in YAML.
fn yaml() -> String {
    let blocks = PAGE.split("```yaml\n").skip(1);
    let yaml: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert_eq!(
        yaml.len(),
        2,
        "the automations, and the states over the broker"
    );
    yaml.join("\n").replace("porchlight.lan:8480", OURS)
}

#[test]
fn the_yaml_of_the_page_brings_events_of_home_assistant_over_the_webhook_and_over_the_broker() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let secrets = format!("porchlight: \"Bearer {SECRET}\"\n");
    let Some(mut hass) = Hass::furnish(&yaml(), &[("secrets.yaml", &secrets)]) else {
        return;
    };
    hass.join(&broker);
    // Its statestream begins only with a broker that was there at the start.
    hass.restart();
    let script = r#"
        on("home_assistant.state_changed", #{ where: #{ subject: "binary_sensor.front_door" } }, |event| {
            file::append("door", `${event.facts.message} ${event.facts.old_state}-${event.facts.state} ${event.facts.entity == event.subject};`);
        });
        on("home_assistant.notification_action", |event| file::append("pressed", event.data.action));
        on_mqtt("homeassistant/statestream/light/+/state", #{ retained: false }, |event| {
            file::append("states", `${event.subject} ${event.data};`);
        });
    "#;
    let config = knows(&hass)
        + &format!("[webhook.ha]\npreset = \"home-assistant\"\nsecret = \"{SECRET}\"\n")
        + &broker_table("");
    let mut house = House::furnish(&config, &[("heard.rhai", script)]);
    let mut command = Command::new(PROGRAM);
    command
        .args(["run", "--listen", OURS, "--home"])
        .arg(house.path());
    house.start_as(command);
    house.wait_until_said("ready");
    house.wait_until_said("connected, to listen");

    let door = |state: &str| {
        let about = json!({ "state": state, "attributes": { "friendly_name": "Front door" } });
        let answer = hass.ask("POST", "/api/states/binary_sensor.front_door", &about);
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    };
    door("off");
    let heard = |times: usize, last: &str| {
        let door = eventually_or_say(
            || {
                format!(
                    "{last:?}, not {:?} of {:?}",
                    house.file("door"),
                    house.events()
                )
            },
            || house.file("door").filter(|text| text.ends_with(last)),
        );
        assert_eq!(door.matches(';').count(), times, "{door}");
    };
    heard(1, "Front door -off true;");
    // That it is away is none of the states that were asked for.
    door("unavailable");
    door("off");
    heard(2, "Front door unavailable-off true;");
    door("on");
    heard(3, "Front door off-on true;");
    let events = house.events();
    let opened = events
        .iter()
        .find(|event| event["data"]["state"] == "on")
        .expect("the event");
    assert_eq!(opened["type"], "home_assistant.state_changed");
    assert_eq!(opened["source"], "ha");
    let changed = hass.entity("binary_sensor.front_door").expect("it")["last_changed"].clone();
    let seconds = |time: &Value| time.as_str().map(|time| time[..19].to_owned());
    assert_eq!(seconds(&opened["time"]), seconds(&changed), "{opened}");

    let (code, said) = act(
        &house,
        r#"homeassistant::event("home", "mobile_app_notification_action", #{ action: "LIGHT" })"#,
    );
    assert_eq!(code, Some(0), "{said}");
    house.wait_for_file("pressed", "LIGHT");

    // What comes before the subscription stands is nobody's: so it is switched until it is heard.
    let lamp = json!({ "entity_id": "light.kitchen_lights" });
    eventually("the states come over the broker", || {
        hass.call("light.toggle", &lamp);
        let states = house.file("states")?;
        let name = "homeassistant/statestream/light/kitchen_lights/state ";
        (states.contains(&format!("{name}off;")) && states.contains(&format!("{name}on;")))
            .then_some(())
    });
}
