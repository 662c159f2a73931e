//! The words of SMTP (RFC 5321) over one connection, in clear or not.
//!
//! Written here because it is small, and because what matters must be ours: each recipient's own
//! answer, no word of a password in any log, and a message and its end in one write. (Sent as two, the
//! second waits for a delayed acknowledgement of the first: 40 ms for each message.)

use super::refusal::Reply;
use porchlight_core::ActionError;
use std::io;
use std::time::Duration;
use tokio::io::BufReader;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};
use tokio::time::{Instant, timeout, timeout_at};

/// An answer has at most this many lines, each of this many bytes.
const MOST_LINES: usize = 100;
const LONGEST_LINE: u64 = 2048;
/// How long we wait for the server's farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection of either kind.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection to a server that has greeted us.
pub(super) struct Dialogue {
    wire: BufReader<Box<dyn Wire>>,
    server: String,
    until: Instant,
    /// What the server said to EHLO, in upper case.
    abilities: Vec<String>,
}

impl Dialogue {
    /// Takes a connection; `server` is its name for messages. Says nothing yet.
    pub(super) fn new(wire: Box<dyn Wire>, server: &str, until: Instant) -> Self {
        Self {
            wire: BufReader::new(wire),
            server: server.to_owned(),
            until,
            abilities: Vec::new(),
        }
    }

    /// Gives the connection back, for TLS. Whatever the server said too early came in clear, maybe
    /// from somebody in between, and must not pass for what comes encrypted.
    pub(super) fn into_wire(self) -> Result<Box<dyn Wire>, ActionError> {
        if !self.wire.buffer().is_empty() {
            let message = format!("{}: it spoke before the encryption began", self.server);
            return Err(ActionError::never("tls", message));
        }
        Ok(self.wire.into_inner())
    }

    /// Waits for the server's first words.
    pub(super) async fn greeting(&mut self) -> Result<(), ActionError> {
        let reply = self.read("the greeting").await?;
        self.good(reply, "the greeting").map(drop)
    }

    /// Says who we are, and hears what the server can do.
    pub(super) async fn hello(&mut self, name: &str) -> Result<(), ActionError> {
        let reply = self.ask(&format!("EHLO {name}"), "EHLO").await?;
        let abilities = reply.lines.iter().skip(1);
        self.abilities = abilities.map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    /// The rest of the line with which the server said that it can do this.
    pub(super) fn ability(&self, name: &str) -> Option<&str> {
        self.abilities.iter().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with([' ', '='])).then(|| rest.trim_matches([' ', '=']))
        })
    }

    /// Says a line; an answer that is not good is an error. `what` is said in its place to people,
    /// since the line may be a password.
    pub(super) async fn ask(&mut self, line: &str, what: &str) -> Result<Reply, ActionError> {
        let reply = self.say(line, what).await?;
        self.good(reply, what)
    }

    /// The same, and the answer is given whatever it is.
    pub(super) async fn say(&mut self, line: &str, what: &str) -> Result<Reply, ActionError> {
        self.write(format!("{line}\r\n").as_bytes(), what).await?;
        self.read(what).await
    }

    /// Sends the message; the server has said that it wants it.
    pub(super) async fn message(&mut self, message: &[u8]) -> Result<Reply, ActionError> {
        self.write(&on_the_wire(message), "the message").await?;
        let reply = self.read("the message").await?;
        self.good(reply, "the message")
    }

    /// Takes leave. What the server says to it changes nothing, so it is not waited for long.
    pub(super) async fn farewell(&mut self) {
        let _ = timeout(FAREWELL, self.say("QUIT", "QUIT")).await;
    }

    fn good(&self, reply: Reply, what: &str) -> Result<Reply, ActionError> {
        match reply.is_good() {
            true => Ok(reply),
            false => Err(reply.refusal(&self.server, what)),
        }
    }

    async fn write(&mut self, bytes: &[u8], what: &str) -> Result<(), ActionError> {
        let write = async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        };
        match timeout_at(self.until, write).await {
            Ok(written) => written.map_err(|error| broken(&self.server, what, &error)),
            Err(_) => Err(late(&self.server, what)),
        }
    }

    async fn read(&mut self, what: &str) -> Result<Reply, ActionError> {
        match timeout_at(self.until, read_reply(&mut self.wire)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(broken(&self.server, what, &error)),
            Err(_) => Err(late(&self.server, what)),
        }
    }
}

fn broken(server: &str, what: &str, error: &io::Error) -> ActionError {
    ActionError::later("connect", format!("{server}: {what}: {error}"))
}

fn late(server: &str, what: &str) -> ActionError {
    ActionError::later("timeout", format!("{server}: no answer to {what} in time"))
}

async fn read_reply(wire: &mut BufReader<Box<dyn Wire>>) -> io::Result<Reply> {
    let odd = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        (&mut *wire)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .await?;
        if line.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server ended the connection",
            ));
        }
        let text = String::from_utf8_lossy(&line);
        if !line.ends_with(b"\n") {
            return Err(odd("the server's answer is too long, or has no end"));
        }
        let text = text.trim_end();
        let code = text.get(..3).and_then(|code| code.parse::<u16>().ok());
        let Some(code @ 200..600) = code else {
            return Err(odd("what answers is no mail server"));
        };
        lines.push(text.get(4..).unwrap_or_default().to_owned());
        // "250-more", "250 last", "250".
        if text.as_bytes().get(3) != Some(&b'-') {
            return Ok(Reply { code, lines });
        }
        if lines.len() == MOST_LINES {
            return Err(odd("the server's answer has too many lines"));
        }
    }
}

/// Lines end in CRLF and none is a lone dot, which is the end.
fn on_the_wire(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + message.len() / 50 + 5);
    let mut begins = true;
    let mut before = 0;
    for &byte in message {
        if begins && byte == b'.' {
            wire.push(b'.');
        }
        // A bare LF or CR is how messages are smuggled past servers that read it as a line end.
        if byte == b'\n' && before != b'\r' {
            wire.push(b'\r');
        }
        if before == b'\r' && byte != b'\n' {
            wire.push(b'\n');
            if byte == b'.' {
                wire.push(b'.');
            }
        }
        wire.push(byte);
        begins = byte == b'\n';
        before = byte;
    }
    if before == b'\r' {
        wire.push(b'\n');
        before = b'\n';
    }
    if before != b'\n' {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::on_the_wire;

    #[test]
    fn no_line_of_a_message_ends_it() {
        for (message, wire) in [
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("", "\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r", "a\r\n.\r\n"),
        ] {
            let made = String::from_utf8(on_the_wire(message.as_bytes())).unwrap();
            assert_eq!(made, wire, "{message:?}");
        }
    }
}
