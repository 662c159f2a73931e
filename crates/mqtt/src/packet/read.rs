//! Bytes to packets, under a bound.
//!
//! [`Reader`] takes bytes as they come and gives whole packets. A message that is larger than the
//! bound is not kept: its topic and number are read from its beginning, the rest is dropped as it
//! comes, and the reader goes on behind it. To end the connection instead would help nobody: the
//! broker would send the same message again, for ever.

use super::{Message, Properties, Qos, Version, Welcome};
use bytes::{Buf as _, Bytes, BytesMut};

/// What is no MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the broker sent {0}")]
pub struct Malformed(pub &'static str);

/// A packet from a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// CONNACK: the code, and what was said with it.
    Connack(u8, Welcome),
    /// A message, with its number where it is to be acknowledged, and whether it was sent before.
    Publish(Message, Option<u16>, bool),
    /// A message that is larger than we take; nothing of its payload was kept.
    TooLarge {
        /// Where it was published.
        topic: String,
        /// Its number, where it is to be acknowledged.
        number: Option<u16>,
        /// The size of the whole packet in bytes.
        size: usize,
    },
    /// PUBACK: a message of ours arrived, or was refused with a reason.
    Puback(u16, u8, Option<String>),
    /// SUBACK: a code for each filter.
    Suback(u16, Vec<u8>),
    /// UNSUBACK.
    Unsuback(u16),
    /// PINGRESP.
    Pong,
    /// DISCONNECT of MQTT 5, with its reason.
    Disconnect(u8, Option<String>),
}

/// The beginning of a message that is too large, kept until topic and number are in it: the longest
/// topic and the number.
const HEAD: usize = 65_535 + 4;

/// Takes bytes and gives packets.
#[derive(Debug)]
pub struct Reader {
    version: Version,
    largest: usize,
    /// Bytes of a large message that are still to be dropped.
    skip: usize,
}

impl Reader {
    /// A reader that keeps no packet larger than `largest` bytes.
    pub fn new(version: Version, largest: usize) -> Self {
        Self {
            version,
            largest,
            skip: 0,
        }
    }

    /// The next packet out of `bytes`, which gives up what was read; `None` when more must come.
    ///
    /// # Errors
    /// What is no MQTT: the connection is of no use any more.
    pub fn next(&mut self, bytes: &mut BytesMut) -> Result<Option<Incoming>, Malformed> {
        let dropped = self.skip.min(bytes.len());
        bytes.advance(dropped);
        self.skip -= dropped;
        if self.skip > 0 {
            return Ok(None);
        }
        let Some((first, head, length)) = frame(bytes)? else {
            return Ok(None);
        };
        if head + length > self.largest {
            return self.large(bytes, first, head, length);
        }
        if bytes.len() < head + length {
            return Ok(None);
        }
        bytes.advance(head);
        let body = Slice(bytes.split_to(length).freeze());
        parse(self.version, first, body).map(Some)
    }

    fn large(
        &mut self,
        bytes: &mut BytesMut,
        first: u8,
        head: usize,
        length: usize,
    ) -> Result<Option<Incoming>, Malformed> {
        if first >> 4 != 3 {
            return Err(Malformed("a packet of an absurd size"));
        }
        let wanted = length.min(HEAD);
        if bytes.len() < head + wanted {
            return Ok(None);
        }
        bytes.advance(head);
        let mut start = Slice(bytes.split_to(wanted).freeze());
        self.skip = length - wanted;
        let topic = start.text()?;
        let number = match quality(first)? {
            Qos::AtLeastOnce => Some(start.number()?),
            Qos::AtMostOnce => None,
        };
        let dropped = self.skip.min(bytes.len());
        bytes.advance(dropped);
        self.skip -= dropped;
        Ok(Some(Incoming::TooLarge {
            topic,
            number,
            size: head + length,
        }))
    }
}

/// First byte, length of the head and length of the body, once they are there.
fn frame(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, Malformed> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    // Only messages have anything here; so a web server, for one, is known by its first letter.
    if first >> 4 != 3 && first & 0x0f != 0 {
        return Err(Malformed("something that is no MQTT"));
    }
    let mut length = 0;
    for (at, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((first, at + 2, length)));
        }
    }
    if bytes.len() > 4 {
        return Err(Malformed("a length of more than four bytes"));
    }
    Ok(None)
}

fn quality(first: u8) -> Result<Qos, Malformed> {
    match (first >> 1) & 3 {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        _ => Err(Malformed("a quality of service that nobody asked for")),
    }
}

fn parse(version: Version, first: u8, mut body: Slice) -> Result<Incoming, Malformed> {
    let five = version == Version::V5;
    // Properties may be left out together with all that follows.
    let rest = |body: &mut Slice| -> Result<Properties, Malformed> {
        if five && !body.is_empty() {
            Properties::read(body)
        } else {
            Ok(Properties::default())
        }
    };
    Ok(match first >> 4 {
        2 => {
            let session_present = body.byte()? & 1 == 1;
            let code = body.byte()?;
            let properties = rest(&mut body)?;
            let welcome = Welcome {
                session_present,
                properties,
            };
            Incoming::Connack(code, welcome)
        }
        3 => {
            let qos = quality(first)?;
            let topic = body.text()?;
            if topic.is_empty() || topic.contains(['+', '#']) {
                return Err(Malformed("a message without a topic"));
            }
            let number = match qos {
                Qos::AtLeastOnce => Some(body.number()?),
                Qos::AtMostOnce => None,
            };
            let properties = match five {
                true => Properties::read(&mut body)?,
                false => Properties::default(),
            };
            let message = Message {
                topic,
                payload: body.0,
                qos,
                retain: first & 1 == 1,
                properties,
            };
            Incoming::Publish(message, number, first & 8 == 8)
        }
        4 => {
            let number = body.number()?;
            let code = if body.is_empty() { 0 } else { body.byte()? };
            Incoming::Puback(number, code, rest(&mut body)?.reason)
        }
        9 => {
            let number = body.number()?;
            rest(&mut body)?;
            Incoming::Suback(number, body.0.to_vec())
        }
        11 => Incoming::Unsuback(body.number()?),
        13 => Incoming::Pong,
        14 => {
            let code = if body.is_empty() { 0 } else { body.byte()? };
            Incoming::Disconnect(code, rest(&mut body)?.reason)
        }
        _ => return Err(Malformed("a packet that only clients send")),
    })
}

/// Bytes that are read from the front; nothing reads past the end.
pub(super) struct Slice(Bytes);

impl Slice {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn need(&self, count: usize) -> Result<(), Malformed> {
        if self.0.len() < count {
            return Err(Malformed("a packet that ends too early"));
        }
        Ok(())
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.need(1)?;
        Ok(self.0.get_u8())
    }

    pub(super) fn short(&mut self) -> Result<u16, Malformed> {
        self.need(2)?;
        Ok(self.0.get_u16())
    }

    pub(super) fn long(&mut self) -> Result<u32, Malformed> {
        self.need(4)?;
        Ok(self.0.get_u32())
    }

    /// The number of a packet, which is never 0.
    fn number(&mut self) -> Result<u16, Malformed> {
        match self.short()? {
            0 => Err(Malformed("a packet with the number 0")),
            number => Ok(number),
        }
    }

    pub(super) fn variable(&mut self) -> Result<usize, Malformed> {
        let mut value = 0;
        for at in 0..4 {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed("a length of more than four bytes"))
    }

    /// The next so many bytes.
    pub(super) fn part(&mut self, length: usize) -> Result<Self, Malformed> {
        self.need(length)?;
        Ok(Self(self.0.split_to(length)))
    }

    pub(super) fn binary(&mut self) -> Result<Bytes, Malformed> {
        let length = usize::from(self.short()?);
        Ok(self.part(length)?.0)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let bytes = self.binary()?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Malformed("text that is no UTF-8"))?;
        Ok(text.to_owned())
    }
}
