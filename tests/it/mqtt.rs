//! Messages of a real broker in, and out to it: mosquitto.

use super::house::{House, eventually};
use super::servers::mosquitto::{Broker, PASSWORD, PORT, USER};
use serde_json::{Value, json};

/// The table of the test's broker.
pub fn broker_table(more: &str) -> String {
    format!(
        "[mqtt.home]\nurl = \"mqtt://127.0.0.1:{PORT}\"\nuser = \"{USER}\"\npassword = \"{PASSWORD}\"\nclient_id = \"porchlight-test\"\n{more}\n"
    )
}

/// Waits until the subscriptions of this many connections stand.
pub fn wait_until_listening(house: &House, broker: &Broker, topic: &str) {
    house.wait_until_said("connected, to listen");
    // What is sent before the broker has the subscription is nobody's; so one message is tried
    // until it is an event.
    eventually("a message becomes an event", || {
        broker.publish(topic, "\"a try\"");
        let events = house.events();
        events
            .iter()
            .any(|event| event["subject"] == topic)
            .then_some(())
    });
}

fn of_topic(house: &House, topic: &str) -> Vec<Value> {
    let events = house.events().into_iter();
    events.filter(|event| event["subject"] == topic).collect()
}

const ECHO: &str = r#"
    on_mqtt("gate/+/state", |event| {
        mqtt::publish("echo/" + event.subject, #{ said: event.data, retained: event.facts.retained });
    });
    on_mqtt("proof", |event| {
        mqtt::publish("echo/proof", `${event.verified.scheme} ${event.verified.body} ${event.verified.secret ?? ""}`);
    });
"#;

#[test]
fn a_message_becomes_an_event_and_what_its_handler_publishes_arrives() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let heard = broker.listen("echo/#");
    let house = House::start(&broker_table(""), &[("echo.rhai", ECHO)]);
    wait_until_listening(&house, &broker, "gate/0/state");
    broker.publish("gate/1/state", r#"{"open": true}"#);
    heard.wait_for(r#"echo/gate/1/state {"retained":false,"said":{"open":true}}"#);
    broker.publish("gate/2/state", "OPEN ü");
    heard.wait_for(r#"echo/gate/2/state {"retained":false,"said":"OPEN ü"}"#);
    broker.publish("gate/3/other", "nobody listens to this");
    broker.publish("gate/4/state", "23.50");
    heard.wait_for(r#"echo/gate/4/state {"retained":false,"said":23.5}"#);

    let events = house.events();
    assert!(
        events
            .iter()
            .all(|event| event["subject"] != "gate/3/other")
    );
    let event = &of_topic(&house, "gate/1/state")[0];
    assert_eq!(event["type"], "mqtt.message");
    assert_eq!(event["source"], "home");
    assert_eq!(event["data"], json!({ "open": true }));
    // Nothing proved anything about the sender, and nothing says so.
    broker.publish("proof", "1");
    heard.wait_for("echo/proof mqtt false ");
    let done = house.wait_for_done(5);
    assert!(
        done.iter().all(|action| action["lane"] == "mqtt:home"),
        "{done:?}"
    );
}

#[test]
fn a_message_that_the_broker_kept_is_marked_and_may_be_left_out() {
    let Some(broker) = Broker::start() else {
        return;
    };
    broker.publish_as("kept/all", "1", &["-r"]);
    broker.publish_as("kept/fresh", "1", &["-r"]);
    let scripts = r#"
        on_mqtt("kept/all", |event| mqtt::publish("out/all", `${event.data} ${event.facts.retained}`));
        on_mqtt("kept/fresh", #{ retained: false }, |event| mqtt::publish("out/fresh", event.data));
    "#;
    let heard = broker.listen("out/#");
    let house = House::start(&broker_table(""), &[("kept.rhai", scripts)]);
    heard.wait_for("out/all 1 true");
    broker.publish_as("kept/fresh", "2", &["-r"]);
    heard.wait_for("out/fresh 2");
    broker.publish_as("kept/all", "2", &["-r"]);
    heard.wait_for("out/all 2 false");
    assert!(!heard.heard().contains(&"out/fresh 1".to_owned()));
    drop(house);
}

#[test]
fn subscriptions_follow_the_scripts() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let house = House::start(
        &broker_table(""),
        &[("one.rhai", r#"on_mqtt("one/#", |event| ());"#)],
    );
    wait_until_listening(&house, &broker, "one/a");
    house.write_script("two.rhai", r#"on_mqtt("two/#", |event| ());"#);
    house.wait_until_said("loaded two.rhai");
    eventually("a message for the new script", || {
        broker.publish("two/a", "1");
        (!of_topic(&house, "two/a").is_empty()).then_some(())
    });
    house.write_script("one.rhai", r#"on_mqtt("other/#", |event| ());"#);
    house.wait_until_said("reloaded one.rhai");
    eventually("a message for the changed script", || {
        broker.publish("other/a", "1");
        (!of_topic(&house, "other/a").is_empty()).then_some(())
    });
    let before = of_topic(&house, "one/a").len();
    broker.publish("one/a", "nobody listens any more");
    broker.publish("two/b", "1");
    eventually("what came after it", || {
        (!of_topic(&house, "two/b").is_empty()).then_some(())
    });
    assert_eq!(of_topic(&house, "one/a").len(), before);
}

#[test]
fn overlapping_filters_make_one_event_of_a_message() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let scripts = [
        (
            "a.rhai",
            r#"on_mqtt("over/+", |event| mqtt::publish("got/a", event.data));"#,
        ),
        (
            "b.rhai",
            r#"on_mqtt("+/lap", |event| mqtt::publish("got/b", event.data));"#,
        ),
    ];
    let heard = broker.listen("got/#");
    let house = House::start(&broker_table(""), &scripts);
    wait_until_listening(&house, &broker, "over/0");
    wait_until_listening(&house, &broker, "0/lap");
    broker.publish("over/lap", "\"both\"");
    heard.wait_for("got/a both");
    heard.wait_for("got/b both");
    assert_eq!(of_topic(&house, "over/lap").len(), 1);
}

#[test]
fn a_message_that_is_too_large_is_a_record_and_the_next_one_an_event() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let table = broker_table("max_message = \"2KiB\"");
    let house = House::start(&table, &[("echo.rhai", ECHO)]);
    wait_until_listening(&house, &broker, "gate/0/state");
    broker.publish("gate/1/state", &"x".repeat(100_000));
    broker.publish("gate/2/state", "small");
    eventually("the next one", || {
        (!of_topic(&house, "gate/2/state").is_empty()).then_some(())
    });
    assert!(of_topic(&house, "gate/1/state").is_empty());
    let refused = eventually("the record of it", || {
        let output = house.porchlight(&["events", "--refused"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains("gate/1/state").then_some(text)
    });
    assert!(
        refused.contains("max_message of [mqtt.home] is 2048"),
        "{refused}"
    );
    assert_eq!(
        house.count_said("no connection to listen"),
        0,
        "{:?}",
        house.said()
    );
}

#[test]
fn bytes_that_are_no_text_are_an_attachment_which_can_be_published_again() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let script = r#"
        on_mqtt("camera/snapshot", |event| {
            for file in event.attachments { mqtt::publish("copy", file); mqtt::publish("kind", file.content_type); }
        });
        on_mqtt("camera/ready", |event| ());
    "#;
    let heard = broker.listen("kind");
    let house = House::start(&broker_table(""), &[("copy.rhai", script)]);
    wait_until_listening(&house, &broker, "camera/ready");
    let picture = house.path().join("picture.jpg");
    std::fs::write(&picture, b"\xff\xd8\xff\xe0\0\x10JFIF\0\xff\xd9").expect("a file");
    let sent = broker
        .client("mosquitto_pub")
        .args(["-t", "camera/snapshot", "-q", "1", "-f"])
        .arg(&picture)
        .status()
        .expect("mosquitto_pub runs");
    assert!(sent.success());
    heard.wait_for("kind image/jpeg");
    let done = house.wait_for_done(2);
    let sizes: Vec<&str> = done
        .iter()
        .filter_map(|it| it["receipt"]["summary"].as_str())
        .collect();
    assert!(
        sizes.iter().any(|summary| summary.contains("(13 bytes)")),
        "{done:?}"
    );
}

#[test]
fn a_question_gets_the_first_answer_and_says_when_there_is_none() {
    let Some(broker) = Broker::start() else {
        return;
    };
    broker.publish_as("answer/kept", "what was kept is no answer", &["-r"]);
    let scripts = [
        (
            "ask.rhai",
            r#"on_mqtt("go", |event| {
                let answer = mqtt::request("question", "what?", "answer/+", #{ timeout: "20s" });
                mqtt::publish("out", `${answer.topic} ${answer.json.n}`);
                try { mqtt::request("nobody", "", "none", #{ timeout: "200ms" }); }
                catch (problem) { mqtt::publish("out", problem.kind); }
            });"#,
        ),
        (
            "answer.rhai",
            r#"on_mqtt("question", |event| mqtt::publish("answer/x", #{ n: event.data.len() }));"#,
        ),
    ];
    let heard = broker.listen("out");
    let house = House::start(&broker_table(""), &scripts);
    wait_until_listening(&house, &broker, "question");
    broker.publish("go", "1");
    heard.wait_for("out answer/x 5");
    heard.wait_for("out timeout");
}

#[test]
fn a_script_is_tested_with_messages_and_held_to_its_topics() {
    let script = r#"//! Blinks.
//! needs: mqtt zigbee2mqtt/#
on_mqtt("zigbee2mqtt/+", #{ retained: false }, |event| {
    if event.data.contact == false { mqtt::publish("zigbee2mqtt/porch/set", #{ effect: "blink" }); }
    if event.data.to != () { mqtt::publish(event.data.to + "/place", ""); }
});
"#;
    let test = r#"
test("an open door blinks", |home| {
    home.mqtt("zigbee2mqtt/door", #{ contact: false }, #{ retained: true });
    home.expect_nothing();
    home.mqtt("zigbee2mqtt/door", #{ contact: true });
    home.expect_nothing();
    home.mqtt("zigbee2mqtt/door", "{\"contact\": false}");
    home.expect("mqtt.publish", "zigbee2mqtt/porch/set", #{ broker: "home", json: #{ effect: "blink" } });
});
test("nothing else can be reached", |home| {
    home.mqtt("zigbee2mqtt/door", #{ to: "elsewhere" });
    home.expect_error("*may not reach `mqtt elsewhere/place`*");
});
"#;
    let config = broker_table("[permissions]\nmode = \"declared\"");
    let house = House::furnish(
        &config,
        &[("blink.rhai", script), ("blink.test.rhai", test)],
    );
    let output = house.porchlight(&["test"]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_mistake_in_a_broker_is_told_at_once() {
    let config = r##"
[mqtt.one]
url = "http://broker.lan"
password = "test-key-that-protects-nothing"
version = "4"
in_flight = 0
status = "a/#"
[mqtt.two]
url = "mqtt://broker.lan"
ca = "missing.pem"
client_id = "with space"
keep_alive = "1s"
discovry = "homeassistant"
[mqtt.three]
url = "mqtt://broker.example.com"
user = "me"
password = "test-key-that-protects-nothing"
"##;
    let script = r#"
on_mqtt("a/#/b", |event| ());
on_mqtt("a", #{ broker: "tow" }, |event| ());
on_mqtt("a", |event| ());
on_mqtt("a", #{ broker: "two", retaned: false }, |event| ());
"#;
    let house = House::furnish(config, &[("wrong.rhai", script)]);
    let output = house.porchlight(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    for sentence in [
        "`http://` is no broker",
        "a password without a user",
        "`version` can't be \"4\"",
        "`in_flight` must be",
        "is a filter: a message goes to one topic",
        "`ca` goes with TLS",
        "missing.pem can't be used",
        "`with space` is no client id",
        "`keep_alive` is between",
        "did you mean `discovery`?",
        "the password travels in clear",
        "`#` stands for all further levels",
    ] {
        assert!(said.contains(sentence), "{sentence:?} is not in:\n{said}");
    }
    assert!(!said.contains("test-key-that-protects-nothing"), "{said}");
}
