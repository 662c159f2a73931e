//! `http.send` and `http.request`: one HTTP request and a judgement on its answer.
//!
//! Redirects are followed for GET and HEAD only: repeating a POST somewhere else is a decision, and
//! nobody here may take it. Across origins a redirect carries none of the script's headers, for any
//! of them may be a key. Proxies from the environment are not used: the lamp is next door.
//!
//! A told request is repeated until it succeeds, so it may arrive twice; every told request that
//! changes something carries the action's key as `Idempotency-Key`.

mod answer;
mod body;
mod client;
mod expect;
mod failed;
mod hosts;
mod request;

pub(crate) use request::Request;

use crate::failure::config;
use crate::performer::Clock;
use answer::Answer;
use porchlight_core::{ActionError, Receipt};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use url::Url;

/// As browsers and curl do it, but fewer: a home has no use for chains.
const MOST_REDIRECTS: usize = 5;

/// The HTTP side of the performer.
pub(crate) struct Http {
    client: OnceLock<Result<reqwest::Client, String>>,
    clock: Clock,
}

impl Http {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            client: OnceLock::new(),
            clock,
        }
    }

    /// Sends the request and judges the answer.
    pub(crate) async fn perform(
        &self,
        request: Request,
        key: &str,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        let client = match self.client.get_or_init(client::build) {
            Ok(client) => client,
            Err(message) => return Err(config(message)),
        };
        let started = Instant::now();
        let limit = request.timeout.min(deadline);
        let exchange = async {
            let response = exchange(client, &request, key).await?;
            Answer::read(response, &request, started).await
        };
        let answer = match tokio::time::timeout(limit, exchange).await {
            Ok(answer) => answer?,
            Err(_) => return Err(failed::too_slow(limit)),
        };
        answer.judge(&request, (self.clock)())
    }
}

/// Sends, and follows redirects.
async fn exchange(
    client: &reqwest::Client,
    request: &Request,
    key: &str,
) -> Result<Response, ActionError> {
    let mut url = request.url.clone();
    let mut headers = request.headers_with_key(key);
    for _ in 0..=MOST_REDIRECTS {
        let mut builder = client
            .request(request.method.clone(), url.clone())
            .headers(headers.clone());
        builder = request.body.put_into(builder);
        let response = builder.send().await.map_err(failed::sending)?;
        let Some(next) = redirect(&request.method, &response, &url)? else {
            return Ok(response);
        };
        if let Some(hosts) = &request.hosts
            && !hosts.allow(&request.url, &next)
        {
            let host = next.host_str().unwrap_or_default();
            let port = next.port().map(|port| format!(":{port}"));
            let host = format!("{host}{}", port.unwrap_or_default());
            return Err(ActionError::never(
                "rejected",
                format!("the redirect leads to {host}, which the script does not declare"),
            ));
        }
        if next.origin() != url.origin() {
            headers = harmless(&headers);
        }
        url = next;
    }
    Err(ActionError::never(
        "rejected",
        format!("more than {MOST_REDIRECTS} redirects"),
    ))
}

/// Where the answer sends us, if we may go.
fn redirect(method: &Method, response: &Response, from: &Url) -> Result<Option<Url>, ActionError> {
    let safe = *method == Method::GET || *method == Method::HEAD;
    if !safe || !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let refuse = |why: &str| {
        Err(ActionError::never(
            "rejected",
            format!("the redirect {why}"),
        ))
    };
    let next = location.to_str().ok().and_then(|text| from.join(text).ok());
    match next {
        None => refuse("leads to an unreadable address"),
        Some(next) if !matches!(next.scheme(), "http" | "https") => refuse("leads away from HTTP"),
        Some(next) if from.scheme() == "https" && next.scheme() == "http" => {
            refuse("leads from https to http")
        }
        Some(mut next) => {
            // Credentials in the address would become a header of their own.
            let _ = next.set_username("");
            let _ = next.set_password(None);
            Ok(Some(next))
        }
    }
}

/// What another origin may see.
fn harmless(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    if let Some(accept) = headers.get(ACCEPT) {
        kept.insert(ACCEPT, accept.clone());
    }
    kept
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
