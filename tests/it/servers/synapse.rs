//! Synapse, the Matrix server, with its limits in force: it answers 429 and says when to come again.

use super::{Server, shown};
use crate::goldens::seen_at;
use crate::house::{House, eventually, gate_config};
use crate::http::{request, send};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};

const PORT: u16 = 14008;
const CONFIGURATION: &str = include_str!("../../servers/synapse/homeserver.yaml");
/// More than the server takes at once.
const MESSAGES: usize = 12;

/// A server with one user in it.
struct Matrix {
    _server: Server,
    token: String,
}

impl Matrix {
    fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// With these lines more in its configuration.
    fn start_with(more: &str) -> Option<Self> {
        let mut server = Server::hold("synapse")?;
        server.write("homeserver.yaml", &format!("{CONFIGURATION}{more}"));
        let python = |server: &Server, more: &[&str]| {
            let mut command = server.command("python");
            let with = [
                "-m",
                "synapse.app.homeserver",
                "--config-path",
                "homeserver.yaml",
            ];
            command.args(with).args(more);
            command
        };
        let keys = python(&server, &["--generate-keys"])
            .output()
            .expect("it runs");
        assert!(keys.status.success(), "{keys:?}");
        let command = python(&server, &[]);
        server.start_as(command, &[PORT]);
        let user = server
            .command("register_new_matrix_user")
            .args([
                "-u",
                "bot",
                "-p",
                "test-password",
                "-a",
                "-c",
                "homeserver.yaml",
            ])
            .arg(format!("http://127.0.0.1:{PORT}"))
            .output()
            .expect("it runs");
        assert!(user.status.success(), "{user:?}");
        let mut matrix = Self {
            _server: server,
            token: String::new(),
        };
        let who = json!({ "type": "m.id.user", "user": "bot" });
        let login =
            json!({ "type": "m.login.password", "identifier": who, "password": "test-password" });
        let answer = matrix.post("login", &login);
        matrix.token = answer["access_token"].as_str().expect("a token").to_owned();
        Some(matrix)
    }

    /// What it answers, put together: it answers in pieces, each with its length before it.
    fn post(&self, what: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", bearer.as_str()), ("Connection", "close")];
        let headers = if self.token.is_empty() {
            &headers[1..]
        } else {
            &headers
        };
        let path = format!("/_matrix/client/v3/{what}");
        let bytes = request(&path, headers, body.to_string().as_bytes());
        let answer =
            send(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), &bytes).expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        let (mut json, mut rest) = (String::new(), answer.body.as_str());
        while let Some((length, after)) = rest.split_once("\r\n") {
            let length = usize::from_str_radix(length, 16).expect("a length");
            json += &after[..length];
            rest = after[length..].trim_start_matches("\r\n");
        }
        serde_json::from_str(&json).expect("JSON")
    }

    fn room(&self) -> String {
        let answer = self.post("createRoom", &json!({ "name": "Gate" }));
        answer["room_id"].as_str().expect("a room").to_owned()
    }

    /// The configuration of a house that writes to this room.
    fn channel(&self, room: &str) -> String {
        gate_config() + "\n" + &channel("room", &self.token, room)
    }

    /// The last messages of a room, the newest first.
    fn last(&self, room: &str, count: usize) -> Vec<Value> {
        let bearer = format!("Bearer {}", self.token);
        let room = room.replace('!', "%21").replace(':', "%3A");
        let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit={count}");
        let said = shown(PORT, &path, &[("Authorization", &bearer)]);
        let said = said["chunk"].as_array().expect("messages").iter();
        said.map(|one| one["content"].clone()).collect()
    }

    /// What was said in a room, oldest first, as anybody in it would read it.
    fn said(&self, room: &str) -> Vec<String> {
        let filter = json!({ "room_events": { "search_term": "visitor", "keys": ["content.body"], "order_by": "recent", "filter": { "rooms": [room], "limit": 100 } } });
        let found = self.post("search", &json!({ "search_categories": filter }));
        let results = found["search_categories"]["room_events"]["results"].as_array();
        let bodies = results.into_iter().flatten().rev();
        bodies
            .filter_map(|one| one["result"]["content"]["body"].as_str())
            .map(str::to_owned)
            .collect()
    }
}

fn channel(name: &str, token: &str, room: &str) -> String {
    format!(
        "[message.{name}]\nservice = \"matrix\"\nurl = \"http://127.0.0.1:{PORT}\"\ntoken = \"{token}\"\nroom = \"{room}\"\n"
    )
}

/// A camera whose pictures go to a room.
const CAMERA: &str = "[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n";
const SHOW: &str = r#"on("platerecognizer.recognition", |event| {
    message::send("room", "Who is <this>?", #{ title: "Gate", image: event.attachments[0] });
});"#;

#[test]
fn a_server_that_wants_to_be_asked_more_slowly_gets_every_message_once_and_in_order() {
    let Some(matrix) = Matrix::start() else {
        return;
    };
    let room = matrix.room();
    let config = matrix.channel(&room);
    let script = r#"on("gate.*", |event| message::send("room", `visitor ${event.data.number}`));"#;
    let house = House::start(&config, &[("visitors.rhai", script)]);
    for number in 0..MESSAGES {
        house.post_ok(&json!({ "number": number }).to_string());
    }
    let actions = house.wait_for_done(MESSAGES);
    let tries: u64 = actions
        .iter()
        .filter_map(|one| one["attempts"].as_u64())
        .sum();
    assert!(
        tries > 0,
        "the server never said that it was too fast: {actions:?}"
    );
    let expected: Vec<String> = (0..MESSAGES).map(|n| format!("visitor {n}")).collect();
    let said = eventually("all are found", || {
        let said = matrix.said(&room);
        (said.len() >= MESSAGES).then_some(said)
    });
    assert_eq!(said, expected);
}

#[test]
fn a_picture_is_stored_and_shown_before_its_words() {
    let Some(matrix) = Matrix::start() else {
        return;
    };
    let room = matrix.room();
    let house = House::start(&(matrix.channel(&room) + CAMERA), &[("gate.rhai", SHOW)]);
    assert_eq!(house.send(&seen_at("driveway")).status, 200);
    house.wait_for_done(2);
    let said = matrix.last(&room, 2);
    let (words, picture) = (&said[0], &said[1]);
    assert_eq!(words["body"], "Gate\nWho is <this>?");
    assert_eq!(picture["msgtype"], "m.image");
    assert_eq!(
        picture["info"],
        json!({ "mimetype": "image/jpeg", "size": 1158 })
    );
    let stored = picture["url"].as_str().expect("an address");
    let stored = stored.strip_prefix("mxc://").expect("its own address");
    let request = format!(
        "GET /_matrix/client/v1/media/download/{stored} HTTP/1.0\r\nAuthorization: Bearer {}\r\n\r\n",
        matrix.token
    );
    let answer = send(
        SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
        request.as_bytes(),
    );
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("image/jpeg"));
    assert_eq!(answer.header("content-length"), Some("1158"));
}

#[test]
fn a_picture_that_is_too_large_leaves_its_words_and_what_is_refused_is_dead() {
    let Some(matrix) = Matrix::start_with("max_upload_size: 1K\n") else {
        return;
    };
    let room = matrix.room();
    let config = [
        matrix.channel(&room),
        CAMERA.to_owned(),
        channel("stranger", "syt_nobody", &room),
        channel("elsewhere", &matrix.token, "!elsewhere:localhost"),
    ];
    let say = r#"on("gate.*", |event| message::send(event.data.to, "x"));"#;
    let house = House::start(&config.concat(), &[("gate.rhai", SHOW), ("say.rhai", say)]);
    assert_eq!(house.send(&seen_at("driveway")).status, 200);
    house.wait_for_done(1);
    let said = matrix.last(&room, 1);
    assert_eq!(
        said[0]["body"],
        "Gate\nWho is <this>?\n\n(A picture belongs here, which could not be uploaded.)"
    );
    for (to, says) in [
        ("stranger", "M_UNKNOWN_TOKEN"),
        ("elsewhere", "M_FORBIDDEN"),
    ] {
        house.post_ok(&json!({ "to": to }).to_string());
        let dead = eventually(says, || {
            let actions = house.actions();
            let mut dead = actions.into_iter().filter(|one| one["status"] == "dead");
            dead.find(|one| one.to_string().contains(says))
        });
        assert!(!dead.to_string().contains("syt_nobody"), "{dead}");
    }
    let output = house.porchlight(&["doctor", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let is = |name: &str, level: &str| {
        let mut lines = said
            .lines()
            .filter(|line| line.contains(&format!("[message.{name}]")));
        assert!(
            lines.any(|line| line.contains(&format!("\"level\":\"{level}\""))),
            "{said}"
        );
    };
    is("room", "ok");
    is("stranger", "bad");
}
