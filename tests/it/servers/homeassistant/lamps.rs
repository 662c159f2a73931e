//! Flashes of Home Assistant's lamps: each in a colour mode of its own.

use super::{Hass, LAMPS, PORT, knows};
use crate::house::{House, eventually_or_say};
use crate::http::connect;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

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
