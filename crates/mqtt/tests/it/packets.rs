//! Packets on the wire: the bytes of the standard's examples, and whatever a broker may send.

use bytes::{Bytes, BytesMut};
use porchlight_core::TopicFilter;
use porchlight_mqtt::packet::{
    self, Hello, Incoming, LastWill, Message, Properties, Qos, Reader, Retained, Version,
};

const BOUND: usize = 1 << 20;

fn message(topic: &str, payload: &[u8]) -> Message {
    Message {
        topic: topic.to_owned(),
        payload: Bytes::copy_from_slice(payload),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties: Properties::default(),
    }
}

fn all(version: Version, bound: usize, bytes: &[u8]) -> Vec<Incoming> {
    let mut reader = Reader::new(version, bound);
    let mut bytes = BytesMut::from(bytes);
    let mut found = Vec::new();
    while let Some(packet) = reader.next(&mut bytes).unwrap() {
        found.push(packet);
    }
    found
}

#[test]
fn a_connection_says_who_we_are_and_what_is_to_be_said_when_we_are_gone() {
    let will = LastWill {
        topic: "s".to_owned(),
        payload: Bytes::from_static(b"off"),
    };
    let hello = Hello {
        client_id: "me",
        user: Some("u"),
        password: Some(b"p"),
        keep_alive: 60,
        clean: false,
        session_expiry: 7,
        receive_maximum: 32,
        will: Some(&will),
    };
    let mut out = BytesMut::new();
    packet::connect(&mut out, Version::V311, &hello);
    assert_eq!(
        &out[..],
        b"\x10\x1c\0\x04MQTT\x04\xec\0\x3c\0\x02me\0\x01s\0\x03off\0\x01u\0\x01p"
    );
    out.clear();
    packet::connect(&mut out, Version::V5, &hello);
    assert_eq!(
        &out[..],
        b"\x10\x26\0\x04MQTT\x05\xec\0\x3c\x08\x11\0\0\0\x07\x21\0\x20\0\x02me\0\0\x01s\0\x03off\0\x01u\0\x01p"
    );
}

#[test]
fn a_message_comes_back_as_it_was_sent_in_either_version() {
    let mut sent = message("gate/state", "{\"open\": true} ü".as_bytes());
    sent.retain = true;
    sent.properties = Properties {
        text: true,
        expiry: Some(30),
        content_type: Some("application/json".to_owned()),
        response_topic: Some("answer".to_owned()),
        correlation: Some(Bytes::from_static(b"\0\x01")),
        user: vec![("key".to_owned(), "home:1:0".to_owned())],
        ..Properties::default()
    };
    let mut out = BytesMut::new();
    packet::publish(&mut out, Version::V5, &sent, 9);
    let found = all(Version::V5, BOUND, &out);
    assert_eq!(found, [Incoming::Publish(sent.clone(), Some(9), false)]);

    out.clear();
    packet::publish(&mut out, Version::V311, &sent, 9);
    out[0] |= 8; // what a broker adds when it sends it again
    sent.properties = Properties::default();
    let found = all(Version::V311, BOUND, &out);
    assert_eq!(found, [Incoming::Publish(sent, Some(9), true)]);
}

#[test]
fn a_subscription_asks_for_kept_messages_once() {
    let filter = TopicFilter::parse("a/+").unwrap();
    let mut out = BytesMut::new();
    packet::subscribe(&mut out, Version::V5, 1, &filter, (Retained::Never, None));
    assert_eq!(&out[..], b"\x82\x09\0\x01\0\0\x03a/+\x21");
    out.clear();
    let named = (Retained::WhenNew, Some(300));
    packet::subscribe(&mut out, Version::V5, 1, &filter, named);
    assert_eq!(&out[..], b"\x82\x0c\0\x01\x03\x0b\xac\x02\0\x03a/+\x11");
    out.clear();
    packet::subscribe(&mut out, Version::V311, 1, &filter, named);
    assert_eq!(&out[..], b"\x82\x08\0\x01\0\x03a/+\x01");
    out.clear();
    packet::unsubscribe(&mut out, Version::V5, 2, &[filter]);
    assert_eq!(&out[..], b"\xa2\x08\0\x02\0\0\x03a/+");
}

#[test]
fn the_answers_of_brokers_are_understood() {
    let five = [
        &b"\x20\x0a\x01\x00\x07\x13\0\x0a\x12\0\x01x"[..],
        b"\x40\x02\0\x05",
        b"\x40\x03\0\x06\x10",
        b"\x40\x09\0\x07\x87\x05\x1f\0\x02no",
        b"\x90\x05\0\x01\0\x01\x87",
        b"\xb0\x04\0\x02\0\0",
        b"\xd0\0",
        b"\xe0\x01\x8e",
        b"\xe0\0",
    ];
    let found = all(Version::V5, BOUND, &five.concat());
    let Some(Incoming::Connack(0, welcome)) = found.first() else {
        panic!("{found:?}");
    };
    assert!(welcome.session_present);
    assert_eq!(welcome.properties.keep_alive, Some(10));
    assert_eq!(
        found[1..],
        [
            Incoming::Puback(5, 0, None),
            Incoming::Puback(6, 0x10, None),
            Incoming::Puback(7, 0x87, Some("no".to_owned())),
            Incoming::Suback(1, vec![1, 0x87]),
            Incoming::Unsuback(2),
            Incoming::Pong,
            Incoming::Disconnect(0x8e, None),
            Incoming::Disconnect(0, None),
        ]
    );
}

#[test]
fn a_message_that_is_too_large_is_passed_over_and_the_next_one_comes() {
    let mut out = BytesMut::new();
    packet::publish(&mut out, Version::V5, &message("big", &[7; 300_000]), 3);
    let size = out.len();
    packet::publish(&mut out, Version::V5, &message("small", b"x"), 4);
    let expected = [
        Incoming::TooLarge {
            topic: "big".to_owned(),
            number: Some(3),
            size,
        },
        Incoming::Publish(message("small", b"x"), Some(4), false),
    ];
    assert_eq!(all(Version::V5, 1000, &out), expected);

    // In pieces nothing of it is kept: what waits is never more than its beginning.
    let mut reader = Reader::new(Version::V5, 1000);
    let (mut waiting, mut found) = (BytesMut::new(), Vec::new());
    for piece in out.chunks(777) {
        waiting.extend_from_slice(piece);
        while let Some(packet) = reader.next(&mut waiting).unwrap() {
            found.push(packet);
        }
        assert!(waiting.len() < 70_000, "{}", waiting.len());
    }
    assert_eq!(found, expected);
}

#[test]
fn whatever_is_no_packet_is_refused() {
    for bytes in [
        &b"\x30\xff\xff\xff\xff\x01"[..], // a length of five bytes
        b"\x34\x05\0\x01a\0\x01",         // quality of service 2
        b"\x32\x05\0\x01a\0\0",           // the number 0
        b"\x30\x03\0\x09a",               // a topic longer than the packet
        b"\x30\x03\0\x01+",               // a wildcard as a topic
        b"\x30\x04\0\x02\xff\xfe",        // no UTF-8
        b"\x10\0",                        // what only clients send
        b"\x20\x03\0\0\x05",              // properties longer than the packet
        b"\x20\x05\0\0\x02\x7e\0",        // an unknown property
        b"\xd0\xff\xff\xff\x7f",          // an answer of 256 MB
    ] {
        let mut reader = Reader::new(Version::V5, BOUND);
        let mut bytes = BytesMut::from(bytes);
        let found = reader.next(&mut bytes);
        assert!(found.is_err(), "{found:?}");
    }
}

#[test]
fn no_bytes_make_it_stumble() {
    let mut sent = message("gate/state", b"payload");
    sent.properties.user = vec![("a".to_owned(), "b".to_owned())];
    let mut whole = BytesMut::new();
    packet::publish(&mut whole, Version::V5, &sent, 9);
    packet::puback(&mut whole, 3);
    // Each byte changed to each value, and each beginning, in both versions.
    for version in [Version::V311, Version::V5] {
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let mut reader = Reader::new(version, 64);
                while let Ok(Some(_)) = reader.next(&mut bytes) {}
            }
            let mut reader = Reader::new(version, 64);
            let mut bytes = BytesMut::from(&whole[..at]);
            while let Ok(Some(_)) = reader.next(&mut bytes) {}
        }
    }
}
