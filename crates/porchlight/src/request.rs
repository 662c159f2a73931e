//! A request to the running host, and its answer: the client side of `send`.
//!
//! Captured requests are replayed body for body; the head is written anew, since a replay gets
//! another length and another connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use porchlight_source::SampleRequest;
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

/// A request to a webhook.
pub struct Request {
    /// The method.
    pub method: http::Method,
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

/// Reads a captured `.http` request, without what belonged to its connection.
///
/// # Errors
/// What is wrong with the capture.
pub fn read_http_file(bytes: &[u8]) -> Result<SampleRequest, String> {
    let captured = porchlight_source::request::read(bytes)?;
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = captured
        .headers
        .iter()
        .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect();
    Ok(SampleRequest {
        query: captured.query().to_owned(),
        method: captured.method,
        headers,
        body: captured.body,
    })
}

/// Sends over a connection of its own.
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
    let mut message = http::Request::builder()
        .method(request.method.clone())
        .uri(&request.path)
        .header("host", address.to_string());
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
