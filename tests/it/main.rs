//! Everything from outside: bytes in, actions out. Each test starts the real program in a home of
//! its own, on a free port, and talks to it through real sockets and files.

// A test that can't go on says so and stops: that is what `expect` does.
#![allow(clippy::expect_used, clippy::print_stderr)]

mod act;
mod behind;
mod bodies;
mod cli;
mod config;
mod crash;
mod delivery;
mod disk;
mod docs;
mod doctor;
mod examples;
mod fake;
mod files;
mod flood;
mod form;
mod forward;
mod goldens;
mod held_against;
mod homeassistant;
mod hostile;
mod house;
mod http;
mod images;
mod layering;
mod lights;
mod mqtt;
mod mqtt_away;
mod mqtt_tls;
mod net;
mod outgoing;
mod overload;
mod payloads;
mod permissions;
mod proofs;
mod reference;
mod refused;
mod rehearsal;
mod reload;
mod rhombus;
mod rules;
mod schedule;
mod script_tests;
mod scripts;
mod secrets;
mod servers;
mod silence;
mod state;
mod tickets;
mod tls;
mod unstorable;
mod verify;
mod waits;
