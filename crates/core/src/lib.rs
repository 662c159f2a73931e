//! The nouns of Porchlight: [`Event`], [`Action`], [`Run`], [`Wait`], [`Diagnostic`], [`Secret`].
//!
//! Every other crate speaks in these words. Nothing here opens a file or a socket, starts a
//! thread, or asks what time it is: whoever needs `now` passes it in. That is what lets tests and
//! rehearsals use the very types that the live host uses.

pub mod action;
pub mod asked;
pub mod diagnostic;
pub mod event;
pub mod json;
pub mod network;
pub mod pattern;
pub mod run;
pub mod secret;
pub mod time;
pub mod topic;
pub mod units;
pub mod wait;

pub use action::{Action, ActionError, ActionId, OpenAction, Receipt, Retry, Settlement};
pub use asked::Asked;
pub use diagnostic::{Diagnostic, Severity};
pub use event::{Attachment, Event, EventId, NewEvent, Proof};
pub use network::Network;
pub use pattern::Pattern;
pub use run::{LogLine, Outcome, Place, Run, StateOp, StateWrite, same_value};
pub use secret::Secret;
pub use time::Timestamp;
pub use topic::TopicFilter;
pub use wait::{Chain, Moved, NewWait, OnGap, OnReload, Wait, WaitId, WaitKind};
