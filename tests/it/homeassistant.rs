//! Home Assistant's side of a broker: what it finds there by itself, and what it sends back.

use super::house::{House, eventually, gate_config};
use super::mqtt::broker_table;
use super::servers::mosquitto::{Broker, Listening};
use serde_json::Value;

const CONFIG: &str = "homeassistant/device/porchlight-test/config";
const OWN: &str = "porchlight/porchlight-test";

const GATE: &str = r#"
    entity::sensor("visitors", #{ name: "Visitors today", unit: "people" });
    entity::button("open_gate", #{ name: "Open the gate" }, || mqtt::publish("did", "opened"));
    entity::toggle("night", #{ icon: "mdi:weather-night" }, |on| {
        mqtt::publish("did", `night ${on} ${state::get("gate.night")}`);
    });
    on("gate.*", |event| state::add("gate.visitors", 1));
"#;

fn house(script: &str) -> House {
    let config = gate_config() + &broker_table("discovery = \"homeassistant\"");
    House::start(&config, &[("gate.rhai", script)])
}

/// The last word on what there is.
fn announced(listening: &Listening) -> Option<Value> {
    let heard = listening.heard().into_iter().rev();
    let mut last = heard.filter_map(|line| line.strip_prefix(CONFIG).map(str::to_owned));
    serde_json::from_str(last.next()?.trim()).ok()
}

/// Waits until this is so of what there is.
fn wait_until(listening: &Listening, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{what}: {:?}", announced(listening)), || {
        announced(listening).filter(|config| is(&config["components"]))
    })
}

#[test]
fn entities_of_scripts_are_found_by_home_assistant_and_answer_it() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let found = broker.listen("homeassistant/#");
    let shown = broker.listen("porchlight/#");
    let did = broker.listen("did");
    // What the broker had kept there presses nothing.
    broker.publish_as(&format!("{OWN}/gate/open_gate/set"), "PRESS", &["-r"]);
    let mut house = house(GATE);
    let config = wait_until(&found, "the entities", |it| {
        it["gate_open_gate"].is_object()
    });
    assert_eq!(config["availability_topic"], format!("{OWN}/status"));
    assert_eq!(config["device"]["identifiers"][0], "porchlight-test");
    let components = &config["components"];
    let sensor = &components["gate_visitors"];
    assert_eq!(sensor["platform"], "sensor");
    assert_eq!(sensor["name"], "Visitors today");
    assert_eq!(sensor["unit_of_measurement"], "people");
    assert_eq!(sensor["unique_id"], "porchlight-test_gate_visitors");
    assert_eq!(sensor["state_topic"], format!("{OWN}/state/gate_visitors"));
    let switch = &components["gate_night"];
    assert_eq!(switch["platform"], "switch");
    assert_eq!(switch["name"], "Night");
    assert_eq!(switch["command_topic"], format!("{OWN}/gate/night/set"));
    assert_eq!(components["source_gate_last"]["device_class"], "timestamp");

    shown.wait_for(&format!("{OWN}/state/gate_night OFF"));
    shown.wait_for(&format!("{OWN}/state/gate_visitors None"));
    house.wait_until_said("connected, to listen");
    eventually("the switch answers", || {
        broker.publish(&format!("{OWN}/gate/night/set"), "ON");
        did.heard()
            .iter()
            .any(|it| it == "did night true true")
            .then_some(())
    });
    shown.wait_for(&format!("{OWN}/state/gate_night ON"));
    assert!(
        !did.heard().contains(&"did opened".to_owned()),
        "kept, not pressed"
    );
    broker.publish(&format!("{OWN}/gate/open_gate/set"), "PRESS");
    did.wait_for("did opened");
    house.post_ok("{\"type\":\"opened\"}");
    shown.wait_for(&format!("{OWN}/state/gate_visitors 1"));
    shown.wait_for(&format!("{OWN}/state/source_gate_count 1"));

    // Over a crash: what is shown is what the state says, and we are there again.
    house.kill();
    shown.wait_for(&format!("{OWN}/status offline"));
    let later = broker.listen("porchlight/#");
    later.wait_for(&format!("{OWN}/state/gate_night ON"));
    house.restart();
    later.wait_for(&format!("{OWN}/status online"));
    eventually("it says again what it shows", || {
        let night = format!("{OWN}/state/gate_night ON");
        (later.heard().iter().filter(|it| **it == night).count() == 2).then_some(())
    });
}

#[test]
fn an_entity_goes_with_its_script_also_when_that_went_while_the_host_was_down() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let found = broker.listen("homeassistant/#");
    let mut house = house(GATE);
    wait_until(&found, "the entities", |it| {
        it["gate_open_gate"].is_object()
    });
    let without = GATE.lines().filter(|line| !line.contains("open_gate"));
    house.write_script("gate.rhai", &without.collect::<Vec<_>>().join("\n"));
    wait_until(&found, "the button gone", |it| {
        it["gate_open_gate"].is_null() && it["gate_night"].is_object()
    });
    let taken_back = |id: &str, platform: &str| {
        let mark = format!("\"{id}\":{{\"platform\":\"{platform}\"}}");
        found.heard().iter().any(|line| line.contains(&mark))
    };
    assert!(
        taken_back("gate_open_gate", "button"),
        "{:?}",
        found.heard()
    );
    // What becomes something else goes first as what it was.
    let other = GATE.replace(
        "entity::sensor(\"visitors\", #{ name: \"Visitors today\", unit: \"people\" })",
        "entity::binary_sensor(\"visitors\")",
    );
    house.write_script("gate.rhai", &other);
    wait_until(&found, "another kind", |it| {
        it["gate_visitors"]["platform"] == "binary_sensor"
            && it["gate_visitors"]["name"].is_string()
    });
    assert!(taken_back("gate_visitors", "sensor"), "{:?}", found.heard());
    assert_eq!(house.terminate(), Some(0));
    std::fs::remove_file(house.path().join("scripts/gate.rhai")).expect("the script goes");
    house.restart();
    wait_until(&found, "the switch gone", |it| it["gate_night"].is_null());
    assert!(taken_back("gate_night", "switch"));
}

#[test]
fn what_was_announced_goes_with_its_prefix_and_with_discovery() {
    let Some(broker) = Broker::start() else {
        return;
    };
    // What the broker keeps for whoever comes later, by the beginning of its topics.
    let kept = |start: &str| {
        let output = broker
            .client("mosquitto_sub")
            .args(["-t", "#", "--retained-only", "-W", "1", "-F", "%t"])
            .output()
            .expect("mosquitto_sub runs");
        let topics = String::from_utf8_lossy(&output.stdout).into_owned();
        topics.lines().filter(|it| it.starts_with(start)).count()
    };
    let mut house = house(GATE);
    let configure = |house: &House, more: &str| {
        let config = gate_config() + &broker_table(more);
        std::fs::write(house.path().join("porchlight.toml"), config).expect("configuration");
    };
    eventually("it is announced", || {
        (kept("homeassistant/") == 1 && kept(&format!("{OWN}/state/")) >= 2).then_some(())
    });
    assert_eq!(house.terminate(), Some(0));
    configure(&house, "discovery = \"ha\"");
    house.restart();
    eventually("it is announced elsewhere alone", || {
        (kept("ha/device/") == 1 && kept("homeassistant/") == 0).then_some(())
    });
    eventually("with its values", || {
        (kept(&format!("{OWN}/state/")) >= 2).then_some(())
    });
    assert_eq!(house.terminate(), Some(0));
    configure(&house, "");
    // A script's entities are for a broker with discovery.
    house.write_script("gate.rhai", "on(\"gate.*\", |event| ());");
    house.restart();
    eventually("nothing is left", || {
        (kept("ha/") == 0 && kept(&format!("{OWN}/state/")) == 0).then_some(())
    });
    assert_eq!(kept(&format!("{OWN}/status")), 1);
    eventually("nothing is remembered", || {
        (!house.path().join("data/discovery-home.json").exists()).then_some(())
    });
}

#[test]
fn each_of_two_brokers_is_told_of_the_entities_that_are_for_it() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let (home, barn) = (broker.listen("homeassistant/#"), broker.listen("barn/#"));
    let one = broker_table("discovery = \"homeassistant\"");
    let other = broker_table("discovery = \"barn\"")
        .replace("[mqtt.home]", "[mqtt.barn]")
        .replace("porchlight-test", "porchlight-barn");
    let script = r#"
        entity::sensor("visitors", #{ broker: "home" });
        entity::button("feed", #{ broker: "barn" }, || ());
    "#;
    let _house = House::start(&(gate_config() + &one + &other), &[("farm.rhai", script)]);
    let told = |listening: &Listening, what: &str| {
        eventually(what, || {
            let heard = listening.heard().into_iter();
            let mut configs =
                heard.filter_map(|line| line.split_once("/config ").map(|it| it.1.to_owned()));
            serde_json::from_str::<Value>(&configs.next_back()?).ok()
        })["components"]
            .clone()
    };
    let (home, barn) = (told(&home, "the house"), told(&barn, "the barn"));
    assert!(
        home["farm_visitors"].is_object() && home["farm_feed"].is_null(),
        "{home}"
    );
    assert!(
        barn["farm_feed"].is_object() && barn["farm_visitors"].is_null(),
        "{barn}"
    );
    assert!(home["source_gate_count"].is_object() && barn["source_gate_count"].is_object());
}

#[test]
fn a_broker_that_forgot_everything_is_told_everything_again() {
    let Some(mut broker) = Broker::start() else {
        return;
    };
    let house = house(GATE);
    {
        let found = broker.listen("homeassistant/#");
        wait_until(&found, "the entities", |it| it["gate_night"].is_object());
    }
    broker.kill();
    house.wait_until_said("no connection to publish");
    broker.run();
    let found = broker.listen("homeassistant/#");
    wait_until(&found, "the entities", |it| it["gate_night"].is_object());
    let shown = broker.listen("porchlight/#");
    shown.wait_for(&format!("{OWN}/state/gate_night OFF"));
    shown.wait_for(&format!("{OWN}/status online"));
}

#[test]
fn buttons_and_switches_are_pressed_in_tests_beside_scripts() {
    let test = r#"
test("the switch sets the state and calls the handler", |home| {
    home.mqtt("~/gate/night/set", "ON");
    home.expect_state("gate.night", true);
    home.expect("mqtt.publish", "did", #{ payload: "night true true" });
    home.mqtt("~/gate/night/set", "OFF");
    home.expect_state("gate.night", false);
    home.expect("mqtt.publish", "did", #{ payload: "night false false" });
    home.mqtt("~/gate/night/set", "nonsense");
    home.mqtt("~/gate/open_gate/set", "PRESS");
    home.expect("mqtt.publish", "did", #{ payload: "opened" });
    home.expect_nothing();
});
"#;
    let script = format!("//! needs: mqtt did, event gate.*\n{GATE}");
    let config = broker_table("discovery = \"homeassistant\"\n[permissions]\nmode = \"declared\"");
    let scripts = [("gate.rhai", script.as_str()), ("gate.test.rhai", test)];
    let house = House::furnish(&config, &scripts);
    let output = house.porchlight(&["test"]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn what_is_wrong_with_an_entity_is_told_at_load() {
    let script = r#"
entity::sensor("no spaces");
entity::sensor("a", #{ unti: "W" });
entity::button("a", || ());
entity::button("b", #{ state: "x" }, || ());
entity::sensor("c", #{ device_class: "temprature" });
entity::binary_sensor("d", #{ device_class: "gate" });
entity::sensor("e", #{ state_class: "sum" });
entity::toggle("f", #{ icon: "gate" }, |on| ());
entity::sensor("g", #{ name: " " });
"#;
    let config = broker_table("discovery = \"homeassistant\"");
    let house = House::furnish(&config, &[("wrong.rhai", script)]);
    let output = house.porchlight(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    for sentence in [
        "is no id of an entity",
        "did you mean `unit`?",
        "has no option `state`",
        "did you mean `temperature`?",
        "it knows battery, battery_charging,",
        "such as \"sum\"",
        "did you mean \"mdi:gate\"?",
        "an entity without a name",
    ] {
        assert!(said.contains(sentence), "{sentence:?} is not in:\n{said}");
    }
    // New words come with new versions of Home Assistant.
    let script = "entity::sensor(\"c\", #{ device_class: \"from_next_year\" });";
    let house = House::furnish(&config, &[("new.rhai", script)]);
    let output = house.porchlight(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("such as \"from_next_year\""), "{said}");
}
