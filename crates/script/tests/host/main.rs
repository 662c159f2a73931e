//! What scripts can do and what they cannot, through the host alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod body;
mod handlers;
mod hostile;
mod hostile_limits;
mod house;
mod library;
mod loading;
mod modes;
mod parked;
mod permissions;
mod silence;
mod support;
mod waits;
