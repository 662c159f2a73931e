//! The example homes are tests: their deliveries go in, their actions are compared.

use super::fake::{Asked, Fake};
use super::house::{House, eventually};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
}

/// Starts an example home as it stands, with its outside addresses pointed at a fake server.
fn start(name: &str, fake: &Fake) -> House {
    let config =
        std::fs::read_to_string(folder(name).join("porchlight.toml")).expect("configuration");
    let here = |text: String| {
        let mut text = text;
        for outside in [
            "http://wled-gate.lan",
            "http://tickets.lan",
            "https://ntfy.lan",
            "http://gate.lan",
            "https://api.mobileassistant.us",
        ] {
            text = text.replace(outside, &fake.url());
        }
        text
    };
    let mut house = House::furnish(&here(config), &[]);
    for entry in std::fs::read_dir(folder(name).join("scripts"))
        .expect("scripts")
        .flatten()
    {
        let source = std::fs::read_to_string(entry.path()).expect("a script");
        house.write_script(&entry.file_name().to_string_lossy(), &here(source));
    }
    // What the tests beside the scripts send.
    for entry in std::fs::read_dir(folder(name)).expect("the home").flatten() {
        if entry
            .path()
            .extension()
            .is_some_and(|ending| ending == "json")
        {
            std::fs::copy(entry.path(), house.path().join(entry.file_name())).expect("a copy");
        }
    }
    house.restart();
    house
}

/// Sends the preset's sample with the home's own secret.
fn send(house: &House, what: &[&str]) {
    let to = house.address.to_string();
    let args: Vec<&str> = ["send"]
        .iter()
        .chain(what)
        .copied()
        .chain(["--to", &to])
        .collect();
    let output = house.porchlight(&args);
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn asked(fake: &Fake, path: &str) -> Asked {
    eventually(path, || {
        fake.asked()
            .into_iter()
            .find(|asked| asked.path.starts_with(path))
    })
}

#[test]
fn xprotect_flashes_a_light_and_opens_a_ticket() {
    let fake = Fake::start();
    let house = start("xprotect", &fake);
    send(&house, &["xprotect"]);
    let light = eventually("the light flashes", || {
        fake.asked()
            .into_iter()
            .find(|asked| asked.method == "POST" && asked.path == "/json/state")
    });
    assert_eq!(light.json()["on"], true);
    let ticket = asked(&fake, "/issues");
    assert_eq!(ticket.method, "POST");
    assert!(
        ticket.json()["title"]
            .as_str()
            .is_some_and(|title| title.contains("External Event")),
        "{:?}",
        ticket.json()
    );
    assert!(ticket.header("idempotency-key").is_some());
}

#[test]
fn rhombus_sends_a_message_with_the_summary() {
    let fake = Fake::start();
    let house = start("rhombus", &fake);
    send(&house, &["rhombus"]);
    let message = asked(&fake, "/");
    assert_eq!(message.json()["topic"], "house");
    assert!(
        message.json()["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{:?}",
        message.json()
    );
    assert_eq!(house.wait_for_done(1).len(), 1);
}

#[test]
fn platerecognizer_opens_the_gate_for_the_family_and_writes_down_visitors_with_their_picture() {
    let fake = Fake::start();
    let house = start("platerecognizer", &fake);
    send(&house, &["platerecognizer"]);
    let visitors = eventually("the visitor is written down", || house.file("visitors.csv"));
    assert!(visitors.lines().count() == 1, "{visitors}");
    eventually("the picture is saved", || {
        let pictures = std::fs::read_dir(house.path().join("data/files/pictures")).ok()?;
        pictures.flatten().find(|entry| {
            std::fs::read(entry.path()).is_ok_and(|bytes| bytes.starts_with(&[0xff, 0xd8]))
        })
    });
    assert!(fake.asked().is_empty(), "the gate stays shut for strangers");
    let family = folder("platerecognizer").join("family.json");
    send(
        &house,
        &[family.to_str().expect("a path"), "--webhook", "driveway"],
    );
    assert_eq!(asked(&fake, "/open").method, "POST");
}

#[test]
fn connectit_fetches_the_transcript_over_the_api_with_a_signed_token() {
    let fake = Fake::start();
    let fetched = r#"{"id":7,"headline":"Hello","created_on":"2026-01-01","text":"How are you?"}"#;
    fake.answer_next(&format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{fetched}",
        fetched.len()
    ));
    let house = start("connectit", &fake);
    send(&house, &["connectit"]);
    let question = fake.wait_for(1).swap_remove(0);
    assert_eq!(question.method, "GET");
    assert!(question.path.starts_with("/transcripts/"), "{question:?}");
    assert_eq!(
        claims(&question)["plugin_installation_uuid"],
        "00000000-0000-4000-8000-000000000000"
    );
    let call = asked(&fake, "/notes");
    assert!(
        call.json()["headline"].as_str().is_some(),
        "{:?}",
        call.json()
    );
    let transcript = eventually("the transcript is written", || {
        let files = std::fs::read_dir(house.path().join("data/files/transcripts")).ok()?;
        files.flatten().find_map(|entry| {
            std::fs::read_to_string(entry.path())
                .ok()
                .filter(|text| !text.is_empty())
        })
    });
    assert!(transcript.contains('\n'), "{transcript}");
}

/// The claims of a bearer token whose signature holds.
fn claims(asked: &Asked) -> serde_json::Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    let token = asked.header("authorization").expect("a token");
    let token = token.strip_prefix("Bearer ").expect("a bearer");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let expected = super::house::hmac_hex("example-plugin-secret", signed.as_bytes());
    let bytes = BASE64URL.decode(signature).expect("base64");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
    let (_, claims) = signed.split_once('.').expect("a head and claims");
    let claims: serde_json::Value =
        serde_json::from_slice(&BASE64URL.decode(claims).expect("base64")).expect("JSON");
    let lasts = claims["exp"].as_i64().zip(claims["iat"].as_i64());
    assert_eq!(lasts.map(|(end, begin)| end - begin), Some(300));
    claims
}

#[test]
fn every_example_home_passes_its_own_check() {
    let homes = std::fs::read_dir(folder("")).expect("the examples");
    let homes = homes.flatten().map(|entry| entry.path());
    let homes: Vec<PathBuf> = homes.filter(|home| home.is_dir()).collect();
    assert!(homes.len() >= 14, "only {} examples", homes.len());
    for home in homes {
        let name = home.display();
        let output = std::process::Command::new(super::house::PROGRAM)
            .arg("check")
            .arg("--home")
            .arg(&home)
            .output();
        let output = output.expect("check runs");
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!home.join("data").exists(), "check writes nothing");
    }
}

/// The homes that the page lists, and what it says to type.
fn listed() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(folder("README.md")).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ["));
    rows.map(|row| {
        let (name, rest) = row.split_once(']').expect("a name");
        let command = rest.trim_end_matches("` |").rsplit('`').next();
        (name.to_owned(), command.expect("a command").to_owned())
    })
    .collect()
}

/// The text with every address outside in place of one where nobody listens.
fn nowhere(text: &str) -> String {
    let mut pieces = text.split("://");
    let mut here = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(['/', '"', '`', '?', ' ']).unwrap_or(piece.len());
        let here_too = here.strip_suffix('s').map(str::to_owned);
        here = here_too
            .filter(|text| text.ends_with("http"))
            .unwrap_or(here);
        here = format!("{here}://127.0.0.1:9{}", &piece[end..]);
    }
    here.replace("smtp.lan", "localhost")
}

#[test]
fn each_example_home_does_something_when_its_page_says_so() {
    let homes = std::fs::read_dir(folder("")).expect("the examples");
    let homes = homes.flatten().filter(|home| home.path().is_dir());
    let mut homes: Vec<_> = homes.map(|home| home.file_name().into_string()).collect();
    homes.sort();
    let listed = listed();
    let names: Vec<_> = listed.iter().map(|(name, _)| Ok(name.clone())).collect();
    assert_eq!(names, homes, "the page lists every home, in order");
    for (name, command) in listed {
        let read = |path: PathBuf| nowhere(&std::fs::read_to_string(path).expect("a file"));
        let home = folder(&name);
        let mut house = House::furnish(&read(home.join("porchlight.toml")), &[]);
        for entry in std::fs::read_dir(home.join("scripts"))
            .expect("scripts")
            .flatten()
        {
            let file = entry.file_name().into_string().expect("a name");
            // Tests hold the addresses that were just replaced; they have a test of their own.
            if !file.ends_with(".test.rhai") {
                house.write_script(&file, &read(entry.path()));
            }
        }
        house.restart();
        let (to, home) = (house.address.to_string(), home.display());
        let words = command
            .split(' ')
            .map(|word| match word.ends_with(".json") {
                true => format!("{home}/{word}"),
                false => word.to_owned(),
            });
        let words: Vec<String> = words.collect();
        let words = words.iter().map(String::as_str);
        let args: Vec<&str> = words.chain(["--no-wait", "--to", &to]).collect();
        let output = house.porchlight(&args);
        assert!(output.status.success(), "{name}: {output:?}");
        let runs = house.wait_for_runs(1);
        let worked = runs.iter().any(|run| run["outcome"]["outcome"] == "ok");
        assert!(worked, "{name}: `{command}` came to nothing: {runs:?}");
    }
}
