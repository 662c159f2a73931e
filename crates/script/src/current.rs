//! What is going on on this thread: a script is loading, a handler is running, or nothing.
//!
//! Native functions find their run here. Rhai's own place for this (`tag`) is lost in `print` and
//! cannot be reached by the module resolver; a thread runs one script at a time, so a thread-local
//! is exact. A guard clears it, also when a panic passes through.

use crate::entity::Entity;
use crate::host::HostConfig;
use crate::lane::OpenWaits;
use crate::permissions::Rights;
use crate::script::{File, Handler, Setting};
use crate::state::Grants;
use porchlight_core::{
    Action, Asked, Chain, Diagnostic, LogLine, NewEvent, NewWait, StateWrite, Timestamp,
};
use rhai::GlobalRuntimeState;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Either of the two things that can be going on.
pub(crate) enum Current {
    /// The top level of a script, or of one of its libraries.
    Loading(Box<Loading>),
    /// A handler, or a function that it left for later.
    Running(Box<Running>),
}

/// What the top level of a script has asked for so far.
pub(crate) struct Loading {
    pub(crate) config: Arc<HostConfig>,
    /// `gate.rhai`.
    pub(crate) script: String,
    /// What it may reach, when it is held to a list.
    pub(crate) rights: Option<Rights>,
    /// All sources read so far, the script's own first.
    pub(crate) sources: Vec<(String, String)>,
    /// True when the sources are those of a pinned version: nothing is read from disk.
    pub(crate) pinned: bool,
    /// Libraries that are being loaded, for finding cycles.
    pub(crate) stack: Vec<String>,
    pub(crate) modules: HashMap<String, rhai::Shared<rhai::Module>>,
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) captured: Option<GlobalRuntimeState>,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) settings: Vec<Setting>,
    /// What `state::get` gives while nothing is kept.
    pub(crate) defaults: BTreeMap<String, Value>,
    /// What it shows and offers to Home Assistant.
    pub(crate) entities: Vec<Entity>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// What a run has decided so far.
pub(crate) struct Running {
    pub(crate) config: Arc<HostConfig>,
    pub(crate) script: crate::Script,
    pub(crate) event: u64,
    pub(crate) depth: u32,
    pub(crate) now: Timestamp,
    /// What the run is known by: `17/gate.rhai/0`.
    pub(crate) label: String,
    /// What the run and its waits belong to.
    pub(crate) chain: Chain,
    /// The open waits of the script.
    pub(crate) open: OpenWaits,
    /// The names of those that this run cancelled.
    pub(crate) cancelled: Vec<String>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) actions: Vec<Action>,
    pub(crate) writes: Vec<StateWrite>,
    /// The state as this run sees it: `None` is removed.
    pub(crate) overlay: BTreeMap<String, Option<Value>>,
    /// `None` was begun and cancelled by this run.
    pub(crate) waits: Vec<Option<NewWait>>,
    pub(crate) emitted: Vec<NewEvent>,
    /// What it was granted of budgets.
    pub(crate) grants: Grants,
    /// What it asked, for a replay.
    pub(crate) asked: Vec<Asked>,
    /// How many questions it asked.
    pub(crate) asks: usize,
    /// The bytes of what the waits that it began keep.
    pub(crate) kept: usize,
    /// The bytes by which its writes make the state larger.
    pub(crate) grown: usize,
    /// The bytes of what it decided.
    pub(crate) size: usize,
    /// A limit of ours (not of Rhai's) that the run hit; it ends as `Limit` whatever it catches.
    pub(crate) exceeded: Option<String>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Clears what is going on when dropped.
struct Clear;

impl Drop for Clear {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(Option::take);
    }
}

/// Does `work` while `current` is going on, and gives back what became of it.
///
/// `None` instead of it only if `work` itself replaced it, which nothing here does.
pub(crate) fn during<T>(current: Current, work: impl FnOnce() -> T) -> (T, Option<Current>) {
    CURRENT.with_borrow_mut(|slot| *slot = Some(current));
    let clear = Clear;
    let result = work();
    let current = CURRENT.with_borrow_mut(Option::take);
    drop(clear);
    (result, current)
}

/// Looks at the run on this thread; `None` when there is none.
pub(crate) fn running<T>(look: impl FnOnce(&mut Running) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|slot| match slot {
        Some(Current::Running(running)) => Some(look(running)),
        _ => None,
    })
}

/// Looks at the script that is loading on this thread; `None` when there is none.
pub(crate) fn loading<T>(look: impl FnOnce(&mut Loading) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|slot| match slot {
        Some(Current::Loading(loading)) => Some(look(loading)),
        _ => None,
    })
}

/// The configuration of whatever is going on.
pub(crate) fn config() -> Option<Arc<HostConfig>> {
    running(|running| running.config.clone()).or_else(|| loading(|loading| loading.config.clone()))
}

impl Running {
    /// Ends the run as stopped by a limit, whatever the script catches: `what` happened, and `key`
    /// raises it.
    pub(crate) fn exceed(&mut self, what: &str, key: &str) -> String {
        let message = crate::limits::reached(what, key, &self.script.name);
        self.exceeded = Some(message.clone());
        message
    }

    /// Adds to the bytes that this run decided.
    ///
    /// # Errors
    /// The limit that the run is stopped by.
    pub(crate) fn weigh(&mut self, bytes: usize) -> Result<(), String> {
        self.size = self.size.saturating_add(bytes);
        let most = self.config.limits.run_size;
        if self.size <= most {
            return Ok(());
        }
        let what = format!("what one run decides is larger than {most} bytes");
        Err(self.exceed(&what, "run_size"))
    }
}

/// What may be reached by whatever is going on, when it is held to a list; and the configuration.
pub(crate) fn rights() -> Option<(Rights, Arc<HostConfig>)> {
    let running = running(|running| Some((running.script.rights.clone()?, running.config.clone())));
    match running {
        Some(found) => found,
        None => {
            loading(|loading| Some((loading.rights.clone()?, loading.config.clone()))).flatten()
        }
    }
}
