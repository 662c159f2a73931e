//! Names of hosts to addresses, under a deadline.
//!
//! A name that isn't known now may be known later: a lamp gets its name when it gets its address.

use super::Target;
use porchlight_core::ActionError;
use std::net::{IpAddr, SocketAddr};
use tokio::time::{Instant, timeout_at};

/// The addresses of a target, at least one.
pub(super) async fn resolve(to: &Target, until: Instant) -> Result<Vec<SocketAddr>, ActionError> {
    if let Ok(address) = to.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, to.port)]);
    }
    let unknown = |why: &str| {
        let message = format!("{}: its address is not known: {why}", to.host);
        Err(ActionError::later("connect", message))
    };
    let lookup = tokio::net::lookup_host((to.host.as_str(), to.port));
    match timeout_at(until, lookup).await {
        Ok(Ok(found)) => {
            let all: Vec<SocketAddr> = found.collect();
            if all.is_empty() {
                return unknown("the name has none");
            }
            Ok(all)
        }
        Ok(Err(error)) => unknown(&error.to_string()),
        Err(_) => unknown("nobody said in time"),
    }
}
