//! Brokers that are none, or do what a broker must not: opening and reading ends in bounded time,
//! and keeps a bounded amount of what came.

use porchlight_mqtt::packet::{self, Incoming, Malformed};
use porchlight_mqtt::{Attention, Broker, Connection, Opener, Purpose, Trouble, Trust};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

const WELCOME: &[u8] = b"\x20\x03\0\0\0";

fn table(port: u16) -> Broker {
    Broker {
        name: "test".to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        tls: None,
        user: None,
        password: None,
        client_id: "test".to_owned(),
        version: None,
        keep_alive: Duration::from_secs(10),
        largest: 1 << 20,
        in_flight: 8,
        session: Duration::ZERO,
        status: None,
        discovery: None,
    }
}

/// A broker that does the same with each connection, once the client has said something.
async fn broker<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Broker
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let table = table(listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.readable().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    table
}

/// Keeps a connection until its other end is gone.
async fn hold(mut stream: TcpStream) {
    while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {}
}

async fn open(broker: Broker) -> Result<Connection, Trouble> {
    let purpose = Purpose {
        role: "in",
        clean: true,
        session: Duration::ZERO,
        will: None,
    };
    Opener::new(Arc::new(broker), purpose).open().await
}

#[tokio::test]
async fn a_welcome_that_comes_byte_by_byte_is_a_welcome() {
    let broker = broker(|mut stream| async move {
        stream.set_nodelay(true).unwrap();
        for byte in WELCOME {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        hold(stream).await;
    })
    .await;
    open(broker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_nothing_or_never_comes_to_the_point_is_given_up() {
    for begins in [
        &b""[..],
        b"\x20",
        b"\x20\x03\0",
        // A message of a megabyte, of which nothing follows.
        b"\x30\xf0\xff\x3f",
        // A mail server: the beginning of a message of fifty bytes.
        b"220 mail ESMTP\r\n",
    ] {
        let broker = broker(move |mut stream| async move {
            stream.write_all(begins).await.unwrap();
            hold(stream).await;
        })
        .await;
        let started = Instant::now();
        assert_eq!(open(broker).await.unwrap_err(), Trouble::Silent);
        assert!(started.elapsed() <= Duration::from_secs(30));
    }
}

#[tokio::test]
async fn what_is_no_broker_is_known_by_its_first_bytes() {
    let absurd = "a packet of an absurd size";
    let early = "something before its welcome";
    for (begins, what) in [
        // A welcome, and then a message, that claim 256 MB.
        (&b"\x20\xff\xff\xff\x7f"[..], absurd),
        (b"\x40\xff\xff\xff\x7f", absurd),
        (
            b"\x20\xff\xff\xff\xff\x01",
            "a length of more than four bytes",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "something that is no MQTT",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "something that is no MQTT"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "something that is no MQTT"),
        (b"\0\0\0\0\0\0\0\0", "a packet that only clients send"),
        (b"\x30\x05\0\x01a\0x", early),
        (b"\xd0\0\x40\x02\0\x01", early),
        (b"\x20\x00", "a packet that ends too early"),
    ] {
        let broker = broker(move |mut stream| async move {
            let _ = stream.write_all(begins).await;
            hold(stream).await;
        })
        .await;
        let trouble = open(broker).await.unwrap_err();
        assert_eq!(trouble, Trouble::Malformed(Malformed(what)), "{begins:x?}");
        assert_eq!(trouble.kind(), "connect");
    }
}

#[tokio::test]
async fn a_message_of_256_megabytes_is_passed_over_without_being_kept() {
    let broker = broker(|mut stream| async move {
        let _ = stream.write_all(WELCOME).await;
        let _ = stream.write_all(b"\x30\xff\xff\xff\x7f\0\x03big").await;
        let piece = vec![b'x'; 1 << 20];
        let mut rest = 268_435_455 - 5;
        while rest > 0 {
            let part = piece.len().min(rest);
            if stream.write_all(&piece[..part]).await.is_err() {
                return;
            }
            rest -= part;
        }
        let _ = stream.write_all(b"\x30\x05\0\x01a\0x").await;
        hold(stream).await;
    })
    .await;
    let mut connection = open(broker).await.unwrap();
    let found = connection.next(Attention::All).await.unwrap();
    let Incoming::TooLarge { topic, size, .. } = found else {
        panic!("{found:?}");
    };
    assert_eq!((topic.as_str(), size), ("big", 268_435_460));
    let next = connection.next(Attention::All).await.unwrap();
    assert!(matches!(next, Incoming::Publish(..)), "{next:?}");
}

#[tokio::test]
async fn a_broker_that_reads_no_answers_is_not_listened_to_for_ever() {
    let (blocked, mut taken) = tokio::sync::mpsc::channel(1);
    let broker = broker(move |mut stream| {
        let blocked = blocked.clone();
        async move {
            let _ = stream.write_all(WELCOME).await;
            // Messages that want an answer, as fast as they are taken.
            let flood = b"\x32\x06\0\x01a\0\x01\0".repeat(8192);
            let mut sent = 0_u64;
            while let Ok(Ok(())) = timeout(Duration::from_secs(1), stream.write_all(&flood)).await {
                sent += flood.len() as u64;
                if sent > 1 << 30 {
                    break;
                }
            }
            let _ = blocked.send(sent).await;
            std::future::pending::<()>().await;
            drop(stream);
        }
    })
    .await;
    let mut connection = open(broker).await.unwrap();
    let sent = loop {
        tokio::select! {
            sent = taken.recv() => break sent.unwrap(),
            incoming = connection.next(Attention::All) => {
                let Incoming::Publish(_, Some(number), _) = incoming.unwrap() else {
                    panic!("no message");
                };
                connection.send(|out, _| packet::puback(out, number));
            }
        }
    };
    // As much as our bound on answers, and what the buffers of two sockets hold.
    assert!(sent < 64 << 20, "{sent}");
    assert!(connection.is_crowded());
}

#[tokio::test(start_paused = true)]
async fn a_broker_is_not_given_up_because_we_did_not_listen() {
    let broker = broker(|mut stream| async move {
        let _ = stream.write_all(WELCOME).await;
        let mut heard = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut heard).await {
            for _ in heard[..count].windows(2).filter(|it| *it == b"\xc0\0") {
                let _ = stream.write_all(b"\xd0\0").await;
            }
        }
    })
    .await;
    let mut connection = open(broker).await.unwrap();
    let busy = connection.next(Attention::Paused);
    assert!(timeout(Duration::from_secs(120), busy).await.is_err());
    // Now we listen again, for so long that it would be given up twice.
    let listening = connection.next(Attention::All);
    assert!(timeout(Duration::from_secs(60), listening).await.is_err());
}

fn trusting(mut broker: Broker) -> Broker {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    broker.tls = Some(Trust::from_pem(own.cert.pem().as_bytes()).unwrap());
    broker
}

#[tokio::test]
async fn a_handshake_that_is_broken_off_is_said_to_be_one() {
    // What was sent is not read, so that the first is a reset.
    for begins in [
        &b""[..],
        b"\x15\x03\x03\x00\x02\x02\x28",
        WELCOME,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let broker = broker(move |mut stream| async move {
            let _ = stream.write_all(begins).await;
        });
        let trouble = open(trusting(broker.await)).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Tls(_)), "{trouble:?}");
        assert!(trouble.needs_somebody(), "perhaps the port speaks no TLS");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_given_up() {
    for begins in [&b""[..], b"\x16\x03\x03\x00\x40half"] {
        let broker = broker(move |mut stream| async move {
            let _ = stream.write_all(begins).await;
            hold(stream).await;
        });
        let trouble = open(trusting(broker.await)).await.unwrap_err();
        let Trouble::Unreachable(said) = trouble else {
            panic!("{trouble:?}");
        };
        assert!(said.contains("did not answer within"), "{said}");
    }
}
