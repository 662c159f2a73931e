//! The packets of MQTT 3.1.1 and 5.0 that a client sends and gets, and nothing of a connection.
//!
//! Quality of service 2 is left out: it needs a memory on both sides for every message, and what it
//! promises ends at the broker. Whoever subscribes with 1 gets at most 1, so no broker sends it.
//!
//! A broker is somebody else's program, so [`read`] believes nothing: every length is looked at
//! before it is used, and what is too large to keep is told apart by its first bytes and skipped.

mod properties;
pub mod read;
mod write;

pub use properties::Properties;
pub use read::{Incoming, Malformed, Reader};
pub use write::{Retained, connect, disconnect, ping, puback, publish, subscribe, unsubscribe};

use bytes::Bytes;

/// The two versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1, level 4.
    V311,
    /// MQTT 5.0, level 5.
    V5,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        })
    }
}

/// How a message is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// At most once: nobody repeats it.
    AtMostOnce,
    /// At least once: repeated until it is acknowledged.
    AtLeastOnce,
}

/// A message, as it comes and as it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it is published.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
    /// How it is passed on.
    pub qos: Qos,
    /// Outgoing: the broker keeps it for those who subscribe later. Incoming: it was kept.
    pub retain: bool,
    /// What MQTT 5 says beside it; dropped on its way to a broker that speaks 3.1.1.
    pub properties: Properties,
}

/// What a broker said to a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Welcome {
    /// It still has the subscriptions and the messages of the last connection.
    pub session_present: bool,
    /// Properties of MQTT 5.
    pub properties: Properties,
}

/// The last word of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWill {
    /// Where the broker publishes it when we are gone without a word.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
}

/// What a client introduces itself with.
#[derive(Debug, Clone)]
pub struct Hello<'a> {
    /// Who we are to the broker: two connections of one name throw each other out.
    pub client_id: &'a str,
    /// A user.
    pub user: Option<&'a str>,
    /// A password.
    pub password: Option<&'a [u8]>,
    /// After how many seconds without a word the broker gives us up.
    pub keep_alive: u16,
    /// Forget what was before.
    pub clean: bool,
    /// How many seconds the broker keeps subscriptions and messages for us after the end (MQTT 5).
    pub session_expiry: u32,
    /// How many messages may be on their way to us without our acknowledgement (MQTT 5).
    pub receive_maximum: u16,
    /// What the broker publishes when we are gone.
    pub will: Option<&'a LastWill>,
}

/// The word for a reason code of MQTT 5 and, below 6, of a refused MQTT 3.1.1 connection.
pub fn reason(code: u8) -> &'static str {
    match code {
        0x01 | 0x84 => "it does not speak this version of MQTT",
        0x02 | 0x85 => "it does not take this client id",
        0x03 | 0x88 => "it is not available",
        0x04 | 0x86 => "user or password is wrong",
        0x05 | 0x87 => "it does not allow this",
        0x80 => "it gives no reason",
        0x81 => "it could not read what was sent",
        0x82 => "it found a breach of the protocol",
        0x83 => "it does not accept this",
        0x89 => "it is busy",
        0x8a => "it has banned this client",
        0x8b => "it is shutting down",
        0x8c => "it does not know this way of logging in",
        0x8d => "it heard nothing within the time of keep alive",
        0x8e => "another connection took over this client id",
        0x8f => "it does not take this filter",
        0x90 => "it does not take this topic",
        0x91 => "the number of the message is in use",
        0x93 => "it got more messages at once than it takes",
        0x95 => "the message is larger than it takes",
        0x96 => "it gets too many messages",
        0x97 => "a quota is used up",
        0x98 => "its administrator ended this",
        0x99 => "the payload is not of the format that was said",
        0x9a => "it keeps no retained messages",
        0x9b => "it does not take this quality of service",
        0x9c | 0x9d => "another broker serves this",
        0x9f => "it gets too many connections",
        0xa2 => "it does not take wildcards",
        _ => "its reason is unknown",
    }
}
