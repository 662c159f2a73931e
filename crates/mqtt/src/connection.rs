//! A connection to a broker: introduced, kept alive, and read one packet at a time.
//!
//! [`Connection::next`] may be dropped at any moment and called again, so it fits into a `select!`:
//! what was read and what is still to be written lies in buffers of the connection. Packets to send
//! are queued at once and leave while `next` is awaited; whoever queues bounds how many. Where very
//! much is queued nothing is read: a broker that sends without end and reads none of the answers to
//! it would fill the memory with them.
//!
//! It acknowledges nothing and repeats nothing: both depend on what messages mean.

use crate::broker::Broker;
use crate::packet::{self, Hello, Incoming, LastWill, Reader, Version, Welcome};
use crate::transport::{self, Transport};
use crate::trouble::Trouble;
use bytes::{Buf as _, BytesMut};
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a broker may take to welcome us, to answer a ping, or to take what is written.
const PATIENCE: Duration = Duration::from_secs(15);

/// Read at once.
const PIECE: usize = 16 << 10;

/// With so much to be written, in bytes, nothing more is read or should be queued.
const CROWDED: usize = 1 << 20;

/// What a connection is for.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// Added to the client id: `in`, `out`.
    pub role: &'static str,
    /// Whether the broker forgets what was before.
    pub clean: bool,
    /// How long the broker keeps subscriptions and messages after the end (MQTT 5).
    pub session: Duration,
    /// What the broker says when we are gone without a word.
    pub will: Option<LastWill>,
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Packets.
    All,
    /// Nothing: what is queued is written and the connection kept alive, and the broker waits with
    /// more messages until there is room.
    Paused,
}

/// An open connection.
pub struct Connection {
    read: ReadHalf<Box<dyn Transport>>,
    write: WriteHalf<Box<dyn Transport>>,
    input: BytesMut,
    output: BytesMut,
    unflushed: bool,
    reader: Reader,
    version: Version,
    welcome: Welcome,
    peer: Option<IpAddr>,
    keep_alive: Duration,
    heard: Instant,
    sent: Instant,
    /// Since when an answer to a ping is outstanding.
    pinged: Option<Instant>,
    /// Since when something lies in `output`.
    stuck: Option<Instant>,
    /// Nothing is read at the moment.
    deaf: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("version", &self.version)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects and introduces us in one version.
    ///
    /// # Errors
    /// Nobody is there, it is not the broker, or it does not want us.
    pub async fn open(
        broker: &Broker,
        purpose: &Purpose,
        version: Version,
    ) -> Result<Self, Trouble> {
        let (stream, peer) = transport::open(broker).await?;
        let (read, write) = tokio::io::split(stream);
        let now = Instant::now();
        let mut connection = Self {
            read,
            write,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            reader: Reader::new(version, broker.largest),
            version,
            welcome: Welcome::default(),
            peer,
            keep_alive: broker.keep_alive,
            heard: now,
            sent: now,
            pinged: None,
            stuck: None,
            deaf: false,
        };
        let client_id = format!("{}-{}", broker.client_id, purpose.role);
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let hello = Hello {
            client_id: &client_id,
            user: broker.user.as_deref(),
            password: broker.password.as_ref().map(|password| password.expose()),
            keep_alive: u16::try_from(broker.keep_alive.as_secs()).unwrap_or(u16::MAX),
            clean: purpose.clean,
            session_expiry: seconds(purpose.session),
            receive_maximum: broker.in_flight,
            will: purpose.will.as_ref(),
        };
        packet::connect(&mut connection.output, version, &hello);
        match timeout(PATIENCE, connection.be_welcomed()).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(trouble)) => Err(trouble),
            Err(_) => Err(Trouble::Silent),
        }
    }

    async fn be_welcomed(&mut self) -> Result<(), Trouble> {
        let version = self.version;
        match self.next(Attention::All).await {
            Ok(Incoming::Connack(0, welcome)) => {
                if let Some(seconds) = welcome.properties.keep_alive {
                    self.keep_alive = Duration::from_secs(seconds.into());
                }
                self.welcome = welcome;
                Ok(())
            }
            Ok(Incoming::Connack(0x01 | 0x84, _)) => Err(Trouble::Version {
                version,
                said: true,
            }),
            Ok(Incoming::Connack(code, welcome)) => Err(Trouble::Refused {
                code,
                reason: welcome.properties.reason,
            }),
            Ok(Incoming::Disconnect(code, reason)) => Err(Trouble::Refused { code, reason }),
            Ok(_) => Err(packet::Malformed("something before its welcome").into()),
            Err(Trouble::Broken(_)) => Err(Trouble::Version {
                version,
                said: false,
            }),
            Err(other) => Err(other),
        }
    }

    /// What the broker said at the beginning.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// The version that is spoken.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The address of the broker.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Queues packets: `write` puts them behind what is queued.
    pub fn send(&mut self, write: impl FnOnce(&mut BytesMut, Version)) {
        if self.output.is_empty() {
            self.stuck = Some(Instant::now());
        }
        write(&mut self.output, self.version);
    }

    /// Whether so much is queued already that more should wait.
    pub fn is_crowded(&self) -> bool {
        self.output.len() >= CROWDED
    }

    /// What can be waited for now.
    fn attend(&mut self, wanted: Attention) -> Attention {
        let attention = match self.is_crowded() {
            true => Attention::Paused,
            false => wanted,
        };
        if attention == Attention::All && self.deaf {
            // The answer to a ping may have come meanwhile and is still to be read.
            self.pinged = self.pinged.map(|_| Instant::now());
        }
        self.deaf = attention == Attention::Paused;
        attention
    }

    /// The next packet that means something. Writes what is queued and answers for our being alive
    /// meanwhile. Nothing is lost when it is dropped.
    ///
    /// # Errors
    /// The connection is at its end.
    pub async fn next(&mut self, attention: Attention) -> Result<Incoming, Trouble> {
        loop {
            let attention = self.attend(attention);
            if attention == Attention::All {
                match self.reader.next(&mut self.input)? {
                    Some(Incoming::Pong) => continue,
                    Some(packet) => return Ok(packet),
                    None => {}
                }
            }
            self.step(attention).await?;
        }
    }

    /// Writes all that is queued, and waits until the system has taken it.
    ///
    /// # Errors
    /// The connection is at its end.
    pub async fn flush(&mut self) -> Result<(), Trouble> {
        while !self.output.is_empty() || self.unflushed {
            self.step(Attention::Paused).await?;
        }
        Ok(())
    }

    /// One thing that happens: bytes come, bytes go, or it is time for a ping.
    async fn step(&mut self, attention: Attention) -> Result<(), Trouble> {
        let now = Instant::now();
        let due = self.due(attention);
        if due <= now {
            return self.act_on_time(now, attention);
        }
        self.input.reserve(PIECE);
        let writes = !self.output.is_empty() || self.unflushed;
        let (output, write) = (&self.output, &mut self.write);
        // Either may be dropped: what was not written stays in the buffer.
        let writing = async {
            if output.is_empty() {
                return write.flush().await.map(|()| 0);
            }
            match write.write(output).await {
                Ok(0) => Err(std::io::ErrorKind::WriteZero.into()),
                written => written,
            }
        };
        tokio::select! {
            read = self.read.read_buf(&mut self.input), if attention == Attention::All => {
                match read {
                    Ok(0) => return Err(Trouble::Broken("it hung up".to_owned())),
                    Ok(_) => {
                        self.heard = Instant::now();
                        self.pinged = None;
                    }
                    Err(error) => return Err(Trouble::broken(&error)),
                }
            }
            written = writing, if writes => match written.map_err(|error| Trouble::broken(&error))? {
                0 => self.unflushed = false,
                count => {
                    self.output.advance(count);
                    self.unflushed = true;
                    self.sent = Instant::now();
                    self.stuck = (!self.output.is_empty()).then_some(self.sent);
                }
            },
            () = sleep_until(due) => {}
        }
        Ok(())
    }

    /// When the next thing is due by time.
    fn due(&self, attention: Attention) -> Instant {
        let never = Instant::now() + Duration::from_secs(86_400);
        let ping = match (self.keep_alive.is_zero(), self.pinged) {
            (true, _) => never,
            // Whoever does not read hears no answer either.
            (false, Some(_)) if attention == Attention::Paused => never,
            (false, Some(since)) => since + PATIENCE,
            (false, None) => self.sent.min(self.heard) + self.keep_alive.mul_f32(0.75),
        };
        let stuck = self.stuck.map_or(never, |since| since + PATIENCE);
        ping.min(stuck)
    }

    fn act_on_time(&mut self, now: Instant, attention: Attention) -> Result<(), Trouble> {
        let late = |since: Option<Instant>| since.is_some_and(|since| now >= since + PATIENCE);
        if late(self.stuck) || attention == Attention::All && late(self.pinged) {
            return Err(Trouble::Silent);
        }
        self.pinged = Some(now);
        self.send(|out, _| packet::ping(out));
        Ok(())
    }

    /// Says goodbye, so that the broker does not publish the last will, and hangs up. Takes a second
    /// at most.
    pub async fn close(mut self) {
        self.send(|out, _| packet::disconnect(out));
        let goodbye = async {
            // A broker that is gone already needs no goodbye.
            let _ = self.flush().await;
            let _ = self.write.shutdown().await;
        };
        let _ = timeout(Duration::from_secs(1), goodbye).await;
    }
}
