//! Reads unfinished events back from the journal: at start, after a flood, and for a lane that
//! could not keep up.
//!
//! All three are the same page read and the same dispatch, so that recovery after a crash is not a
//! path of its own that nobody walks. Which events are read back is known exactly, by number: those
//! of before the start, those that the dispatcher's queue had no room for, and those that a lane
//! deferred. So none is missed and none runs twice, whatever the page may still show as unfinished.

use super::{Dispatcher, Input, Lookup};
use porchlight_core::{Event, EventId};
use porchlight_journal::{ReadError, Reader};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Events in one page, at most; fewer when they are large.
const PAGE: usize = 256;
/// A page ends once its bodies have this many bytes.
const PAGE_BYTES: usize = 4 << 20;
/// Bytes of bodies that may wait in the dispatcher's queue.
const MAX_QUEUED_BYTES: usize = 32 << 20;
/// Events read at once.
const STEP: usize = 16;

/// Why a page is read.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// At start: every unfinished event after this one and up to `to`.
    Start {
        /// Read after this event.
        after: EventId,
        /// Read up to this event.
        to: EventId,
    },
    /// Events that the dispatcher's queue had no room for.
    Missed {
        /// Read after this event.
        after: EventId,
        /// Exactly these.
        events: Arc<BTreeSet<EventId>>,
    },
    /// Events that one script had no room for.
    Lane {
        /// The script.
        script: String,
        /// Read after this event.
        after: EventId,
        /// The newest event that it had deferred when the page was asked for.
        to: EventId,
    },
}

/// The handlers that have run on an event: script and handler id.
pub(super) type Ran = Vec<(String, String)>;

/// Unfinished events, each with the handlers that have run on it already.
type Unfinished = Vec<(Arc<Event>, Ran)>;

/// What was read.
pub struct Page {
    purpose: Purpose,
    events: Unfinished,
    /// The journal had no more.
    exhausted: bool,
    /// The read failed and is tried again.
    failed: bool,
}

/// Reads pages, one at a time, off the async threads.
#[derive(Clone)]
pub struct Loader {
    reader: Arc<Mutex<Reader>>,
    inputs: mpsc::UnboundedSender<Input>,
    busy: Arc<AtomicBool>,
}

impl Loader {
    /// A loader that answers with [`Input::Page`].
    pub fn new(reader: Reader, inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self {
            reader: Arc::new(Mutex::new(reader)),
            inputs,
            busy: Arc::default(),
        }
    }

    /// Whether a page is under way.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Where the dispatcher's inputs go.
    pub(super) fn inputs(&self) -> mpsc::UnboundedSender<Input> {
        self.inputs.clone()
    }

    /// Asks for a page; it arrives as an input.
    pub fn request(&self, purpose: Purpose) {
        self.busy.store(true, Ordering::Release);
        let (reader, inputs) = (Arc::clone(&self.reader), self.inputs.clone());
        tokio::task::spawn_blocking(move || {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            _ = inputs.send(Input::Page(read(&reader, purpose)));
        });
    }

    /// Asks again after a while; nothing else is read until then.
    fn request_later(&self, purpose: Purpose) {
        self.busy.store(true, Ordering::Release);
        let loader = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            loader.request(purpose);
        });
    }
}

fn read(reader: &Reader, purpose: Purpose) -> Page {
    let (Purpose::Start { after, .. }
    | Purpose::Missed { after, .. }
    | Purpose::Lane { after, .. }) = &purpose;
    match read_events(reader, *after) {
        Ok((events, exhausted)) => Page {
            purpose,
            events,
            exhausted,
            failed: false,
        },
        Err(error) => {
            tracing::error!(%error, "unfinished events can't be read from the journal");
            Page {
                purpose,
                events: Vec::new(),
                exhausted: false,
                failed: true,
            }
        }
    }
}

/// The next unfinished events, and whether there were no more.
fn read_events(reader: &Reader, mut after: EventId) -> Result<(Unfinished, bool), ReadError> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    while events.len() < PAGE && bytes < PAGE_BYTES {
        let step = reader.pending_events(after, STEP)?;
        let last = step.len() < STEP;
        for event in step {
            after = event.id;
            bytes += event.data.len();
            let ran = reader.handlers_run(event.id)?;
            events.push((Arc::new(event), ran));
        }
        if last {
            return Ok((events, true));
        }
    }
    Ok((events, false))
}

/// Notes events that the dispatcher's queue had no room for: eight bytes each, where a queue
/// without bound would hold them whole.
#[derive(Default)]
pub struct Missed {
    events: Mutex<BTreeSet<EventId>>,
    /// Bytes of the bodies in the dispatcher's queue.
    queued: AtomicUsize,
    notify: Notify,
}

impl Missed {
    /// Hands an event over, or notes that it must be read from the journal.
    pub fn offer(&self, queue: &mpsc::Sender<Arc<Event>>, event: Arc<Event>) {
        tracing::debug!(
            event = event.id,
            kind = event.kind,
            source = event.source,
            "event stored"
        );
        let (id, size) = (event.id, event.data.len());
        let queued = self.queued.fetch_add(size, Ordering::AcqRel);
        if queued > MAX_QUEUED_BYTES || queue.try_send(event).is_err() {
            self.queued.fetch_sub(size, Ordering::AcqRel);
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.insert(id);
            drop(events);
            self.notify.notify_one();
        }
    }

    /// An event has left the queue.
    pub(super) fn taken(&self, event: &Event) {
        self.queued.fetch_sub(event.data.len(), Ordering::AcqRel);
    }

    /// Resolves when something was noted.
    pub async fn noticed(&self) {
        self.notify.notified().await;
    }

    fn take(&self) -> BTreeSet<EventId> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Dispatcher {
    /// The receiver was faster than this loop: read what it could not hand over.
    ///
    /// While another page is under way this waits; [`Self::take_page`] calls again.
    pub(super) fn recover_missed(&mut self) {
        if self.backlog.is_busy() {
            return;
        }
        let events = self.missed.take();
        if let Some(first) = events.first() {
            let after = first.saturating_sub(1);
            let events = Arc::new(events);
            self.backlog.request(Purpose::Missed { after, events });
        }
    }

    pub(super) fn take_page(&mut self, page: Page) {
        self.backlog.busy.store(false, Ordering::Release);
        if page.failed {
            self.backlog.request_later(page.purpose);
            return;
        }
        let read_to = page.events.last().map(|(event, _)| event.id);
        match page.purpose {
            Purpose::Start { to, .. } => {
                for (event, ran) in page.events.iter().filter(|(event, _)| event.id <= to) {
                    self.dispatch(event, Lookup::Recovered(ran));
                }
                match read_to.filter(|after| !page.exhausted && *after < to) {
                    Some(after) => self.backlog.request(Purpose::Start { after, to }),
                    None => self.recovering = false,
                }
            }
            Purpose::Missed { events, .. } => {
                for (event, _) in page
                    .events
                    .iter()
                    .filter(|(event, _)| events.contains(&event.id))
                {
                    self.dispatch(event, Lookup::Live);
                }
                let more = |after: &EventId| events.last().is_some_and(|last| after < last);
                if let Some(after) = read_to.filter(|after| !page.exhausted && more(after)) {
                    self.backlog.request(Purpose::Missed { after, events });
                }
            }
            Purpose::Lane { script, to, .. } => {
                for (event, ran) in &page.events {
                    if self.lanes.take_deferred(&script, event.id) {
                        self.dispatch(event, Lookup::Lane(&script, ran));
                    }
                }
                let read_to = if page.exhausted { Some(to) } else { read_to };
                self.lanes.forget_deferred_to(&script, read_to.unwrap_or(0));
            }
        }
        if !self.backlog.is_busy() {
            self.recover_missed();
        }
    }
}
