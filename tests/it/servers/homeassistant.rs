//! Home Assistant itself, on a broker of its own: what it finds of us, what it sends back, what it
//! does when it is told.

use super::Server;
use super::mosquitto::{Broker, PASSWORD, PORT as BROKER, USER};
use crate::house::{House, eventually, eventually_or_say, gate_config};
use crate::http::{Answer, send};
use crate::mqtt::broker_table;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

const PORT: u16 = 14123;
const CONFIGURATION: &str = include_str!("../../servers/homeassistant/configuration.yaml");

/// A Home Assistant with one user, until it is dropped.
struct Hass {
    server: Server,
    token: String,
}

impl Hass {
    /// Starts it with more lines in its configuration; `None` where it is not installed.
    fn start(more: &str) -> Option<Self> {
        let server = Server::hold("homeassistant")?;
        server.write("configuration.yaml", &format!("{CONFIGURATION}\n{more}"));
        let mut hass = Self {
            server,
            token: String::new(),
        };
        hass.run();
        hass.move_in();
        Some(hass)
    }

    fn run(&mut self) {
        self.server
            .start("hass", &["-c", ".", "--skip-pip"], &[PORT]);
        self.until_it_runs();
    }

    /// It takes requests long before it can answer them.
    fn until_it_runs(&self) {
        if self.token.is_empty() {
            eventually("it takes its first user", || {
                let answer = self.ask("GET", "/api/onboarding", &Value::Null);
                (answer.status == 200).then_some(())
            });
        } else {
            eventually("it runs", || {
                let answer = self.ask("GET", "/api/config", &Value::Null);
                (answer.status == 200 && answer.json()["state"] == "RUNNING").then_some(())
            });
        }
    }

    /// What a person does at the first start: a name and a password.
    fn move_in(&mut self) {
        let client = format!("http://127.0.0.1:{PORT}/");
        let user = json!({
            "client_id": client, "name": "Owner", "username": "owner", "password": "test-password", "language": "en",
        });
        let answer = self.ask("POST", "/api/onboarding/users", &user);
        let code = answer.json()["auth_code"]
            .as_str()
            .expect("a code")
            .to_owned();
        let form = format!("grant_type=authorization_code&code={code}&client_id={client}");
        let answer = self.raw(
            "POST",
            "/auth/token",
            "application/x-www-form-urlencoded",
            &form,
        );
        let token = answer.json()["access_token"].as_str().map(str::to_owned);
        self.token = token.expect("a token");
        self.until_it_runs();
    }

    /// Has it speak to the tests' broker, as a person does under Settings, Devices.
    fn join(&self, _broker: &Broker) {
        let flow = "/api/config/config_entries/flow";
        let begun = self.ask(
            "POST",
            flow,
            &json!({ "handler": "mqtt", "show_advanced_options": false }),
        );
        let id = begun.json()["flow_id"].as_str().expect("a flow").to_owned();
        let broker = json!({ "broker": "127.0.0.1", "port": BROKER, "username": USER, "password": PASSWORD });
        let done = self.ask("POST", &format!("{flow}/{id}"), &broker).json();
        assert_eq!(done["type"], "create_entry", "{done}");
    }

    /// Ends it as its own button does, so that it keeps what it knows, and starts it again.
    fn restart(&mut self) {
        self.ask("POST", "/api/services/homeassistant/stop", &json!({}));
        eventually("it ends", || (!self.server.is_running()).then_some(()));
        self.server.kill();
        self.run();
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.raw(method, path, "application/json", &body)
    }

    fn raw(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len(),
        );
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        send(address, text.as_bytes()).expect("an answer")
    }

    /// What it says of an entity; nothing when it has none of this name.
    fn entity(&self, entity: &str) -> Option<Value> {
        let answer = self.ask("GET", &format!("/api/states/{entity}"), &Value::Null);
        (answer.status == 200).then(|| answer.json())
    }

    fn state(&self, entity: &str) -> Option<String> {
        Some(self.entity(entity)?["state"].as_str()?.to_owned())
    }

    /// Waits until an entity has this state; gives all of it.
    fn wait_for(&self, entity: &str, state: &str) -> Value {
        let say = || {
            let all = self.ask("GET", "/api/states", &Value::Null).json();
            let all = all.as_array().into_iter().flatten();
            let known: Vec<String> = all
                .map(|one| format!("{} {}", one["entity_id"], one["state"]))
                .collect();
            format!("{entity} is {state}; there are {known:?}")
        };
        eventually_or_say(say, || {
            self.entity(entity).filter(|it| it["state"] == state)
        })
    }

    /// Does what a tap in its app does.
    fn call(&self, service: &str, data: &Value) {
        let path = format!("/api/services/{}", service.replace('.', "/"));
        let answer = self.ask("POST", &path, data);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

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
    let Some(broker) = Broker::start() else {
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

    // What a script no longer has is gone there, the rest is not.
    let without = GATE.lines().filter(|line| !line.contains("open_gate"));
    house.write_script("gate.rhai", &without.collect::<Vec<_>>().join("\n"));
    eventually("the button is gone", || {
        hass.entity("button.porchlight_open_the_gate")
            .is_none()
            .then_some(())
    });
    hass.wait_for("sensor.porchlight_last_word", "hello");
}
