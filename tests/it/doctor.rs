//! `porchlight doctor`: what is in order, what is not, and what to do about it.

use super::fake::Fake;
use super::house::{House, gate_config};
use super::servers::mosquitto;
use serde_json::Value;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

/// A home whose files nobody else can read, that listens at a free port.
pub fn home(config: &str) -> House {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = port.local_addr().expect("an address").port();
    let config = format!("[server]\nlisten = \"127.0.0.1:{port}\"\n{config}");
    let house = House::furnish(&config, &[]);
    let only_us = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(house.path().join("porchlight.toml"), only_us).expect("a mode");
    house
}

/// What doctor says, as exit code, text and JSON.
pub fn doctor(house: &House) -> (Option<i32>, String, Vec<Value>) {
    let output = house.porchlight(&["doctor", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("pl4nted"), "{text}");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    (output.status.code(), text.clone(), lines.collect())
}

/// The finding whose message has these words.
pub fn finding<'a>(lines: &'a [Value], words: &str) -> &'a Value {
    let has = |line: &&Value| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains(words))
    };
    lines
        .iter()
        .find(has)
        .unwrap_or_else(|| panic!("nothing about {words}: {lines:#?}"))
}

#[track_caller]
pub fn is(lines: &[Value], words: &str, level: &str, fix: &str) {
    let found = finding(lines, words);
    assert_eq!(found["level"], level, "{found}");
    assert!(
        found["fix"].as_str().is_some_and(|text| text.contains(fix)),
        "{found}"
    );
}

#[test]
fn a_house_in_order_has_nothing_bad_and_is_only_asked_what_changes_nothing() {
    let fake = Fake::start();
    let url = fake.url();
    let house = home(&format!(
        "{}[light.porch]\ndriver = \"wled\"\nurl = \"{url}\"\n\
         [message.ops]\nservice = \"slack\"\nurl = \"{url}/pl4nted\"\n\
         [command.list]\nargv = [\"ls\"]\n",
        gate_config()
    ));
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(0), "{text}");
    let shown = house.porchlight(&["doctor"]).stdout;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("ok    clock    it is "), "{shown}");
    assert!(
        shown.contains(" looked at: 0 bad, 0 to be watched"),
        "{shown}"
    );
    for (words, level) in [
        ("porchlight.toml has no mistake", "ok"),
        ("nothing was written later", "ok"),
        ("MiB free", "ok"),
        ("scripts/ can be read", "ok"),
        ("secrets can be read by their owner only", "ok"),
        ("there is none yet", "ok"),
        ("is free", "ok"),
        ("[command.list] ls is there", "ok"),
        ("[light.porch] 127.0.0.1:", "ok"),
        ("is reached (not asked anything)", "ok"),
    ] {
        assert_eq!(finding(&lines, words)["level"], level, "{words}");
    }
    let asked: Vec<String> = fake
        .asked()
        .iter()
        .map(|one| format!("{} {}", one.method, one.path))
        .collect();
    assert_eq!(
        asked,
        ["GET /json/info", "GET /json/info"],
        "one for each run"
    );
    assert!(!house.path().join("data/porchlight.db").exists());
}

#[test]
fn each_thing_that_is_wrong_is_told_with_what_to_do() {
    let refuses = Fake::answering("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = (taken.local_addr().expect("an address"), taken);
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let tls = refuses.url().replace("http:", "https:");
    let house = House::furnish(
        &format!(
            "[server]\nlisten = \"{}\"\nlisen = 5\n\
             [light.gone]\ndriver = \"wled\"\nurl = \"http://{closed}\"\n\
             [light.refuses]\ndriver = \"hue\"\nurl = \"{}\"\nid = \"1\"\nkey = {{ file = \"hue.key\" }}\n\
             [light.plain]\ndriver = \"wled\"\nurl = \"{tls}\"\n\
             [light.lost]\ndriver = \"wled\"\nurl = \"http://nobody.invalid\"\n\
             [message.none]\nservice = \"slack\"\nurl = \"pl4nted\"\n\
             [mqtt.house]\nurl = \"mqtt://{closed}\"\n\
             [command.lost]\nargv = [\"no-such-program\"]\n",
            taken.0,
            refuses.url()
        ),
        &[],
    );
    let key = house.path().join("hue.key");
    std::fs::write(&key, "pl4nted").expect("a file");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let scripts = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(house.path().join("scripts"), scripts).expect("a mode");
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    is(
        &lines,
        "porchlight.toml:3:1: unknown key `lisen`",
        "bad",
        "did you mean `listen`?",
    );
    is(&lines, "is taken by another program", "bad", "ss -ltnp");
    is(&lines, "[light.gone]", "bad", "switched on");
    is(&lines, "[mqtt.house]", "bad", "is the broker running");
    is(&lines, "[light.refuses]", "bad", "make a new one");
    is(
        &lines,
        "[light.plain]",
        "bad",
        "write http:// if it has none",
    );
    is(
        &lines,
        "[light.lost] nobody knows the name nobody.invalid",
        "bad",
        "spelt right",
    );
    is(
        &lines,
        "[message.none] has an address that is none",
        "bad",
        "correct its `url`",
    );
    is(
        &lines,
        "there is no program no-such-program",
        "bad",
        "whole path",
    );
    is(&lines, "hue.key (mode 644)", "warn", "chmod 600");
    is(
        &lines,
        "anybody on this computer can change",
        "bad",
        "chmod o-w",
    );
}

/// An old Hue bridge: it answers 200 whatever is asked, and knows one key, lamp 3 and group 1.
fn hue_bridge() -> Fake {
    Fake::device(|asked| {
        let parts: Vec<&str> = asked.path.split('/').collect();
        let error = |kind: u8, description: String| {
            format!(
                r#"[{{"error":{{"type":{kind},"address":"/","description":"{description}"}}}}]"#
            )
        };
        match parts.as_slice() {
            ["", "api", "pl4nted-good", "lights", "3"] => {
                r#"{"state":{"on":false,"reachable":true}}"#.to_owned()
            }
            ["", "api", "pl4nted-good", "groups", "1"] => r#"{"action":{"on":false}}"#.to_owned(),
            ["", "api", "pl4nted-good", kind, id] => {
                error(3, format!("resource, /{kind}/{id}, not available"))
            }
            // No bridge says the key; whoever imitates one might.
            _ => error(1, format!("unauthorized user {}", asked.path)),
        }
    })
}

#[test]
fn an_old_hue_bridge_is_asked_for_its_lamp_and_believed_no_200() {
    let bridge = hue_bridge();
    let url = bridge.url();
    let lamp = |name: &str, key: &str, rest: &str| {
        format!("[light.{name}]\ndriver = \"hue-v1\"\nurl = \"{url}/\"\nkey = \"{key}\"\n{rest}\n")
    };
    let house = home(
        &(lamp("hall", "pl4nted-good", "id = \"3\"")
            + &lamp("all", "pl4nted-good", "id = \"1\"\nresource = \"groups\"")
            + &lamp("gone", "pl4nted-good", "id = \"9\"")
            + &lamp("wrong", "pl4nted-bad", "id = \"3\"")),
    );
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    is(&lines, "[light.hall] 127.0.0.1:", "ok", "");
    is(&lines, "[light.all] 127.0.0.1:", "ok", "");
    is(
        &lines,
        "resource, /lights/9, not available",
        "bad",
        "compare `id`",
    );
    is(&lines, "unauthorized user", "bad", "make a new one");
    let wrong = finding(&lines, "unauthorized user")["message"].as_str();
    assert!(
        wrong.is_some_and(|text| text.starts_with("[light.wrong] ")),
        "{wrong:?}"
    );
    assert!(bridge.asked().iter().all(|one| one.method == "GET"));
    assert_eq!(bridge.asked().len(), 4);
}

#[test]
fn a_shelly_is_asked_for_what_it_switches_and_under_its_password() {
    let taken = Fake::device(|asked| match asked.path.as_str() {
        "/relay/0" | "/white/2" => r#"{"ison":false}"#.to_owned(),
        _ => "No such channel".to_owned(),
    });
    let refuses = Fake::answering("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    let (url, refused) = (taken.url(), refuses.url());
    let house = home(&format!(
        "[light.porch]\ndriver = \"shelly-gen1\"\nurl = \"{url}\"\npassword = \"pl4nted\"\n\
         [light.strip]\ndriver = \"shelly-gen1\"\nurl = \"{url}\"\ncomponent = \"white\"\nchannel = \"2\"\n\
         [siren.yard]\ndriver = \"shelly-gen1\"\nurl = \"{url}\"\nchannel = \"1\"\n\
         [light.new]\ndriver = \"shelly\"\nurl = \"{url}\"\n\
         [light.shut]\ndriver = \"shelly-gen1\"\nurl = \"{refused}\"\nuser = \"me\"\npassword = \"pl4nted\"\n\
         [siren.shut]\ndriver = \"shelly\"\nurl = \"{refused}\"\npassword = \"pl4nted\"\n",
    ));
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    for good in ["[light.porch]", "[light.strip]", "[light.new]"] {
        is(&lines, good, "ok", "");
    }
    is(
        &lines,
        "[siren.yard]",
        "bad",
        "this `component` and `channel`",
    );
    is(&lines, "[light.shut]", "bad", "make a new one");
    is(&lines, "[siren.shut]", "bad", "make a new one");
    let asked = taken.asked();
    let mut paths: Vec<&str> = asked.iter().map(|one| one.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        ["/relay/0", "/relay/1", "/rpc/Shelly.GetStatus", "/white/2"]
    );
    let logins = asked.iter().filter_map(|one| one.header("authorization"));
    let admin = "Basic YWRtaW46cGw0bnRlZA==";
    assert_eq!(
        logins.collect::<Vec<_>>(),
        [admin],
        "only where there is a password"
    );
}

#[test]
fn a_clock_that_was_set_back_shows_by_what_was_written_before() {
    let house = home("");
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    let file = std::fs::File::options()
        .write(true)
        .open(house.path().join("porchlight.toml"));
    file.expect("the file")
        .set_modified(tomorrow)
        .expect("a time");
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    is(&lines, "porchlight.toml is of ", "bad", "set-ntp");
}

#[test]
fn a_running_host_is_known_and_what_died_in_it_is_counted() {
    let fake = Fake::answering("HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n");
    let mut house = home(&gate_config());
    let script = format!("on(\"gate.*\", |event| http::send(\"{}/n\"));", fake.url());
    house.write_script("a.rhai", &script);
    let mut command = std::process::Command::new(super::house::PROGRAM);
    command.args(["run", "--home"]).arg(house.path());
    house.start_as(command);
    house.wait_until_said("ready");
    house.address = house
        .listens_on("http://")
        .and_then(|at| at.parse().ok())
        .expect("an address");
    house.post_ok("{\"type\":\"opened\"}");
    super::house::eventually("it is dead", || {
        let actions = house.actions();
        (actions.first()?["status"] == "dead").then_some(())
    });
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(0), "{text}");
    is(&lines, "is served by the running host", "ok", "");
    is(
        &lines,
        "1 actions died within a day",
        "warn",
        "actions --dead",
    );
    is(&lines, "sound", "ok", "");
}

#[test]
fn a_damaged_journal_is_found() {
    let mut house = House::start(&gate_config(), &[]);
    let pad = "x".repeat(20_000);
    for n in 0..20 {
        house.post_ok(&format!(
            "{{\"type\":\"opened\",\"n\":{n},\"pad\":\"{pad}\"}}"
        ));
    }
    house.terminate();
    let journal = house.path().join("data/porchlight.db");
    let mut bytes = std::fs::read(&journal).expect("the journal");
    let middle = bytes.len() / 2 / 2048 * 2048;
    bytes[middle..middle + 40_960].fill(0xEE);
    std::fs::write(&journal, bytes).expect("damage");
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    let found = lines
        .iter()
        .find(|line| line["area"] == "journal" && line["level"] == "bad");
    assert!(found.is_some(), "{text}");
}

#[test]
fn a_broker_is_asked_whether_it_lets_us_in_and_nobody_there_notices() {
    let Some(broker) = mosquitto::Broker::start() else {
        return;
    };
    let (port, user, password) = (mosquitto::PORT, mosquitto::USER, mosquitto::PASSWORD);
    let listening = broker.listen("#");
    let table = |name: &str, password: &str| {
        format!(
            "[mqtt.{name}]\nurl = \"mqtt://127.0.0.1:{port}\"\nuser = \"{user}\"\npassword = \"{password}\"\n"
        )
    };
    let house = home(&(table("house", password) + &table("wrong", "pl4nted")));
    let (code, text, lines) = doctor(&house);
    assert_eq!(code, Some(1), "{text}");
    is(&lines, "[mqtt.house] 127.0.0.1:14883 lets us in", "ok", "");
    is(
        &lines,
        "[mqtt.wrong] 127.0.0.1:14883",
        "bad",
        "is `password` right?",
    );
    broker.publish("after", "doctor");
    listening.wait_for("after doctor");
    let heard = listening.heard();
    assert_eq!(heard, ["after doctor"]);
}
