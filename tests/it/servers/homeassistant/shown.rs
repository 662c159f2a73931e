//! What scripts show and offer, as Home Assistant has it.

use super::super::mosquitto::Broker;
use super::Hass;
use crate::house::{House, eventually, gate_config};
use crate::mqtt::broker_table;
use serde_json::json;

const GATE: &str = r#"
    entity::sensor("visitors", #{ name: "Visitors today", unit: "people", state_class: "total_increasing" });
    entity::sensor("last_word");
    entity::binary_sensor("door", #{ device_class: "door" });
    entity::button("open_gate", #{ name: "Open the gate" }, || file::append("pressed", "opened\n"));
    entity::toggle("night_mode", #{ icon: "mdi:weather-night" }, |on| file::append("switched", `${on};`));
    on("gate.*", |event| {
        state::add("gate.visitors", 1);
        state::set("gate.last_word", event.data.word);
        state::set("gate.door", event.data.open);
    });
"#;

#[test]
fn what_scripts_show_and_offer_is_found_by_home_assistant_and_lasts_over_restarts_of_both() {
    let Some(mut broker) = Broker::start() else {
        return;
    };
    let Some(mut hass) = Hass::start("") else {
        return;
    };
    hass.join(&broker);
    let config = gate_config()
        + "[webhook.driveway]\npreset = \"platerecognizer\"\nsecret = \"test-key-that-protects-nothing\"\n"
        + &broker_table("discovery = \"homeassistant\"");
    let mut house = House::start(&config, &[("gate.rhai", GATE)]);

    // Found, though nothing happened yet.
    for (entity, state) in [
        ("sensor.porchlight_visitors_today", "unknown"),
        ("sensor.porchlight_last_word", "unknown"),
        ("binary_sensor.porchlight_door", "unknown"),
        ("button.porchlight_open_the_gate", "unknown"),
        ("switch.porchlight_night_mode", "off"),
        ("sensor.porchlight_gate_events", "unknown"),
        ("sensor.porchlight_gate_last_event", "unknown"),
        ("sensor.porchlight_last_plate", "unknown"),
    ] {
        hass.wait_for(entity, state);
    }
    // What comes in is shown.
    house.post_ok(r#"{"type":"opened","word":"hello","open":true}"#);
    let visitors = hass.wait_for("sensor.porchlight_visitors_today", "1");
    assert_eq!(visitors["attributes"]["unit_of_measurement"], "people");
    assert_eq!(
        visitors["attributes"]["friendly_name"],
        "Porchlight Visitors today"
    );
    hass.wait_for("sensor.porchlight_last_word", "hello");
    let door = hass.wait_for("binary_sensor.porchlight_door", "on");
    assert_eq!(door["attributes"]["device_class"], "door");
    hass.wait_for("sensor.porchlight_gate_events", "1");
    let heard = hass
        .state("sensor.porchlight_gate_last_event")
        .expect("a time");
    assert!(heard.starts_with("20") && heard.contains('T'), "{heard}");
    let to = house.address.to_string();
    let sent = house.porchlight(&["send", "platerecognizer", "--to", &to]);
    assert!(sent.status.success(), "{sent:?}");
    let plate = eventually("a plate", || {
        hass.state("sensor.porchlight_last_plate")
            .filter(|plate| plate != "unknown")
    });

    // What is pressed and switched there comes back.
    let button = json!({ "entity_id": "button.porchlight_open_the_gate" });
    hass.call("button.press", &button);
    house.wait_for_file("pressed", "opened\n");
    let switch = json!({ "entity_id": "switch.porchlight_night_mode" });
    hass.call("switch.turn_on", &switch);
    house.wait_for_file("switched", "true;");
    hass.wait_for("switch.porchlight_night_mode", "on");

    // A power cut here: unavailable there, and back.
    house.kill();
    for entity in [
        "sensor.porchlight_last_word",
        "switch.porchlight_night_mode",
        "button.porchlight_open_the_gate",
    ] {
        hass.wait_for(entity, "unavailable");
    }
    house.restart();
    hass.wait_for("sensor.porchlight_last_word", "hello");
    hass.wait_for("switch.porchlight_night_mode", "on");

    // A restart there: all is there again, and is still listened to.
    hass.restart();
    for (entity, state) in [
        ("sensor.porchlight_visitors_today", "1"),
        ("binary_sensor.porchlight_door", "on"),
        ("switch.porchlight_night_mode", "on"),
        ("sensor.porchlight_gate_events", "1"),
        ("sensor.porchlight_last_plate", plate.as_str()),
    ] {
        hass.wait_for(entity, state);
    }
    hass.call("switch.turn_off", &switch);
    house.wait_for_file("switched", "true;false;");
    hass.wait_for("switch.porchlight_night_mode", "off");
    assert_eq!(
        house.file("pressed").as_deref(),
        Some("opened\n"),
        "pressed once"
    );

    // The broker loses everything it kept: all is said again when it is back.
    broker.kill();
    hass.wait_for("sensor.porchlight_last_word", "unavailable");
    broker.run();
    hass.wait_for("sensor.porchlight_last_word", "hello");
    hass.wait_for("switch.porchlight_night_mode", "off");

    // The newest word counts, whoever says it.
    let by_hand = house.porchlight(&["state", "set", "gate.last_word", "by hand"]);
    assert!(by_hand.status.success(), "{by_hand:?}");
    hass.wait_for("sensor.porchlight_last_word", "by hand");

    // What a script no longer has is gone there, what became another is only that, the rest stays.
    let without = GATE.lines().filter(|line| !line.contains("open_gate"));
    let script = without.collect::<Vec<_>>().join("\n");
    let other = script.replace(
        "entity::sensor(\"last_word\"",
        "entity::binary_sensor(\"last_word\"",
    );
    house.write_script("gate.rhai", &other);
    for gone in [
        "button.porchlight_open_the_gate",
        "sensor.porchlight_last_word",
    ] {
        eventually(&format!("{gone} is gone"), || {
            hass.entity(gone).is_none().then_some(())
        });
    }
    hass.wait_for("binary_sensor.porchlight_last_word", "off");
    hass.wait_for("binary_sensor.porchlight_door", "on");

    // Without `discovery` the device goes, with all that it had.
    assert_eq!(house.terminate(), Some(0));
    let config = gate_config() + &broker_table("");
    std::fs::write(house.path().join("porchlight.toml"), config).expect("configuration");
    std::fs::remove_file(house.path().join("scripts/gate.rhai")).expect("the script goes");
    house.restart();
    eventually("nothing of it is left", || {
        let all = hass.ask("GET", "/api/states", &serde_json::Value::Null);
        let whole = all.status == 200 && all.body.contains("light.kitchen_lights");
        (whole && !all.body.contains("porchlight")).then_some(())
    });
}
