//! Lamps that keep a state as those of their makers do, at real sockets, and note every state they
//! were in. They know only what the driver of that make says to them.

use crate::fake::{Asked, Fake};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

/// A lamp of one make.
pub struct Lamp {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its table of porchlight.toml.
    pub table: String,
    /// How the state of this make says red.
    pub red: &'static str,
    /// And blue.
    pub blue: &'static str,
    life: Arc<Mutex<Life>>,
}

/// What a lamp went through.
struct Life {
    /// What it says when it is asked.
    state: Value,
    /// Every state in which it was, the first one first; no two in a row are the same.
    states: Vec<Value>,
    /// Every command, where it came several times in a row only once.
    commands: Vec<Value>,
}

impl Life {
    fn begin(state: Value) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            states: vec![state.clone()],
            commands: Vec::new(),
            state,
        }))
    }

    fn note(&mut self, command: &Value) {
        if self.commands.last() != Some(command) {
            self.commands.push(command.clone());
        }
        if self.states.last() != Some(&self.state) {
            self.states.push(self.state.clone());
        }
    }
}

impl Lamp {
    pub fn now(&self) -> Value {
        self.life.lock().expect("lock").state.clone()
    }

    pub fn states(&self) -> Vec<Value> {
        self.life.lock().expect("lock").states.clone()
    }

    /// How often it was told this, not counting what followed itself.
    pub fn times_told(&self, command: &Value) -> usize {
        let life = self.life.lock().expect("lock");
        life.commands.iter().filter(|told| *told == command).count()
    }

    pub fn shows(&self, color: &str) -> bool {
        self.now().to_string().contains(color)
    }

    pub fn is_on(&self) -> bool {
        self.now()["on"] == true
    }

    fn web(
        name: &'static str,
        keys: &str,
        state: Value,
        mut told: impl FnMut(&mut Value, &Asked) -> Value + Send + 'static,
        (red, blue): (&'static str, &'static str),
    ) -> Self {
        let life = Life::begin(state);
        let own = Arc::clone(&life);
        let fake = Fake::device(move |asked| {
            let mut life = own.lock().expect("lock");
            let answer = told(&mut life.state, asked);
            if asked.method != "GET" {
                life.note(&asked.json());
            }
            answer.to_string()
        });
        let table = format!(
            "[light.{name}]\ndriver = \"{name}\"\nurl = \"{}\"\n{keys}",
            fake.url()
        );
        Self {
            name,
            table,
            red,
            blue,
            life,
        }
    }

    /// WLED with two segments, each in an effect of its own.
    pub fn wled(on: bool) -> Self {
        let seg = json!([
            {"id": 0, "fx": 9, "sx": 40, "col": [[10, 20, 30], [0, 0, 0]]},
            {"id": 1, "fx": 0, "sx": 128, "col": [[4, 5, 6], [0, 0, 0]]},
        ]);
        let state = json!({"on": on, "bri": 20, "ps": -1, "seg": seg});
        Self::web("wled", "", state, wled, ("[255,0,0]", "[0,0,255]"))
    }

    /// A lamp of Home Assistant that is white, of a temperature.
    pub fn homeassistant(on: bool) -> Self {
        let state = json!({
            "on": on, "entity": "light.porch", "brightness": 90, "color_mode": "color_temp",
            "color_temp_kelvin": 2700, "rgb_color": [255, 166, 87],
        });
        let keys = "token = \"hass-token\"\nentity = \"light.porch\"\n";
        let colors = ("[255,0,0]", "[0,0,255]");
        Self::web("homeassistant", keys, state, homeassistant, colors)
    }

    /// A lamp of an old Hue bridge.
    pub fn hue_v1(on: bool) -> Self {
        let state = json!({"on": on, "bri": 77, "colormode": "ct", "ct": 300, "xy": [0.4, 0.39]});
        let keys = "key = \"hue-user\"\nid = \"3\"\n";
        let colors = ("[0.6401,0.33]", "[0.15,0.06]");
        Self::web("hue-v1", keys, state, hue_v1, colors)
    }

    /// Govee's, which answers to port 4002 whoever asks.
    pub fn govee(on: bool) -> Self {
        let life = Life::begin(json!({
            "on": on, "brightness": 33, "color": {"r": 9, "g": 8, "b": 7}, "kelvin": 0,
        }));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let own = Arc::clone(&life);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((size, _)) = socket.recv_from(&mut buffer) {
                let said: Value = serde_json::from_slice(&buffer[..size]).unwrap_or_default();
                if let Some(answer) = govee(&mut own.lock().expect("lock"), &said["msg"]) {
                    let sent = socket.send_to(answer.to_string().as_bytes(), "127.0.0.1:4002");
                    _ = sent.expect("the answer leaves");
                }
            }
        });
        let keys = format!("host = \"127.0.0.1\"\nport = \"{port}\"\n");
        Self {
            name: "govee-lan",
            table: format!("[light.govee-lan]\ndriver = \"govee-lan\"\n{keys}"),
            red: r#""color":{"b":0,"g":0,"r":255}"#,
            blue: r#""color":{"b":255,"g":0,"r":0}"#,
            life,
        }
    }
}

/// `/json/state`: what a body has changes, the rest stays; segments are known by their ids.
fn wled(state: &mut Value, asked: &Asked) -> Value {
    assert_eq!(asked.path, "/json/state");
    if asked.method == "GET" {
        return state.clone();
    }
    let body = asked.json();
    for key in ["on", "bri"] {
        if let Some(value) = body.get(key) {
            state[key] = value.clone();
        }
    }
    for segment in body["seg"].as_array().into_iter().flatten() {
        let own = state["seg"].as_array_mut().expect("segments");
        let own = own.iter_mut().find(|own| own["id"] == segment["id"]);
        let own = own.expect("a segment that it has");
        for (key, value) in segment.as_object().expect("a segment") {
            // Colours that are not given stay.
            if key == "col" {
                for (n, color) in value.as_array().expect("colours").iter().enumerate() {
                    own["col"][n] = color.clone();
                }
            } else {
                own[key] = value.clone();
            }
        }
    }
    json!({"success": true})
}

/// The state of an entity, and the services that change it. What is off says nothing of its colour.
fn homeassistant(state: &mut Value, asked: &Asked) -> Value {
    assert_eq!(asked.header("authorization"), Some("Bearer hass-token"));
    let on = state["on"] == true;
    if asked.path == "/api/states/light.porch" {
        let attributes = if on { state.clone() } else { json!({}) };
        let word = if on { "on" } else { "off" };
        return json!({"entity_id": "light.porch", "state": word, "attributes": attributes});
    }
    let body = asked.json();
    assert_eq!(body["entity_id"], "light.porch");
    state["on"] = match asked.path.as_str() {
        "/api/services/light/turn_on" => true.into(),
        "/api/services/light/turn_off" => false.into(),
        other => panic!("{other}"),
    };
    if let Some(percent) = body["brightness_pct"].as_f64() {
        state["brightness"] = ((percent * 255.0 / 100.0).round() as u64).into();
    }
    if let Some(brightness) = body.get("brightness") {
        state["brightness"] = brightness.clone();
    }
    if let Some(color) = body.get("rgb_color") {
        state["rgb_color"] = color.clone();
        state["color_mode"] = "rgb".into();
    }
    if let Some(kelvin) = body.get("color_temp_kelvin") {
        assert_eq!(kelvin, 2700, "the only white that was ever asked for");
        state["color_temp_kelvin"] = kelvin.clone();
        state["color_mode"] = "color_temp".into();
        state["rgb_color"] = json!([255, 166, 87]);
    }
    json!([])
}

/// `/lights/3`: colours and brightness are taken only while it is on, or with what turns it on.
fn hue_v1(state: &mut Value, asked: &Asked) -> Value {
    if asked.method == "GET" {
        assert_eq!(asked.path, "/api/hue-user/lights/3");
        return json!({"state": state.clone(), "name": "Porch"});
    }
    assert_eq!(asked.path, "/api/hue-user/lights/3/state");
    let body = asked.json();
    if let Some(on) = body.get("on") {
        state["on"] = on.clone();
    }
    for (key, mode) in [("bri", None), ("ct", Some("ct")), ("xy", Some("xy"))] {
        let Some(value) = body.get(key) else {
            continue;
        };
        if state["on"] != true {
            let description = format!("parameter, {key}, is not modifiable. Device is set to off.");
            return json!([{"error": {"type": 201, "address": "/lights/3/state", "description": description}}]);
        }
        state[key] = value.clone();
        if let Some(mode) = mode {
            state["colormode"] = mode.into();
        }
        if mode == Some("ct") {
            state["xy"] = json!([0.4, 0.39]);
        }
    }
    json!([{"success": {"/lights/3/state": body}}])
}

fn govee(life: &mut Life, said: &Value) -> Option<Value> {
    let data = &said["data"];
    match said["cmd"].as_str()? {
        "devStatus" => {
            let on = u8::from(life.state["on"] == true);
            let data = json!({
                "onOff": on, "brightness": life.state["brightness"], "color": life.state["color"],
                "colorTemInKelvin": life.state["kelvin"],
            });
            return Some(json!({"msg": {"cmd": "devStatus", "data": data}}));
        }
        "turn" => life.state["on"] = (data["value"] == 1).into(),
        "brightness" => life.state["brightness"] = data["value"].clone(),
        "colorwc" => {
            life.state["color"] = data["color"].clone();
            life.state["kelvin"] = data["colorTemInKelvin"].clone();
        }
        other => panic!("{other}"),
    }
    life.note(said);
    None
}
