//! Turns the outside into events.
//!
//! A webhook's [`Preset`] says how its sender proves itself, how its body is read and what its
//! events are called. [`decode()`] turns a delivery that was verified into an event, ready for the
//! journal. Vendors are rows in `presets/*.toml`, never branches in the code.

pub mod attachment;
pub mod decode;
mod dedup;
mod facts;
pub mod guards;
pub mod http;
mod moment;
pub mod mqtt;
mod multipart;
mod naming;
pub mod preset;
mod reading;
pub mod request;
mod rules;
pub mod sample;
pub mod vectors;
pub mod webhook;

pub use decode::{Decoded, Unusable, decode};
pub use guards::{AddressRate, Guards, Rate};
pub use preset::Preset;
pub use sample::{Sample, SampleRequest, sample};
pub use webhook::{DedupPolicy, Webhook};
