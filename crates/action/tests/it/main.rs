//! Actions against targets that behave well, badly, and not at all; files, sheets, and the outbox.
//! One program, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

mod away;
mod bodies;
mod columns;
mod common;
mod counting;
mod downloads;
mod endless;
mod files_and_commands;
mod hostile;
mod hostile_mail;
mod hostile_mqtt;
mod hostile_net;
mod image;
mod keys;
mod lanes;
mod logins;
mod mail;
mod net;
mod oauth;
mod odd_broker;
mod outbox;
mod pieces;
mod proxy;
mod quota;
mod requests;
mod sheets;
mod tls;
