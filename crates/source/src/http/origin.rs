//! Where a request comes from: the address behind a proxy, and whether a browser made it.
//!
//! A forwarded address counts only when a listed proxy says it, and then the nearest one that is
//! no listed proxy: whatever stands further left was written by strangers.

use super::limits::Network;
use http::{HeaderMap, header::ORIGIN};
use std::net::IpAddr;

/// The sender's address: the peer, or what a listed proxy says about it.
pub(crate) fn sender(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let peer = peer.to_canonical();
    let listed = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    if !listed(peer) {
        return peer;
    }
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        nearest = address.to_canonical();
        if !listed(nearest) {
            break;
        }
    }
    nearest
}

/// Whether a web page made the request. Any page that somebody in the house opens can post to
/// addresses in the house, so this must not count as a sender where nothing else proves it.
pub(super) fn from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
        || headers
            .get("sec-fetch-site")
            .is_some_and(|site| site != "none" && site != "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn only_a_listed_proxy_may_speak_for_others() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("203.0.113.1", "1.1.1.1", "203.0.113.1"),
            ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
            ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
            ("10.0.0.1", "6.6.6.6, nonsense, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("::ffff:10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ] {
            let found = sender(
                peer.parse().unwrap(),
                &headers(&[("x-forwarded-for", forwarded)]),
                &proxies,
            );
            assert_eq!(found.to_string(), expected, "{peer} {forwarded}");
        }
    }

    #[test]
    fn a_web_page_is_recognised() {
        for (pairs, browser) in [
            (&[][..], false),
            (&[("origin", "null")][..], true),
            (&[("origin", "http://evil.example")][..], true),
            (&[("sec-fetch-site", "cross-site")][..], true),
            (&[("sec-fetch-site", "none")][..], false),
            (&[("sec-fetch-site", "same-origin")][..], false),
        ] {
            assert_eq!(from_browser(&headers(pairs)), browser, "{pairs:?}");
        }
    }
}
