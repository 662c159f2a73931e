//! The threads that scripts run on.
//!
//! Scripts may compute for seconds or wait for a lamp's answer, so they never run on an async
//! thread. A worker takes the batch of one lane, runs its jobs one after the other, and reports
//! each run as soon as it is done.

use super::silences::Told;
use super::{Finished, Input};
use porchlight_core::{Event, NewWait, Outcome, Place, Run, Timestamp, Wait};
use porchlight_journal::{Journal, Reader};
use porchlight_script::{Host, Script};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// At least this many, so that a few scripts stuck in slow calls leave room for the others.
const FEWEST_WORKERS: usize = 8;
/// Old script versions that a worker keeps compiled for waits.
const KEPT_VERSIONS: usize = 16;

/// What a script is to do.
#[derive(Clone, Debug)]
pub enum Work {
    /// Run this handler on the job's event.
    Handler(usize),
    /// Do what was put off until now.
    Wait(Wait),
    /// Tell this handler of a silence.
    Silence(Told),
}

/// One piece of work for one script.
pub struct Job {
    /// The live version of the script; none when the script is gone.
    pub script: Option<Arc<Script>>,
    /// The event, for a handler; a wait's event is read from the journal.
    pub event: Option<Arc<Event>>,
    /// What to do.
    pub work: Work,
}

/// Jobs of one lane.
pub struct Batch {
    /// The lane.
    pub script: String,
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
    /// What time it is.
    pub clock: crate::Clock,
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
    let mut worker = Worker {
        tools,
        reader: None,
        versions: VecDeque::new(),
    };
    loop {
        let batch = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = batch else { return };
        for job in batch.jobs {
            let run = worker.run(&job);
            _ = worker.tools.inputs.send(Input::Ran(Box::new(Finished {
                work: job.work,
                run,
            })));
        }
        _ = worker.tools.inputs.send(Input::LaneFree(batch.script));
    }
}

struct Worker {
    tools: Tools,
    reader: Option<Reader>,
    versions: VecDeque<Arc<Script>>,
}

impl Worker {
    fn run(&mut self, job: &Job) -> Run {
        let now = (self.tools.clock)();
        let host = self
            .tools
            .host
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match (&job.work, &job.script, &job.event) {
            (Work::Handler(handler), Some(script), Some(event)) => {
                host.run(script, *handler, event, now)
            }
            (Work::Silence(told), Some(script), _) => self.run_silence(&host, script, told, now),
            (Work::Handler(handler) | Work::Silence(Told { handler, .. }), _, event) => {
                let event = event.as_ref().map_or(0, |event| event.id);
                failed_run(
                    event,
                    "",
                    handler.to_string(),
                    "the script is gone".to_owned(),
                    now,
                )
            }
            (Work::Wait(wait), live, _) => self.run_wait(&host, wait, live.as_ref(), now),
        }
    }

    fn run_silence(&mut self, host: &Host, script: &Script, told: &Told, now: Timestamp) -> Run {
        let mut silent = told.silent.clone();
        // A run that belongs to an event which is gone would never be removed.
        let kept = self.reader().map(|reader| reader.event(silent.last));
        silent.last_is_kept = matches!(kept, Ok(Ok(Some(_))));
        host.run_silence(script, told.handler, &silent, now)
    }

    fn run_wait(
        &mut self,
        host: &Host,
        wait: &Wait,
        live: Option<&Arc<Script>>,
        now: Timestamp,
    ) -> Run {
        let prepared = self.version(host, wait, live).and_then(|script| {
            let event = if wait.event == 0 {
                None
            } else {
                self.reader()?.event(wait.event).map_err(text)?
            };
            Ok((script, event.map(Arc::new)))
        });
        match prepared {
            Ok((script, event)) => host.run_wait(&script, wait, event.as_ref(), now),
            Err(message) => {
                let mut run = failed_run(
                    wait.event,
                    &wait.script,
                    format!("wait:{}", wait.id),
                    message,
                    now,
                );
                describe(&mut run, wait);
                run
            }
        }
    }

    /// The version of the script that created the wait.
    fn version(
        &mut self,
        host: &Host,
        wait: &Wait,
        live: Option<&Arc<Script>>,
    ) -> Result<Arc<Script>, String> {
        let kept = self
            .versions
            .iter()
            .chain(live)
            .find(|script| script.hash == wait.script_hash);
        if let Some(script) = kept {
            return Ok(Arc::clone(script));
        }
        let version = self.reader()?.script(&wait.script_hash).map_err(text)?;
        let version = version
            .ok_or("the version of the script that began this wait is not in the journal")?;
        let script = host
            .load_version(&wait.script, &version.sources)
            .map_err(|problems| {
                let first = problems
                    .first()
                    .map(|problem| problem.message.clone())
                    .unwrap_or_default();
                format!("the version of the script that began this wait no longer loads: {first}")
            })?;
        let script = Arc::new(script);
        self.versions.push_front(Arc::clone(&script));
        self.versions.truncate(KEPT_VERSIONS);
        Ok(script)
    }

    fn reader(&mut self) -> Result<&Reader, String> {
        if self.reader.is_none() {
            self.reader = Some(self.tools.journal.reader().map_err(text)?);
        }
        self.reader
            .as_ref()
            .ok_or_else(|| "the journal can't be read".to_owned())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    format!("the journal can't be read: {error}")
}

/// The record of a job that could not even begin.
fn failed_run(event: u64, script: &str, handler: String, message: String, now: Timestamp) -> Run {
    let place = Place {
        path: script.to_owned(),
        ..Place::default()
    };
    Run {
        event,
        script: script.to_owned(),
        script_hash: String::new(),
        handler,
        place: place.clone(),
        title: String::new(),
        started: now,
        duration_us: 0,
        outcome: Outcome::Error { message, place },
        logs: Vec::new(),
        actions: Vec::new(),
        state: Vec::new(),
        waits: Vec::new(),
        cancelled: Vec::new(),
        emitted: Vec::new(),
    }
}

fn describe(run: &mut Run, wait: &NewWait) {
    run.title.clone_from(&wait.title);
    run.script_hash.clone_from(&wait.script_hash);
    run.place.line = wait.line;
}
