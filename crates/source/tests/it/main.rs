//! Deliveries as they come, byte for byte: what is proved, how it is read, what is answered and
//! stored. One program, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

mod decoding;
mod decoding_cloudevents;
mod decoding_json;
mod decoding_parts;
mod decoding_xml;
mod hostile_mqtt;
mod house;
mod http;
mod payloads;
mod presets;
mod vectors;
