//! What scripts can do and what they cannot, through the host alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod apart;
mod beside;
mod beside_time;
mod body;
mod checks;
mod delivery;
mod handlers;
mod hearing;
mod hostile;
mod hostile_limits;
mod hostile_memory;
mod house;
mod library;
mod lights;
mod loading;
mod modes;
mod names;
mod parked;
mod permissions;
mod plates;
mod schedule;
mod silence;
mod state;
mod state_changes;
mod sums;
mod support;
mod targets;
mod time;
mod waits;
