//! Webhooks over HTTP/1.1: from an accepted socket to a stored event and its answer.
//!
//! Nothing here knows a vendor, a script or an action. What a sender is told is decided in
//! [`answer`] alone and is constant, so that a stranger learns nothing from a refusal; why it was
//! refused is said in the local log.
//!
//! The accept loop is our own, around `warp::service`: `warp::serve` has no time limits whatsoever,
//! and hyper-util's `auto` builder sniffs the protocol before any timer runs.

mod accept;
mod admit;
mod answer;
mod body;
mod buckets;
mod converse;
mod failures;
mod hook;
mod limits;
mod listener;
pub(crate) mod origin;
mod places;
mod quiet;
mod receiver;
mod refusals;
mod routes;
mod stream;
mod take;
mod tls;

pub use accept::{WarpService, serve_service};
pub use limits::{Forwarding, Network, ServeLimits};
pub use listener::Listener;
#[cfg(unix)]
pub use listener::UnixSocket;
pub use places::{Connection, Road};
pub use receiver::{Counts, Receiver};
pub use refusals::REFUSED;
pub use routes::routes;
pub use tls::{ClientCertificates, Pair, PairError, PairFiles, Part, Tls};

use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use warp::Filter;

/// Serves webhooks (`POST /webhook/{name}`) and `GET /healthz` on all these listeners until `stop` is cancelled, then lets
/// requests under way finish, for `limits.drain` at the longest.
///
/// Whoever has more routes to serve on the same sockets joins them to [`routes`] and calls
/// [`serve_service`].
pub async fn serve(
    listeners: Vec<Listener>,
    receiver: Arc<Receiver>,
    limits: ServeLimits,
    stop: CancellationToken,
) {
    let everything = routes(receiver, &limits)
        .or(warp::any().map(|| answer::Answer::UnknownPath.into_response()))
        .unify();
    serve_service(listeners, warp::service(everything), limits, stop).await;
}
