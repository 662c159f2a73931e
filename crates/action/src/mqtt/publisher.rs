//! One broker's connection for what we publish: a task that owns it, and a handle to the task.
//!
//! Whoever publishes hands a message over and waits. The task holds no more than it may have in
//! flight; the others wait in a queue with a bound, and one who gives up waiting is passed over,
//! so a message that the outbox will try again is not sent as well.
//!
//! A connection begins afresh each time (no session): what was in flight when it broke is told to
//! who waits for it, and the outbox sends it again.

use super::asking::Asked;
use super::flight::{Flight, begin, lost, take};
use super::plain;
use porchlight_core::TopicFilter;
use porchlight_mqtt::packet::{self, LastWill, Message};
use porchlight_mqtt::{Attention, Broker, Connection, Opener, Purpose, Trouble};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Messages that may wait for their turn; more are refused and tried again later.
const QUEUE: usize = 64;

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

pub(super) enum Command {
    Publish(Message, oneshot::Sender<Heard>),
    Ask(Message, TopicFilter, oneshot::Sender<Asked>),
}

impl Command {
    pub(super) fn is_given_up(&self) -> bool {
        match self {
            Self::Publish(_, reply) => reply.is_closed(),
            Self::Ask(_, _, reply) => reply.is_closed(),
        }
    }

    fn fail(self, failed: Failed) {
        // Whoever waited may have given up, which is the same.
        match self {
            Self::Publish(_, reply) => _ = reply.send(Err(failed)),
            Self::Ask(_, _, reply) => _ = reply.send(Err(failed)),
        }
    }
}

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
    commands: mpsc::Sender<Command>,
    /// Taken by the task when it starts.
    waiting: Mutex<Option<mpsc::Receiver<Command>>>,
    stage: watch::Sender<Stage>,
    connections: watch::Sender<u64>,
    trouble: Arc<Mutex<Option<Trouble>>>,
    closed: watch::Sender<bool>,
}

impl Publisher {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        let (commands, waiting) = mpsc::channel(QUEUE);
        Self {
            broker,
            commands,
            waiting: Mutex::new(Some(waiting)),
            stage: watch::Sender::new(Stage::Working),
            connections: watch::Sender::new(0),
            trouble: Arc::default(),
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
        let Some(commands) = lock(&self.waiting).take() else {
            return;
        };
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
            commands,
            stage: self.stage.subscribe(),
            connections: self.connections.clone(),
            trouble: Arc::clone(&self.trouble),
        };
        let closed = self.closed.clone();
        tokio::spawn(async move {
            task.work().await;
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
        self.commands.try_send(command).map_err(|_| Failed::Busy)
    }

    pub(super) fn let_go(&self) {
        self.stage.send_replace(Stage::LettingGo);
    }

    pub(super) async fn close(&self) {
        if lock(&self.waiting).is_some() {
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
    commands: mpsc::Receiver<Command>,
    stage: watch::Receiver<Stage>,
    connections: watch::Sender<u64>,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

impl Task {
    async fn work(mut self) {
        let broker = self.opener.broker().name.clone();
        let mut said = false;
        loop {
            let opened = tokio::select! {
                opened = self.opener.open() => opened,
                () = at(&mut self.stage, Stage::Closing) => return,
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
            *lock(&self.trouble) = Some(trouble.clone());
            let pause = self.opener.pause();
            if !self.pause(pause, &trouble).await {
                return;
            }
        }
    }

    /// Waits; false when it is time to close. Those who wait for us are told when we stop.
    async fn pause(&mut self, pause: Duration, trouble: &Trouble) -> bool {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            let stage = *self.stage.borrow_and_update();
            if stage != Stage::Working {
                while let Ok(command) = self.commands.try_recv() {
                    command.fail(Failed::Away(trouble.clone()));
                }
            }
            if stage == Stage::Closing {
                return false;
            }
            tokio::select! {
                () = &mut over => return true,
                changed = self.stage.changed() => if changed.is_err() { return false },
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
            let room = flight.sent.len() + flight.asking.len() < most;
            tokio::select! {
                biased;
                () = at(&mut self.stage, Stage::Closing) => break,
                incoming = connection.next(Attention::All) => match incoming {
                    Ok(incoming) => match take(&mut connection, &mut flight, incoming) {
                        Ok(()) => {}
                        Err(trouble) => return Some(lost(flight, trouble)),
                    },
                    Err(trouble) => return Some(lost(flight, trouble)),
                },
                command = self.commands.recv(), if room => match command {
                    Some(command) => begin(&mut connection, &mut flight, command),
                    None => break,
                },
                // Whoever gives up asking leaves a subscription behind.
                () = tokio::time::sleep(Duration::from_secs(1)), if flight.asking.len() > 0 => {}
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

/// Waits until it is so far.
async fn at(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    if stage.wait_for(|stage| *stage == wanted).await.is_err() {
        // Nobody holds the handle any more: the house is gone.
    }
}
