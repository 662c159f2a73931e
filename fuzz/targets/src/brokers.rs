//! What a broker says: packets of MQTT, however they are cut into pieces on their way.

use crate::input::Input;
use bytes::BytesMut;
use porchlight_mqtt::packet::{self, Incoming, Malformed, Message, Properties, Reader, Version};

/// The beginning of a message that is too large is read while it is this long at most: five bytes
/// of head, the longest topic, a number.
const HEAD: usize = 5 + 65_535 + 4;
/// No more names of a sender's own, and no more numbers of subscriptions, are kept.
const MOST_NAMES: usize = 64;

/// Longer than what is kept of a message that is too large, so that some of it is dropped.
const LONG: usize = 70_000;

/// Version, largest packet, length of the pieces, then what the broker sends: it reads the same in
/// pieces as at once, nothing is kept beyond the bound, a message that is passed on arrives as it
/// came, and behind a message that is too large goes on what comes behind it.
pub fn mqtt(data: &[u8]) {
    let mut input = Input(data);
    let version = input.pick(&[Version::V311, Version::V5]);
    let largest = input.pick(&[64, 8, 1024, 70_000, 1 << 20]);
    let piece = input.byte().max(1);
    let whole = read(version, largest, [input.0]);
    let pieces = read(version, largest, input.0.chunks(piece));
    assert_eq!(whole, pieces, "read at once, and in pieces of {piece}");
    let mut messages = whole.0.into_iter().filter_map(|packet| match packet {
        Incoming::Publish(message, number, _) => Some((message, number)),
        _ => None,
    });
    // The first is enough: it is long.
    if let Some((message, number)) = messages.next() {
        passed_over(version, &message, number, piece);
        passed_on(version, message, number);
    }
    for (message, number) in messages {
        passed_on(version, message, number);
    }
}

/// Every packet up to the first that is none, and how it ended.
fn read<'a>(
    version: Version,
    largest: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Incoming>, Option<Malformed>) {
    let (mut reader, mut bytes) = (Reader::new(version, largest), BytesMut::new());
    let mut packets = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(piece);
        loop {
            match reader.next(&mut bytes) {
                Ok(Some(packet)) => {
                    bounded(&packet, largest);
                    packets.push(packet);
                }
                Ok(None) => break,
                Err(error) => return (packets, Some(error)),
            }
        }
        assert!(
            bytes.len() <= largest.max(HEAD),
            "{} bytes wait to be read",
            bytes.len()
        );
    }
    (packets, None)
}

fn bounded(packet: &Incoming, largest: usize) {
    match packet {
        Incoming::Publish(message, number, _) => {
            assert!(message.topic.len() + message.payload.len() <= largest);
            assert!(message.properties.user.len() <= MOST_NAMES);
            assert!(message.properties.subscriptions.len() <= MOST_NAMES);
            assert!(!message.topic.contains(['+', '#']) && !message.topic.is_empty());
            assert_ne!(*number, Some(0));
        }
        Incoming::TooLarge { size, number, .. } => {
            assert!(*size > largest);
            assert_ne!(*number, Some(0));
        }
        _ => {}
    }
}

/// The same message with a long payload, and an answer behind it: the one is dropped under a bound
/// and whole without one, the other reads as it came.
fn passed_over(version: Version, message: &Message, number: Option<u16>, piece: usize) {
    let message = Message {
        payload: vec![0xff; LONG].into(),
        properties: Properties::default(),
        ..message.clone()
    };
    let mut bytes = BytesMut::new();
    packet::publish(&mut bytes, version, &message, number.unwrap_or(0));
    let size = bytes.len();
    bytes.extend_from_slice(b"\xd0\x00");
    let too_large = Incoming::TooLarge {
        topic: message.topic.clone(),
        number,
        size,
    };
    let dropped = read(version, size - 1, bytes.chunks(piece * 100));
    assert_eq!(dropped, (vec![too_large, Incoming::Pong], None));
    let kept = read(version, size, bytes.chunks(piece * 100));
    let kept_whole = Incoming::Publish(message, number, false);
    assert_eq!(kept, (vec![kept_whole, Incoming::Pong], None));
}

/// What is published again reads as what came, but for what only a broker says.
fn passed_on(version: Version, message: Message, number: Option<u16>) {
    let Properties {
        text,
        expiry,
        content_type,
        response_topic,
        correlation,
        user,
        ..
    } = message.properties;
    let properties = Properties {
        text,
        expiry,
        content_type,
        response_topic,
        correlation,
        user,
        ..Properties::default()
    };
    let message = Message {
        properties,
        ..message
    };
    let mut bytes = BytesMut::new();
    packet::publish(&mut bytes, version, &message, number.unwrap_or(0));
    let again = Reader::new(version, usize::MAX).next(&mut bytes);
    let expected = Incoming::Publish(message, number, false);
    assert_eq!(again, Ok(Some(expected)));
    assert!(bytes.is_empty());
}
