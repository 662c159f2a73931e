//! `http.send` and `http.request`: one HTTP request and a judgement on its answer.
//!
//! The arguments are read before anything is sent, the answer is read under a cap, and all of it has
//! one time limit. Proxies from the environment are not used: the lamp is next door.
//!
//! A told request is repeated until it succeeds, so it may arrive twice; every told request that
//! changes something carries the action's key as `Idempotency-Key`.

mod answer;
mod auth;
mod body;
mod clients;
mod download;
mod exchange;
mod expect;
mod failed;
mod hosts;
mod multipart;
mod pieces;
mod request;
mod retry_after;
mod verdict;

pub use clients::ProxyConfig;

pub(crate) use clients::Clients;
pub(crate) use failed::{sending, too_slow};
pub(crate) use request::Request;
pub(crate) use retry_after::asked as asked_pause;
pub use verdict::verdict;

use crate::failure::config;
use crate::jail::Jail;
use crate::oauth::Oauth;
use crate::performer::Clock;
use crate::resolve::Hidden;
use answer::Answer;
use auth::Sessions;
use porchlight_core::{ActionError, Receipt};
use reqwest::header::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The HTTP side of the performer.
pub(crate) struct Http {
    clients: Arc<Clients>,
    oauth: Arc<Oauth>,
    clock: Clock,
    jail: Arc<Jail>,
    sessions: Sessions,
}

impl Http {
    pub(crate) fn new(
        clients: Arc<Clients>,
        oauth: Arc<Oauth>,
        jail: Arc<Jail>,
        clock: Clock,
    ) -> Self {
        Self {
            clients,
            oauth,
            clock,
            jail,
            sessions: Sessions::default(),
        }
    }

    /// Sends the request and judges the answer.
    pub(crate) async fn perform(
        &self,
        request: Request,
        key: &str,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        let started = Instant::now();
        let limit = request.timeout.min(deadline);
        let mut hidden = Hidden::default();
        let exchange = async {
            let url = &request.url;
            let response = exchange::exchange(self, &request, url, key, &mut hidden).await?;
            match &request.save {
                Some(path) if request.expects(response.status(), response.headers()) => {
                    pieces::save(self, &request, path, response, started, &mut hidden).await
                }
                _ => Answer::read(response, &request, started).await,
            }
        };
        let answer = match tokio::time::timeout(limit, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(failed::too_slow(limit)),
        };
        let judged = answer.and_then(|answer| answer.judge(&request, (self.clock)()));
        hidden.scrub(judged)
    }
}

/// A header from a script. The value never appears in the error.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ActionError> {
    let header_name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| config(format!("`{}` is no header name", name.escape_debug())))?;
    let mut header_value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        config(format!(
            "the value of the header `{name}` has a line break or control character"
        ))
    })?;
    // Keeps it out of the debug output of every library below us.
    header_value.set_sensitive(true);
    Ok((header_name, header_value))
}
