//! Packets on their way out. Whoever calls has checked topics and sizes.

use super::properties::{put_binary, put_text, put_variable};
use super::{Hello, Message, Qos, Version};
use bytes::{BufMut as _, BytesMut};
use porchlight_core::TopicFilter;

/// Puts a packet together: its first byte, its length, its content.
fn packet(out: &mut BytesMut, first: u8, body: &[u8]) {
    out.put_u8(first);
    put_variable(out, body.len());
    out.put_slice(body);
}

/// CONNECT.
pub fn connect(out: &mut BytesMut, version: Version, hello: &Hello<'_>) {
    let mut body = BytesMut::with_capacity(64);
    put_text(&mut body, "MQTT");
    body.put_u8(match version {
        Version::V311 => 4,
        Version::V5 => 5,
    });
    let mut flags = u8::from(hello.clean) << 1;
    if hello.will.is_some() {
        // Kept by the broker, so that who comes later knows it, too; delivered at least once.
        flags |= 0b0010_1100;
    }
    flags |= u8::from(hello.password.is_some()) << 6;
    flags |= u8::from(hello.user.is_some()) << 7;
    body.put_u8(flags);
    body.put_u16(hello.keep_alive);
    if version == Version::V5 {
        let mut properties = BytesMut::new();
        properties.put_u8(0x11);
        properties.put_u32(hello.session_expiry);
        properties.put_u8(0x21);
        properties.put_u16(hello.receive_maximum.max(1));
        put_variable(&mut body, properties.len());
        body.put_slice(&properties);
    }
    put_text(&mut body, hello.client_id);
    if let Some(will) = hello.will {
        if version == Version::V5 {
            put_variable(&mut body, 0);
        }
        put_text(&mut body, &will.topic);
        put_binary(&mut body, &will.payload);
    }
    if let Some(user) = hello.user {
        put_text(&mut body, user);
    }
    if let Some(password) = hello.password {
        put_binary(&mut body, password);
    }
    packet(out, 0x10, &body);
}

/// PUBLISH. The number counts only where it is acknowledged.
pub fn publish(out: &mut BytesMut, version: Version, message: &Message, number: u16) {
    let mut head = BytesMut::with_capacity(message.topic.len() + 16);
    put_text(&mut head, &message.topic);
    let acknowledged = message.qos == Qos::AtLeastOnce;
    if acknowledged {
        head.put_u16(number);
    }
    if version == Version::V5 {
        message.properties.write(&mut head);
    }
    out.put_u8(0x30 | u8::from(acknowledged) << 1 | u8::from(message.retain));
    put_variable(out, head.len() + message.payload.len());
    out.put_slice(&head);
    out.put_slice(&message.payload);
}

/// PUBACK, in its short form: it went well.
pub fn puback(out: &mut BytesMut, number: u16) {
    packet(out, 0x40, &number.to_be_bytes());
}

/// SUBSCRIBE to one filter with quality of service 1. Under MQTT 5 the messages carry `id` (1 to
/// 268,435,455) and `retained` says which kept messages come.
pub fn subscribe(
    out: &mut BytesMut,
    version: Version,
    number: u16,
    filter: &TopicFilter,
    (retained, id): (Retained, Option<u32>),
) {
    let mut body = BytesMut::new();
    body.put_u16(number);
    let mut options = 1;
    if version == Version::V5 {
        let mut properties = BytesMut::new();
        if let Some(id) = id.and_then(|id| usize::try_from(id).ok()) {
            properties.put_u8(0x0b);
            put_variable(&mut properties, id);
        }
        put_variable(&mut body, properties.len());
        body.put_slice(&properties);
        options |= (retained as u8) << 4;
    }
    put_text(&mut body, filter.as_str());
    body.put_u8(options);
    packet(out, 0x82, &body);
}

/// Which kept messages a subscription brings (MQTT 5; 3.1.1 always brings them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Retained {
    /// Those of a subscription that did not exist.
    WhenNew = 1,
    /// None.
    Never = 2,
}

/// UNSUBSCRIBE.
pub fn unsubscribe(out: &mut BytesMut, version: Version, number: u16, filters: &[TopicFilter]) {
    let mut body = BytesMut::new();
    body.put_u16(number);
    if version == Version::V5 {
        put_variable(&mut body, 0);
    }
    for filter in filters {
        put_text(&mut body, filter.as_str());
    }
    packet(out, 0xa2, &body);
}

/// PINGREQ.
pub fn ping(out: &mut BytesMut) {
    packet(out, 0xc0, &[]);
}

/// DISCONNECT, after which the broker does not publish the last will.
pub fn disconnect(out: &mut BytesMut) {
    packet(out, 0xe0, &[]);
}
