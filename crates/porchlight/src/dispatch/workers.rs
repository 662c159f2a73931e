//! The threads that scripts run on.
//!
//! Scripts may compute for seconds or wait for a lamp's answer, so they never run on an async
//! thread. A worker takes the batch of one lane, runs its jobs one after the other, and reports
//! each run as soon as it is done.

use super::Input;
use porchlight_core::Event;
use porchlight_journal::{Journal, Reader};
use porchlight_script::{Host, Job, Lane, Past, Script};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// At least this many, so that a few scripts stuck in slow calls leave room for the others.
const FEWEST_WORKERS: usize = 8;
/// Old script versions that a worker keeps compiled for waits.
const KEPT_VERSIONS: usize = 16;

/// Jobs of one lane.
pub struct Batch {
    /// The script.
    pub script: String,
    /// What it has under way.
    pub lane: Box<Lane>,
    /// In the order in which they must run.
    pub jobs: Vec<Job>,
}

/// The pool.
pub struct Workers {
    batches: mpsc::Sender<Batch>,
}

/// What a worker thread works with.
#[derive(Clone)]
pub struct Tools {
    /// Runs scripts; swapped as a whole when the configuration changes.
    pub host: Arc<std::sync::RwLock<Host>>,
    /// Where old script versions and the events of waits are read from.
    pub journal: Journal,
    /// Where finished runs go.
    pub inputs: tokio::sync::mpsc::UnboundedSender<Input>,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(tools: &Tools) -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (batches, queue) = mpsc::channel::<Batch>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..FEWEST_WORKERS.max(2 * cores) {
            let (queue, tools) = (Arc::clone(&queue), tools.clone());
            std::thread::Builder::new()
                .name(format!("script-{number}"))
                .stack_size(porchlight_script::STACK_SIZE)
                .spawn(move || work(&queue, tools))?;
        }
        Ok(Self { batches })
    }

    /// Queues a batch. Bounded by the number of lanes, since a busy lane gives no second one.
    pub fn give(&self, batch: Batch) {
        _ = self.batches.send(batch);
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Batch>>, tools: Tools) {
    let mut past = Journaled {
        host: tools.host(),
        journal: tools.journal.clone(),
        reader: None,
        versions: VecDeque::new(),
    };
    loop {
        let batch = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Batch {
            script,
            mut lane,
            jobs,
        }) = batch
        else {
            return;
        };
        let host = tools.host();
        past.host.clone_from(&host);
        for job in jobs {
            lane.perform(&host, &mut past, job, &mut |finished| {
                _ = tools.inputs.send(Input::Ran(Box::new(finished)));
            });
        }
        _ = tools.inputs.send(Input::LaneFree(script, lane));
    }
}

impl Tools {
    fn host(&self) -> Host {
        let host = self.host.read().unwrap_or_else(PoisonError::into_inner);
        host.clone()
    }
}

/// What happened before, as the journal has it.
struct Journaled {
    host: Host,
    journal: Journal,
    reader: Option<Reader>,
    versions: VecDeque<Arc<Script>>,
}

impl Past for Journaled {
    fn version(&mut self, script: &str, hash: &str) -> Result<Arc<Script>, String> {
        if let Some(kept) = self.versions.iter().find(|kept| kept.hash == hash) {
            return Ok(Arc::clone(kept));
        }
        let version = self.reader()?.script(hash).map_err(text)?;
        let version = version
            .ok_or("the version of the script that began this wait is not in the journal")?;
        let loaded = self.host.load_version(script, &version.sources);
        let loaded = loaded.map_err(|problems| {
            let first = problems.first().map(|problem| problem.message.as_str());
            let first = first.unwrap_or_default();
            format!("the version of the script that began this wait no longer loads: {first}")
        })?;
        let loaded = Arc::new(loaded);
        self.versions.push_front(Arc::clone(&loaded));
        self.versions.truncate(KEPT_VERSIONS);
        Ok(loaded)
    }

    fn event(&mut self, id: u64) -> Result<Option<Arc<Event>>, String> {
        let event = self.reader()?.event(id).map_err(text)?;
        Ok(event.map(Arc::new))
    }
}

impl Journaled {
    fn reader(&mut self) -> Result<&Reader, String> {
        if self.reader.is_none() {
            self.reader = Some(self.journal.reader().map_err(text)?);
        }
        self.reader
            .as_ref()
            .ok_or_else(|| "the journal can't be read".to_owned())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    format!("the journal can't be read: {error}")
}
