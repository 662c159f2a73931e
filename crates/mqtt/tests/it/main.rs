//! What is said to a broker and heard from it, honest and hostile.
//! One program, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

mod hostile;
mod opening;
mod packets;
