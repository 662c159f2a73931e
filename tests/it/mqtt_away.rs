//! Brokers that go away and come back, hosts that die, and brokers that speak the old version.

use super::house::{House, eventually, gate_config};
use super::mqtt::{broker_table, wait_until_listening};
use super::servers::Server;
use super::servers::mosquitto::Broker;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const ECHO: &str = r#"
    on_mqtt("in/+", |event| mqtt::publish("out", event.data));
    on("gate.*", |event| mqtt::publish("out", event.data.n));
"#;

#[test]
fn what_is_published_while_the_broker_is_away_arrives_in_order_once_it_is_back() {
    let Some(mut broker) = Broker::start() else {
        return;
    };
    let config = gate_config() + &broker_table("");
    let house = House::start(&config, &[("echo.rhai", ECHO)]);
    wait_until_listening(&house, &broker, "in/0");
    let open = || {
        let actions = house.actions().into_iter();
        actions.filter(|it| it["status"] == "open").count()
    };
    let tries = eventually("the tries are through", || {
        let (runs, events) = (house.runs().len(), house.events().len());
        (runs == events && open() == 0).then_some(runs)
    });
    broker.kill();
    house.wait_until_said("no connection to publish");
    for n in 1..=5 {
        house.post_ok(&format!("{{\"type\":\"opened\",\"n\":{n}}}"));
    }
    house.wait_for_runs(tries + 5);
    let open = house
        .actions()
        .iter()
        .filter(|it| it["status"] == "open")
        .count();
    assert_eq!(open, 5, "they stay open");
    broker.run();
    let heard = broker.listen("out");
    // The subscription is alive again, too.
    eventually("a message comes again", || {
        broker.publish("in/again", "\"again\"");
        heard
            .heard()
            .iter()
            .any(|line| line == "out again")
            .then_some(())
    });
    house.wait_for_done(tries + 6);
    let numbers: Vec<String> = heard
        .heard()
        .into_iter()
        .filter(|it| !it.contains("again"))
        .collect();
    let expected: Vec<String> = (1..=5).map(|n| format!("out {n}")).collect();
    // Whoever listens again may have come after the first of them; none comes twice or too early.
    assert!(expected.ends_with(&numbers), "{numbers:?}");
}

#[test]
fn the_broker_says_that_we_are_gone_however_we_go() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let heard = broker.listen("house/status");
    let table = broker_table("status = \"house/status\"");
    let mut house = House::start(&table, &[]);
    heard.wait_for("house/status online");
    house.kill();
    heard.wait_for("house/status offline");
    assert_eq!(
        heard.heard(),
        ["house/status online", "house/status offline"]
    );
    house.restart();
    eventually("online again", || (heard.heard().len() == 3).then_some(()));
    assert_eq!(house.terminate(), Some(0));
    eventually("offline again", || (heard.heard().len() == 4).then_some(()));
    assert_eq!(heard.heard()[3], "house/status offline");
}

#[test]
fn kill_9_between_receiving_and_acknowledging_loses_no_message_and_counts_none_twice() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let script = r#"on_mqtt("load", |event| ()); on_mqtt("ready", |event| ());"#;
    let mut house = House::start(&broker_table(""), &[("load.rhai", script)]);
    wait_until_listening(&house, &broker, "ready");
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let from = sent.load(Ordering::Relaxed);
                // One connection and forty messages: a stream, not one at a time.
                let lines: String = (from..from + 40).map(|n| format!("{n}\n")).collect();
                let path = house_file(&lines);
                let published = broker
                    .client("mosquitto_pub")
                    .args(["-t", "load", "-q", "1", "-l"])
                    .stdin(std::fs::File::open(path.path()).expect("the lines"))
                    .status()
                    .expect("mosquitto_pub runs");
                assert!(published.success());
                sent.store(from + 40, Ordering::Relaxed);
            }
        });
        for round in 0..6 {
            let before = sent.load(Ordering::Relaxed);
            eventually("some load", || {
                (sent.load(Ordering::Relaxed) > before + 40 * round % 100).then_some(())
            });
            house.kill();
            house.restart();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let all = sent.load(Ordering::Relaxed);
    let counted = eventually("every message is an event", || {
        let mut counted: BTreeMap<u64, usize> = BTreeMap::new();
        for event in house
            .events()
            .iter()
            .filter(|event| event["subject"] == "load")
        {
            if let Some(n) = event["data"].as_u64() {
                *counted.entry(n).or_default() += 1;
            }
        }
        (counted.len() as u64 == all).then_some(counted)
    });
    let twice: Vec<_> = counted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "of {all}: {twice:?}");
}

fn house_file(lines: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), lines).expect("the lines");
    file
}

#[test]
fn what_came_while_the_host_was_down_comes_when_it_is_up() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let mut house = House::start(&broker_table(""), &[("echo.rhai", ECHO)]);
    wait_until_listening(&house, &broker, "in/0");
    assert_eq!(house.terminate(), Some(0));
    for n in 0..5 {
        broker.publish(&format!("in/{n}"), &format!("{{\"down\":{n}}}"));
    }
    let heard = broker.listen("out");
    house.restart();
    for n in 0..5 {
        heard.wait_for(&format!("out {{\"down\":{n}}}"));
    }
}

#[test]
fn a_host_whose_broker_is_away_stops_at_once() {
    let config = gate_config() + "[mqtt.home]\nurl = \"mqtt://127.0.0.1:9\"\n";
    let mut house = House::start(&config, &[("echo.rhai", ECHO)]);
    house.post_ok("{\"type\":\"opened\",\"n\":1}");
    house.wait_for_runs(1);
    house.wait_until_said("no connection to publish");
    let began = Instant::now();
    assert_eq!(house.terminate(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    let action: &Value = &house.actions()[0];
    assert_eq!(action["status"], "open", "{action}");
}

#[test]
fn a_broker_that_only_speaks_the_old_version_is_spoken_to_in_it() {
    let Some(mut server) = Server::hold("aedes") else {
        return;
    };
    let args = ["--host", "127.0.0.1", "--protos", "tcp", "--port", "14885"];
    server.start("aedes", &args, &[14885]);
    let table = "[mqtt.old]\nurl = \"mqtt://127.0.0.1:14885\"\n";
    let config = gate_config() + table;
    let script = r#"
        on_mqtt("in", |event| file::append("heard.txt", `${event.data}\n`));
        on("gate.*", |event| mqtt::publish("in", `${event.data.n}`));
    "#;
    let house = House::start(&config, &[("both.rhai", script)]);
    let said = house.wait_until_said("connected, to listen");
    assert!(said.contains("3.1.1"), "{said}");
    // Once the subscription stands, what we publish comes back to us.
    eventually("a message comes round", || {
        house.post_ok("{\"type\":\"opened\",\"n\":7}");
        house
            .file("heard.txt")
            .filter(|text| text.contains('7'))
            .map(|_| ())
    });
}
