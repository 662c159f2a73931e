//! What of a request stands on the event beside its body: headers and query without credentials.
//!
//! Events are read by scripts, shown on the dashboard and kept for weeks. Whatever proves who
//! somebody is has done its work before and is left out.

use http::HeaderMap;
use porchlight_verify::Scheme;

/// Headers that hold credentials whatever the scheme is.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
];
/// The most headers kept, and the most bytes of names and values together.
const MAX_HEADERS: usize = 64;
const MAX_BYTES: usize = 16 * 1024;

/// The headers, names in lower case, in the order of the map.
pub fn headers(scheme: &Scheme, headers: &HeaderMap) -> Vec<(String, String)> {
    let of_scheme = scheme.credential_headers();
    let mut budget = MAX_BYTES;
    let mut kept = Vec::new();
    for (name, value) in headers {
        let name = name.as_str();
        if CREDENTIALS.contains(&name) || of_scheme.contains(&name) {
            continue;
        }
        let size = name.len() + value.len();
        if kept.len() == MAX_HEADERS || size > budget {
            break;
        }
        budget -= size;
        kept.push((
            name.to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        ));
    }
    kept
}

/// The query as sent, without the parameters that are credentials.
pub fn query(scheme: &Scheme, query: &str) -> String {
    let of_scheme = scheme.credential_parameters();
    let kept = query.split('&').filter(|pair| {
        let name = form_urlencoded::parse(pair.as_bytes()).next();
        name.is_none_or(|(name, _)| !of_scheme.contains(&&*name))
    });
    kept.collect::<Vec<_>>().join("&")
}
