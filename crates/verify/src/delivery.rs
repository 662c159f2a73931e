//! One request, complete, as bytes.
//!
//! Verification happens over exactly what was received: the body is never parsed and written
//! again, and the URL is the configured one, because `Host` and `X-Forwarded-*` belong to the
//! caller.

use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;

/// How large a body may become when it is inflated, unless the caller says otherwise.
const INFLATED: u64 = 16 << 20;

/// A request whose body has been read to its end.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The request method.
    pub method: http::Method,
    /// The configured public URL with the query as sent; path and query where none is configured.
    pub url: String,
    /// The query as sent, without the question mark.
    pub query: String,
    /// All headers; repeated names repeat.
    pub headers: http::HeaderMap,
    /// The body after the transfer encoding is removed, otherwise untouched.
    pub body: Bytes,
    /// The address of the TCP peer.
    pub peer: Option<IpAddr>,
    /// The client's certificates as DER, its own first; empty without TLS or without any. Whoever
    /// took them from the handshake made sure that the client holds the key of the first.
    pub certificates: Arc<[Vec<u8>]>,
    /// The most bytes that the body may have once it is inflated.
    pub max_inflated: u64,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            method: http::Method::POST,
            url: String::new(),
            query: String::new(),
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
            peer: None,
            certificates: Arc::default(),
            max_inflated: INFLATED,
        }
    }
}
