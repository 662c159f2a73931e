//! One broker's connection for what we publish: a task that owns it, and a handle to the task.
//!
//! Whoever publishes hands a message over and waits. The task holds no more than it may have in
//! flight; the others wait in a queue with a bound, and one who gives up waiting is passed over,
//! so a message that the outbox will try again is not sent as well.
//!
//! A connection begins afresh each time (no session): what was in flight when it broke is told to
//! who waits for it, and the outbox sends it again. That is also the way out where a broker stops
//! acknowledging: nothing else makes it take a message again, so the connection is given up once
//! nobody waits any more for what is under way on it.

use super::asking::Asked;
use super::flight::{Flight, begin, lost, take};
use super::plain;
use super::queue::{Command, Queue};
use porchlight_core::TopicFilter;
use porchlight_mqtt::packet::{self, LastWill, Message};
use porchlight_mqtt::{Attention, Broker, Connection, Opener, Purpose, Trouble};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How often it is looked whether somebody still waits for what is under way.
const LOOK: Duration = Duration::from_secs(1);

/// Why a message did not get through.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// There is no connection.
    Away(Trouble),
    /// There is none any more, and nobody knows whether it arrived.
    Unsure,
    /// The broker does not want it.
    Refused {
        code: u8,
        message: String,
    },
    /// This broker can't do it.
    Impossible(String),
    Busy,
}

/// Whether anybody was there to get it, as far as the broker says.
pub(super) type Heard = Result<bool, Failed>;

/// How far we are in stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Working,
    /// Nobody waits for a broker that is away.
    LettingGo,
    Closing,
}

/// The handle.
pub(super) struct Publisher {
    broker: Arc<Broker>,
    queue: Arc<Queue>,
    started: AtomicBool,
    stage: watch::Sender<Stage>,
    connections: watch::Sender<u64>,
    trouble: Arc<Mutex<Option<Trouble>>>,
    closed: watch::Sender<bool>,
}

impl Publisher {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        let (host, port) = (&broker.host, broker.port);
        let unknown = Trouble::Unreachable(format!("{host}:{port} has not answered yet"));
        Self {
            broker,
            queue: Arc::default(),
            started: AtomicBool::new(false),
            stage: watch::Sender::new(Stage::Working),
            connections: watch::Sender::new(0),
            trouble: Arc::new(Mutex::new(Some(unknown))),
            closed: watch::Sender::new(false),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.broker.name
    }

    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// Why there is no connection; nothing while there is one.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        lock(&self.trouble).clone()
    }

    /// Starts the task, once.
    pub(super) fn start(&self) {
        if self.started.swap(true, Ordering::Relaxed) {
            return;
        }
        let will = self.broker.status.as_ref().map(|topic| LastWill {
            topic: topic.clone(),
            payload: "offline".into(),
        });
        let purpose = Purpose {
            role: "out",
            clean: true,
            session: Duration::ZERO,
            will,
        };
        let task = Task {
            opener: Opener::new(Arc::clone(&self.broker), purpose),
            queue: Arc::clone(&self.queue),
            stage: self.stage.subscribe(),
            connections: self.connections.clone(),
            trouble: Arc::clone(&self.trouble),
        };
        let (closed, queue) = (self.closed.clone(), Arc::clone(&self.queue));
        tokio::spawn(async move {
            task.work().await;
            queue.close();
            closed.send_replace(true);
        });
    }

    pub(super) async fn publish(&self, message: Message) -> Heard {
        let (reply, heard) = oneshot::channel();
        self.hand_over(Command::Publish(message, reply))?;
        heard.await.unwrap_or(Err(Failed::Unsure))
    }

    pub(super) async fn ask(&self, message: Message, reply: TopicFilter) -> Asked {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Command::Ask(message, reply, answer))?;
        answered.await.unwrap_or(Err(Failed::Unsure))
    }

    fn hand_over(&self, command: Command) -> Result<(), Failed> {
        self.start();
        self.queue.push(command)
    }

    pub(super) fn let_go(&self) {
        self.stage.send_replace(Stage::LettingGo);
    }

    pub(super) async fn close(&self) {
        if !self.started.load(Ordering::Relaxed) {
            return; // it never began
        }
        self.stage.send_replace(Stage::Closing);
        let mut closed = self.closed.subscribe();
        let goodbye = closed.wait_for(|closed| *closed);
        let _ = tokio::time::timeout(Duration::from_secs(3), goodbye).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Task {
    opener: Opener,
    queue: Arc<Queue>,
    stage: watch::Receiver<Stage>,
    connections: watch::Sender<u64>,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

impl Task {
    async fn work(mut self) {
        let broker = self.opener.broker().name.clone();
        let mut said = false;
        loop {
            let away = Away {
                queue: &self.queue,
                stage: &mut self.stage,
                trouble: &self.trouble,
            };
            let Some(opened) = away.during(self.opener.open()).await else {
                return;
            };
            let trouble = match opened {
                Ok(connection) => {
                    tracing::info!(broker, version = %connection.version(), "connected, to publish");
                    said = false;
                    *lock(&self.trouble) = None;
                    match self.serve(connection).await {
                        Some(trouble) => trouble,
                        None => return,
                    }
                }
                Err(trouble) => trouble,
            };
            if !std::mem::replace(&mut said, true) {
                let advice = match trouble.needs_somebody() {
                    true => "; see [mqtt] in porchlight.toml",
                    false => "",
                };
                tracing::warn!(broker, error = %trouble, "no connection to publish; messages wait{advice}");
            }
            *lock(&self.trouble) = Some(trouble);
            let pause = tokio::time::sleep(self.opener.pause());
            let away = Away {
                queue: &self.queue,
                stage: &mut self.stage,
                trouble: &self.trouble,
            };
            if away.during(pause).await.is_none() {
                return;
            }
        }
    }

    /// Works until the connection ends (with why) or we do.
    async fn serve(&mut self, mut connection: Connection) -> Option<Trouble> {
        let mut flight = Flight::default();
        let properties = &connection.welcome().properties;
        let theirs = properties.receive_maximum.unwrap_or(u16::MAX);
        let most = usize::from(theirs.min(self.opener.broker().in_flight).max(1));
        let status = self.opener.broker().status.clone();
        if let Some(topic) = &status {
            let number = flight.number();
            let online = plain(topic, "online", true);
            connection.send(|out, version| packet::publish(out, version, &online, number));
        }
        self.connections.send_modify(|count| *count += 1);
        loop {
            flight.asking.forget_given_up(&mut connection);
            let full = flight.len() >= most;
            if flight.is_forsaken(full) {
                let trouble = Trouble::Broken("it acknowledges nothing".to_owned());
                return Some(lost(flight, trouble));
            }
            let room = !full && !connection.is_crowded();
            tokio::select! {
                biased;
                () = at(&mut self.stage, Stage::Closing) => break,
                // Before what comes in, of which a broker may have no end.
                () = self.queue.ready(), if room => {
                    // Whoever comes when nobody waits any more is the first to be sent anew.
                    if !flight.is_forsaken(full)
                        && let Some(command) = self.queue.take()
                    {
                        begin(&mut connection, &mut flight, command);
                    }
                }
                incoming = connection.next(Attention::All) => match incoming {
                    Ok(incoming) => match take(&mut connection, &mut flight, incoming) {
                        Ok(()) => {}
                        Err(trouble) => return Some(lost(flight, trouble)),
                    },
                    Err(trouble) => return Some(lost(flight, trouble)),
                },
                // Whoever gives up asking leaves a subscription behind, and a message its number.
                () = tokio::time::sleep(LOOK), if flight.len() > 0 => {}
            }
        }
        if let Some(topic) = &status {
            let offline = plain(topic, "offline", true);
            let number = flight.number();
            connection.send(|out, version| packet::publish(out, version, &offline, number));
        }
        connection.close().await;
        None
    }
}

/// While there is no connection.
struct Away<'a> {
    queue: &'a Queue,
    stage: &'a mut watch::Receiver<Stage>,
    trouble: &'a Mutex<Option<Trouble>>,
}

impl Away<'_> {
    /// Sees `work` to its end; none when it is time to close. Those who wait for a connection are
    /// told when we stop.
    async fn during<T>(self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let stage = *self.stage.borrow_and_update();
            if let (Stage::LettingGo | Stage::Closing, Some(trouble)) =
                (stage, &*lock(self.trouble))
            {
                self.queue.fail(trouble);
            }
            if stage == Stage::Closing {
                return None;
            }
            tokio::select! {
                done = &mut work => return Some(done),
                changed = self.stage.changed() => changed.ok()?,
            }
        }
    }
}

/// Waits until it is so far.
async fn at(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    if stage.wait_for(|stage| *stage == wanted).await.is_err() {
        // Nobody holds the handle any more: the house is gone.
    }
}
