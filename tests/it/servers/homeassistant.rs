//! Home Assistant itself, on a broker of its own: what it finds of us, what it sends back, what it
//! does when it is told.

mod answers;
mod automations;
mod lamps;
mod shown;

use super::Server;
use super::mosquitto::{Broker, PASSWORD, PORT as BROKER, USER};
use crate::house::{House, eventually, eventually_or_say, gate_config};
use crate::http::{Answer, send};
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
        Self::furnish(more, &[])
    }

    /// The same with files beside its configuration.
    fn furnish(more: &str, files: &[(&str, &str)]) -> Option<Self> {
        let server = Server::hold("homeassistant")?;
        server.write("configuration.yaml", &format!("{CONFIGURATION}\n{more}"));
        for (name, text) in files {
            server.write(name, text);
        }
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

/// Lamps of its demonstration that are on, each in a colour mode of its own.
const LAMPS: [&str; 5] = [
    "kitchen_lights",
    "ceiling_lights",
    "office_rgbw_lights",
    "living_room_rgbww_lights",
    "entrance_color_white_lights",
];

/// A house that knows this Home Assistant, its lamps by name, and one that is none of them.
fn knows(hass: &Hass) -> String {
    let access = format!(
        "url = \"http://127.0.0.1:{PORT}\"\ntoken = \"{}\"\n",
        hass.token
    );
    let mut config = gate_config()
        + &format!("[homeassistant.home]\n{access}")
        + &format!(
            "[homeassistant.stranger]\nurl = \"http://127.0.0.1:{PORT}\"\ntoken = \"nobody's\"\n"
        );
    for lamp in LAMPS.iter().chain(&["bed_light", "of_nobody"]) {
        config += &format!(
            "[light.{lamp}]\ndriver = \"homeassistant\"\nentity = \"light.{lamp}\"\n{access}"
        );
    }
    for siren in ["siren", "siren_with_all_features"] {
        config += &format!(
            "[siren.{siren}]\ndriver = \"homeassistant\"\nentity = \"siren.{siren}\"\n{access}"
        );
    }
    config
}

/// Does something by hand; gives the exit code and what was said.
fn act(house: &House, what: &str) -> (Option<i32>, String) {
    let output = house.porchlight(&["act", what]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}
