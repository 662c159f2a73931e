//! Speaks MQTT with a broker: versions 5.0 and 3.1.1, over TCP or TLS.
//!
//! It knows packets and connections, and neither what a message means nor who wants it: the crate
//! that turns messages into events and the one that publishes both use it, and may not see each
//! other.
//!
//! It is our own and no library, because what matters here is when a message is acknowledged (after
//! it is on disk), what becomes of one that is too large (it is skipped, not asked for again), and
//! that one code speaks both versions. The clients that were looked at bring one crate for each
//! version, of forty thousand lines, and end the connection over a message that is too large, which
//! the broker then sends again for ever.

mod broker;
mod connection;
mod opener;
pub mod packet;
mod transport;
mod trouble;

pub use broker::{Address, Broker, Trust};
pub use connection::{Attention, Connection, Purpose};
pub use opener::Opener;
pub use trouble::{Trouble, kind_of};
