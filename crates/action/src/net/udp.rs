//! Datagrams: sent, sent again while no answer comes, and answers told from noise.
//!
//! An answer counts when it comes from the address that was written to and is as expected, from
//! whichever port: devices differ there. Some answer to a fixed port of ours (Govee: 4002): `listen`
//! opens that one, for one action at a time. A socket is open only while its action is performed.

use super::address::resolve;
use super::answer::{Answer, sent};
use super::expect::unmet;
use super::{LARGEST_ANSWER, NetTask, Target};
use crate::failure::config;
use crate::fields::Fields;
use porchlight_core::units::format_duration;
use porchlight_core::{ActionError, Receipt};
use serde_json::json;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How often something is sent that is to be answered: LIFX loses one in a hundred on a good day.
const TRIES: u32 = 3;
/// A script that says more means to flood its network.
const MOST_TRIES: u64 = 10;
/// Between repetitions that nobody answers.
const BEAT: Duration = Duration::from_millis(100);
/// What IPv4 lets a datagram hold.
const LARGEST: usize = 65_507;

/// What only datagrams have.
pub(super) struct Options {
    /// The port of ours to which the answer comes; any when `None`.
    pub(super) listen: Option<u16>,
    /// The target is many: a broadcast or multicast address.
    pub(super) broadcast: bool,
    pub(super) tries: u32,
}

impl Options {
    pub(super) fn parse(fields: &Fields<'_>, answered: bool) -> Result<Self, ActionError> {
        let listen = match fields.whole("listen")? {
            None => None,
            Some(port) => match u16::try_from(port) {
                Ok(port @ 1..) => Some(port),
                _ => return Err(fields.wrong("listen", "a port from 1 to 65535")),
            },
        };
        let tries = match fields.whole("tries")? {
            None if answered => TRIES,
            None => 1,
            Some(tries @ 1..=MOST_TRIES) => tries as u32,
            Some(_) => return Err(fields.wrong("tries", "a number from 1 to 10")),
        };
        let broadcast = match fields.get("broadcast") {
            None => false,
            Some(value) => value
                .as_bool()
                .ok_or_else(|| fields.wrong("broadcast", "true or false"))?,
        };
        Ok(Self {
            listen,
            broadcast,
            tries,
        })
    }
}

/// The ports of ours that actions listen on: one action has one at a time.
#[derive(Default)]
pub(crate) struct Ports(Mutex<HashMap<u16, Arc<tokio::sync::Mutex<()>>>>);

impl Ports {
    async fn take(&self, port: u16, until: Instant) -> Result<OwnedMutexGuard<()>, ActionError> {
        let turn = {
            let mut ports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever waits holds a clone, so what only the map holds is nobody's.
            ports.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(ports.entry(port).or_default())
        };
        timeout_at(until, turn.lock_owned()).await.map_err(|_| {
            let message = format!("port {port} of ours was busy with other actions all the time");
            ActionError::later("limit", message)
        })
    }
}

pub(super) async fn perform(
    task: &NetTask,
    options: &Options,
    ports: &Ports,
    time: Duration,
) -> Result<Receipt, ActionError> {
    if task.payload.len() > LARGEST {
        return Err(config(format!(
            "{} bytes do not fit into a datagram, which holds {LARGEST}",
            task.payload.len()
        )));
    }
    let start = Instant::now();
    let to = resolve(&task.to, start + time).await?;
    // Where a name has both, IPv4: devices that speak datagrams seldom listen on the other.
    let to = to.iter().find(|to| to.is_ipv4()).unwrap_or(&to[0]);
    let _turn = match options.listen {
        Some(port) => Some(ports.take(port, start + time).await?),
        None => None,
    };
    let socket = open(*to, options).await?;
    let Some(expect) = &task.expect else {
        for again in 0..options.tries {
            if again > 0 {
                tokio::time::sleep(BEAT).await;
            }
            send(&socket, task, *to, again).await?;
        }
        return Ok(sent(&task.to, task.payload.len()));
    };
    let begun = Instant::now();
    let until = start + time;
    let pause = until.saturating_duration_since(begun) / options.tries;
    let mut buffer = vec![0; LARGEST_ANSWER];
    let mut strange = 0_u32;
    for again in 1..=options.tries {
        send(&socket, task, *to, again - 1).await?;
        let next = if again == options.tries {
            until
        } else {
            begun + pause * again
        };
        loop {
            let (size, from) = match timeout_at(next, socket.recv_from(&mut buffer)).await {
                Err(_) => break,
                Ok(Ok(found)) => found,
                // The last datagram met a closed port; the device may be starting.
                Ok(Err(_)) => {
                    sleep_until(next).await;
                    break;
                }
            };
            let answer = &buffer[..size];
            let theirs = options.broadcast || from.ip().to_canonical() == to.ip().to_canonical();
            if theirs && unmet(expect, answer).is_none() {
                let took = begun.elapsed();
                return Ok(Answer {
                    bytes: answer,
                    from,
                    took,
                }
                .receipt(task));
            }
            strange = strange.saturating_add(u32::from(theirs));
        }
    }
    let within = format_duration(time);
    Err(ActionError::later(
        "timeout",
        match strange {
            0 => format!("{}: no answer within {within}", task.to),
            _ => format!(
                "{}: {strange} answers within {within}, none as expected",
                task.to
            ),
        },
    ))
}

async fn open(to: SocketAddr, options: &Options) -> Result<UdpSocket, ActionError> {
    let many = to.ip().is_multicast() || to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
    if many && !options.broadcast {
        return Err(reaches_many(to));
    }
    let own: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let port = options.listen.unwrap_or(0);
    let socket = UdpSocket::bind((own, port)).await.map_err(|error| {
        match error.kind() {
            io::ErrorKind::AddrInUse => ActionError::later(
                "io",
                format!("port {port} of this machine is in use by another program, so the answer can't come"),
            ),
            io::ErrorKind::PermissionDenied => {
                config(format!("port {port} is reserved for the system; `listen` needs one from 1024"))
            }
            _ => ActionError::later("io", format!("no port to send from: {error}")),
        }
    })?;
    if options.broadcast {
        let allowed = socket.set_broadcast(true);
        allowed.map_err(|error| ActionError::later("io", error.to_string()))?;
    }
    Ok(socket)
}

/// Sends it once more, after so many times.
async fn send(
    socket: &UdpSocket,
    task: &NetTask,
    to: SocketAddr,
    before: u32,
) -> Result<(), ActionError> {
    match socket.send_to(&task.payload, to).await {
        Ok(_) => Ok(()),
        Err(error) => Err(unsent(&task.to, to, &error, before)),
    }
}

/// A datagram could not be sent, after so many that could: any of those may have arrived.
fn unsent(target: &Target, to: SocketAddr, error: &io::Error, before: u32) -> ActionError {
    // How the system says that an address is a broadcast address of one of its networks.
    if error.kind() == io::ErrorKind::PermissionDenied {
        return reaches_many(to);
    }
    let mut failed = ActionError::later("connect", format!("{target}: {error}"));
    if before > 0 {
        failed.detail = json!({ "connected": true });
    }
    failed
}

fn reaches_many(to: SocketAddr) -> ActionError {
    config(format!(
        "{} reaches many devices at once; say `broadcast: true` if that is meant",
        to.ip()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_that_could_not_be_sent_has_reached_nobody_unless_one_before_it_did() {
        let target = Target::new("192.0.2.10", 4003).unwrap();
        let to = SocketAddr::from(([192, 0, 2, 10], 4003));
        let error = io::Error::from(io::ErrorKind::NetworkUnreachable);
        let connected = |before| unsent(&target, to, &error, before).detail;
        assert_eq!(connected(0), serde_json::Value::Null);
        assert_eq!(connected(1), json!({ "connected": true }));
    }
}
