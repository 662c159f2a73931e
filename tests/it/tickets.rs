//! A ticket that takes several requests, some of which fail: it is there once, with its picture.

use super::fake::{Asked, Fake};
use super::goldens::seen_at;
use super::house::{House, eventually, gate_config};

/// Opens a ticket with a picture at a service that answers like this; gives what it was asked once
/// the action is settled.
fn opened(target: &str, answers: &[(u16, &str)]) -> (Vec<Asked>, String) {
    let fake = Fake::start();
    for (status, body) in answers {
        let length = body.len();
        fake.answer_next(&format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }
    let target = target.replace("{fake}", &fake.url());
    let config = format!(
        "[webhook.driveway]\npreset = \"platerecognizer\"\nproof = \"none\"\n[ticket.desk]\n{target}\n"
    );
    let script = r#"on("platerecognizer.recognition", |event| {
        ticket::open("desk", "Stuck\nand open", #{ body: "Look:", image: event.attachments[0] });
    });"#;
    let house = House::start(&config, &[("desk.rhai", script)]);
    assert_eq!(house.send(&seen_at("driveway")).status, 200);
    let settled = eventually("the ticket is settled", || {
        let actions = house.actions();
        let one = actions.first()?;
        ["done", "dead"]
            .contains(&one["status"].as_str()?)
            .then(|| one.to_string())
    });
    (fake.asked(), settled)
}

fn paths(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|one| one.path.as_str()).collect()
}

const JIRA: &str = "service = \"jira\"\nurl = \"{fake}\"\ntoken = \"t0k\"\nproject = \"GATE\"";
const ZENDESK: &str =
    "service = \"zendesk\"\nurl = \"{fake}\"\nuser = \"me@house.example\"\ntoken = \"t0k\"";

#[test]
fn a_picture_that_jira_does_not_take_at_first_makes_no_second_issue() {
    let (asked, settled) = opened(
        JIRA,
        &[
            (201, r#"{"id": "1", "key": "GATE-1"}"#),
            (503, ""),
            (200, "[]"),
        ],
    );
    let attach = "/rest/api/2/issue/GATE-1/attachments";
    assert_eq!(paths(&asked), ["/rest/api/2/issue", attach, attach]);
    assert_eq!(asked[0].json()["fields"]["summary"], "Stuck and open");
    assert!(settled.contains("\"status\":\"done\""), "{settled}");
}

#[test]
fn an_issue_that_jira_refuses_is_dead_with_its_words() {
    let words = r#"{"errorMessages": [], "errors": {"customfield_1": "Which gate? is required."}}"#;
    let (asked, settled) = opened(JIRA, &[(400, words), (400, words)]);
    // Once to learn its key, and once to be kept.
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(settled.contains("\"status\":\"dead\""), "{settled}");
    assert!(settled.contains("Which gate? is required."), "{settled}");
}

#[test]
fn a_ticket_whose_answer_was_lost_bears_the_same_key_for_zendesk() {
    let (asked, settled) = opened(
        ZENDESK,
        &[
            (201, r#"{"upload": {"token": "u1"}}"#),
            (502, ""),
            (201, r#"{"ticket": {"id": 1}}"#),
        ],
    );
    let tickets = "/api/v2/tickets.json";
    assert_eq!(
        paths(&asked),
        ["/api/v2/uploads.json?filename=image.jpg", tickets, tickets]
    );
    let key = asked[1].header("idempotency-key");
    assert!(key.is_some_and(|key| key.len() > 8), "{key:?}");
    assert_eq!(key, asked[2].header("idempotency-key"));
    assert!(settled.contains("\"status\":\"done\""), "{settled}");
}

#[test]
fn a_ticket_whose_picture_is_refused_says_so_and_is_opened() {
    let (asked, settled) = opened(ZENDESK, &[(413, "too large"), (201, "{}")]);
    assert_eq!(asked.len(), 2, "{asked:?}");
    let comment = &asked[1].json()["ticket"]["comment"];
    let body = comment["body"].as_str().unwrap_or_default();
    assert!(
        body.starts_with("Look:\n\n(A picture belongs here"),
        "{body}"
    );
    assert_eq!(comment["uploads"], serde_json::Value::Null);
    assert!(settled.contains("\"status\":\"done\""), "{settled}");
}

/// Files of the library have functions of the same names, and each its own secret.
#[test]
fn tickets_at_several_services_carry_each_the_key_of_their_own() {
    let (yard, lab) = (Fake::start(), Fake::start());
    for fake in [&yard, &lab] {
        for _ in 0..3 {
            fake.answer_next("HTTP/1.1 201 X\r\nContent-Length: 2\r\n\r\n{}");
        }
    }
    let config = format!(
        "{}\n[ticket.yard]\nservice = \"redmine\"\nurl = \"{}\"\nkey = \"redmine-key\"\nproject = \"gate\"\n\
         [ticket.lab]\nservice = \"gitlab\"\nurl = \"{}\"\ntoken = \"gitlab-token\"\nproject = \"42\"\n",
        gate_config(),
        yard.url(),
        lab.url()
    );
    let script = r#"
        fn key(place) { `mine ${place}` }
        on("gate.*", |event| {
            for n in 0..3 { ticket::open("yard", key(n)); }
            for n in 0..3 { ticket::open("lab", key(n)); }
        });
    "#;
    let house = House::start(&config, &[("desk.rhai", script)]);
    house.post_ok("{}");
    house.wait_for_done(6);
    for asked in yard.asked() {
        assert_eq!(asked.header("x-redmine-api-key"), Some("redmine-key"));
        assert_eq!(asked.header("private-token"), None);
    }
    for asked in lab.asked() {
        assert_eq!(asked.header("private-token"), Some("gitlab-token"));
        assert_eq!(asked.header("x-redmine-api-key"), None);
    }
}
