//! Is this delivery genuine? Schemes as data.
//!
//! A [`Scheme`] says where the proof stands, what it covers and how it is computed; [`verify()`]
//! looks at one complete [`Delivery`] and is the only maker of a [`Verified`]. Nothing here reads a
//! socket, a file or a clock, and nothing is guessed from the look of a value: everything comes
//! from the scheme, because the same text means different things at different senders.
//!
//! A new kind of proof is a new arm of [`scheme::Method`] and a new file beside [`mac`].

pub mod delivery;
pub mod encoding;
mod inflate;
pub mod locator;
pub mod mac;
pub mod rejected;
pub mod scheme;
mod sign;
mod template;
mod time;
mod token;
mod verify;

pub use delivery::Delivery;
pub use inflate::{InflateError, inflate};
pub use rejected::Rejected;
pub use scheme::Scheme;
pub use sign::{sign, sign_query};
pub use verify::{Verified, verify};
