//! A broker that says what a test has for it, and a performer that knows it.

use porchlight_action::{HttpConfig, Performer, PerformerConfig};
use porchlight_core::{ActionError, Receipt, Retry, Timestamp};
use porchlight_mqtt::Broker;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub const WELCOME: &[u8] = b"\x20\x03\0\0\0";
/// A try that waits for a broker this long beyond the second that publishing leaves itself.
pub const SHORT: Duration = Duration::from_millis(1400);
pub const LONG: Duration = Duration::from_secs(20);
pub const SECOND: Retry = Retry::AfterMs(1000);

pub fn table(port: u16) -> Broker {
    Broker {
        name: "home".to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        tls: None,
        user: None,
        password: None,
        client_id: "test".to_owned(),
        version: None,
        keep_alive: Duration::ZERO,
        largest: 1 << 20,
        in_flight: 2,
        session: Duration::ZERO,
        status: None,
        discovery: None,
    }
}

/// A performer that knows one broker.
pub struct Home {
    pub performer: Arc<Performer>,
    _folder: tempfile::TempDir,
}

pub fn home(broker: Broker) -> Home {
    let folder = tempfile::tempdir().unwrap();
    let performer = Performer::new(PerformerConfig {
        brokers: vec![Arc::new(broker)],
        mail: HashMap::new(),
        files: folder.path().join("files"),
        quota: None,
        commands: HashMap::new(),
        secrets: Arc::new(|_| None),
        blobs: Arc::new(|_| Ok(None)),
        clock: Arc::new(|| Timestamp(1_800_000_000_000)),
        http: HttpConfig::default(),
    })
    .unwrap();
    Home {
        performer: Arc::new(performer),
        _folder: folder,
    }
}

impl Home {
    pub async fn publish(&self, deadline: Duration) -> Result<Receipt, ActionError> {
        let args = json!({"broker": "home", "topic": "a", "payload": "x"});
        self.perform("mqtt.publish", args, deadline).await
    }

    pub async fn ask(&self, timeout_ms: u64) -> Result<Receipt, ActionError> {
        let args = json!({
            "broker": "home", "topic": "a/get", "payload": "", "reply": "a", "timeout_ms": timeout_ms,
        });
        self.perform("mqtt.request", args, LONG).await
    }

    pub async fn perform(
        &self,
        kind: &str,
        args: Value,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        self.performer.perform(kind, &args, "7:0", deadline).await
    }
}

/// What the outbox reads of an error: its kind, whether a later try may help, and whether the broker
/// may have passed the message on.
pub fn check(error: &ActionError, kind: &str, retry: Retry, reached: bool) {
    let connected = error.detail.get("connected") == Some(&json!(true));
    assert_eq!(
        (error.kind.as_str(), error.retry, connected),
        (kind, retry, reached),
        "{error}"
    );
}

/// Serves each connection with its number from 1; gives the broker's table and how many there were.
pub async fn broker<F>(
    serve: impl Fn(usize, TcpStream) -> F + Send + 'static,
) -> (Broker, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let table = table(listener.local_addr().unwrap().port());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(counted.fetch_add(1, SeqCst) + 1, stream));
        }
    });
    (table, connections)
}

/// A packet of the client: its first byte and its content.
pub async fn packet(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = stream.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((first, body))
}

/// The number of a published message.
pub fn number(body: &[u8]) -> [u8; 2] {
    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
    [body[2 + topic], body[3 + topic]]
}

pub const CONNECT: u8 = 0x10;
pub const PUBLISH: u8 = 0x32;
pub const SUBSCRIBE: u8 = 0x82;

/// Says to each packet what `answer` has for it, and hangs up where it has nothing.
pub async fn converse(mut stream: TcpStream, answer: impl Fn(u8, &[u8]) -> Option<Vec<u8>>) {
    while let Some((first, body)) = packet(&mut stream).await {
        match answer(first, &body) {
            Some(bytes) if stream.write_all(&bytes).await.is_ok() => {}
            _ => return,
        }
    }
}

/// What a good broker says.
pub fn good(first: u8, body: &[u8]) -> Vec<u8> {
    match first {
        CONNECT => WELCOME.to_vec(),
        PUBLISH => [&b"\x40\x02"[..], &number(body)].concat(),
        SUBSCRIBE => [&b"\x90\x04"[..], &body[..2], b"\0\x01"].concat(),
        _ => Vec::new(),
    }
}

/// A good broker, but for what `odd` says, and only on its first connection where that is all.
pub async fn odd_at_first(
    odd: impl Fn(u8, &[u8]) -> Option<Vec<u8>> + Clone + Send + Sync + 'static,
) -> (Broker, Arc<AtomicUsize>) {
    broker(move |count, stream| {
        let odd = odd.clone();
        async move {
            match count {
                1 => converse(stream, odd).await,
                _ => converse(stream, |first, body| Some(good(first, body))).await,
            }
        }
    })
    .await
}

/// Takes everything and acknowledges nothing.
pub fn deaf(first: u8, body: &[u8]) -> Option<Vec<u8>> {
    Some(match first {
        PUBLISH => Vec::new(),
        _ => good(first, body),
    })
}
