//! The properties of MQTT 5: what is said beside a packet. Those of no use here are read over.

use super::read::{Malformed, Slice};
use bytes::{BufMut as _, Bytes, BytesMut};

/// More pairs of a sender's own than this are not kept, so that nobody fills memory with names.
const MOST_USER: usize = 64;

/// What is understood, of all packets together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// The payload is UTF-8 text.
    pub text: bool,
    /// After so many seconds the broker need not deliver it any more.
    pub expiry: Option<u32>,
    /// What the payload is: `application/json`.
    pub content_type: Option<String>,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// What the answer repeats.
    pub correlation: Option<Bytes>,
    /// Names and values of the sender's own.
    pub user: Vec<(String, String)>,
    /// The broker's reason, for people.
    pub reason: Option<String>,
    /// The name that the broker chose for a client without one.
    pub client_id: Option<String>,
    /// The seconds of keep alive that the broker wants instead of ours.
    pub keep_alive: Option<u16>,
    /// How many messages may be on their way to the broker.
    pub receive_maximum: Option<u16>,
    /// The largest packet that the broker takes.
    pub maximum_packet: Option<u32>,
    /// The best quality of service that the broker offers, where that is not 2.
    pub maximum_qos: Option<u8>,
    /// Whether the broker keeps retained messages.
    pub retain_available: Option<bool>,
    /// Whether the broker says for which subscription a message comes.
    pub subscription_ids: Option<bool>,
    /// For which subscriptions of ours it came.
    pub subscriptions: Vec<u32>,
}

impl Properties {
    /// Reads the properties at the beginning of `from`, with their length.
    pub(super) fn read(from: &mut Slice) -> Result<Self, Malformed> {
        let length = from.variable()?;
        let mut bytes = from.part(length)?;
        let mut found = Self::default();
        while !bytes.is_empty() {
            let id = bytes.byte()?;
            match id {
                0x0b => {
                    let id = u32::try_from(bytes.variable()?).unwrap_or_default();
                    if found.subscriptions.len() < MOST_USER {
                        found.subscriptions.push(id);
                    }
                }
                0x29 => found.subscription_ids = Some(bytes.byte()? == 1),
                0x01 => found.text = bytes.byte()? == 1,
                0x02 => found.expiry = Some(bytes.long()?),
                0x03 => found.content_type = Some(bytes.text()?),
                0x08 => found.response_topic = Some(bytes.text()?),
                0x09 => found.correlation = Some(bytes.binary()?),
                0x12 => found.client_id = Some(bytes.text()?),
                0x13 => found.keep_alive = Some(bytes.short()?),
                0x1f => found.reason = Some(bytes.text()?),
                0x21 => found.receive_maximum = Some(bytes.short()?),
                0x24 => found.maximum_qos = Some(bytes.byte()?),
                0x25 => found.retain_available = Some(bytes.byte()? == 1),
                0x26 => {
                    let pair = (bytes.text()?, bytes.text()?);
                    if found.user.len() < MOST_USER {
                        found.user.push(pair);
                    }
                }
                0x27 => found.maximum_packet = Some(bytes.long()?),
                // Of no use here, by their shapes.
                0x11 | 0x18 => _ = bytes.long()?,
                0x15 | 0x1a | 0x1c => _ = bytes.text()?,
                0x16 => _ = bytes.binary()?,
                0x17 | 0x19 | 0x28 | 0x2a => _ = bytes.byte()?,
                0x22 | 0x23 => _ = bytes.short()?,
                _ => return Err(Malformed("an unknown property")),
            }
        }
        Ok(found)
    }

    /// Writes what goes with a message, with its length.
    pub(super) fn write(&self, to: &mut BytesMut) {
        let mut bytes = BytesMut::new();
        if self.text {
            bytes.put_slice(&[0x01, 1]);
        }
        if let Some(expiry) = self.expiry {
            bytes.put_u8(0x02);
            bytes.put_u32(expiry);
        }
        if let Some(content_type) = &self.content_type {
            bytes.put_u8(0x03);
            put_text(&mut bytes, content_type);
        }
        if let Some(topic) = &self.response_topic {
            bytes.put_u8(0x08);
            put_text(&mut bytes, topic);
        }
        if let Some(correlation) = &self.correlation {
            bytes.put_u8(0x09);
            put_binary(&mut bytes, correlation);
        }
        for (name, value) in &self.user {
            bytes.put_u8(0x26);
            put_text(&mut bytes, name);
            put_text(&mut bytes, value);
        }
        put_variable(to, bytes.len());
        to.put_slice(&bytes);
    }
}

/// A length of one to four bytes.
pub(super) fn put_variable(to: &mut BytesMut, mut value: usize) {
    loop {
        let low = u8::try_from(value % 128).unwrap_or(0);
        value /= 128;
        if value == 0 {
            to.put_u8(low);
            return;
        }
        to.put_u8(low | 0x80);
    }
}

pub(super) fn put_text(to: &mut BytesMut, text: &str) {
    put_binary(to, text.as_bytes());
}

/// Bytes under a length of two; what is longer is cut, which the callers exclude by their checks.
pub(super) fn put_binary(to: &mut BytesMut, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    to.put_u16(length);
    to.put_slice(&bytes[..usize::from(length)]);
}
