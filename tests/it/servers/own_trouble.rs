//! One target's trouble is its own: while a broker, a mail server, a device and a web service hang, a
//! healthy target gets every call at once; and when they are well again, they have missed nothing.

use super::aiosmtpd::{CLEAR, Post};
use super::mosquitto;
use crate::fake::Fake;
use crate::house::{House, eventually, eventually_or_say, gate_config};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

const EVENTS: usize = 20;
/// What the whole program may hold in memory meanwhile.
const MOST_BYTES: u64 = 200 << 20;

/// Takes every connection and says nothing, until it is opened: then what was said goes on to the
/// real server.
struct Gate {
    port: u16,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    fn before(real: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let open = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&open);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let open = Arc::clone(&shared);
                std::thread::spawn(move || _ = pass(stream, real, &open));
            }
        });
        Self { port, open }
    }

    fn open(&self) {
        *self.open.0.lock().expect("lock") = true;
        self.open.1.notify_all();
    }
}

fn pass(ours: TcpStream, real: SocketAddr, open: &(Mutex<bool>, Condvar)) -> std::io::Result<()> {
    let closed = open.0.lock().expect("lock");
    drop(open.1.wait_while(closed, |open| !*open).expect("lock"));
    let theirs = TcpStream::connect(real)?;
    let (mut from, mut to) = (ours.try_clone()?, theirs.try_clone()?);
    std::thread::spawn(move || {
        _ = std::io::copy(&mut from, &mut to);
        _ = to.shutdown(std::net::Shutdown::Write);
    });
    std::io::copy(&mut &theirs, &mut &ours)?;
    ours.shutdown(std::net::Shutdown::Write)
}

/// A device that answers each line with `ok`; gives what it was told.
fn device() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_ok() && !line.is_empty() {
                kept.lock().expect("lock").push(line.trim().to_owned());
                _ = (&stream).write_all(b"ok\n");
            }
        }
    });
    (address, told)
}

fn of_kind<'a>(actions: &'a [Value], kind: &str, status: &str) -> Vec<&'a Value> {
    let all = actions.iter();
    all.filter(|one| one["kind"] == kind && one["status"] == status)
        .collect()
}

#[test]
fn targets_that_hang_delay_nobody_else_and_miss_nothing() {
    let Some(broker) = mosquitto::Broker::start() else {
        return;
    };
    let Some(post) = Post::start() else { return };
    let here = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let (device, told) = device();
    let (mqtt, mail) = (
        Gate::before(here(mosquitto::PORT)),
        Gate::before(here(CLEAR)),
    );
    let relay = Gate::before(device);
    let (slow, healthy) = (Fake::start(), Fake::start());
    slow.hold();
    let (user, password) = (mosquitto::USER, mosquitto::PASSWORD);
    let config = format!(
        "{}\n[mqtt.house]\nurl = \"mqtt://127.0.0.1:{}\"\nuser = \"{user}\"\npassword = \"{password}\"\n\
         [mail.family]\nserver = \"localhost\"\nport = {}\ntls = \"none\"\nfrom = \"house@example.org\"\nto = \"ada@example.org\"\n",
        gate_config(),
        mqtt.port,
        mail.port
    );
    let script = format!(
        r#"on("gate.*", |event| {{
            let number = event.data.number;
            mqtt::publish("gate/opened", `${{number}}`, #{{ ttl: "1h" }});
            mail::send("family", `gate ${{number}}`);
            net::tcp("127.0.0.1", {}, number + "\n", #{{ expect: "text contains ok", timeout: "50s", ttl: "1h" }});
            http::send("{}/slow", #{{ json: #{{ number: number }}, timeout: "50s", ttl: "1h" }});
            http::send("{}/well", #{{ json: #{{ number: number }} }});
        }});"#,
        relay.port,
        slow.url(),
        healthy.url()
    );
    let listening = broker.listen("gate/opened");
    let house = House::start(&config, &[("gate.rhai", &script)]);
    for number in 0..EVENTS {
        house.post_ok(&format!(r#"{{"number":{number}}}"#));
        let asked = healthy.wait_for(number + 1);
        assert_eq!(asked[number].json()["number"], number);
    }
    // Nobody else was done meanwhile, so nobody was waited for; and none of it is lost.
    let actions = eventually("the healthy one's are recorded", || {
        let actions = house.actions();
        let done = of_kind(&actions, "http.send", "done").len();
        (done == EVENTS).then_some(actions)
    });
    assert_eq!(actions.len(), 5 * EVENTS);
    for kind in ["mqtt.publish", "mail.send", "net.tcp", "http.send"] {
        assert_eq!(of_kind(&actions, kind, "open").len(), EVENTS, "{kind}");
    }
    assert!(
        house.resident_bytes() < MOST_BYTES,
        "{}",
        house.resident_bytes()
    );
    for gate in [&mqtt, &mail, &relay] {
        gate.open();
    }
    slow.release();
    let rest = || {
        let all = house.actions().into_iter();
        let rest: Vec<Value> = all.filter(|one| one["status"] != "done").collect();
        rest
    };
    eventually_or_say(
        || format!("all are done: {:#?}", rest().first()),
        || rest().is_empty().then_some(()),
    );
    let numbers: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
    assert_eq!(*told.lock().expect("lock"), numbers);
    listening.wait_for(&format!("gate/opened {}", EVENTS - 1));
    let published: Vec<String> = numbers
        .iter()
        .map(|one| format!("gate/opened {one}"))
        .collect();
    assert_eq!(listening.heard(), published);
    let subjects: Vec<Value> = post
        .taken()
        .iter()
        .map(|one| one["headers"]["Subject"].clone())
        .collect();
    let expected: Vec<String> = numbers.iter().map(|one| format!("gate {one}")).collect();
    assert_eq!(subjects, expected);
    assert_eq!(slow.asked().len(), EVENTS);
}
