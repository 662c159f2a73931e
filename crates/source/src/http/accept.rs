//! The accept loops, one per listener, and the drain at the end.
//!
//! It serves any warp service, and knows nothing of webhooks. Each connection is a task that ends
//! by itself (see [`super::converse`]), so the loops keep no list of tasks, only of places; and the
//! places are one house's, however many doors it has.

use super::converse::{Talk, converse};
use super::limits::ServeLimits;
use super::listener::Listener;
use super::places::{Order, Places};
use super::quiet::Quiet;
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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

/// Serves `service` (which should contain [`super::routes`]) on all these listeners until `stop`
/// is cancelled, then lets requests under way finish, for `limits.drain` at the longest.
///
/// The limits are for all listeners together. Each request carries an `Arc<Connection>` as an
/// extension. Each is a task of its own: a sender who hangs up cancels nothing. Answers that never
/// end, such as server-sent events, must end themselves on `stop`, or the drain takes its whole
/// time.
pub async fn serve_service<S: WarpService>(
    listeners: Vec<Listener>,
    service: S,
    limits: ServeLimits,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_headers(ServeLimits::HEADERS)
        .max_header_size(ServeLimits::HEADER_BYTES)
        .max_buf_size(ServeLimits::READ_BUFFER);
    let house = House {
        places: Places::new(limits.connections, limits.connections_per_address),
        talk: Arc::new(Talk::new(http, service, &limits)),
        connections: TaskTracker::new(),
        crowded: Quiet::default(),
        stop,
    };
    let certificates: Vec<_> = listeners
        .iter()
        .filter_map(Listener::tls)
        .map(|tls| tokio::spawn(Arc::clone(tls).keep_current()))
        .collect();

    join_all(listeners.iter().map(|listener| house.greet(listener))).await;

    drop(listeners);
    for certificate in certificates {
        certificate.abort();
    }
    house.drain(limits.drain).await;
}

/// What all doors share.
struct House<S> {
    places: Arc<Places>,
    talk: Arc<Talk<S>>,
    connections: TaskTracker,
    crowded: Quiet,
    stop: CancellationToken,
}

impl<S: WarpService> House<S> {
    /// Lets callers in at one door until it is time to stop.
    async fn greet(&self, listener: &Listener) {
        let mut pause = Duration::ZERO;
        while let Some(accepted) = self.stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok(caller) => {
                    pause = Duration::ZERO;
                    let Some(place) = self.places.take(caller.peer, caller.road) else {
                        if let Some(unsaid) = self.crowded.may_speak(Instant::now()) {
                            tracing::warn!(
                                peer = %caller.peer,
                                unsaid,
                                "connection refused: all places are at work"
                            );
                        }
                        continue;
                    };
                    let talk = Arc::clone(&self.talk);
                    self.connections.spawn(converse(caller, place, talk));
                }
                Err(error) if is_the_senders_fault(&error) => {}
                Err(error) => {
                    // Out of file descriptors or memory: it will not get better by asking at once.
                    self.places.make_room();
                    pause = (pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
                    if let Some(unsaid) = self.crowded.may_speak(Instant::now()) {
                        tracing::error!(%error, unsaid, "cannot accept connections");
                    }
                    self.stop
                        .run_until_cancelled(tokio::time::sleep(pause))
                        .await;
                }
            }
        }
    }

    async fn drain(&self, patience: Duration) {
        let requests = self.talk.requests();
        self.places.tell_all(Order::Finish);
        self.connections.close();
        let drained = timeout(patience, async {
            self.connections.wait().await;
            requests.close();
            requests.wait().await;
        });
        if drained.await.is_err() {
            tracing::warn!(
                connections = self.connections.len(),
                requests = requests.len(),
                "cut off at the end"
            );
            self.places.tell_all(Order::Leave);
            self.connections.wait().await;
        }
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
