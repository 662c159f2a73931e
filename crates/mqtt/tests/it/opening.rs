//! Opening connections to brokers that refuse, hang up, stay silent or talk nonsense.

use porchlight_mqtt::packet::{Incoming, Version};
use porchlight_mqtt::{Attention, Broker, Connection, Opener, Purpose, Trouble};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn purpose() -> Purpose {
    Purpose {
        role: "in",
        clean: true,
        session: Duration::ZERO,
        will: None,
    }
}

/// What a broker of a test does with a connection, by the version that was asked for.
type Answer = fn(u8) -> &'static [u8];

/// A broker that answers each CONNECT as it is told, and then listens until the end.
async fn broker(answer: Answer) -> Arc<Broker> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer));
        }
    });
    Arc::new(Broker {
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
    })
}

async fn serve(mut stream: TcpStream, answer: Answer) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.unwrap();
    let mut body = vec![0; usize::from(head[1])];
    stream.read_exact(&mut body).await.unwrap();
    let bytes = answer(body[6]);
    if bytes.is_empty() {
        return;
    }
    stream.write_all(bytes).await.unwrap();
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

async fn open(answer: Answer) -> Result<Connection, Trouble> {
    Opener::new(broker(answer).await, purpose()).open().await
}

#[tokio::test]
async fn a_broker_that_refuses_version_5_is_spoken_to_in_3_1_1() {
    for answer in [
        // As brokers of before 2018 do: the refusal of the old version.
        (|version| {
            if version == 5 {
                b"\x20\x02\0\x01"
            } else {
                b"\x20\x02\0\0"
            }
        }) as Answer,
        |version| {
            if version == 5 {
                b"\x20\x03\0\x84\0"
            } else {
                b"\x20\x02\0\0"
            }
        },
        // Without a word.
        |version| if version == 5 { b"" } else { b"\x20\x02\0\0" },
    ] {
        let connection = open(answer).await.unwrap();
        assert_eq!(connection.version(), Version::V311);
    }
    let connection = open(|_| b"\x20\x06\x01\0\x03\x21\0\x05").await.unwrap();
    assert_eq!(connection.version(), Version::V5);
    assert!(connection.welcome().session_present);
    assert_eq!(connection.welcome().properties.receive_maximum, Some(5));
}

#[tokio::test]
async fn a_refusal_is_passed_on_with_its_reason() {
    let trouble = open(|_| b"\x20\x09\0\x87\x06\x1f\0\x03bad")
        .await
        .unwrap_err();
    assert_eq!(trouble.kind(), "auth");
    assert!(trouble.needs_somebody());
    let said = trouble.to_string();
    assert!(
        said.contains("does not allow this") && said.contains("bad"),
        "{said}"
    );
    // A busy broker needs nobody but time.
    let trouble = open(|_| b"\x20\x03\0\x89\0").await.unwrap_err();
    assert_eq!(
        (trouble.kind(), trouble.needs_somebody()),
        ("connect", false)
    );
    let trouble = open(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap_err();
    assert!(matches!(trouble, Trouble::Malformed(_)), "{trouble:?}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut broker = Broker::clone(&*broker(|_| b"").await);
    broker.port = port;
    let trouble = Opener::new(Arc::new(broker), purpose())
        .open()
        .await
        .unwrap_err();
    assert!(trouble.to_string().contains(&port.to_string()), "{trouble}");
    assert_eq!(trouble.kind(), "connect");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stops_answering_is_given_up() {
    let mut connection = open(|_| b"\x20\x03\0\0\0").await.unwrap();
    let ended = connection.next(Attention::All).await;
    assert_eq!(ended, Err(Trouble::Silent));
}

#[tokio::test]
async fn what_comes_behind_the_welcome_is_not_lost() {
    // The welcome, a message and an answer to nothing, in one piece.
    let mut connection = open(|_| b"\x20\x03\0\0\0\x30\x05\0\x01a\0x\xd0\0\x40\x02\0\x07")
        .await
        .unwrap();
    let first = connection.next(Attention::All).await.unwrap();
    let Incoming::Publish(message, None, false) = first else {
        panic!("{first:?}");
    };
    assert_eq!(
        (message.topic.as_str(), &message.payload[..]),
        ("a", &b"x"[..])
    );
    let second = connection.next(Attention::All).await.unwrap();
    assert_eq!(second, Incoming::Puback(7, 0, None));
}
