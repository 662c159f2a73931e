//! Performs actions in the world: HTTP requests, spreadsheet rows, files, commands, datagrams.
//!
//! [`Performer`] does one action once and says what became of it. [`Outbox`] decides when: it keeps
//! the order inside a lane, waits between tries and gives up in time. Neither knows the journal or
//! the scripts; an action arrives as a value and leaves as a [`porchlight_core::Settlement`].
//!
//! Every action may be performed twice (a crash between the doing and the record of it), so each
//! module says what it does about a repeated key.

mod append;
mod command;
mod failure;
mod fields;
mod http;
mod image;
mod jail;
mod mail;
mod mqtt;
mod net;
mod oauth;
mod outbox;
mod output;
mod performer;
mod prune;
mod quota;
mod resolve;
mod save;
mod sheet;
mod task;
mod tls;
mod walk;

pub use command::CommandConfig;
pub use http::{ProxyConfig, verdict};
pub use mail::{MailAddress, MailConfig, MailEntry, MailLogin, MailSecurity, mail_entry};
pub use oauth::{ClientAuth, Grant, JwtBearer, JwtKey, OauthConfig, ScopeIn, TokenUrl};
pub use outbox::{
    Allowance, AwayLane, BreakerPolicy, Hear, Limiters, OpenLane, Outbox, Perform, RetryPolicy,
    Settle, Slot, Submitted, TargetChange, TargetNews, Turn,
};
pub use performer::{Blobs, Clock, HttpConfig, Performer, PerformerConfig, Secrets, StartError};
pub use tls::{Pin, TlsConfig, certificate_believed, certificate_ends};
pub use walk::{FolderSize, folder_size};
