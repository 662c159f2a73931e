//! One request, complete, as bytes.
//!
//! Verification happens over exactly what was received: the body is never parsed and written
//! again, and the URL is the configured one, because `Host` and `X-Forwarded-*` belong to the
//! caller.

use bytes::Bytes;
use std::net::IpAddr;

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
}
