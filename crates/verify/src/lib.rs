//! Is this delivery genuine? Schemes as data.
//!
//! A [`Scheme`] says where the proof stands, what it covers and how it is computed; [`verify()`]
//! looks at one complete [`Delivery`] and is the only maker of a [`Verified`]. Nothing here reads a
//! socket, a file or a clock, and nothing is guessed from the look of a value: everything comes
//! from the scheme, because the same text means different things at different senders. The one
//! place that guesses is [`explain`], which tells a person and decides nothing.
//!
//! A new kind of proof is a new arm of [`scheme::Method`] and a new file beside [`jwt`].

pub mod algorithm;
mod basic;
mod canonical;
pub mod challenge;
pub mod delivery;
pub mod encoding;
pub mod explain;
pub mod httpsig;
mod inflate;
pub mod jwt;
pub mod locator;
pub mod mac;
pub mod mtls;
pub mod public_key;
pub mod rejected;
pub mod scheme;
mod sign;
pub mod source;
mod template;
mod time;
mod token;
pub mod vectors;
mod verify;

pub use challenge::{Handshake, Refused, Reply};
pub use delivery::Delivery;
pub use explain::{Explanation, explain, guess, guess_by_head};
pub use inflate::{InflateError, inflate};
pub use rejected::Rejected;
pub use scheme::Scheme;
pub use sign::{public_half, sign, sign_delivery};
pub use source::Note;
pub use verify::{Failed, Verified, precheck, verify, verify_or_return};
