//! A limiter by real clocks: what a box sees that takes three requests at a time and ten a second.
//!
//! Only lower bounds of time are asserted, and only those that a slow machine can't break: nothing
//! arrives before it was begun.

use super::house::{House, eventually, gate_config};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// How long the box takes for a request: long enough that three of them are there at once.
const TAKES: Duration = Duration::from_millis(100);

const IN_FLIGHT: usize = 3;
const PER_SECOND: usize = 10;

/// What the box saw.
#[derive(Default)]
struct Seen {
    now: usize,
    most: usize,
    arrived: Vec<Instant>,
}

/// A box that serves any number at once, and takes its time for each.
struct Bridge {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Bridge {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let sees = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&sees);
                std::thread::spawn(move || _ = serve(stream, &seen));
            }
        });
        Self { address, seen }
    }

    /// Waits until so many have arrived; gives when, and the most that were there at once.
    fn wait_for(&self, count: usize) -> (Vec<Instant>, usize) {
        eventually(&format!("{count} requests at the box"), || {
            let seen = self.seen.lock().expect("lock");
            (seen.arrived.len() >= count).then(|| (seen.arrived.clone(), seen.most))
        })
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    {
        let mut seen = seen.lock().expect("lock");
        seen.now += 1;
        seen.most = seen.most.max(seen.now);
        seen.arrived.push(Instant::now());
    }
    let (_never, time) = mpsc::channel::<()>();
    _ = time.recv_timeout(TAKES);
    seen.lock().expect("lock").now -= 1;
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_box_never_sees_more_at_once_nor_more_in_a_second_than_its_limiter_allows() {
    let limited = Bridge::start();
    let at = limited.address;
    // Seven lanes that are told something, and a script that asks, all behind one limiter.
    let tells = format!(
        "on(\"gate.*\", |event| {{ for n in 0..28 {{ http::send(\"http://{at}/tell\", #{{ method: \"PUT\", limit: \"box\", lane: \"lane\" + (n % 7) }}); }} }});"
    );
    let asks = format!(
        "on(\"gate.*\", |event| {{ for n in 0..7 {{ http::get(\"http://{at}/ask\", #{{ limit: \"box\" }}); }} }});"
    );
    let config = gate_config()
        + &format!("[limit.box]\nin_flight = {IN_FLIGHT}\nper_second = {PER_SECOND}\n");
    let house = House::start(&config, &[("tells.rhai", &tells), ("asks.rhai", &asks)]);
    let begun = Instant::now();
    house.post_ok("{\"type\":\"opened\"}");
    let (arrived, most) = limited.wait_for(35);
    house.wait_for_done(28);
    assert_eq!(most, IN_FLIGHT, "it has what it takes, and never more");
    // The eleventh can't have begun before a second had passed, nor the 21st before two.
    for (number, at) in arrived.iter().enumerate() {
        let least = Duration::from_secs((number / PER_SECOND) as u64);
        let after = at.duration_since(begun);
        assert!(after >= least, "request {number} came after {after:?}");
    }
    // An arrival may be late by whatever this machine does meanwhile, and the next one not; without
    // a limiter eleven of them take some milliseconds, behind places for three a third of a second.
    for window in arrived.windows(PER_SECOND + 1) {
        let span = window[PER_SECOND].duration_since(window[0]);
        assert!(span >= Duration::from_millis(500), "eleven within {span:?}");
    }
}
