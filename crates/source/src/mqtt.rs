//! Messages of brokers, as events.
//!
//! Each broker has one connection for this (client id `…-in`), whose subscriptions are those of the
//! live scripts. A message is acknowledged once its event is on disk, never before; while the
//! journal can't store, nothing is acknowledged and nothing more is read, so the broker keeps what
//! it has. The broker also keeps what comes while we are away, for a time that the configuration
//! says.
//!
//! Nothing here verifies a delivery, and nothing here makes a `Verified`. What a message has instead
//! is its connection: over TLS the broker proved who it is (`verified.scheme` is `mqtts`), without
//! TLS nobody proved anything (`mqtt`, and `verified.body` is false). Who published a message, only
//! the broker knows: whoever its rules let.

mod event;
mod known;
mod listener;
mod storing;
mod subscriptions;

use listener::Listener;
use porchlight_core::{Event, Timestamp, TopicFilter};
use porchlight_journal::Journal;
use porchlight_mqtt::Broker;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The type of their events.
pub const MESSAGE: &str = "mqtt.message";

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Told of each new event right after its commit; must not block.
pub type OnStored = Arc<dyn Fn(Arc<Event>) + Send + Sync>;

/// What all listeners share.
#[derive(Clone)]
pub struct Shared {
    /// Where events go.
    pub journal: Journal,
    /// What time it is.
    pub clock: Clock,
    /// Who is told.
    pub stored: OnStored,
}

/// The topics that somebody listens to, by the broker's name.
pub type Wanted = BTreeMap<String, BTreeSet<TopicFilter>>;

/// Listens at brokers.
pub struct Listeners {
    wanted: BTreeMap<String, watch::Sender<BTreeSet<TopicFilter>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

impl Listeners {
    /// Begins to listen; connects to a broker when somebody wants something of it. Must be called
    /// inside a tokio runtime.
    pub fn start(brokers: Vec<Arc<Broker>>, shared: &Shared) -> Self {
        let stop = CancellationToken::new();
        let (mut wanted, mut tasks) = (BTreeMap::new(), Vec::new());
        for broker in brokers {
            let sender = watch::Sender::new(BTreeSet::new());
            let name = broker.name.clone();
            let listener = Listener::new(broker, shared.clone(), sender.subscribe(), stop.clone());
            tasks.push(tokio::spawn(listener.listen()));
            wanted.insert(name, sender);
        }
        Self {
            wanted,
            tasks: Mutex::new(tasks),
            stop,
        }
    }

    /// From now on these topics are listened to, and no others.
    pub fn listen(&self, wanted: &Wanted) {
        for (broker, sender) in &self.wanted {
            let filters = wanted.get(broker).cloned().unwrap_or_default();
            sender.send_if_modified(|current| {
                let changed = *current != filters;
                *current = filters;
                changed
            });
        }
    }

    /// Reads nothing more; what was read is stored and acknowledged first, within `deadline`.
    pub async fn stop(&self, deadline: Duration) {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = async {
            for task in tasks {
                // A listener that panicked has nothing more to store.
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(deadline, ended).await;
    }
}
