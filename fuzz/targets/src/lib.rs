//! What must hold for any bytes: one function per thing that strangers reach.
//!
//! Each takes the bytes of one try and panics where a promise is broken: not only that nothing
//! crashes, but that a decoder takes only its own spelling, that a proof holds only for what was
//! signed, that what comes out is well formed. `fuzz/fuzz_targets` gives them to cargo-fuzz;
//! `tests/replay.rs` replays the corpus and a fixed walk of mutations on every machine.
//!
//! Everything goes through the public functions of the crates, as the listener calls them, so that
//! no door is opened for tests alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken promise is a panic here; that is how a fuzzer hears of it"
)]

mod agree;
mod bodies;
mod brokers;
mod deliveries;
mod input;
mod pieces;
mod proofs;
mod schemes;

pub use bodies::{form, gzip, http_request, json, multipart, xml};
pub use brokers::mqtt;
pub use deliveries::{changed, delivery};
pub use pieces::{encodings, locator, scheme, template, time};
pub use proofs::{certificate, challenge, structured, token};
pub use schemes::{genuine, names as scheme_names};

/// A target.
pub type Target = fn(&[u8]);

/// Every target under its name, which is also the name of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 18] = [
    ("locator", locator),
    ("encodings", encodings),
    ("template", template),
    ("time", time),
    ("scheme", scheme),
    ("multipart", multipart),
    ("form", form),
    ("json", json),
    ("xml", xml),
    ("gzip", gzip),
    ("http_request", http_request),
    ("delivery", delivery),
    ("changed", changed),
    ("structured", structured),
    ("token", token),
    ("certificate", certificate),
    ("challenge", challenge),
    ("mqtt", mqtt),
];
