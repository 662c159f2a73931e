//! Home Assistant itself, on a broker of its own: what it finds of us, what it sends back, what it
//! does when it is told.

use super::Server;
use super::mosquitto::{Broker, PASSWORD, PORT as BROKER, USER};
use crate::house::{House, eventually, eventually_or_say, gate_config};
use crate::http::{Answer, connect, send};
use crate::mqtt::broker_table;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

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

#[test]
fn what_home_assistant_answers_is_judged_as_it_means_it() {
    // A notification comes back as a text that can be asked for.
    let more = r#"
input_text:
  heard:
automation:
  - alias: Hears notifications
    triggers:
      - trigger: persistent_notification
        update_type: added
    actions:
      - action: input_text.set_value
        target: { entity_id: input_text.heard }
        data: { value: "{{ trigger.notification.title }}: {{ trigger.notification.message }}" }
  - alias: Hears an event
    triggers:
      - trigger: event
        event_type: plate_seen
    actions:
      - action: input_text.set_value
        target: { entity_id: input_text.heard }
        data: { value: "{{ trigger.event.data.plate }}" }
"#;
    let Some(hass) = Hass::start(more) else {
        return;
    };
    let house = House::furnish(&knows(&hass), &[]);
    let done = |what: &str| {
        let (code, said) = act(&house, what);
        assert_eq!(code, Some(0), "{what}: {said}");
    };
    let refused = |what: &str, why: &str| {
        let (code, said) = act(&house, what);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains(why), "{what}: {said}");
        assert!(said.contains("would be dead now"), "{what}: {said}");
    };
    done(
        r##"homeassistant::service("home", "light.turn_on", #{ entity_id: "light.bed_light", rgb_color: color_rgb("#00ff00") })"##,
    );
    let bed = hass.wait_for("light.bed_light", "on");
    assert_eq!(bed["attributes"]["rgb_color"], json!([0, 255, 0]));
    done(r#"homeassistant::state("home", "sensor.last_plate", "ABC 123", #{ camera: "north" })"#);
    let plate = hass.wait_for("sensor.last_plate", "ABC 123");
    assert_eq!(plate["attributes"]["camera"], "north");
    done(r#"homeassistant::state("home", "sensor.last_plate", 7)"#);
    hass.wait_for("sensor.last_plate", "7");
    let (code, said) = act(
        &house,
        r#"homeassistant::get("home", "sensor.last_plate").state"#,
    );
    assert!(code == Some(0) && said.contains("gives 7"), "{said}");
    done(r#"homeassistant::event("home", "plate_seen", #{ plate: "XYZ 789" })"#);
    hass.wait_for("input_text.heard", "XYZ 789");
    done(
        r#"homeassistant::notify("home", "persistent_notification", "Somebody rings", #{ title: "Door" })"#,
    );
    hass.wait_for("input_text.heard", "Door: Somebody rings");

    // Its own 400 says neither which of the two it was; both are wrong for ever.
    refused(
        r#"homeassistant::service("home", "light.explode", #{ entity_id: "light.bed_light" })"#,
        "400",
    );
    refused(
        r#"homeassistant::service("home", "light.turn_on", #{ entity_id: "light.bed_light", briteness: 1 })"#,
        "400",
    );
    refused(
        r#"homeassistant::notify("home", "mobile_app_nobody", "x")"#,
        "400",
    );
    refused(r#"homeassistant::state("home", "no entity", 1)"#, "400");
    refused(
        r#"homeassistant::event("stranger", "plate_seen", #{})"#,
        "401",
    );
    let (code, said) = act(&house, r#"homeassistant::get("home", "light.of_nobody")"#);
    assert!(code == Some(1) && said.contains("404"), "{said}");

    // 200, and nothing was done: nobody could tell from the answer. `doctor` finds it beforehand.
    done(r#"homeassistant::service("home", "light.turn_on", #{ entity_id: "light.of_nobody" })"#);
    assert!(hass.entity("light.of_nobody").is_none());
    let doctor = house.porchlight(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    for line in [
        "[light.bed_light] 127.0.0.1:14123 answers",
        "[light.of_nobody] 127.0.0.1:14123 is reached, but: rejected: the answer was 404",
        "is there such an entity?",
        "[siren.siren] 127.0.0.1:14123 answers",
        "[homeassistant.home] 127.0.0.1:14123 answers",
        "[homeassistant.stranger] 127.0.0.1:14123 is reached, but: auth",
    ] {
        assert!(said.contains(line), "{line:?} is not in {said}");
    }

    // A siren that can't end by itself is not begun.
    for siren in ["siren.siren", "siren.siren_with_all_features"] {
        hass.call("siren.turn_off", &json!({ "entity_id": siren }));
    }
    done(r#"siren::sound("siren_with_all_features", #{ "for": "2s" })"#);
    hass.wait_for("siren.siren_with_all_features", "on");
    done(r#"siren::stop("siren_with_all_features")"#);
    hass.wait_for("siren.siren_with_all_features", "off");
    let (code, said) = act(&house, r#"siren::sound("siren", #{ "for": "2s" })"#);
    assert!(
        code == Some(1) && said.contains("has no timer of its own"),
        "{said}"
    );
    hass.wait_for("siren.siren", "off");
}

/// Lamps of its demonstration that are on, each in a colour mode of its own.
const LAMPS: [&str; 5] = [
    "kitchen_lights",
    "ceiling_lights",
    "office_rgbw_lights",
    "living_room_rgbww_lights",
    "entrance_color_white_lights",
];

#[test]
fn a_flash_toggles_lamps_of_home_assistant_and_puts_each_back_as_it_was_also_after_a_power_cut() {
    let Some(hass) = Hass::start("") else {
        return;
    };
    let white = json!({ "entity_id": "light.entrance_color_white_lights", "white": 120 });
    hass.call("light.turn_on", &white);
    let script = r#"
        on("gate.*", |event| {
            for lamp in event.data.lamps { light::flash(lamp, #{ color: "blue", times: event.data.times }); }
        });
    "#;
    let mut house = House::start(&knows(&hass), &[("flash.rhai", script)]);
    let mut lamps = LAMPS.to_vec();
    lamps.push("bed_light");
    let looks = |lamp: &str| {
        let entity = hass.entity(&format!("light.{lamp}")).expect("a lamp");
        let about = &entity["attributes"];
        let shown = ["brightness", "color_mode", "rgb_color", "effect"];
        json!([entity["state"], shown.map(|name| &about[name])])
    };
    let all = || lamps.iter().map(|lamp| looks(lamp)).collect::<Vec<_>>();
    let before = all();
    assert_eq!(before[4][1][1], "white", "{before:?}");
    assert_eq!(before[5][0], "off", "{before:?}");
    let changes = hass.listen();
    let flash = |house: &House, times: u32| {
        house.post_ok(&json!({ "type": "opened", "lamps": lamps, "times": times }).to_string())
    };
    flash(&house, 2);
    for lamp in &lamps {
        changes.wait_for(lamp, &["blue", "off"]);
    }
    let back = |before: &[Value]| {
        eventually_or_say(
            || format!("all are back at {before:?}, now {:?}", all()),
            || (all() == before).then_some(()),
        );
    };
    back(&before);

    // In the middle of the next flash the power goes.
    let rainbow =
        json!({ "entity_id": "light.bed_light", "effect": "rainbow", "color_temp_kelvin": 3000 });
    hass.call("light.turn_on", &rainbow);
    let before = all();
    let changes = hass.listen();
    flash(&house, 6);
    for lamp in &lamps {
        changes.wait_for(lamp, &["blue"]);
    }
    house.kill();
    house.restart();
    back(&before);
}

/// The stream of what Home Assistant's lamps do, as its own API has it.
struct Changes {
    seen: Arc<Mutex<Vec<(String, &'static str)>>>,
}

impl Changes {
    /// Waits until a lamp looked like this, one after the other.
    fn wait_for(&self, lamp: &str, looks: &[&str]) {
        let entity = format!("light.{lamp}");
        let of = || {
            let seen = self.seen.lock().expect("lock").clone().into_iter();
            let of = seen.filter(|(one, _)| *one == entity);
            of.map(|(_, look)| look).collect::<Vec<_>>()
        };
        eventually_or_say(
            || {
                format!(
                    "{entity} is {looks:?} one after the other, it was {:?}",
                    of()
                )
            },
            || {
                of().windows(looks.len())
                    .any(|some| some == looks)
                    .then_some(())
            },
        );
    }
}

impl Hass {
    /// Begins to hear of changes.
    fn listen(&self) -> Changes {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        let mut stream = connect(address).expect("a connection");
        let head = format!(
            "GET /api/stream?restrict=state_changed HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\
             Authorization: Bearer {}\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        // Its first line comes when it listens.
        lines.find(|line| line == "data: ping").expect("it begins");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&seen);
        std::thread::spawn(move || {
            for line in lines {
                let Some(change) = line.strip_prefix("data: {") else {
                    continue;
                };
                let change: Value = serde_json::from_str(&format!("{{{change}")).expect("JSON");
                let (data, new) = (&change["data"], &change["data"]["new_state"]);
                let look = match (&new["state"], &new["attributes"]["rgb_color"]) {
                    (state, _) if state == "off" => "off",
                    (_, color) if *color == json!([0, 0, 255]) => "blue",
                    _ => "on",
                };
                let entity = data["entity_id"].as_str().unwrap_or_default().to_owned();
                listener.lock().expect("lock").push((entity, look));
            }
        });
        Changes { seen }
    }
}
