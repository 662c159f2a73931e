//! A porch on loopback, and a sender that writes bytes.
//!
//! It has three webhooks unless a test brings its own: `gate` asks for a signature, `open` for
//! nothing, and `small` for nothing and takes 1 KiB.

use porchlight_core::{Event, Secret, Timestamp};
use porchlight_journal::{Journal, Options, Reader};
use porchlight_source::http::{Listener, Receiver, ServeLimits, serve};
use porchlight_source::{Preset, Webhook};
use porchlight_verify::{Delivery, sign};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes so long; what does is stuck.
const STUCK: Duration = Duration::from_secs(20);

pub struct House {
    pub address: SocketAddr,
    pub receiver: Arc<Receiver>,
    pub stop: CancellationToken,
    journal: Journal,
    folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    stored: mpsc::UnboundedReceiver<Arc<Event>>,
    serving: JoinHandle<()>,
}

pub fn limits() -> ServeLimits {
    ServeLimits::default()
}

impl House {
    pub async fn open() -> Self {
        Self::open_with(limits()).await
    }

    pub async fn open_with(limits: ServeLimits) -> Self {
        Self::furnish(limits, webhooks()).await
    }

    /// A house with these webhooks.
    pub async fn furnish(limits: ServeLimits, webhooks: Vec<Webhook>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::build(vec![Listener::Tcp(listener)], address, limits, webhooks).await
    }

    /// A house with these doors, of which `address` is the one that most tests use.
    pub async fn open_on(
        listeners: Vec<Listener>,
        address: SocketAddr,
        limits: ServeLimits,
    ) -> Self {
        Self::build(listeners, address, limits, webhooks()).await
    }

    async fn build(
        listeners: Vec<Listener>,
        address: SocketAddr,
        limits: ServeLimits,
        webhooks: Vec<Webhook>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(now().0));
        let ticking = Arc::clone(&clock);
        let tell = Arc::new(move || Timestamp(ticking.load(Ordering::SeqCst)));
        let options = Options {
            clock: tell.clone(),
            ..Options::default()
        };
        let journal = Journal::open(folder.path(), options).unwrap();
        let (sender, stored) = mpsc::unbounded_channel();
        let receiver = Arc::new(Receiver::new(
            journal.clone(),
            tell,
            Arc::new(move |event| drop(sender.send(event))),
        ));
        receiver.set_webhooks(webhooks);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(
            listeners,
            Arc::clone(&receiver),
            limits,
            stop.clone(),
        ));
        Self {
            address,
            receiver,
            stop,
            journal,
            folder,
            clock,
            stored,
            serving,
        }
    }

    /// The header lines, each with its line end, that prove `body` to the webhook `gate`.
    pub fn proof(&self, body: &str) -> String {
        let delivery = Delivery {
            method: http::Method::POST,
            url: "/webhook/gate".into(),
            query: String::new(),
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
            ..Delivery::default()
        };
        let scheme = &Preset::named("hmac").unwrap().scheme;
        let headers = sign(scheme, &secret(), &delivery, "id", now()).unwrap();
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect()
    }

    /// A whole proven request to `gate`.
    pub fn signed(&self, body: &str) -> Vec<u8> {
        let proof = self.proof(body);
        let length = body.len();
        format!("POST /webhook/gate HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-type: application/json\r\n{proof}content-length: {length}\r\n\r\n{body}")
            .into_bytes()
    }

    pub async fn connect(&self) -> Line {
        Line {
            stream: TcpStream::connect(self.address).await.unwrap(),
            read: Vec::new(),
        }
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, request: &[u8]) -> Answer {
        let mut line = self.connect().await;
        line.write_bytes(request).await.unwrap();
        line.read_answer().await
    }

    /// Sends anything and says the status of the first answer, 0 when there was none.
    pub async fn send_whatever(&self, request: &[u8]) -> u16 {
        let mut line = self.connect().await;
        let written = line.write_bytes(request).await;
        if written.is_ok() {
            line.stream.shutdown().await.unwrap();
        }
        while !line.read.windows(4).any(|four| four == b"\r\n\r\n") {
            if !matches!(line.read_more().await, Ok(count) if count > 0) {
                return 0;
            }
        }
        line.read_head().await.status
    }

    pub async fn next_event(&mut self) -> Arc<Event> {
        let event = timeout(STUCK, self.stored.recv()).await;
        event.expect("an event in time").unwrap()
    }

    pub async fn break_journal(&self) {
        self.journal.clone().close().await;
    }

    /// Moves the clock of receiver and journal.
    pub fn set_clock(&self, at: Timestamp) {
        self.clock.store(at.0, Ordering::SeqCst);
    }

    /// Closes the journal and opens it for reading.
    pub async fn records(&self) -> Reader {
        self.break_journal().await;
        Reader::open(self.folder.path()).unwrap()
    }

    pub async fn ended(&mut self) {
        timeout(STUCK, &mut self.serving)
            .await
            .expect("drained in time")
            .unwrap();
    }
}

/// A whole request with these header lines, each with its line end.
pub fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn webhooks() -> Vec<Webhook> {
    let webhook = |name: &str, preset: Preset, secrets, max_body| Webhook {
        max_body,
        ..Webhook::new(name, preset, secrets)
    };
    let hmac = || Preset::named("hmac").unwrap().clone();
    let none = "[scheme]\nproof = \"none\"".parse().unwrap();
    let open = || hmac().with(&none).unwrap();
    vec![
        webhook("gate", hmac(), vec![secret()], 1 << 20),
        webhook("open", open(), vec![], 1 << 20),
        webhook("small", open(), vec![], 1024),
    ]
}

pub fn secret() -> Secret {
    Secret::new("secret", "a quiet word at the gate")
}

fn now() -> Timestamp {
    Timestamp::from_system_time(std::time::SystemTime::now())
}

/// A connection, and what was read from it and not yet looked at.
pub struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name)?;
        Some(&found.1)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Line {
    pub async fn write(&mut self, text: &str) {
        self.write_bytes(text.as_bytes()).await.unwrap();
    }

    async fn write_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        timeout(STUCK, self.stream.write_all(bytes))
            .await
            .expect("writing is stuck")
    }

    async fn read_more(&mut self) -> std::io::Result<usize> {
        timeout(STUCK, self.stream.read_buf(&mut self.read))
            .await
            .expect("reading is stuck")
    }

    /// Reads the head of an answer, which may be an interim one.
    pub async fn read_head(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert_ne!(
                self.read_more().await.unwrap(),
                0,
                "closed without an answer"
            );
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Answer {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: String::new(),
        }
    }

    pub async fn read_answer(&mut self) -> Answer {
        let mut answer = self.read_head().await;
        let length: usize = answer
            .header("content-length")
            .map_or(0, |n| n.parse().unwrap());
        while self.read.len() < length {
            assert_ne!(self.read_more().await.unwrap(), 0, "cut off");
        }
        answer.body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        answer
    }

    /// Waits until the other side hangs up without a further word.
    pub async fn read_to_end(&mut self) {
        while matches!(self.read_more().await, Ok(count) if count > 0) {}
        assert_eq!(String::from_utf8_lossy(&self.read), "");
    }
}
