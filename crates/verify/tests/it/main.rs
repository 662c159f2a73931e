//! What is genuine and what is not: vectors, tampering, defects of other receivers, and properties of
//! schemes made by chance. One program, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

mod properties;
mod refused;
mod tampering;
mod vectors;
