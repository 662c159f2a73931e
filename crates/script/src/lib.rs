//! Turns an event into a run: loads Rhai scripts, matches events, runs handlers under limits.
//!
//! Nothing here opens a socket, knows tokio or performs an action. A script *tells* by pushing
//! action values onto its run, and *asks* through the one function that the host was given. That
//! is why the same run can be rehearsed, replayed and tested without touching anything.
//!
//! The files in the order a script meets them: [`resolve`](Host) finds libraries, `check` reads
//! the syntax tree for mistakes, `load` runs the top level, `script` is the result,
//! [`Subscriptions`] finds its handlers, [`Agenda`] what falls due, [`Lane`] decides what may run,
//! `host` runs it, `api` is what it can call.
//! [`World`] is a home in memory, in which scripts are rehearsed; `testing` runs the tests beside
//! them.

mod agenda;
mod apart;
mod api;
pub mod asked;
mod body;
mod check;
mod compile;
mod convert;
mod current;
mod deadline;
mod entity;
mod event;
mod explain;
mod filter;
mod host;
mod lane;
mod limits;
mod load;
mod memory;
pub mod mqtt;
mod options;
mod pattern_index;
pub mod permissions;
pub mod reference;
mod resolve;
mod rules;
pub mod schedule;
mod script;
mod state;
mod stdlib;
mod subscriptions;
mod templates;
pub mod testing;
pub mod watch;
mod weight;
pub mod world;

pub use agenda::Agenda;
pub use api::ttl;
pub use entity::{Entity, EntityKind};
pub use host::silence::Silent;
pub use host::tick::{Start, StartReason};
pub use host::{Ask, Host, HostConfig};
pub use lane::parked::PARKED;
pub use lane::{Fell, Finished, Job, Lane, Past, Told, Undone, Work};
pub use limits::{Limits, STACK_SIZE};
pub use options::{Attempts, HandlerOptions, Key, Mode, Overflow};
pub use rules::Rules;
pub use script::{Handler, Script, Silence, Timed, Trigger};
pub use state::{Became, KeyPattern, Order, SetByHand, State, StateChange};
pub use stdlib::standard_library;
pub use subscriptions::Subscriptions;
pub use templates::{DEFAULT_TEMPLATE, TEMPLATES, Template};
pub use world::World;
