//! `net.udp`, `net.tcp`, `net.wake`, and the same asked: bytes to a device that speaks no HTTP.
//!
//! What is sent is exactly what the script said; nothing is added and no protocol is known here.
//! Libraries in Rhai speak LIFX, Govee or Yeelight over it. An answer that is expected decides
//! whether the action was done, so a lamp that acknowledges makes a lost datagram a retry.
//!
//! A datagram or a connection has no place for an idempotency key: after a crash between the sending
//! and the record of it, the same bytes are sent again. Nothing here broadcasts unless it is told to.

mod address;
mod answer;
mod expect;
mod tcp;
mod udp;
mod wake;

use crate::failure::config;
use crate::fields::Fields;
use crate::resolve::Sources;
use crate::task::Mood;
use bytes::Bytes;
use expect::Expectation;
use porchlight_core::{ActionError, Receipt};
use serde_json::Value;
use std::time::Duration;

pub(crate) use udp::Ports;

/// How long an answer is waited for when nothing is said: a device in the house answers in tens of
/// milliseconds, and one that sleeps to save power in a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most of an answer that is read. Devices answer in hundreds of bytes; the largest datagram
/// there is fits.
const LARGEST_ANSWER: usize = 64 << 10;

/// What to send, where, and what to make of the answer.
pub(crate) struct NetTask {
    to: Target,
    payload: Bytes,
    mood: Mood,
    /// What the answer must be like. `None`: no answer is waited for.
    expect: Option<Vec<Expectation>>,
    timeout: Duration,
    way: Way,
}

/// A host and a port, as the script wrote them.
struct Target {
    host: String,
    port: u16,
}

enum Way {
    Udp(udp::Options),
    Tcp(tcp::Options),
}

const COMMON: [&str; 5] = ["host", "port", "payload", "expect", "timeout_ms"];

impl NetTask {
    /// Reads the arguments of `net.*`.
    pub(crate) fn parse(kind: &str, args: &Value, sources: &Sources) -> Result<Self, ActionError> {
        let (mood, verb) = match kind.trim_start_matches("net.") {
            "ask_udp" => (Mood::Ask, "udp"),
            "ask_tcp" => (Mood::Ask, "tcp"),
            verb => (Mood::Tell, verb),
        };
        if verb == "wake" {
            return wake::parse(kind, args);
        }
        let own: &[&str] = if verb == "udp" {
            &["listen", "broadcast", "tries"]
        } else {
            &["until"]
        };
        let fields = Fields::new(kind, args, &[&COMMON, own].concat())?;
        let lines = fields.list("expect")?;
        let expect = match (lines, mood) {
            (None, Mood::Tell) => None,
            (lines, _) => Some(Expectation::parse_all(lines.unwrap_or_default())?),
        };
        let way = if verb == "udp" {
            Way::Udp(udp::Options::parse(&fields, expect.is_some())?)
        } else {
            Way::Tcp(tcp::Options::parse(&fields)?)
        };
        let payload = sources
            .bytes(fields.required("payload")?)?
            .ok_or_else(|| fields.wrong("payload", "a text, bytes or an attachment"))?;
        Ok(Self {
            to: Target::parse(&fields)?,
            payload,
            mood,
            expect,
            timeout: fields
                .whole("timeout_ms")?
                .map_or(PATIENCE, Duration::from_millis),
            way,
        })
    }

    /// Sends it, and waits for the answer where one is expected.
    pub(crate) async fn perform(
        self,
        ports: &Ports,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        let time = self.timeout.min(deadline);
        match &self.way {
            Way::Udp(options) => udp::perform(&self, options, ports, time).await,
            Way::Tcp(options) => tcp::perform(&self, options, time).await,
        }
    }
}

const PORTS: &str = "a number from 1 to 65535";

fn port(fields: &Fields<'_>) -> Result<Option<u16>, ActionError> {
    let port = |value: &Value| match value.as_u64().map(u16::try_from) {
        Some(Ok(port @ 1..)) => Ok(port),
        _ => Err(fields.wrong("port", PORTS)),
    };
    fields.get("port").map(port).transpose()
}

impl Target {
    fn parse(fields: &Fields<'_>) -> Result<Self, ActionError> {
        let host = fields.required_text("host")?;
        fields.required("port")?;
        match port(fields)? {
            Some(port) => Self::new(host, port),
            None => Err(fields.wrong("port", PORTS)),
        }
    }

    fn new(host: &str, port: u16) -> Result<Self, ActionError> {
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/@?#[]".contains(c);
        if plain.is_empty() || plain.len() > 253 || plain.contains(odd) {
            return Err(config(format!(
                "`{}` is no host; write a name or an address, such as \"192.0.2.10\"",
                host.escape_debug()
            )));
        }
        Ok(Self {
            host: plain.to_owned(),
            port,
        })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}
