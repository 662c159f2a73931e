//! One broker's connection for what we listen to, for as long as the host runs.
//!
//! One loop owns it: packets come, events become stored, wishes change, the host stops. At most so
//! many messages are under way as the broker was told (receive maximum); beyond it nothing is read.

use super::event::{self, Came};
use super::known::{self, Known};
use super::storing::{Dealt, Owed, Storing};
use super::subscriptions::Subscriptions;
use super::{MESSAGE, Shared};
use porchlight_core::{Pattern, TopicFilter};
use porchlight_journal::{Filter, NewRefusal};
use porchlight_mqtt::packet::{self, Incoming, Message};
use porchlight_mqtt::{Attention, Broker, Connection, Opener, Purpose, Trouble};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Listens at one broker.
pub(super) struct Listener {
    broker: Arc<Broker>,
    opener: Opener,
    shared: Shared,
    wanted: watch::Receiver<BTreeSet<TopicFilter>>,
    stop: CancellationToken,
    storing: Storing,
    known: Known,
    /// What the broker's session has, as far as we know.
    asked: BTreeSet<TopicFilter>,
    /// Counts connections.
    connection: u64,
}

/// Why a connection is over.
enum Over {
    Lost(Trouble),
    /// The host stops, or nobody wants anything any more.
    Stopped,
}

impl Listener {
    pub(super) fn new(
        broker: Arc<Broker>,
        shared: Shared,
        wanted: watch::Receiver<BTreeSet<TopicFilter>>,
        stop: CancellationToken,
    ) -> Self {
        let purpose = Purpose {
            role: "in",
            clean: false,
            session: broker.session,
            will: None,
        };
        let most = usize::from(broker.in_flight);
        Self {
            opener: Opener::new(Arc::clone(&broker), purpose),
            storing: Storing::new(shared.clone()),
            known: Known::new(most, &recent(&shared, &broker.name, most)),
            broker,
            shared,
            wanted,
            stop,
            asked: BTreeSet::new(),
            connection: 0,
        }
    }

    /// Listens until the host stops.
    pub(super) async fn listen(mut self) {
        let stop = self.stop.clone();
        let mut said = false;
        loop {
            let wish = self.wanted.wait_for(|wanted| !wanted.is_empty());
            tokio::select! {
                wish = wish => if wish.is_err() { return },
                () = stop.cancelled() => return,
            }
            let opened = tokio::select! {
                opened = self.opener.open() => opened,
                () = stop.cancelled() => return,
            };
            let name = self.broker.name.clone();
            let trouble = match opened {
                Ok(connection) => {
                    said = false;
                    match self.serve(connection).await {
                        Over::Lost(trouble) => trouble,
                        Over::Stopped if stop.is_cancelled() => return,
                        Over::Stopped => continue,
                    }
                }
                Err(trouble) => trouble,
            };
            if !std::mem::replace(&mut said, true) {
                let advice = match trouble.needs_somebody() {
                    true => "; see [mqtt] in porchlight.toml",
                    false => "",
                };
                tracing::warn!(broker = name, error = %trouble, "no connection to listen; the broker keeps what it can{advice}");
            }
            tokio::select! {
                () = tokio::time::sleep(self.opener.pause()) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn serve(&mut self, mut connection: Connection) -> Over {
        self.connection += 1;
        let session_present = connection.welcome().session_present;
        tracing::info!(
            broker = self.broker.name, version = %connection.version(), session_present,
            "connected, to listen"
        );
        // What the last connection began must be known before the broker repeats it.
        while self.storing.len() > 0 {
            tokio::select! {
                dealt = self.storing.next() => self.dealt(None, dealt),
                lost = connection.next(Attention::Paused) => {
                    if let Err(trouble) = lost { return Over::Lost(trouble) }
                }
            }
        }
        self.known.begin(session_present);
        let before = if session_present {
            std::mem::take(&mut self.asked)
        } else {
            BTreeSet::new()
        };
        let mut subscriptions = Subscriptions::new(&connection, before);
        let wanted = self.wanted.borrow_and_update().clone();
        subscriptions.want(&mut connection, &wanted);
        let over = self.exchange(&mut connection, &mut subscriptions).await;
        self.asked.clone_from(subscriptions.asked());
        if matches!(over, Over::Stopped) {
            while self.storing.len() > 0 {
                let dealt = self.storing.next().await;
                self.dealt(Some(&mut connection), dealt);
            }
            connection.close().await;
        }
        over
    }

    async fn exchange(
        &mut self,
        connection: &mut Connection,
        subscriptions: &mut Subscriptions,
    ) -> Over {
        let stop = self.stop.clone();
        let most = usize::from(self.broker.in_flight);
        loop {
            let attention = if self.storing.len() < most {
                Attention::All
            } else {
                Attention::Paused
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Over::Stopped,
                dealt = self.storing.next() => self.dealt(Some(connection), dealt),
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return Over::Stopped;
                    }
                    let wanted = self.wanted.borrow_and_update().clone();
                    subscriptions.want(connection, &wanted);
                    if wanted.is_empty() {
                        return Over::Stopped;
                    }
                }
                incoming = connection.next(attention) => match incoming {
                    Ok(incoming) => {
                        if let Err(trouble) = self.take(connection, subscriptions, incoming) {
                            return Over::Lost(trouble);
                        }
                    }
                    Err(trouble) => return Over::Lost(trouble),
                },
            }
        }
    }

    fn take(
        &mut self,
        connection: &mut Connection,
        subscriptions: &mut Subscriptions,
        incoming: Incoming,
    ) -> Result<(), Trouble> {
        match incoming {
            Incoming::Publish(message, number, again) => {
                self.message(connection, subscriptions, message, (number, again));
            }
            Incoming::TooLarge {
                topic,
                number,
                size,
            } => {
                self.refuse(connection, &topic, size);
                self.pass(number);
            }
            Incoming::Suback(number, codes) => {
                if let Some((filter, code)) = subscriptions.answered(number, &codes) {
                    let reason = packet::reason(code);
                    tracing::warn!(broker = self.broker.name, %filter, reason, "the broker refuses a subscription");
                }
            }
            Incoming::Disconnect(code, reason) => return Err(Trouble::Refused { code, reason }),
            Incoming::Unsuback(_)
            | Incoming::Puback(..)
            | Incoming::Pong
            | Incoming::Connack(..) => {}
        }
        Ok(())
    }

    fn message(
        &mut self,
        connection: &Connection,
        subscriptions: &Subscriptions,
        message: Message,
        (number, again): (Option<u16>, bool),
    ) {
        if again && number.is_some() {
            let identity = known::identity(number, &message);
            if let Some(event) = self.known.repeats(&identity) {
                tracing::debug!(
                    broker = self.broker.name,
                    topic = message.topic,
                    event,
                    "a message came again; its event is stored"
                );
                return self.pass(number);
            }
        }
        if !subscriptions.count(&message) {
            tracing::debug!(
                broker = self.broker.name,
                topic = message.topic,
                "a message that nobody waits for any more, or a second copy"
            );
            return self.pass(number);
        }
        let came = Came {
            broker: &self.broker.name,
            peer: connection.peer(),
            tls: self.broker.tls.is_some(),
            number,
            again,
            at: (self.shared.clock)(),
        };
        let (event, blobs) = event::of(message, &came);
        self.storing.store(self.owed(number), event, blobs);
    }

    fn owed(&self, number: Option<u16>) -> Owed {
        Owed {
            connection: self.connection,
            number,
        }
    }

    fn pass(&mut self, number: Option<u16>) {
        self.storing.pass(self.owed(number));
    }

    /// A message is dealt with: it may be acknowledged, where it came by this connection.
    fn dealt(&mut self, connection: Option<&mut Connection>, dealt: Dealt) {
        let Dealt { owed, stored } = dealt;
        if let (Some((id, event)), Some(_)) = (stored, owed.number) {
            self.known
                .stored(event.dedup_key.clone(), id, event.received);
        }
        if let (Some(connection), Some(number), true) =
            (connection, owed.number, owed.connection == self.connection)
        {
            connection.send(|out, _| packet::puback(out, number));
        }
    }

    /// Records a message that is too large.
    fn refuse(&self, connection: &Connection, topic: &str, size: usize) {
        let shown: String = topic
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        let most = self.broker.largest;
        tracing::warn!(
            broker = self.broker.name,
            topic = shown,
            size,
            most,
            "a message is too large and was left out"
        );
        let refusal = NewRefusal {
            at: (self.shared.clock)(),
            webhook: self.broker.name.clone(),
            peer: connection
                .peer()
                .map(|it| it.to_string())
                .unwrap_or_default(),
            status: 413,
            code: "too_large".into(),
            reason: format!(
                "a message on {shown} has {size} bytes, and max_message of [mqtt.{}] is {most}",
                self.broker.name
            ),
            duplicate_of: None,
            unsaid: 0,
        };
        if let Err(error) = self.shared.journal.refused(refusal) {
            tracing::warn!(%error, "the record of a refused message is lost");
        }
    }
}

/// The last events of a broker, newest first.
fn recent(shared: &Shared, broker: &str, most: usize) -> Vec<porchlight_core::Event> {
    let filter = Filter {
        // Some may be such as nobody repeats.
        limit: most.saturating_mul(4),
        source: Some(broker.to_owned()),
        kind: Pattern::parse(MESSAGE).ok(),
        ..Filter::default()
    };
    let read = shared
        .journal
        .reader()
        .and_then(|reader| reader.events(&filter));
    read.unwrap_or_else(|error| {
        tracing::warn!(broker, %error, "the last messages can't be read; one that comes again would count twice");
        Vec::new()
    })
}
