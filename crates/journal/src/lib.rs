//! The memory of the house: everything that came in, was decided and was done, durably, in order.
//!
//! One SQLite file, `porchlight.db`, one writer thread. Whatever waits in the writer's queue goes
//! to disk in one transaction and is answered after it (group commit), so that a thousand small
//! writes cost one flush. Readers have their own connections and never wait for the writer.
//!
//! This crate never knows what an event or an action means, runs no script, and opens no socket.
//! It keeps rows, and the promise that what was answered is on disk.

mod apply;
mod away;
mod claims;
mod error;
mod journal;
mod lock;
mod model;
mod prepare;
mod queue;
mod reader;
mod refusals;
mod retention;
mod retry;
mod rows;
mod salvage;
mod schedules;
mod schema;
mod silences;
mod state_edits;
mod state_history;
mod turn;
mod waits;
mod writer;

pub use away::{AwayTarget, MOST_AWAY};
pub use error::{OpenError, ReadError, Reason, RetryError, Unavailable};
pub use journal::{Beside, Journal, Options, Retention};
pub use lock::is_in_use;
pub use model::{
    ActionRecord, ActionStatus, Appended, Blob, Claim, Committed, Ends, NewRefusal, Priority,
    RefusalRecord, RunRecord, Salvaged, ScriptVersion, SecretUse,
};
pub use reader::{Filter, Order, Reader};
pub use retry::{retry_action, retry_actions};
pub use schedules::ScheduleRow;
pub use silences::{LookedBack, Silence};
pub use state_edits::{StateEdit, edit_state};
pub use state_history::{MOST_PER_KEY, StatePoint};
pub use turn::{Turn, Turns};

/// The name of the database file in the data folder.
pub const FILE_NAME: &str = "porchlight.db";
