//! A connection for one message, and its answer where one is expected.
//!
//! Without an answer the end of what we say is marked and the device gets a moment to refuse it:
//! a connection that is simply dropped can lose what was sent last.
//!
//! Once the connection stands, an error says so (`connected`): the device may have done what it was
//! told, so the outbox must not take it for one that was never reached.

use super::address::resolve;
use super::answer::{Answer, sent};
use super::expect::unmet;
use super::{LARGEST_ANSWER, NetTask};
use crate::fields::Fields;
use porchlight_core::units::format_duration;
use porchlight_core::{ActionError, Receipt};
use serde_json::json;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a device may take to refuse what it was told.
const MOMENT: Duration = Duration::from_millis(300);

/// What only connections have.
pub(super) struct Options {
    /// What ends an answer; empty: the device closes the connection.
    until: Vec<u8>,
}

impl Options {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self, ActionError> {
        let until = fields.text("until")?.unwrap_or("\n");
        Ok(Self {
            until: until.as_bytes().to_vec(),
        })
    }
}

pub(super) async fn perform(
    task: &NetTask,
    options: &Options,
    time: Duration,
) -> Result<Receipt, ActionError> {
    let begun = Instant::now();
    let until = begun + time;
    let late = |what: &str| {
        let message = format!("{}: {what} within {}", task.to, format_duration(time));
        ActionError::later("timeout", message)
    };
    let lost = |why: String| ActionError {
        detail: json!({ "connected": true }),
        ..ActionError::later("connect", format!("{}: {why}", task.to))
    };
    let broken = |error: io::Error| lost(error.to_string());
    let mut stream = match timeout_at(until, connect(task, until)).await {
        Ok(connected) => connected?,
        // Nothing was sent, so this is no `timeout`: that is of a device which has taken it.
        Err(_) => {
            let error = late("no connection");
            return Err(ActionError::later("connect", error.message));
        }
    };
    let from = stream.peer_addr().map_err(broken)?;
    // Small messages leave at once; there is nothing to gather them with.
    let _ = stream.set_nodelay(true);
    match timeout_at(until, stream.write_all(&task.payload)).await {
        Ok(written) => written.map_err(broken)?,
        Err(_) => return Err(late("it did not take what was sent")),
    }
    let Some(expect) = &task.expect else {
        timeout_at(until, farewell(stream))
            .await
            .unwrap_or(Ok(()))
            .map_err(broken)?;
        return Ok(sent(&task.to, task.payload.len()));
    };
    let mut answer = Vec::new();
    let read = read(&mut stream, &options.until, &mut answer);
    match timeout_at(until, read).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => {
            let message = format!("{}: its answer is larger than 64 KiB", task.to);
            return Err(ActionError::never("limit", message));
        }
        Ok(Err(error)) => return Err(broken(error)),
        Err(_) if answer.is_empty() => return Err(late("no answer")),
        Err(_) => return Err(late("no end of its answer")),
    }
    if let Some(line) = unmet(expect, &answer) {
        if answer.is_empty() {
            return Err(lost("it hung up without a word".to_owned()));
        }
        let said: String = String::from_utf8_lossy(&answer).chars().take(100).collect();
        let message = format!(
            "{}: expected `{line}`, and it said {:?}",
            task.to,
            said.trim()
        );
        return Err(ActionError::never("vendor", message));
    }
    let took = begun.elapsed();
    Ok(Answer {
        bytes: &answer,
        from,
        took,
    }
    .receipt(task))
}

async fn connect(task: &NetTask, until: Instant) -> Result<TcpStream, ActionError> {
    let mut failed = None;
    for address in resolve(&task.to, until).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Some(error),
        }
    }
    let why = failed.map_or_else(String::new, |error| error.to_string());
    let message = format!("{}: no connection: {why}", task.to);
    Err(ActionError::later("connect", message))
}

/// Ends what we say, and notices when the device throws it away. One that says more than an answer
/// can be does not, and is left.
async fn farewell(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let drain = async {
        let mut heard = 0;
        while heard <= LARGEST_ANSWER {
            match stream.read(&mut rest).await? {
                0 => break,
                count => heard += count,
            }
        }
        Ok(())
    };
    timeout(MOMENT, drain).await.unwrap_or(Ok(()))
}

/// Reads an answer as far as its end mark, or the end of the connection; false when it goes on
/// beyond all measure. What comes after the mark stays unread or is cut off.
async fn read(stream: &mut TcpStream, end: &[u8], answer: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(true);
        }
        let from = answer.len().saturating_sub(end.len());
        answer.extend_from_slice(&buffer[..count]);
        if !end.is_empty()
            && let Some(at) = answer[from..]
                .windows(end.len())
                .position(|part| part == end)
        {
            answer.truncate(from + at + end.len());
            return Ok(true);
        }
        if answer.len() > LARGEST_ANSWER {
            return Ok(false);
        }
    }
}
