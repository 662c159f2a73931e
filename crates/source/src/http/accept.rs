//! Sockets: the accept loop, the life of one connection, and the drain at the end.
//!
//! It serves any warp service, and knows nothing of webhooks. Each connection is a task that ends
//! by itself, when the sender leaves, when hyper's header timer fires, or when it is told to; so
//! the loop keeps no list of tasks, only of places.

use super::answer::Answer;
use super::limits::ServeLimits;
use super::places::{Order, Phase, Place, Places};
use super::quiet::Quiet;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long, and how many bytes, a sender may go on sending after it was refused before we hang
/// up: long enough to notice the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 512 * 1024;

/// Anything that `warp::service` makes. The name spares every signature the long bound.
pub trait WarpService:
    tower_service::Service<
        http::Request<Incoming>,
        Response = warp::reply::Response,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> WarpService for S where
    S: tower_service::Service<
            http::Request<Incoming>,
            Response = warp::reply::Response,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves `service` (which should contain [`super::routes`]) until `stop` is cancelled, then lets
/// requests under way finish, for `limits.drain` at the longest.
///
/// Each request carries an `Arc<Connection>` as an extension. Each is a task of its own: a sender
/// who hangs up cancels nothing. Answers that never end, such as
/// server-sent events, must end themselves on `stop`, or the drain takes its whole time.
pub async fn serve_service<S: WarpService>(
    listener: TcpListener,
    service: S,
    limits: ServeLimits,
    stop: CancellationToken,
) {
    let places = Places::new(limits.connections, limits.connections_per_address);
    let connections = TaskTracker::new();
    let requests = TaskTracker::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_headers(ServeLimits::HEADERS)
        .max_header_size(ServeLimits::HEADER_BYTES)
        .max_buf_size(ServeLimits::READ_BUFFER);
    let service = Arc::new(service);
    let crowded = Quiet::default();
    let mut pause = Duration::ZERO;

    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                pause = Duration::ZERO;
                let Some(place) = places.take(peer) else {
                    if let Some(unsaid) = crowded.may_speak(Instant::now()) {
                        tracing::warn!(%peer, unsaid, "connection refused: all places are at work");
                    }
                    continue;
                };
                let service = Arc::clone(&service);
                connections.spawn(converse(
                    stream,
                    place,
                    http.clone(),
                    service,
                    requests.clone(),
                ));
            }
            Err(error) if is_the_senders_fault(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory: it will not get better by asking at once.
                places.make_room();
                pause = (pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
                if let Some(unsaid) = crowded.may_speak(Instant::now()) {
                    tracing::error!(%error, unsaid, "cannot accept connections");
                }
                stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        }
    }

    drop(listener);
    places.tell_all(Order::Finish);
    connections.close();
    let drained = timeout(limits.drain, async {
        connections.wait().await;
        requests.close();
        requests.wait().await;
    });
    if drained.await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            requests = requests.len(),
            "cut off at the end"
        );
        places.tell_all(Order::Leave);
        connections.wait().await;
    }
}

fn is_the_senders_fault(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}

async fn converse<S: WarpService>(
    stream: TcpStream,
    place: Place,
    http: http1::Builder,
    service: Arc<S>,
    requests: TaskTracker,
) {
    let connection = Arc::clone(&place.connection);
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let answering = Arc::clone(&connection);
    let answer = service_fn(move |mut request: http::Request<Incoming>| {
        let connection = Arc::clone(&answering);
        let mut service = S::clone(&service);
        connection.enter(Phase::Work);
        request.extensions_mut().insert(Arc::clone(&connection));
        // hyper drops the future it is given as soon as it sees that the sender hung up, which may
        // be before it was polled at all, with the whole body already read. So it gets the handle.
        let response = requests.spawn(service.call(request));
        Box::pin(async move {
            let response = response.await.unwrap_or_else(|error| {
                tracing::error!(%error, "a request was lost on the way; the sender is told so");
                Ok(Answer::Broken.into_response())
            });
            connection.enter(Phase::Header);
            response
        })
    });
    let mut http = http.serve_connection(TokioIo::new(stream), answer);

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

    let stream = http.into_parts().io.into_inner();
    if connection.answered_early() {
        tokio::select! {
            _ = timeout(LINGER, linger(stream)) => {}
            _ = connection.order() => {}
        }
    }
}

/// Reads on for a while after the last answer, so that closing does not reset the connection
/// before the sender has read it.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut sink = [0; 8 * 1024];
    let mut left = LINGER_BYTES;
    while left > 0 {
        match stream.read(&mut sink).await {
            Ok(count) if count > 0 => left = left.saturating_sub(count),
            _ => return,
        }
    }
}
