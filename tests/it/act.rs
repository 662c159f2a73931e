//! `porchlight act`: one action by hand, with its request, its answer and its verdict.

use super::fake::Fake;
use super::house::House;
use serde_json::Value;

const SUCCESS: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"success\":true}";

/// A home with a lamp of each of two kinds behind this fake; nothing runs in it.
fn home(fake: &Fake) -> House {
    let url = fake.url();
    let config = format!(
        "[light.porch]\ndriver = \"wled\"\nurl = \"{url}\"\n\
         [light.hall]\ndriver = \"hue\"\nurl = \"{url}\"\nid = \"7\"\nkey = \"pl4nted\"\n"
    );
    House::furnish(&config, &[])
}

fn act(house: &House, args: &[&str]) -> (Option<i32>, String) {
    let output = house.porchlight(&[&["act"], args].concat());
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains("pl4nted"), "{text}");
    (output.status.code(), text)
}

#[test]
fn a_flash_by_hand_is_performed_with_what_follows_and_leaves_nothing_behind() {
    let fake = Fake::answering(SUCCESS);
    let house = home(&fake);
    let (code, text) = act(&house, &["light::flash(\"porch\", #{ times: 1 })"]);
    assert_eq!(code, Some(0), "{text}");
    let asked = fake.asked();
    let methods: Vec<&str> = asked.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "POST"], "{text}");
    for part in [
        "http.send  light::flash(\"porch\")",
        "POST http://127.0.0.1:",
        "answer 200 in ",
        "ok  /success = true",
        "done  200 OK",
        "nothing of this is in the journal",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!house.path().join("data/porchlight.db").exists());
}

#[test]
fn beside_a_running_host_it_acts_and_the_host_knows_nothing_of_it() {
    let fake = Fake::start();
    let mut house = home(&fake);
    house.restart();
    let url = format!("http::send(\"{}/x\", #{{ json: 1 }})", fake.url());
    let (code, text) = act(&house, &[&url]);
    assert_eq!((code, fake.asked().len()), (Some(0), 1), "{text}");
    assert!(fake.asked()[0].header("idempotency-key").is_some());
    assert_eq!(house.actions(), [] as [Value; 0]);
    assert_eq!(house.runs(), [] as [Value; 0]);
}

#[test]
fn a_dry_run_shows_the_request_and_asks_nobody() {
    let fake = Fake::answering(SUCCESS);
    let house = home(&fake);
    let (code, text) = act(
        &house,
        &["--dry", "light::on(\"hall\"); light::flash(\"porch\")"],
    );
    assert_eq!((code, fake.asked().len()), (Some(0), 0), "{text}");
    for part in [
        "[light.hall.key]",
        "http.request  not asked",
        "http.send  light::flash(\"porch\")",
        "it would go on",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_fails_shows_the_line_that_did_not_hold_and_whether_it_would_be_tried_again() {
    let fake = Fake::answering("HTTP/1.1 500 Oops\r\nContent-Length: 7\r\n\r\npl4nted");
    let house = home(&fake);
    let (code, text) = act(&house, &["light::on(\"hall\")"]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "answer 500 in ",
        "| [light.hall.key]",
        "no  status 2xx",
        "failed  vendor: the answer was 500",
        "(a script's action would be tried again)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let lines = house.json_lines(&["act", "--json", "light::on(\"hall\")"]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["request"]["kind"], "http.send");
    assert_eq!(lines[1]["answer"]["ok"], false);
    assert_eq!(lines[1]["answer"]["verdict"][0]["ok"], false);
}

#[test]
fn mistakes_in_the_expression_are_shown_with_a_caret_and_what_cannot_be_waited_for_is_said() {
    let fake = Fake::start();
    let house = home(&fake);
    let (code, text) = act(&house, &["light::flush(\"porch\")"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("flush") && text.contains("flash"), "{text}");
    let (code, text) = act(&house, &["throw \"no\""]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("(line 1 of the expression)"), "{text}");
    let later = "later(\"3h\", || light::off(\"porch\")); wait_for(\"door.**\", #{ within: \"1m\" }, |e| (), || ());";
    let (code, text) = act(&house, &[later]);
    assert_eq!((code, fake.asked().len()), (Some(0), 0), "{text}");
    assert!(text.contains("longer than --within 2m"), "{text}");
    assert!(text.contains("it waits for an event door.**"), "{text}");
    let (code, text) = act(&house, &["1 + 2"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("gives 3") && text.contains("tells nothing"),
        "{text}"
    );
}
