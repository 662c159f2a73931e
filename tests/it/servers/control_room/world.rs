//! Everything outside of the example home that this machine can have, and the home furnished for it.

use crate::fake::Fake;
use crate::house::House;
use crate::http::send;
use crate::servers::aiosmtpd::{Post, start_tls};
use crate::servers::zigbee2mqtt::Zigbee;
use crate::servers::{Server, mosquitto};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The secret that the vendor's samples are signed with.
pub const SECRET: &str = "32212c72863c01a931609c5ebfe1abc5";
const CLOUD: &str = "http://127.0.0.1:14500";
pub const GITHUB: u16 = 14200;
pub const TWILIO: u16 = 14201;
/// Who the emulators know; these open nothing else.
pub const PHONE: &str = "AC00000000000000000000000000000000";
pub const PHONE_TOKEN: &str = "twilio_test_auth_token";
pub const CODE_TOKEN: &str = "gho_test_token_admin";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The configuration with another table in place of the one of this name.
fn with(config: &str, name: &str, table: &str) -> String {
    let head = format!("[{name}]\n");
    let begin = config.find(&head).unwrap_or_else(|| panic!("no {head}"));
    let rest = &config[begin + head.len()..];
    let end = rest.find("\n[").map_or(rest.len(), |at| at + 1);
    format!("{}{head}{table}\n{}", &config[..begin], &rest[end..])
}

/// What an emulator shows or does, as JSON.
pub fn emulated(port: u16, method: &str, path: &str, login: &str, body: &str) -> Value {
    // HTTP/1.0, so that the answer comes in one piece.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nAuthorization: {login}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = send(SocketAddr::from(([127, 0, 0, 1], port)), request.as_bytes());
    let answer = answer.expect("an answer");
    assert!((200..300).contains(&answer.status), "{answer:?}");
    answer.json()
}

/// GitHub and Twilio, with a repository for the tickets.
fn emulator() -> Option<Server> {
    let mut server = Server::hold("emulate")?;
    let port = GITHUB.to_string();
    let args = ["start", "--service", "github,twilio", "--port", &port];
    server.start("emulate", &args, &[GITHUB, TWILIO]);
    let login = format!("Bearer {CODE_TOKEN}");
    emulated(GITHUB, "POST", "/user/repos", &login, r#"{"name":"yard"}"#);
    Some(server)
}

/// A cloud that checks signatures, and the keys of who may call its function.
fn cloud() -> Option<(Server, Value)> {
    let mut moto = Server::hold("moto")?;
    moto.start("moto_server", &["-H", "127.0.0.1", "-p", "14500"], &[14500]);
    let setup = root().join("tests/servers/moto/setup.py");
    let output = moto
        .command("python3")
        .arg(setup)
        .args([CLOUD, "control-room"])
        .output()
        .expect("python runs");
    let keys = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    Some((moto, keys))
}

/// Everything outside that this machine can have.
pub struct World {
    pub zigbee: Option<Zigbee>,
    pub post: Option<Post>,
    pub cloud: Option<(Server, Value)>,
    pub emulator: Option<Server>,
    pub office: Option<Server>,
    pub cards: Option<Server>,
    /// Teams; and the lamp (WLED) where there is no Zigbee2MQTT.
    pub fake: Fake,
}

impl World {
    pub fn start() -> Self {
        Self {
            zigbee: Zigbee::start(),
            post: Post::start(),
            cloud: cloud(),
            emulator: emulator(),
            office: Server::hold("libreoffice"),
            cards: Server::hold("adaptivecards"),
            fake: Fake::answering(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"success\":true}",
            ),
        }
    }

    /// How many actions lead nowhere here, because this machine can't have what they are for.
    pub fn missing(&self) -> usize {
        let gone = [
            (self.post.is_none(), 1),
            (self.cloud.is_none(), 1),
            (self.emulator.is_none(), 2),
        ];
        gone.iter()
            .filter(|(gone, _)| *gone)
            .map(|(_, actions)| actions)
            .sum()
    }

    /// The example home, in this world.
    pub fn house(&self) -> House {
        let home = root().join("examples/control-room");
        let read = |name: &str| std::fs::read_to_string(home.join(name)).expect("the example");
        let fake = self.fake.url();
        let mut config = read("porchlight.toml")
            .replace("example-token-replace-me", SECRET)
            .replace("http://teams.lan", &fake)
            .replace("http://wled-gate.lan", &fake);
        if self.zigbee.is_some() {
            config = with(
                &config,
                "light.gate",
                "driver = \"zigbee2mqtt\"\ndevice = \"porch\"\n",
            );
            config += &format!(
                "\n[mqtt.house]\nurl = \"mqtt://127.0.0.1:{}\"\nuser = \"{}\"\npassword = \"{}\"\n",
                mosquitto::PORT,
                mosquitto::USER,
                mosquitto::PASSWORD
            );
        }
        if self.post.is_some() {
            let account = start_tls("password = \"test\"");
            let who = "from = \"house@example.org\"\nto = [\"duty@example.org\"]\n";
            let mail = format!("server = \"localhost\"\n{account}\n{who}");
            config = with(&config, "mail.duty", &mail) + "\n[tls.post]\nca = \"post.pem\"\n";
        }
        if let Some((_, keys)) = &self.cloud {
            let key = |name: &str| keys[name].as_str().expect("a key").to_owned();
            config = config
                .replace("http://lambda.lan", CLOUD)
                .replace("AKIAEXAMPLE", &key("key"))
                .replace("example-aws-secret", &key("secret"));
        }
        if self.emulator.is_some() {
            config = config
                .replace("http://twilio.lan", &format!("http://127.0.0.1:{TWILIO}"))
                .replace("example-twilio-token", PHONE_TOKEN);
            let tickets = format!(
                "service = \"github\"\nurl = \"http://127.0.0.1:{GITHUB}\"\nrepository = \"admin/yard\"\ntoken = \"{CODE_TOKEN}\"\n"
            );
            config = with(&config, "ticket.yard", &tickets);
        }
        if let Some(servers) = self.emulator.as_ref().or(self.cards.as_ref()) {
            // The machine's own Node may be none at all.
            let run = servers.program();
            let node = format!("argv = [{run:?}, \"node\", \"tools/notify.js\"]\n");
            config = with(&config, "command.notify", &node);
        }
        let script = read("scripts/control-room.rhai");
        let mut house = House::furnish(&config, &[("control-room.rhai", &script)]);
        std::fs::create_dir(house.path().join("tools")).expect("a folder");
        for tool in ["tools/analyse.py", "tools/notify.js"] {
            std::fs::write(house.path().join(tool), read(tool)).expect("a tool");
        }
        if let Some(post) = &self.post {
            std::fs::write(house.path().join("post.pem"), &post.certificate).expect("written");
        }
        house.restart();
        house
    }
}
