//! A request to the running host, and its answer: the client side of `send`.
//!
//! Captured requests are replayed body for body; the head is written anew, since a replay gets
//! another length and another connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;

/// How long the whole exchange may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Headers that belong to the connection of the capture and not to its message.
const OF_THE_CONNECTION: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "keep-alive",
];

/// A POST to a webhook.
pub struct Request {
    /// Path and query.
    pub path: String,
    /// Headers beside those of the connection.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON, when it is.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }
}

/// Reads a captured `.http` request; its own path is replaced.
///
/// # Errors
/// What is wrong with the capture.
pub fn read_http_file(bytes: &[u8], path: String) -> Result<Request, String> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let head_end = head_end.ok_or("no blank line (CRLF) ends the head of the request")?;
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| "the head is not UTF-8")?;
    let mut headers = Vec::new();
    let mut chunked = false;
    for text in head.split("\r\n").skip(1) {
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| format!("`{text}` is no header"))?;
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        if !OF_THE_CONNECTION
            .iter()
            .any(|of| name.eq_ignore_ascii_case(of))
        {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let body = &bytes[head_end + 4..];
    let body = if chunked {
        dechunk(body)?
    } else {
        body.to_vec()
    };
    Ok(Request {
        path,
        headers,
        body,
    })
}

fn dechunk(mut rest: &[u8]) -> Result<Vec<u8>, String> {
    let broken = || "the chunks of the body are broken".to_owned();
    let mut body = Vec::new();
    loop {
        let line_end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .ok_or_else(broken)?;
        let size = std::str::from_utf8(&rest[..line_end])
            .ok()
            .and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or_else(broken)?;
        if size == 0 {
            return Ok(body);
        }
        let data = rest.get(line_end + 2..).ok_or_else(broken)?;
        body.extend_from_slice(data.get(..size).ok_or_else(broken)?);
        rest = data.get(size + 2..).ok_or_else(broken)?;
    }
}

/// Posts over a connection of its own.
///
/// # Errors
/// When nothing answers, in time or at all.
pub fn post(address: SocketAddr, request: &Request) -> Result<Answer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(DEADLINE, exchange(address, request)).await;
        answer.map_err(|_| "no answer in time".to_owned())?
    })
}

async fn exchange(address: SocketAddr, request: &Request) -> Result<Answer, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|error| text(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| text(&error))?;
    tokio::spawn(connection);
    let mut message = http::Request::post(&request.path).header("host", address.to_string());
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    let body = Full::new(Bytes::copy_from_slice(&request.body));
    let message = message.body(body).map_err(|error| text(&error))?;
    let answer = sender
        .send_request(message)
        .await
        .map_err(|error| text(&error))?;
    let status = answer.status().as_u16();
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(|error| text(&error))?
        .to_bytes();
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
