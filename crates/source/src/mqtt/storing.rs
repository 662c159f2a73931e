//! Messages on their way to the disk, acknowledged in the order in which they came.
//!
//! An append that was begun is seen to its end also when the connection breaks: what became of it
//! must be known before the broker sends it again.

use super::Shared;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use porchlight_core::{Event, EventId, NewEvent};
use porchlight_journal::{Appended, Blob};
use std::sync::Arc;
use std::time::Duration;

/// The pause while the journal can't store, whatever it says.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be acknowledged: to the connection of this number, the message of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) connection: u64,
    pub(super) number: Option<u16>,
}

/// A message that is dealt with.
pub(super) struct Dealt {
    pub(super) owed: Owed,
    /// The event that was stored, with its identity; none where there was nothing to store.
    pub(super) stored: Option<(EventId, Arc<Event>)>,
}

/// What is under way.
pub(super) struct Storing {
    shared: Shared,
    under_way: FuturesOrdered<BoxFuture<'static, Dealt>>,
}

impl Storing {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared,
            under_way: FuturesOrdered::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Stores an event, however long it takes.
    pub(super) fn store(&mut self, owed: Owed, event: NewEvent, blobs: Vec<Blob>) {
        let shared = self.shared.clone();
        self.under_way.push_back(Box::pin(async move {
            let id = insist(&shared, &event, blobs).await;
            let event = Arc::new(Event { id, content: event });
            (shared.stored)(Arc::clone(&event));
            Dealt {
                owed,
                stored: Some((id, event)),
            }
        }));
    }

    /// Takes its place in the order without storing anything.
    pub(super) fn pass(&mut self, owed: Owed) {
        let dealt = Dealt { owed, stored: None };
        self.under_way
            .push_back(Box::pin(std::future::ready(dealt)));
    }

    /// The next that is done; never, while there is none.
    pub(super) async fn next(&mut self) -> Dealt {
        match self.under_way.next().await {
            Some(dealt) => dealt,
            None => std::future::pending().await,
        }
    }
}

async fn insist(shared: &Shared, event: &NewEvent, blobs: Vec<Blob>) -> EventId {
    let mut said = false;
    loop {
        // Without a claim: MQTT has no id that would make two messages the same.
        let appended = shared.journal.append(event.clone(), blobs.clone(), None);
        match appended.await {
            Ok(Appended::Stored(id) | Appended::Duplicate(id)) => return id,
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    tracing::warn!(broker = event.source, %error, "a message can't be stored yet; the broker keeps the next ones");
                }
                tokio::time::sleep(error.retry_after.max(PAUSE)).await;
            }
        }
    }
}
