//! What can be listened on: TCP, TCP with TLS, or a Unix socket.
//!
//! A closed enum, not a trait: the accept loop asks each for the next caller and gets one stream
//! type back, so the life of a connection is compiled once. Opening sockets stays with the caller,
//! who knows the configuration; only what a Unix socket needs beyond `bind` is here.

#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub use unix::UnixSocket;

use super::places::Road;
use super::stream::Stream;
use super::tls::Tls;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// One open listener. All that are served together share the caps of
/// [`super::ServeLimits`]: they are limits of the process.
#[derive(Debug)]
pub enum Listener {
    /// Plain HTTP.
    Tcp(TcpListener),
    /// HTTPS; the handshake happens within the time for a request's header.
    Tls(TcpListener, Arc<Tls>),
    /// Plain HTTP from a program on this machine.
    #[cfg(unix)]
    Unix(UnixSocket),
}

impl Listener {
    /// The next caller, and what is to be done before HTTP begins.
    pub(super) async fn accept(&self) -> io::Result<Caller> {
        match self {
            Self::Tcp(listener) => Ok(Caller::tcp(listener.accept().await?)),
            Self::Tls(listener, tls) => Ok(Caller {
                road: Road::Tls,
                tls: Some(Arc::clone(tls)),
                ..Caller::tcp(listener.accept().await?)
            }),
            #[cfg(unix)]
            Self::Unix(socket) => Ok(Caller {
                stream: Stream::Unix(socket.accept().await?),
                peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                road: Road::Unix,
                tls: None,
            }),
        }
    }

    /// The certificate of this listener, if it has one.
    pub(super) fn tls(&self) -> Option<&Arc<Tls>> {
        match self {
            Self::Tls(_, tls) => Some(tls),
            _ => None,
        }
    }
}

/// Someone who has just connected.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) stream: Stream,
    /// Loopback with port 0 for a Unix socket, whose callers have no address.
    pub(super) peer: SocketAddr,
    pub(super) road: Road,
    /// With whom to shake hands first.
    pub(super) tls: Option<Arc<Tls>>,
}

impl Caller {
    fn tcp((stream, peer): (tokio::net::TcpStream, SocketAddr)) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        Self {
            stream: Stream::Tcp(stream),
            peer,
            road: Road::Tcp,
            tls: None,
        }
    }
}
