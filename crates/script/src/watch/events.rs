//! The watcher's thread: from what the system reports to batches.
//!
//! Every report only makes a file *due* for a look, soon or after a while; looking decides. A save
//! in many steps moves the due moment, so it is looked at once.

use super::scan::{self, Known, Look, Stamp};
use super::{Batch, Content, Entry, names, silent};
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// Silence after the last report before acting, so that a checkout is one batch.
const GAP: Duration = Duration::from_millis(3);

/// In an unending stream of reports it acts this long after the first.
const PATIENCE: Duration = Duration::from_millis(100);

/// Editors and `git` remove a file before they write it anew; only after this is it gone.
const GONE: Duration = Duration::from_millis(150);

/// A file that was found, not reported, may still be being written until it has rested so long.
const REST: Duration = Duration::from_millis(50);

/// The same at a sweep, which is in no hurry where writing is reported when it ends.
const SWEEP_REST: Duration = Duration::from_secs(1);

/// How often everything is looked over where changes are reported, and where they are not.
const SWEEP: Duration = Duration::from_secs(5);
const SILENT_SWEEP: Duration = Duration::from_millis(500);

/// How soon a missing folder is looked for again.
const MISSING_SWEEP: Duration = Duration::from_millis(100);

/// Whether this system reports that a file was closed after writing. Elsewhere a file counts as
/// written once nothing more is reported for a while.
const REPORTS_CLOSE: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What the thread is sent.
#[derive(Debug)]
pub(super) enum Message {
    Report(notify::Result<notify::Event>),
    Stop,
}

/// When a file is to be looked at.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// If it is missing then, it is gone; otherwise it gets another moment.
    last_chance: bool,
}

pub(super) struct Worker {
    known: Known,
    changed: Box<dyn Fn(Batch) + Send>,
    /// `None` where the system has no watches left: then sweeps must do.
    system: Option<RecommendedWatcher>,
    /// Identity of the watched folder: a new folder of the same name needs a new watch.
    watched: Option<(u64, u64)>,
    sweep: Duration,
    next_sweep: Instant,
    due: BTreeMap<String, Due>,
    rescan: bool,
    /// The first and the last report since it last acted.
    reports: Option<(Instant, Instant)>,
}

impl Worker {
    pub(super) fn new(
        known: Known,
        inbox: Sender<Message>,
        changed: Box<dyn Fn(Batch) + Send>,
    ) -> Self {
        let system = notify::recommended_watcher(move |report| {
            let _ = inbox.send(Message::Report(report)); // the thread may have ended
        });
        let system = system
            .inspect_err(|error| {
                tracing::warn!(error = %error, "the system offers no watching; looking twice a second instead");
            })
            .ok();
        Self {
            known,
            changed,
            system,
            watched: None,
            sweep: SWEEP,
            next_sweep: Instant::now() + SWEEP,
            due: BTreeMap::new(),
            rescan: false,
            reports: None,
        }
    }

    /// Sets the watches, then tells everything that is there: in this order nothing slips through.
    pub(super) fn begin(&mut self) {
        let folders: Vec<PathBuf> = (self.known.extra.iter())
            .filter_map(|(_, path)| path.parent().map(Path::to_owned))
            .collect();
        for folder in folders {
            self.watch(&folder, RecursiveMode::NonRecursive);
        }
        self.watch_root();
        let names: Vec<String> = self.known.list().into_keys().collect();
        let entries = names
            .into_iter()
            .filter_map(|name| self.known.look(&name).entry(name))
            .collect();
        (self.changed)(Batch { entries });
        self.plan_sweep(Instant::now());
    }

    /// Runs until it is stopped.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let wait = self.next().saturating_duration_since(Instant::now());
            match messages.recv_timeout(wait) {
                Ok(Message::Report(report)) => self.note(report),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            for message in messages.try_iter() {
                match message {
                    Message::Report(report) => self.note(report),
                    Message::Stop => return,
                }
            }
            let now = Instant::now();
            if self.quiet_at().is_none_or(|at| at <= now) {
                self.act(now);
            }
        }
    }

    /// When it has to do something next.
    fn next(&self) -> Instant {
        let due = self.due.values().map(|due| due.at).min();
        let rescan = self.rescan.then(Instant::now);
        let work = [due, rescan].into_iter().flatten().min();
        let work = work.map(|at| self.quiet_at().map_or(at, |quiet| quiet.max(at)));
        work.map_or(self.next_sweep, |at| at.min(self.next_sweep))
    }

    fn quiet_at(&self) -> Option<Instant> {
        let (first, last) = self.reports?;
        Some((last + GAP).min(first + PATIENCE))
    }

    /// Makes due what a report concerns.
    fn note(&mut self, report: notify::Result<notify::Event>) {
        let now = Instant::now();
        let event = match report {
            Ok(event) => event,
            Err(error) => {
                tracing::debug!(error = %error, "watching was interrupted; looking at everything");
                self.rescan_at(now);
                return;
            }
        };
        if event.need_rescan() {
            self.rescan_at(now);
        }
        let Some(sense) = sense(&event.kind) else {
            return;
        };
        for path in &event.paths {
            if let Some(name) = self.known.name_of(path) {
                self.make_due(name, sense, now);
            } else if *path == self.known.root {
                self.next_sweep = now + GAP; // perhaps it is another folder now
            } else if let Some(folder) = names::relative(&self.known.root, path)
                && (path.is_dir() || self.known.has_below(&folder))
            {
                self.rescan_at(now);
            }
        }
    }

    fn rescan_at(&mut self, now: Instant) {
        self.rescan = true;
        self.reported(now);
    }

    fn reported(&mut self, now: Instant) {
        let first = self.reports.map_or(now, |(first, _)| first);
        self.reports = Some((first, now));
    }

    fn make_due(&mut self, name: String, sense: Sense, now: Instant) {
        self.reported(now);
        match sense {
            Sense::Written => {
                let wait = if REPORTS_CLOSE { GAP } else { REST };
                let at = now + wait;
                self.due.insert(
                    name,
                    Due {
                        at,
                        last_chance: false,
                    },
                );
            }
            Sense::Removed => {
                let at = now + GONE;
                // A look that is due sooner will find out by itself.
                self.due.entry(name).or_insert(Due {
                    at,
                    last_chance: true,
                });
            }
        }
    }

    /// Looks at what is due and tells what changed.
    fn act(&mut self, now: Instant) {
        self.reports = None;
        if std::mem::take(&mut self.rescan) {
            self.look_over(now, REST);
        }
        if self.next_sweep <= now {
            self.watch_root();
            let rest = if self.sweep == SWEEP {
                SWEEP_REST
            } else {
                REST
            };
            self.look_over(now, rest);
            self.plan_sweep(now);
        }
        let ripe: Vec<(String, Due)> = (self.due.iter())
            .filter(|(_, due)| due.at <= now)
            .map(|(name, due)| (name.clone(), *due))
            .collect();
        let mut entries = Vec::new();
        for (name, due) in ripe {
            self.due.remove(&name);
            match self.known.look(&name) {
                Look::Same => {}
                Look::Changed(content) => entries.push(Entry {
                    path: name,
                    content,
                }),
                Look::Missing if due.last_chance => {
                    if self.known.forget(&name) {
                        entries.push(Entry {
                            path: name,
                            content: Content::Gone,
                        });
                    }
                }
                Look::Missing => {
                    let at = now + GONE;
                    self.due.insert(
                        name,
                        Due {
                            at,
                            last_chance: true,
                        },
                    );
                }
            }
        }
        if !entries.is_empty() {
            (self.changed)(Batch { entries });
        }
    }

    /// Makes due what looks different from what was told.
    fn look_over(&mut self, now: Instant, rest: Duration) {
        let found = self.known.list();
        let differs = |(name, stamp): &(&String, &Stamp)| {
            !self.due.contains_key(*name) && !self.known.is_fresh(name, stamp)
        };
        let new: Vec<(&String, &Stamp)> = found.iter().filter(differs).collect();
        // The youngest decides for all, so that what came together is told together.
        let tired = |stamp: &Stamp| rest.saturating_sub(stamp.age().unwrap_or(rest));
        let wait = new.iter().map(|(_, stamp)| tired(stamp)).max();
        let at = now + wait.unwrap_or_default();
        for (name, _) in new {
            let due = Due {
                at,
                last_chance: false,
            };
            self.due.insert(name.clone(), due);
        }
        for name in self.known.names() {
            if !found.contains_key(&name) {
                let at = now + GONE;
                self.due.entry(name).or_insert(Due {
                    at,
                    last_chance: true,
                });
            }
        }
    }

    /// Watches the folder if it is not the one that is watched already.
    fn watch_root(&mut self) {
        let metadata = std::fs::metadata(&self.known.root).ok();
        let identity = metadata.map(|metadata| {
            let (device, inode, ..) = scan::identity(&metadata);
            (device, inode)
        });
        if identity == self.watched {
            return;
        }
        let root = self.known.root.clone();
        if self.watched.take().is_some()
            && let Some(system) = &mut self.system
        {
            let _ = system.unwatch(&root); // the system may have dropped it already
        }
        if identity.is_some() && self.watch(&root, RecursiveMode::Recursive) {
            self.watched = identity;
        }
        self.rescan = true;
    }

    /// True when the folder is watched now, or never can be.
    fn watch(&mut self, folder: &Path, mode: RecursiveMode) -> bool {
        let Some(system) = &mut self.system else {
            return true;
        };
        match system.watch(folder, mode) {
            Ok(()) => true,
            Err(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                tracing::warn!(folder = %folder.display(), "the system has no watches left; looking twice a second instead");
                self.system = None;
                true
            }
            Err(error) => {
                tracing::debug!(folder = %folder.display(), error = %error, "cannot watch this folder yet");
                false
            }
        }
    }

    fn plan_sweep(&mut self, now: Instant) {
        let blind = self.system.is_none() || silent::is_silent(&self.known.root);
        self.sweep = if blind { SILENT_SWEEP } else { SWEEP };
        let pause = if self.watched.is_none() {
            MISSING_SWEEP
        } else {
            self.sweep
        };
        self.next_sweep = now + pause;
    }
}

/// What a report says about its path.
#[derive(Clone, Copy)]
enum Sense {
    /// It may have a new content, complete by now.
    Written,
    /// It may be gone, or come back in a moment.
    Removed,
}

/// `None` for reports that change nothing: reading (also our own), and writing that is not over.
fn sense(kind: &EventKind) -> Option<Sense> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Sense::Written),
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => None,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => {
            Some(Sense::Removed)
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None, // said by its two halves
        EventKind::Modify(ModifyKind::Name(_)) => Some(Sense::Written),
        EventKind::Create(notify::event::CreateKind::Folder) => Some(Sense::Written),
        EventKind::Create(_) | EventKind::Modify(_) if REPORTS_CLOSE => None,
        EventKind::Create(_) | EventKind::Modify(_) => Some(Sense::Written),
        EventKind::Any | EventKind::Other => Some(Sense::Written),
    }
}
