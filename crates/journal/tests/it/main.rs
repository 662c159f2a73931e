//! What the journal promises, asked from outside: only its public interface, real files.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers are not `#[test]`

mod append;
mod asked;
mod away;
mod commit;
mod damage;
mod full;
mod kill;
mod migrate;
mod reading;
mod refusals;
mod schedules;
mod settle;
mod silences;
mod support;
