//! What can be refused by the head of a request alone, in this order: who, how, how often, what.
//!
//! A stranger outside the networks learns nothing but that. Nothing is counted against a webhook
//! before it is proved, so that nobody can use up the share of its sender.

use super::answer::Answer;
use super::failures::Failures;
use super::hook::Hook;
use super::origin;
use super::places::key;
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, Method};
use std::net::IpAddr;
use std::time::Instant;

/// Says all that can be said without the body and without the proof.
pub(super) fn admit(
    hook: &Hook,
    sender: IpAddr,
    method: &Method,
    headers: &HeaderMap,
    failures: &Failures,
) -> Result<(), Answer> {
    let guards = &hook.webhook.guards;
    if !guards.allows(sender) {
        return Err(Answer::NotAllowed);
    }
    if !hook.takes(method) {
        return Err(Answer::WrongMethod(hook.allowed_methods()));
    }
    let (address, now) = (key(sender), Instant::now());
    if let Some(wait) = failures.wait(address, now) {
        return Err(Answer::TooManyFailures(wait));
    }
    if let Some(wait) = hook.address_wait(address, now) {
        return Err(Answer::TooManyFromAddress(wait));
    }
    if let Some(wait) = hook.wait(now) {
        return Err(Answer::TooMany(wait));
    }
    let unwanted = if hook.proves {
        hook.token_in_query && origin::followed_by_page(method, headers)
    } else {
        origin::from_browser(method, headers)
    };
    if unwanted {
        return Err(Answer::FromBrowser);
    }
    // hyper undoes `chunked` and would hand on whatever other coding lies beneath it as the body.
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if !codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(Answer::Malformed);
    }
    Ok(())
}
