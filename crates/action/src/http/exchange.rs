//! Sends a request and sees it through to the answer that counts: redirects, and a second try where
//! the first refusal said how to log in.
//!
//! Redirects are followed for GET and HEAD only: repeating a POST somewhere else is a decision, and
//! nobody here may take it. To another origin goes nothing that could be a key: no header of the
//! script's, no login, no client certificate.

use super::auth::{Auth, Proof, Sent};
use super::request::Request;
use super::{Http, failed};
use crate::resolve::Hidden;
use porchlight_core::ActionError;
use reqwest::header::{ACCEPT, HeaderMap, LOCATION};
use reqwest::{Method, Response};
use url::Url;

/// As browsers and curl do it, but fewer: a home has no use for chains.
const MOST_REDIRECTS: usize = 5;

/// How much of an answer that does not count is read, so that its connection can be used again.
const WORTH_READING: usize = 16 << 10;

/// Sends to `address`, logs in, and follows redirects. What went out and proves is added to `hidden`.
pub(super) async fn exchange(
    http: &Http,
    request: &Request,
    address: &Url,
    key: &str,
    hidden: &mut Hidden,
) -> Result<Response, ActionError> {
    let mut url = address.clone();
    let mut headers = request.headers_with_key(key);
    let mut client = http.clients.get(request.tls.as_deref())?;
    let mut auth = &request.auth;
    for _ in 0..=MOST_REDIRECTS {
        let mut proof = Proof::new(auth, http);
        let response = loop {
            let mut sent = Sent {
                method: &request.method,
                url: url.clone(),
                headers: headers.clone(),
                body: request.body.bytes(),
            };
            proof.put_into(&mut sent, hidden).await?;
            let builder = client
                .request(request.method.clone(), sent.url)
                .headers(sent.headers);
            let builder = request.body.put_into(builder);
            let response = builder.send().await.map_err(failed::sending)?;
            if !proof.learn(&response, &url)? {
                break response;
            }
            finish(response).await;
        };
        let Some(next) = redirect(&request.method, &response, &url)? else {
            return Ok(response);
        };
        if let Some(hosts) = &request.hosts
            && !hosts.allow(address, &next)
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
            auth = &Auth::None;
            client = http.clients.get(None)?;
        }
        url = next;
    }
    Err(ActionError::never(
        "rejected",
        format!("more than {MOST_REDIRECTS} redirects"),
    ))
}

/// Reads what is left of a small answer. The caller's time limit holds.
async fn finish(mut response: Response) {
    let mut left = WORTH_READING;
    while let Ok(Some(chunk)) = response.chunk().await {
        if chunk.len() > left {
            return;
        }
        left -= chunk.len();
    }
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
