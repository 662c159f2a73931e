//! Brokers that do what a broker must not, as far as listening is concerned: what they send costs a
//! bounded memory, nothing of it is lost or counted for something else, and a host that stops does
//! not wait for them.

#![allow(clippy::unwrap_used)] // helpers outside of test functions

use porchlight_core::{Event, Timestamp, TopicFilter};
use porchlight_journal::{Journal, Options};
use porchlight_mqtt::Broker;
use porchlight_source::mqtt::{Listeners, Shared, Wanted};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

const WELCOME: &[u8] = b"\x20\x03\0\0\0";
/// What the buffers of two sockets hold, and some more.
const BUFFERS: u64 = 32 << 20;

/// A host that listens at one broker, and what it has stored.
struct Host {
    listeners: Listeners,
    stored: mpsc::UnboundedReceiver<Arc<Event>>,
    _home: tempfile::TempDir,
}

/// A host that wants `in/#` of a broker which does the same with each connection; and how many
/// connections there were.
async fn host<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (Host, watch::Receiver<usize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (count, connections) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.send_modify(|count| *count += 1);
            tokio::spawn(serve(stream));
        }
    });
    let broker = Broker {
        name: "home".to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        tls: None,
        user: None,
        password: None,
        client_id: "test".to_owned(),
        version: None,
        keep_alive: Duration::from_secs(60),
        largest: 1 << 20,
        in_flight: 4,
        session: Duration::from_secs(60),
        status: None,
        discovery: None,
    };
    let home = tempfile::tempdir().unwrap();
    let (tell, stored) = mpsc::unbounded_channel();
    let shared = Shared {
        journal: Journal::open(home.path(), Options::default()).unwrap(),
        clock: Arc::new(|| Timestamp(1_800_000_000_000)),
        stored: Arc::new(move |event| _ = tell.send(event)),
    };
    let listeners = Listeners::start(vec![Arc::new(broker)], &shared);
    let filter = TopicFilter::parse("in/#").unwrap();
    listeners.listen(&Wanted::from([(
        "home".to_owned(),
        BTreeSet::from([filter]),
    )]));
    let host = Host {
        listeners,
        stored,
        _home: home,
    };
    (host, connections)
}

impl Host {
    async fn next(&mut self) -> Arc<Event> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.stored.recv());
        next.await.unwrap().unwrap()
    }

    /// A host that stops does so whatever its broker does.
    async fn stop(self) {
        let started = Instant::now();
        self.listeners.stop(Duration::from_secs(20)).await;
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

/// A packet of the client, as far as its first byte and its content go.
async fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let length = stream.read_u8().await.ok()?;
    let mut body = vec![0; usize::from(length)];
    stream.read_exact(&mut body).await.ok()?;
    Some((first, body))
}

/// Lets a client in and gives it its subscription.
async fn subscribe(stream: &mut TcpStream, welcome: &[u8], code: u8) {
    packet(stream).await.unwrap();
    stream.write_all(welcome).await.unwrap();
    let (_, body) = packet(stream).await.unwrap();
    let answer = [b"\x90\x04", &body[..2], &[0, code]].concat();
    stream.write_all(&answer).await.unwrap();
}

/// A message with quality of service 1: its first byte, its number, topic and payload.
fn message(first: u8, number: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(number.to_be_bytes());
    body.push(0);
    body.extend(payload);
    let mut packet = vec![first];
    let mut length = body.len();
    while length > 0x7f {
        packet.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    packet.push(u8::try_from(length).unwrap());
    packet.extend(body);
    packet
}

#[tokio::test]
async fn a_flood_of_kept_messages_waits_at_the_broker_also_where_it_does_not_want_to() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let (mut host, _) = host(move |mut stream| {
        let sent = Arc::clone(&counted);
        async move {
            subscribe(&mut stream, WELCOME, 1).await;
            let (mut input, mut output) = stream.into_split();
            tokio::spawn(async move { while let Ok(1..) = input.read(&mut [0; 4096]).await {} });
            let payload = vec![b'x'; 60_000];
            for number in (1..=u16::MAX).cycle() {
                let kept = message(0x33, number, "in/kept", &payload);
                if output.write_all(&kept).await.is_err() {
                    return;
                }
                sent.fetch_add(kept.len() as u64, SeqCst);
            }
        }
    })
    .await;
    let mut stored = 0_u64;
    for _ in 0..200 {
        let event = host.next().await;
        assert_eq!(event.facts["retained"], true);
        stored += 60_000;
    }
    let waits = sent.load(SeqCst).saturating_sub(stored);
    assert!(waits < BUFFERS, "{waits} bytes are somewhere in memory");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_that_nobody_wants_hides_no_message_and_keeps_no_host_from_stopping() {
    let (mut host, _) = host(|mut stream| async move {
        subscribe(&mut stream, WELCOME, 1).await;
        let (mut input, mut output) = stream.into_split();
        tokio::spawn(async move { while let Ok(1..) = input.read(&mut [0; 4096]).await {} });
        let strange = message(0x32, 7, "other", &[b'x'; 500]).repeat(128);
        loop {
            let wanted = message(0x32, 8, "in/a", b"1");
            let both = [&strange[..], &wanted].concat();
            if output.write_all(&both).await.is_err() {
                return;
            }
        }
    })
    .await;
    for _ in 0..20 {
        assert_eq!(host.next().await.subject.as_deref(), Some("in/a"));
    }
    host.stop().await;
}

#[tokio::test]
async fn a_broker_that_reads_no_acknowledgement_is_not_listened_to_for_ever() {
    let (blocked, mut taken) = mpsc::channel(1);
    let (host, _) = host(move |mut stream| {
        let blocked = blocked.clone();
        async move {
            subscribe(&mut stream, WELCOME, 1).await;
            let strange = message(0x32, 7, "x", b"").repeat(8192);
            let (mut sent, patience) = (0_u64, Duration::from_secs(1));
            while let Ok(Ok(())) = tokio::time::timeout(patience, stream.write_all(&strange)).await
            {
                sent += strange.len() as u64;
            }
            let _ = blocked.send(sent).await;
            std::future::pending::<()>().await;
            drop(stream);
        }
    })
    .await;
    let sent = taken.recv().await.unwrap();
    assert!(sent < 2 * BUFFERS, "{sent}");
    host.stop().await;
}

#[tokio::test]
async fn a_broker_that_says_of_everything_that_it_comes_again_loses_us_nothing() {
    let (mut host, _) = host(|mut stream| async move {
        // It also claims a session of before, of which there is none.
        subscribe(&mut stream, b"\x20\x03\x01\0\0", 1).await;
        for _ in 0..5 {
            let again = message(0x3a, 7, "in/a", b"the same");
            stream.write_all(&again).await.unwrap();
        }
        while packet(&mut stream).await.is_some() {}
    })
    .await;
    for _ in 0..5 {
        let event = host.next().await;
        assert!(event.redelivered, "what it says is passed on");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_message_is_acknowledged_under_its_own_number_and_in_order() {
    let (heard, mut acknowledged) = mpsc::unbounded_channel();
    let (host, _) = host(move |mut stream| {
        let heard = heard.clone();
        async move {
            subscribe(&mut stream, WELCOME, 1).await;
            // Wanted, unwanted, and too large to be kept, all at once.
            let large = vec![b'x'; 2 << 20];
            for (number, topic, payload) in [
                (9, "in/a", &b"1"[..]),
                (3, "other", b"2"),
                (7, "in/large", &large),
                (65_535, "in/b", b"3"),
            ] {
                let sent = message(0x32, number, topic, payload);
                stream.write_all(&sent).await.unwrap();
            }
            while let Some((first, body)) = packet(&mut stream).await {
                let _ = heard.send((first, u16::from_be_bytes([body[0], body[1]])));
            }
        }
    })
    .await;
    for number in [9, 3, 7, 65_535] {
        assert_eq!(acknowledged.recv().await, Some((0x40, number)));
    }
    host.stop().await;
}

#[tokio::test]
async fn a_broker_that_refuses_what_we_want_is_not_asked_again_and_again() {
    let (heard, mut next) = mpsc::unbounded_channel();
    let (host, connections) = host(move |mut stream| {
        let heard = heard.clone();
        async move {
            subscribe(&mut stream, WELCOME, 0x87).await;
            let other = message(0x32, 5, "other", b"");
            stream.write_all(&other).await.unwrap();
            while let Some(packet) = packet(&mut stream).await {
                let _ = heard.send(packet);
            }
        }
    })
    .await;
    // The acknowledgement, and no other subscription before it.
    assert_eq!(next.recv().await, Some((0x40, vec![0, 5])));
    host.stop().await;
    assert_eq!(next.recv().await, Some((0xe0, Vec::new())), "goodbye");
    assert_eq!(*connections.borrow(), 1);
}

#[tokio::test]
async fn a_broker_that_hangs_up_or_ends_it_at_once_is_tried_less_and_less_often() {
    for goodbye in [&b""[..], b"\xe0\x02\x8e\0", b"\xe0\x02\x97\0"] {
        let (host, mut connections) = host(move |mut stream| async move {
            subscribe(&mut stream, WELCOME, 1).await;
            let _ = stream.write_all(goodbye).await;
        })
        .await;
        let started = Instant::now();
        // The pauses before the fourth are an eighth, a quarter and half a second at least.
        let fourth = connections.wait_for(|count| *count >= 4);
        let fourth = tokio::time::timeout(Duration::from_secs(20), fourth).await;
        assert!(fourth.is_ok());
        assert!(started.elapsed() >= Duration::from_millis(800));
        host.stop().await;
    }
}
