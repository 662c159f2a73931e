//! More events than a script can take, and a stop in the middle of its work: each handler still
//! meets each event exactly once.

use super::house::{House, eventually, gate_config, signed};
use super::http::{connect, read_answer};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};

/// A server that notes each path asked for and holds its answers back until it is let go.
#[derive(Clone)]
struct Held {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Held {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let held = Self {
            address: listener.local_addr().expect("an address"),
            asked: Arc::default(),
            open: Arc::default(),
        };
        let server = held.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                    while let Some(first) = lines.next() {
                        server.asked.lock().expect("lock").push(first);
                        _ = lines.find(String::is_empty);
                        let (open, changed) = &*server.open;
                        let open = open.lock().expect("lock");
                        drop(changed.wait_while(open, |open| !*open).expect("lock"));
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                        if (&stream).write_all(answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        held
    }

    fn let_go(&self) {
        *self.open.0.lock().expect("lock") = true;
        self.open.1.notify_all();
    }

    fn wait_until_asked(&self) {
        eventually("somebody asks", || {
            (!self.asked.lock().expect("lock").is_empty()).then_some(())
        });
    }

    /// How often each path was asked for.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.asked.lock().expect("lock").iter() {
            *counts.entry(line.clone()).or_default() += 1;
        }
        counts
    }
}

/// A script with so many handlers, each of which asks the server once for each event.
fn asking(held: &Held, name: &str, handlers: usize) -> String {
    (0..handlers)
        .map(|handler| {
            format!(
                "on(\"**\", |event| {{ http::get(`http://{}/{name}/{handler}/${{event.data.n}}`); }});\n",
                held.address
            )
        })
        .collect()
}

/// Posts numbered events over some connections at once.
fn post_many(house: &House, connections: usize, each: usize) {
    std::thread::scope(|scope| {
        for connection in 0..connections {
            let address = house.address;
            scope.spawn(move || {
                let mut stream = connect(address).expect("connect");
                for n in 0..each {
                    let body = format!("{{\"type\":\"opened\",\"n\":{}}}", connection * each + n);
                    stream.write_all(&signed("gate", &body)).expect("write");
                    assert_eq!(read_answer(&mut stream).expect("an answer").status, 200);
                }
            });
        }
    });
}

fn assert_each_once(counts: &BTreeMap<String, usize>, expected: usize) {
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "asked more than once: {twice:?}");
    assert_eq!(counts.len(), expected);
}

#[test]
fn a_script_with_several_handlers_that_falls_behind_runs_each_once() {
    let held = Held::start();
    let house = House::start(&gate_config(), &[("slow.rhai", &asking(&held, "slow", 3))]);
    house.post_ok("{\"type\":\"opened\",\"n\":-1}");
    held.wait_until_asked();
    post_many(&house, 1, 199);
    held.let_go();
    house.wait_for_runs(600);
    assert_each_once(&held.counts(), 600);
}

#[test]
fn thousands_of_events_beside_a_stuck_script_reach_every_script_once() {
    let held = Held::start();
    let slow = asking(&held, "slow", 1);
    let quick =
        "on(\"gate.*\", |event| { file::append(\"quick.txt\", `${event.data.n}` + \"\\n\"); });";
    let house = House::start(
        &gate_config(),
        &[("slow.rhai", &slow), ("quick.rhai", quick)],
    );
    post_many(&house, 32, 60);
    held.let_go();
    house.wait_for_runs(2 * 1920);
    house.wait_for_done(1920);
    assert_each_once(&held.counts(), 1920);
    let mut lines: Vec<String> = house
        .file("quick.txt")
        .expect("a file")
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 1920);
    assert_eq!(house.actions().len(), 1920);
}

#[test]
fn a_stop_waits_for_the_script_that_is_at_work() {
    let held = Held::start();
    let mut house = House::start(&gate_config(), &[("slow.rhai", &asking(&held, "slow", 1))]);
    house.post_ok("{\"type\":\"opened\",\"n\":1}");
    held.wait_until_asked();
    house.ask_to_stop();
    house.wait_until_said("stopping");
    held.let_go();
    assert_eq!(house.wait_until_ended(), Some(0));
    assert_eq!(house.runs().len(), 1, "the run was forgotten");
    house.restart();
    house.post_ok("{\"type\":\"opened\",\"n\":2}");
    house.wait_for_runs(2);
    assert_each_once(&held.counts(), 2);
}

#[test]
fn send_says_soon_that_nothing_ran() {
    let house = House::start(
        &gate_config(),
        &[("other.rhai", "on(\"other.*\", |event| {});")],
    );
    std::fs::write(house.path().join("body.json"), "{\"type\":\"opened\"}").expect("a body");
    let body = house.path().join("body.json");
    let address = house.address.to_string();
    let started = std::time::Instant::now();
    let output = house.porchlight(&["send", body.to_str().expect("UTF-8"), "--to", &address]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("no script subscribes"), "{text}");
    assert!(!text.contains("not all of it has ended"), "{text}");
    assert!(started.elapsed() < std::time::Duration::from_secs(12));
}

#[test]
fn large_events_beside_a_stuck_script_do_not_fill_the_memory() {
    let held = Held::start();
    let house = House::start(&gate_config(), &[("slow.rhai", &asking(&held, "slow", 1))]);
    let picture = "x".repeat(2 << 20);
    for n in 0..150 {
        house.post_ok(&format!(
            "{{\"type\":\"opened\",\"n\":{n},\"picture\":\"{picture}\"}}"
        ));
    }
    let resident = house.resident_bytes();
    assert!(resident < 150 << 20, "{} MiB", resident >> 20);
    held.let_go();
    house.wait_for_runs(150);
    assert_each_once(&held.counts(), 150);
}

#[test]
fn a_mistake_beside_a_secret_does_not_print_it() {
    for line in [
        "secrets = [\"tell-nobody\", 5]",
        "secret = \"tell-nobody",
        "secret = { vault = \"tell-nobody\" }",
    ] {
        let config = format!("[webhook.gate]\npreset = \"hmac\"\n{line}\n");
        let output = House::furnish(&config, &[]).porchlight(&["check"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("error"), "{said}");
        assert!(!said.contains("tell-nobody"), "{said}");
    }
}
