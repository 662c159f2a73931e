//! aiosmtpd, a mail server in Python, and Python's own parser as a judge of the messages.

use super::Server;
use crate::house::{House, eventually, gate_config};
use serde_json::{Value, json};

const SERVER: &str = include_str!("../../servers/aiosmtpd/server.py");
pub(super) const START_TLS: u16 = 14025;
pub(super) const IMPLICIT: u16 = 14465;
pub(super) const CLEAR: u16 = 14026;

/// The mail server, with a certificate of its own making.
pub struct Post {
    server: Server,
    pub certificate: String,
}

impl Post {
    pub fn start() -> Option<Self> {
        let mut server = Server::hold("aiosmtpd")?;
        let parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("names");
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate").pem();
        server.write("cert.pem", &certificate);
        server.write("key.pem", &key.serialize_pem());
        server.write("server.py", SERVER);
        server.start("python", &["server.py"], &[START_TLS, IMPLICIT, CLEAR]);
        Some(Self {
            server,
            certificate,
        })
    }

    /// Every message that it took, as Python's parser reads it.
    pub fn taken(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.server.dir.path().join("taken"));
        let text = text.unwrap_or_default();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("lines of JSON")
    }

    /// A house with this account, and the tables behind it, that sends this when somebody is at the gate.
    pub(super) fn house(&self, account: &str, send: &str) -> House {
        let config = format!(
            "{}\n[tls.post]\nca = \"post.pem\"\n[mail.family]\nserver = \"localhost\"\nfrom = \"Häuschen <house@example.org>\"\nto = [\"Ada <ada@example.org>\"]\n{account}\n",
            gate_config()
        );
        let script = format!("on(\"gate.*\", |event| {{ {send} }});");
        let mut house = House::furnish(&config, &[("post.rhai", &script)]);
        std::fs::write(house.path().join("post.pem"), &self.certificate).expect("a certificate");
        house.restart();
        house.post_ok("{}");
        house
    }
}

/// The account of `[mail.NAME]` that it knows, with a way to log in.
pub fn start_tls(login: &str) -> String {
    format!("port = {START_TLS}\ntrust = \"post\"\nuser = \"house\"\n{login}")
}

/// The action's last error, once it was tried.
pub(super) fn failure(house: &House) -> Value {
    eventually("the action was tried and failed", || {
        let action = house.actions().into_iter().next()?;
        action["error"].is_object().then_some(action)
    })
}

#[test]
fn a_message_arrives_as_it_was_told_through_starttls() {
    let Some(post) = Post::start() else { return };
    let send = r#"mail::send("family", "Tür: „Gate“ ☂", #{
        text: "somebody\n.\nis there", html: "<p>somebody</p><img src='cid:gate'>",
        inline: #{ gate: #{ value: "not a picture", filename: "gate.txt" } },
        attach: [#{ value: "a,b\n", filename: "Übersicht für heute.csv", content_type: "text/csv" }],
        cc: "bob@example.org", bcc: "eve@example.org", reply_to: "answers@example.org",
    });"#;
    let house = post.house(&start_tls("password = \"test\""), send);
    house.wait_for_done(1);
    let taken = post.taken();
    let [message] = taken.as_slice() else {
        panic!("{taken:?}")
    };
    assert_eq!(message["defects"], json!([]));
    assert_eq!(
        (&message["user"], &message["tls"]),
        (&json!("house"), &json!(true))
    );
    let everybody = json!(["ada@example.org", "bob@example.org", "eve@example.org"]);
    assert_eq!(message["to"], everybody);
    let headers = &message["headers"];
    assert_eq!(headers["Subject"], "Tür: „Gate“ ☂");
    assert_eq!(headers["From"], "Häuschen <house@example.org>");
    assert_eq!(headers["To"], "Ada <ada@example.org>");
    assert_eq!(headers["Cc"], "bob@example.org");
    assert_eq!(headers["Reply-To"], "answers@example.org");
    assert_eq!(headers["Auto-Submitted"], "auto-generated");
    assert!(!headers.to_string().contains("eve@"), "{headers}");
    let parts: Vec<String> = message["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .map(|part| {
            let text = part["text"].as_str().unwrap_or_default();
            format!(
                "{} {} {} {text}",
                part["type"], part["filename"], part["cid"]
            )
        })
        .map(|line| line.replace('"', "").replace("\r\n", "\n"))
        .collect();
    assert_eq!(
        parts,
        [
            "multipart/mixed null null ",
            "multipart/alternative null null ",
            "text/plain null null somebody\n.\nis there",
            "multipart/related null null ",
            "text/html null null <p>somebody</p><img src='cid:gate'>",
            "text/plain gate.txt <gate> not a picture",
            "text/csv Übersicht für heute.csv null a,b\n",
        ]
    );
}

#[test]
fn tokens_implicit_tls_and_a_server_next_door_work_as_well() {
    let Some(post) = Post::start() else { return };
    let send = "mail::send(\"family\", \"hello\");";
    for account in [
        start_tls("token = \"test\""),
        format!(
            "port = {IMPLICIT}\ntls = \"implicit\"\ntrust = \"post\"\nuser = \"house\"\npassword = \"test\""
        ),
        format!("port = {CLEAR}\ntls = \"none\""),
    ] {
        post.house(&account, send).wait_for_done(1);
    }
    let taken = post.taken();
    let users: Vec<&Value> = taken.iter().map(|message| &message["user"]).collect();
    assert_eq!(users, [&json!("house"), &json!("house"), &json!(null)]);
}

#[test]
fn what_the_server_refuses_is_said_and_shows_no_secret() {
    let Some(post) = Post::start() else { return };
    for (account, send, said) in [
        (start_tls("password = \"wrong-word\""), "\"x\"", "535"),
        (start_tls("token = \"wrong-word\""), "\"x\"", "535"),
        (
            start_tls("password = \"test\""),
            "\"x\", #{ to: \"none@example.org\" }",
            "550 5.1.1 no such user",
        ),
        (
            start_tls("password = \"test\"").replace("trust = \"post\"", ""),
            "\"x\"",
            "certificate",
        ),
    ] {
        let house = post.house(&account, &format!("mail::send(\"family\", {send});"));
        let action = failure(&house);
        let text = action.to_string();
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("wrong-word"), "{text}");
        assert_eq!(action["status"], "dead", "{text}");
    }
    assert!(post.taken().is_empty());
}

#[test]
fn a_greylisted_message_waits_and_arrives_once() {
    let Some(post) = Post::start() else { return };
    let send = "mail::send(\"family\", \"x\", #{ to: \"grey@example.org\", retries: 3 });";
    let mut house = post.house(&start_tls("password = \"test\""), send);
    let action = failure(&house);
    assert!(
        action.to_string().contains("451 4.7.1 greylisted"),
        "{action}"
    );
    assert_ne!(action["status"], "dead", "{action}");
    // It is tried again minutes later, also when we were not there meanwhile.
    house.kill();
    house.let_pass_while_down(400);
    house.restart();
    house.wait_for_done(1);
    assert_eq!(post.taken().len(), 1);
}
