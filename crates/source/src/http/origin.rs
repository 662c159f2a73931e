//! Where a request comes from: the address behind a proxy, and whether a browser made it.
//!
//! A forwarded address counts only when a listed proxy says it, and then the nearest one that is
//! no listed proxy: whatever stands further left was written by strangers.

use super::limits::{Forwarding, Network};
use http::{HeaderMap, Method, header};
use std::net::IpAddr;

/// The sender's address: the peer, or what a listed proxy says about it.
pub(crate) fn sender(
    peer: IpAddr,
    headers: &HeaderMap,
    proxies: &[Network],
    forwarding: Forwarding,
) -> IpAddr {
    let peer = peer.to_canonical();
    let listed = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    if !listed(peer) {
        return peer;
    }
    let by_x = match forwarding {
        Forwarding::XForwardedFor => true,
        Forwarding::Forwarded => false,
        // A proxy writes one of them; the other one may be the sender's own.
        Forwarding::Either => headers.contains_key("x-forwarded-for"),
    };
    let name = if by_x { "x-forwarded-for" } else { "forwarded" };
    let values = headers.get_all(name);
    let hops: Vec<&str> = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        let said = if by_x { Some(*hop) } else { said_for(hop) };
        let Some(address) = said.and_then(address) else {
            break;
        };
        nearest = address;
        if !listed(nearest) {
            break;
        }
    }
    nearest
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4): `for=192.0.2.60;proto=http`.
fn said_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })
}

/// An address as proxies write it: with a port, in brackets, in quotes. `unknown` and made-up names
/// (RFC 7239 §6.3) are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    host.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// Whether a web page or a browser made the request. Any page that somebody in the house opens can
/// post to addresses in the house, and any link in a mail can be opened, so neither may count as a
/// sender where nothing else proves it.
///
/// A page can't keep `Origin` from being sent with a POST. With a GET over plain HTTP browsers send
/// neither `Origin` nor `Sec-Fetch-Site`: there the name that every browser gives itself decides.
pub(super) fn from_browser(method: &Method, headers: &HeaderMap) -> bool {
    let browser_name = || {
        let agent = headers.get(header::USER_AGENT);
        agent.is_some_and(|agent| {
            agent
                .as_bytes()
                .get(..8)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"mozilla/"))
        })
    };
    headers.contains_key(header::ORIGIN)
        || headers.contains_key("sec-fetch-site")
        || (method == Method::GET && (headers.contains_key(header::REFERER) || browser_name()))
}

/// Whether a link with a token in it was followed by a page, or by a browser looking ahead, and
/// not by a person. A bookmark that a person opens passes.
pub(super) fn followed_by_page(method: &Method, headers: &HeaderMap) -> bool {
    let another_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "none" && site != "same-origin");
    let ahead = ["purpose", "sec-purpose", "x-moz"].iter().any(|name| {
        let value = headers.get(*name).map(http::HeaderValue::as_bytes);
        value.is_some_and(|value| value.starts_with(b"pre"))
    });
    method == Method::GET && (headers.contains_key(header::ORIGIN) || another_site || ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn sender_of(peer: &str, pairs: &[(&'static str, &str)], forwarding: Forwarding) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        sender(peer.parse().unwrap(), &headers(pairs), &proxies, forwarding).to_string()
    }

    #[test]
    fn only_a_listed_proxy_may_speak_for_others() {
        for (peer, forwarded, expected) in [
            ("203.0.113.1", "1.1.1.1", "203.0.113.1"),
            ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
            ("10.0.0.1", "1.1.1.1:5678", "1.1.1.1"),
            ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
            ("10.0.0.1", "6.6.6.6, nonsense, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("::ffff:10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ] {
            let pairs = [("x-forwarded-for", forwarded)];
            let found = sender_of(peer, &pairs, Forwarding::Either);
            assert_eq!(found, expected, "{peer} {forwarded}");
        }
    }

    #[test]
    fn the_forwarded_header_is_read_as_its_standard_says() {
        for (forwarded, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            (
                "proto=https; For=\"[2001:db8:cafe::17]:4711\"",
                "2001:db8:cafe::17",
            ),
            ("for=6.6.6.6, for=192.0.2.43, for=10.0.0.9", "192.0.2.43"),
            ("for=6.6.6.6, for=unknown", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("by=1.2.3.4", "10.0.0.1"),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
        ] {
            let found = sender_of("10.0.0.1", &[("forwarded", forwarded)], Forwarding::Either);
            assert_eq!(found, expected, "{forwarded}");
        }
    }

    #[test]
    fn a_header_that_the_proxy_does_not_write_can_not_forge_an_address() {
        let both = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=2.2.2.2")];
        for (forwarding, expected) in [
            (Forwarding::Either, "1.1.1.1"),
            (Forwarding::XForwardedFor, "1.1.1.1"),
            (Forwarding::Forwarded, "2.2.2.2"),
        ] {
            assert_eq!(sender_of("10.0.0.1", &both, forwarding), expected);
        }
        let one = [("x-forwarded-for", "1.1.1.1")];
        assert_eq!(
            sender_of("10.0.0.1", &one, Forwarding::Forwarded),
            "10.0.0.1"
        );
    }

    #[test]
    fn a_web_page_is_recognised() {
        let post = Method::POST;
        for (method, pairs, browser) in [
            (&post, &[][..], false),
            (&post, &[("origin", "null")][..], true),
            (&post, &[("origin", "http://evil.example")][..], true),
            (&post, &[("sec-fetch-site", "cross-site")][..], true),
            (&post, &[("sec-fetch-site", "none")][..], true),
            (&post, &[("user-agent", "Mozilla/5.0")][..], false),
            (
                &Method::GET,
                &[("user-agent", "Mozilla/5.0 (X11)")][..],
                true,
            ),
            (
                &Method::GET,
                &[("referer", "http://evil.example/")][..],
                true,
            ),
            (
                &Method::GET,
                &[("user-agent", "Shelly/20260101")][..],
                false,
            ),
        ] {
            assert_eq!(from_browser(method, &headers(pairs)), browser, "{pairs:?}");
        }
    }

    #[test]
    fn a_link_with_a_token_is_for_people_not_for_pages() {
        for (pairs, refused) in [
            (&[][..], false),
            (&[("sec-fetch-site", "none")][..], false),
            (&[("sec-fetch-site", "cross-site")][..], true),
            (
                &[
                    ("sec-fetch-site", "none"),
                    ("sec-purpose", "prefetch;prerender"),
                ][..],
                true,
            ),
            (&[("purpose", "prefetch")][..], true),
            (&[("origin", "http://other.example")][..], true),
        ] {
            let headers = headers(pairs);
            assert_eq!(
                followed_by_page(&Method::GET, &headers),
                refused,
                "{pairs:?}"
            );
            assert!(!followed_by_page(&Method::POST, &headers));
        }
    }
}
