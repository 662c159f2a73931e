//! What is under way on one connection: messages without an acknowledgement, and questions.

use super::asking::Asking;
use super::publisher::{Failed, Heard};
use super::queue::Command;
use porchlight_mqtt::packet::{self, Incoming, Message, Qos};
use porchlight_mqtt::{Connection, Trouble};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A message that is not acknowledged after so long will not be. Half of what a try has, so that the
/// next try of the same action finds a new connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message without an acknowledgement.
struct Sent {
    reply: oneshot::Sender<Heard>,
    at: Instant,
}

/// What is under way on one connection.
#[derive(Default)]
pub(super) struct Flight {
    last: u16,
    sent: HashMap<u16, Sent>,
    pub(super) asking: Asking,
}

impl Flight {
    /// How much is under way.
    pub(super) fn len(&self) -> usize {
        self.sent.len() + self.asking.len()
    }

    /// Whether nobody waits any more for anything that is under way, and waiting longer is of no
    /// use: it takes up all the room there is, or has gone on for too long.
    pub(super) fn is_forsaken(&self, full: bool) -> bool {
        let mut sent = self.sent.values();
        self.asking.len() == 0
            && sent.all(|one| one.reply.is_closed())
            && (full && !self.sent.is_empty()
                || self.sent.values().any(|one| one.at.elapsed() >= PATIENCE))
    }

    /// A number that is not in use.
    pub(super) fn number(&mut self) -> u16 {
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if !self.sent.contains_key(&self.last) {
                return self.last;
            }
        }
    }
}

/// Tells everybody whose message was on its way.
pub(super) fn lost(flight: Flight, trouble: Trouble) -> Trouble {
    for (_, sent) in flight.sent {
        let _ = sent.reply.send(Err(Failed::Unsure));
    }
    flight.asking.end(&trouble);
    trouble
}

/// Sends a message, or the beginning of a question.
pub(super) fn begin(connection: &mut Connection, flight: &mut Flight, command: Command) {
    if command.is_given_up() {
        return;
    }
    let (mut message, command) = match command {
        Command::Publish(message, reply) => (message, Ok(reply)),
        Command::Ask(message, filter, reply) => (message, Err((filter, reply))),
    };
    if let Err(failed) = fits(connection, &mut message) {
        match command {
            Ok(reply) => _ = reply.send(Err(failed)),
            Err((_, reply)) => _ = reply.send(Err(failed)),
        }
        return;
    }
    let number = flight.number();
    match command {
        Ok(reply) if message.qos == Qos::AtMostOnce => {
            connection.send(|out, version| packet::publish(out, version, &message, 0));
            let _ = reply.send(Ok(true));
        }
        Ok(reply) => {
            connection.send(|out, version| packet::publish(out, version, &message, number));
            let at = Instant::now();
            flight.sent.insert(number, Sent { reply, at });
        }
        Err((filter, reply)) => flight
            .asking
            .begin(connection, number, message, filter, reply),
    }
}

/// Fits a message to what this broker can do.
fn fits(connection: &Connection, message: &mut Message) -> Result<(), Failed> {
    let can = &connection.welcome().properties;
    if can.maximum_qos == Some(0) {
        message.qos = Qos::AtMostOnce;
    }
    if message.retain && can.retain_available == Some(false) {
        let message = "this broker keeps no retained messages";
        return Err(Failed::Impossible(message.to_owned()));
    }
    // What stands around topic and payload: the lengths, the number, and the properties.
    let beside = message.properties.user.iter();
    let beside: usize = beside
        .map(|(name, value)| name.len() + value.len() + 5)
        .sum();
    let size = message.payload.len() + message.topic.len() + beside + 64;
    match can
        .maximum_packet
        .and_then(|most| usize::try_from(most).ok())
    {
        Some(most) if size > most => Err(Failed::Impossible(format!(
            "the message has {size} bytes, and this broker takes {most}"
        ))),
        _ => Ok(()),
    }
}

/// Something came from the broker.
pub(super) fn take(
    connection: &mut Connection,
    flight: &mut Flight,
    incoming: Incoming,
) -> Result<(), Trouble> {
    match incoming {
        Incoming::Puback(number, code, reason) => {
            if let Some(sent) = flight.sent.remove(&number) {
                let heard = match code {
                    0x80.. => Err(Failed::Refused {
                        code,
                        message: Trouble::Refused { code, reason }.to_string(),
                    }),
                    // 0x10: nobody subscribes to it.
                    other => Ok(other != 0x10),
                };
                let _ = sent.reply.send(heard);
            }
        }
        Incoming::Publish(message, number, _) => {
            if let Some(number) = number {
                connection.send(|out, _| packet::puback(out, number));
            }
            flight.asking.answer(connection, message);
        }
        Incoming::TooLarge { number, .. } => {
            if let Some(number) = number {
                connection.send(|out, _| packet::puback(out, number));
            }
        }
        Incoming::Suback(number, codes) => flight.asking.subscribed(connection, number, &codes),
        Incoming::Disconnect(code, reason) => return Err(Trouble::Refused { code, reason }),
        Incoming::Unsuback(_) | Incoming::Pong | Incoming::Connack(..) => {}
    }
    Ok(())
}
