//! The life of one connection: shake hands, answer requests, hang up politely.
//!
//! It ends when the sender leaves, when a timer fires (the handshake's, hyper's for headers, the
//! stream's for writing), or when it is told to. Whatever a sender does or leaves undone, it holds
//! only its own place.

use super::accept::WarpService;
use super::answer::Answer;
use super::limits::ServeLimits;
use super::listener::Caller;
use super::places::{Connection, Order, Phase, Place};
use super::quiet::Quiet;
use super::stream::{Patient, Stream};
use super::tls::Tls;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

/// How long, and how many bytes, a sender may go on sending after it was refused before we hang
/// up: long enough to notice the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 512 * 1024;

/// What all connections share.
pub(super) struct Talk<S> {
    http: http1::Builder,
    service: S,
    requests: TaskTracker,
    handshake: Duration,
    write: Duration,
    /// Failed handshakes that someone can do something about.
    mistrust: Quiet,
}

impl<S> Talk<S> {
    pub(super) fn new(http: http1::Builder, service: S, limits: &ServeLimits) -> Self {
        Self {
            http,
            service,
            requests: TaskTracker::new(),
            handshake: limits.header,
            write: limits.write,
            mistrust: Quiet::default(),
        }
    }

    /// The requests under way, on whatever connection.
    pub(super) fn requests(&self) -> &TaskTracker {
        &self.requests
    }

    /// The stream to speak HTTP on; `None` when the handshake came to nothing.
    async fn shake_hands(&self, caller: Caller, connection: &Connection) -> Option<Stream> {
        let Some(tls) = caller.tls else {
            return Some(caller.stream);
        };
        let Stream::Tcp(stream) = caller.stream else {
            return None;
        };
        let stream = tokio::select! {
            biased;
            // Nobody has asked for anything yet, so to finish is to leave.
            _ = connection.order() => return None,
            shaken = timeout(self.handshake, handshake(stream, &tls)) => match shaken {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    self.tell(connection, &error);
                    return None;
                }
                Err(_) => {
                    tracing::debug!(peer = %connection.peer, "the TLS handshake took too long");
                    return None;
                }
            },
        };
        if let Some(chain) = stream.get_ref().1.peer_certificates() {
            connection.identify(
                chain
                    .iter()
                    .map(|der: &CertificateDer<'_>| der.to_vec())
                    .collect(),
            );
        }
        Some(Stream::Tls(Box::new(stream)))
    }

    /// Scans and aborted handshakes are everyday; what certificates have to do with is worth a line.
    fn tell(&self, connection: &Connection, error: &std::io::Error) {
        let inner = error.get_ref().and_then(|error| error.downcast_ref());
        let peer = connection.peer;
        let Some(advice) = inner.and_then(advice) else {
            tracing::debug!(%peer, %error, "the TLS handshake failed");
            return;
        };
        if let Some(unsaid) = self.mistrust.may_speak(Instant::now()) {
            tracing::warn!(%peer, %error, unsaid, "the TLS handshake failed: {advice}");
        }
    }
}

async fn handshake(
    stream: TcpStream,
    tls: &Tls,
) -> std::io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    TlsAcceptor::from(tls.config()).accept(stream).await
}

/// What to do about a failed handshake, where anything can be done.
fn advice(error: &rustls::Error) -> Option<&'static str> {
    use rustls::AlertDescription as Alert;
    use rustls::{Error, PeerIncompatible};
    match error {
        Error::NoCertificatesPresented => {
            Some("the sender showed no certificate, and client_certificates = \"required\"")
        }
        Error::InvalidCertificate(_) => Some("the sender's certificate can't be used"),
        Error::General(_) => Some("the sender's certificates were refused"),
        Error::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::UnsupportedCertificate,
        ) => Some(
            "the sender doesn't trust our certificate; see that it is issued for this name, not expired, and followed by its issuer's in the file",
        ),
        Error::NoApplicationProtocol => Some("the sender speaks no HTTP/1.1"),
        Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::NoSignatureSchemesInCommon,
        ) => Some("the sender is too old: it must speak TLS 1.2 or 1.3 with modern ciphers"),
        _ => None,
    }
}

/// Serves one caller until the end.
pub(super) async fn converse<S: WarpService>(caller: Caller, place: Place, talk: Arc<Talk<S>>) {
    let connection = Arc::clone(&place.connection);
    let Some(stream) = talk.shake_hands(caller, &connection).await else {
        return;
    };
    connection.enter(Phase::Header);
    let stream = Patient::new(stream, talk.write);
    let answering = Arc::clone(&connection);
    let asked = Arc::clone(&talk);
    let answer = service_fn(move |mut request: http::Request<Incoming>| {
        let connection = Arc::clone(&answering);
        let mut service = asked.service.clone();
        connection.enter(Phase::Work);
        request.extensions_mut().insert(Arc::clone(&connection));
        // hyper drops the future it is given as soon as it sees that the sender hung up, which may
        // be before it was polled at all, with the whole body already read. So it gets the handle.
        let response = asked.requests.spawn(service.call(request));
        Box::pin(async move {
            let response = response.await.unwrap_or_else(|error| {
                tracing::error!(%error, "a request was lost on the way; the sender is told so");
                Ok(Answer::Broken.into_response())
            });
            connection.enter(Phase::Header);
            response
        })
    });
    let mut http = talk.http.serve_connection(TokioIo::new(stream), answer);

    loop {
        tokio::select! {
            biased;
            result = poll_fn(|context| http.poll_without_shutdown(context)) => {
                if let Err(error) = result {
                    tracing::debug!(peer = %connection.peer, %error, "connection ended");
                    return;
                }
                break;
            }
            order = connection.order() => match order {
                Order::Finish => std::pin::Pin::new(&mut http).graceful_shutdown(),
                Order::Leave => return,
            },
        }
    }

    let mut stream = http.into_parts().io.into_inner();
    let early = connection.answered_early();
    // Over TLS, an end without a word looks like an attack to the other side.
    if !early && !stream.is_tls() {
        return;
    }
    let goodbye = async {
        if stream.shutdown().await.is_ok() && early {
            linger(&mut stream).await;
        }
    };
    tokio::select! {
        _ = timeout(LINGER, goodbye) => {}
        _ = connection.order() => {}
    }
}

/// Reads on for a while after the last answer, so that closing does not reset the connection
/// before the sender has read it.
async fn linger(stream: &mut Patient) {
    let mut sink = [0; 8 * 1024];
    let mut left = LINGER_BYTES;
    while left > 0 {
        match stream.read(&mut sink).await {
            Ok(count) if count > 0 => left = left.saturating_sub(count),
            _ => return,
        }
    }
}
