//! Redmine: a ticket system as people run it, with its own opinion of what it is sent.

use super::{Server, shown};
use crate::goldens::seen_at;
use crate::house::{House, eventually, gate_config};
use crate::http::find;
use serde_json::{Value, json};

const PORT: u16 = 14950;
const START: &str = include_str!("../../servers/redmine/start.sh");
const FURNISHED: &str = include_str!("../../servers/redmine/furnished.ru");
/// The key that `furnished.ru` gives to its administrator.
const KEY: &str = "testkeythatopensnothing";

const SCRIPT: &str = r#"
on("platerecognizer.recognition", |event| {
    ticket::open("yard", "Who is this?", #{
        body: "Since <07:30> & \"later\"", image: event.attachments[0],
    });
});
on("gate.*", |event| ticket::open(event.data.at, event.data.title));
"#;

struct Redmine {
    _server: Server,
}

impl Redmine {
    fn start() -> Option<Self> {
        let mut server = Server::hold("redmine")?;
        let script = server.write("start.sh", START);
        server.write("furnished.ru", FURNISHED);
        let script = script.display().to_string();
        server.start("sh", &[&script, &PORT.to_string()], &[PORT]);
        Some(Self { _server: server })
    }

    /// What it shows to somebody who asks: tickets with what is attached, the oldest first.
    fn tickets(&self) -> Vec<Value> {
        let known = [("X-Redmine-API-Key", KEY)];
        let all = shown(PORT, "/issues.json?sort=id", &known);
        let ids = all["issues"].as_array().expect("issues").iter();
        let one = |issue: &Value| {
            let path = format!("/issues/{}.json?include=attachments", issue["id"]);
            shown(PORT, &path, &known)["issue"].clone()
        };
        ids.map(one).collect()
    }
}

/// A house that knows the right key, a wrong one, and a project that isn't there.
fn house() -> House {
    let place = |name: &str, key: &str, project: &str| {
        format!(
            "[ticket.{name}]\nservice = \"redmine\"\nurl = \"http://127.0.0.1:{PORT}\"\nkey = \"{key}\"\nproject = \"{project}\"\n"
        )
    };
    let config = [
        gate_config(),
        "[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n".to_owned(),
        place("yard", KEY, "gate"),
        place("stranger", "nobodyskey", "gate"),
        place("nowhere", KEY, "cellar"),
    ];
    House::start(&config.join("\n"), &[("yard.rhai", SCRIPT)])
}

/// The same picture under a name whose ending `furnished.ru` forbids.
fn renamed(mut request: Vec<u8>) -> Vec<u8> {
    while let Some(at) = find(&request, b"image.jpg\"") {
        request[at..at + 9].copy_from_slice(b"image.exe");
    }
    request
}

#[test]
fn a_ticket_is_there_with_its_picture_and_what_is_refused_says_why() {
    let Some(redmine) = Redmine::start() else {
        return;
    };
    let house = house();
    assert_eq!(house.send(&seen_at("driveway")).status, 200);
    house.wait_for_done(1);
    let tickets = redmine.tickets();
    assert_eq!(tickets.len(), 1, "{tickets:?}");
    assert_eq!(tickets[0]["subject"], "Who is this?");
    assert_eq!(tickets[0]["description"], "Since <07:30> & \"later\"");
    let picture = &tickets[0]["attachments"][0];
    assert_eq!(picture["filename"], "image.jpg", "{picture}");
    assert_eq!(picture["filesize"], 1158, "{picture}");
    assert_eq!(picture["content_type"], "image/jpeg", "{picture}");

    // Nobody's ticket waits for a picture that is refused.
    assert_eq!(house.send(&renamed(seen_at("driveway"))).status, 200);
    house.wait_for_done(2);
    let tickets = redmine.tickets();
    let about = tickets[1]["description"].as_str().unwrap_or_default();
    assert!(about.ends_with("which could not be uploaded.)"), "{about}");
    assert_eq!(tickets[1]["attachments"], json!([]));

    let long = "x".repeat(300) + "\nsecond line";
    house.post_ok(&json!({ "at": "yard", "title": long }).to_string());
    house.wait_for_done(3);
    let tickets = redmine.tickets();
    assert_eq!(tickets[2]["subject"], "x".repeat(249) + "…");

    // What it refuses is dead at once, in its own words.
    for (body, says) in [
        (json!({ "at": "stranger", "title": "x" }), "401"),
        (
            json!({ "at": "yard", "title": "" }),
            "Subject cannot be blank",
        ),
        (
            json!({ "at": "nowhere", "title": "x" }),
            "Project cannot be blank",
        ),
    ] {
        house.post_ok(&body.to_string());
        let dead = eventually(says, || {
            let actions = house.actions();
            let mut dead = actions.into_iter().filter(|one| one["status"] == "dead");
            dead.find(|one| one.to_string().contains(says))
        });
        assert!(!dead.to_string().contains("nobodyskey"), "{dead}");
    }
    assert_eq!(redmine.tickets().len(), 3);

    // Doctor finds the wrong key beforehand. (A project that everybody may see says nothing of keys.)
    let output = house.porchlight(&["doctor", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let level = |name: &str| {
        let lines = said
            .lines()
            .filter(|line| line.contains(&format!("[ticket.{name}]")));
        lines
            .filter_map(|line| {
                serde_json::from_str::<Value>(line).ok()?["level"]
                    .as_str()
                    .map(str::to_owned)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        [level("yard"), level("stranger"), level("nowhere")],
        [["ok"], ["bad"], ["ok"]],
        "{said}"
    );
}
