//! Zigbee2MQTT with a radio that prints its frames: a Hue lamp `porch`, a Heiman `siren`, and the
//! group `hall` with the lamp in it.

use super::Server;
use super::mosquitto::Broker;
use crate::house::{House, eventually, gate_config};

/// What it is started with.
const FILES: [(&str, &str); 3] = [
    (
        "radio.js",
        include_str!("../../servers/zigbee2mqtt/radio.js"),
    ),
    (
        "configuration.yaml",
        include_str!("../../servers/zigbee2mqtt/configuration.yaml"),
    ),
    (
        "database.db",
        include_str!("../../servers/zigbee2mqtt/database.db"),
    ),
];
pub const LAMP: &str = "0x0017880100000001";
pub const SIREN: &str = "0x0015bc0000000002";
pub const GROUP: &str = "group-7";

/// A frame that would have gone over the air.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// When it left, in milliseconds since 1970.
    pub at: u64,
    pub to: String,
    /// `genIdentify.triggerEffect`.
    pub command: String,
    pub payload: serde_json::Value,
    /// The whole frame.
    pub hex: String,
}

/// Zigbee2MQTT, until it is dropped.
pub struct Zigbee {
    server: Server,
    pub broker: Broker,
}

impl Zigbee {
    /// Starts a broker and Zigbee2MQTT on it; `None` where one of them is not installed.
    pub fn start() -> Option<Self> {
        let broker = Broker::start()?;
        let mut server = Server::hold("zigbee2mqtt")?;
        for (name, text) in FILES {
            server.write(name, text);
        }
        let mut node = server.command("node");
        node.arg("radio.js")
            .env("ZIGBEE2MQTT_DATA", server.dir.path());
        server.start_as(node, &[]);
        let zigbee = Self { server, broker };
        // It says that it is online before it listens, so it is asked.
        eventually("Zigbee2MQTT answers", || {
            let answered = zigbee
                .broker
                .client("mosquitto_rr")
                .args(["-t", "zigbee2mqtt/bridge/request/health_check"])
                .args(["-e", "zigbee2mqtt/bridge/response/health_check"])
                .args(["-m", "{}", "-W", "1"])
                .output()
                .expect("mosquitto_rr runs");
            (!answered.stdout.is_empty()).then_some(())
        });
        Some(zigbee)
    }

    /// Every frame so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.server.log().lines().filter_map(frame).collect()
    }

    /// Waits for a frame of this command to this address.
    pub fn wait_for(&self, to: &str, command: &str) -> Frame {
        eventually(&format!("{command} to {to}"), || {
            self.frames()
                .into_iter()
                .find(|frame| frame.to == to && frame.command == command)
        })
    }
}

fn frame(line: &str) -> Option<Frame> {
    let mut words = line.strip_prefix("FRAME ")?.split(' ');
    Some(Frame {
        at: words.next()?.parse().ok()?,
        to: words.next()?.to_owned(),
        command: words.next()?.to_owned(),
        payload: serde_json::from_str(words.next()?).ok()?,
        hex: words.next()?.to_owned(),
    })
}

/// The instrument is tried before it is believed: what is published by hand arrives as frames.
#[test]
fn the_radio_prints_the_frames_of_lamp_group_and_siren() {
    let Some(zigbee) = Zigbee::start() else {
        return;
    };
    let began = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis();
    for lamp in ["porch", "hall"] {
        let topic = format!("zigbee2mqtt/{lamp}/set");
        zigbee.broker.publish(&topic, r#"{"effect":"blink"}"#);
    }
    let warning = r#"{"warning":{"mode":"emergency","level":"high","strobe":true,"duration":10}}"#;
    zigbee.broker.publish("zigbee2mqtt/siren/set", warning);
    let blink = zigbee.wait_for(LAMP, "genIdentify.triggerEffect");
    assert!(u128::from(blink.at) >= began, "{blink:?} after {began}");
    assert!(blink.hex.ends_with("400000"), "{blink:?}");
    zigbee.wait_for(GROUP, "genIdentify.triggerEffect");
    let siren = zigbee.wait_for(SIREN, "ssIasWd.startWarning");
    assert_eq!(siren.payload["warningduration"], 10);
}

/// From a signed webhook to the bytes that go over the air.
#[test]
fn a_webhook_flashes_a_zigbee_lamp_and_sounds_a_siren() {
    let Some(zigbee) = Zigbee::start() else {
        return;
    };
    let config = format!(
        "{}\n[mqtt.house]\nurl = \"mqtt://127.0.0.1:{}\"\nuser = \"{}\"\npassword = \"{}\"\n\
         [light.porch]\ndriver = \"zigbee2mqtt\"\ndevice = \"porch\"\n\
         [siren.yard]\ndriver = \"zigbee2mqtt\"\ndevice = \"siren\"\n\
         [permissions]\nmode = \"declared\"\n",
        gate_config(),
        super::mosquitto::PORT,
        super::mosquitto::USER,
        super::mosquitto::PASSWORD,
    );
    // The script names the lamp and the siren, and no topic.
    let script = r#"//! needs: event gate.*, light porch, siren yard
    on("gate.*", |event| {
        light::flash("porch", #{ times: 1 });
        siren::sound("yard", #{ "for": "10s" });
    });"#;
    let house = House::start(&config, &[("alarm.rhai", script)]);
    house.post_ok("{}");
    let blink = zigbee.wait_for(LAMP, "genIdentify.triggerEffect");
    assert!(blink.hex.ends_with("400000"), "{blink:?}");
    let siren = zigbee.wait_for(SIREN, "ssIasWd.startWarning");
    assert_eq!(siren.payload["warningduration"], 10);
}
