//! A LIFX lamp of an emulator that speaks the LAN protocol, and says over HTTP what became of it.

use super::Server;
use crate::house::{House, eventually, gate_config};
use crate::http::{request, send};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

const LAN: u16 = 14567;
const API: u16 = 14566;
/// Packets, as the protocol numbers them.
const ACKNOWLEDGEMENT: &str = "45";
const GET_COLOR: &str = "101";
const LIGHT_STATE: u32 = 107;
const SET_POWER: &str = "117";

const SCRIPT: &str = r#"
on("gate.*", |event| {
    let data = event.data;
    switch data.type {
        "flash" => light::flash("hall", #{ color: "red", "for": data["for"] }),
        "plain" => light::flash("hall", #{ "for": data["for"] }),
        "set" => light::set("hall", #{ color: "red", brightness: 40 }),
        "dim" => light::set("hall", #{ brightness: 10, transition: "200ms" }),
        "on" => light::on("hall"),
        "off" => light::off("hall"),
    }
});
"#;

/// The emulator with one lamp: on, green and half as bright as it can be.
struct Lamp {
    _server: Server,
    house: House,
}

impl Lamp {
    fn start() -> Option<Self> {
        let mut server = Server::hold("lifx")?;
        let (lan, api) = (LAN.to_string(), API.to_string());
        let args = ["--port", &lan, "--color", "1", "--api", "--api-port", &api];
        server.start("lifx-emulator", &args, &[API]);
        let config = format!(
            "{}\n[light.hall]\ndriver = \"lifx-lan\"\nhost = \"127.0.0.1\"\nport = \"{LAN}\"\n",
            gate_config()
        );
        let house = House::start(&config, &[("a.rhai", SCRIPT)]);
        let _server = server;
        Some(Self { _server, house })
    }

    fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [
            ("Connection", "close"),
            ("Content-Type", "application/json"),
        ];
        let bytes = request(path, &headers, body.to_string().as_bytes());
        let text = String::from_utf8(bytes).expect("a request");
        let text = text.replacen("POST", method, 1);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, API));
        let answer = send(address, text.as_bytes()).expect("an answer");
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        answer.json()
    }

    fn device(&self) -> Value {
        self.api("GET", "/api/devices", &json!({}))["devices"][0].clone()
    }

    /// Whether it is on, and its colour now.
    fn now(&self) -> (bool, Value) {
        let device = self.device();
        (device["power_level"] != 0, device["color"].clone())
    }

    fn change(&self, to: &Value) {
        let serial = self.device()["serial"].as_str().expect("one").to_owned();
        self.api("PATCH", &format!("/api/devices/{serial}/state"), to);
    }

    /// What it does badly from now on; nothing of it when it is told `{}`.
    fn behave(&self, how: &Value) {
        self.api("PUT", "/api/scenarios/global", how);
    }

    fn packets(&self, direction: &str, kind: &str) -> u64 {
        let stats = self.api("GET", "/api/stats", &json!({}));
        let counts = &stats[format!("packets_{direction}_by_type")];
        counts[kind].as_u64().unwrap_or(0)
    }

    fn say(&self, body: &Value) {
        self.house.post_ok(&body.to_string());
    }

    fn wait_until(&self, what: &str, holds: impl Fn(bool, &Value) -> bool) {
        eventually(what, || {
            let (on, color) = self.now();
            holds(on, &color).then_some(())
        });
    }

    /// Waits until all that was told is done, and nothing waits.
    fn quiet(&self) {
        let place = self.house.path().join("data");
        let reader = porchlight_journal::Reader::open(&place).expect("a journal");
        eventually("nothing waits and nothing is open", || {
            let waits = reader.waits().ok()?;
            let actions = self.house.actions();
            let done = actions.iter().all(|one| one["status"] == "done");
            (waits.is_empty() && done).then_some(())
        });
    }
}

fn is_red(color: &Value) -> bool {
    color["hue"] == 0 && color["saturation"] == 65535
}

#[test]
fn a_lamp_of_lifx_is_as_it_was_told_and_flashes_back_to_that() {
    let Some(lamp) = Lamp::start() else {
        return;
    };
    lamp.say(&json!({"type": "set"}));
    lamp.wait_until(
        "it is red, two fifths as bright as it can be",
        |on, color| on && is_red(color) && color["brightness"] == 26214,
    );
    lamp.say(&json!({"type": "dim"}));
    lamp.wait_until("it is a tenth as bright, and red still", |on, color| {
        on && is_red(color) && color["brightness"] == 6554
    });
    lamp.say(&json!({"type": "off"}));
    lamp.wait_until("it is off", |on, _| !on);
    lamp.say(&json!({"type": "on"}));
    lamp.wait_until("it is on", |on, _| on);
    lamp.quiet();

    let violet = json!({"hue": 50000, "saturation": 40000, "brightness": 9000, "kelvin": 2700});
    for power in [65535, 0] {
        lamp.change(&json!({"power_level": power, "color": violet}));
        let (acknowledged, done) = (
            lamp.packets("sent", ACKNOWLEDGEMENT),
            lamp.house.actions().len(),
        );
        lamp.say(&json!({"type": "flash", "for": "3s", "power": power}));
        lamp.wait_until("it flashes red", |on, color| on && is_red(color));
        lamp.wait_until("it shows its own colour in between", |on, color| {
            on && *color == violet
        });
        lamp.quiet();
        assert_eq!(lamp.now(), (power != 0, violet.clone()));
        let told = (lamp.house.actions().len() - done) as u64;
        let acknowledged = lamp.packets("sent", ACKNOWLEDGEMENT) - acknowledged;
        assert!(told >= 2, "{told}");
        assert_eq!(acknowledged, told, "each is acknowledged, at the first try");
    }
}

#[test]
fn a_lamp_of_lifx_that_was_off_is_off_again_after_kill_9_in_its_flash() {
    let Some(mut lamp) = Lamp::start() else {
        return;
    };
    let violet = json!({"hue": 50000, "saturation": 40000, "brightness": 9000, "kelvin": 2700});
    lamp.change(&json!({"power_level": 0, "color": violet}));
    lamp.say(&json!({"type": "plain", "for": "2s"}));
    lamp.wait_until("it flashes", |on, _| on);
    lamp.house.kill();
    assert!(lamp.now().0, "it has nobody to turn it off");
    lamp.house.restart();
    lamp.quiet();
    assert_eq!(lamp.now(), (false, violet));
}

#[test]
fn what_a_lamp_of_lifx_does_not_acknowledge_is_said_again() {
    let Some(lamp) = Lamp::start() else {
        return;
    };
    // Only who does something about acknowledgements sends none for a packet that it drops.
    lamp.behave(&json!({"drop_packets": {ACKNOWLEDGEMENT: 1.0, SET_POWER: 1.0}}));
    lamp.say(&json!({"type": "off"}));
    eventually("it is told several times", || {
        (lamp.packets("received", SET_POWER) > 3).then_some(())
    });
    let actions = lamp.house.actions();
    assert_ne!(actions[0]["status"], "done", "{actions:#?}");
    lamp.behave(&json!({}));
    let done = lamp.house.wait_for_done(1);
    assert!(done[0]["attempts"].as_u64() > Some(1), "{:#}", done[0]);
}

#[test]
fn doctor_asks_a_lamp_of_lifx_whether_it_is_there() {
    let Some(lamp) = Lamp::start() else {
        return;
    };
    let place = format!("[light.hall] 127.0.0.1:{LAN}");
    let found = || {
        let found = lamp.house.json_lines(&["doctor", "--json"]);
        let mut found = found.into_iter();
        found.find(|one| {
            one["message"]
                .as_str()
                .is_some_and(|text| text.starts_with(&place))
        })
    };
    let answers = found().expect("it is looked at");
    assert_eq!(answers["level"], "ok", "{answers}");
    assert!(!answers["message"].to_string().contains("no answer"));
    lamp.behave(&json!({"drop_packets": {GET_COLOR: 1.0}}));
    let silent = lamp.house.json_lines(&["doctor", "--json"]);
    let silent = silent
        .iter()
        .find(|one| one.to_string().contains("[light.hall]"));
    assert_eq!(
        silent.map(|one| &one["level"]),
        Some(&json!("bad")),
        "{silent:?}"
    );
}

/// The documented end where nobody can know better.
#[test]
fn a_lamp_of_lifx_whose_answer_is_lost_or_broken_flashes_and_is_off_afterwards() {
    let Some(lamp) = Lamp::start() else {
        return;
    };
    let broken = [
        json!({"drop_packets": {GET_COLOR: 1.0}}),
        json!({"malformed_packets": [LIGHT_STATE]}),
    ];
    for (round, how) in broken.iter().enumerate() {
        let green = json!({"hue": 21845, "saturation": 65535, "brightness": 9000, "kelvin": 2700});
        lamp.change(&json!({"power_level": 65535, "color": green}));
        lamp.behave(how);
        lamp.say(&json!({"type": "flash", "for": "2s", "round": round}));
        lamp.wait_until("it flashes red", |on, color| on && is_red(color));
        lamp.wait_until("it is off", |on, _| !on);
        lamp.quiet();
        lamp.behave(&json!({}));
    }
    let runs = lamp.house.runs();
    let warned = runs.iter().filter(|run| {
        let text = run["logs"].to_string();
        text.contains("does not say how it is")
    });
    assert_eq!(warned.count(), 2, "{runs:#?}");
}
