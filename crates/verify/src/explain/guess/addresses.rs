//! The address of a webhook as its sender may know it.

/// An address in its usual variants.
pub(super) fn addresses(url: &str) -> Vec<String> {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (url, String::new()),
    };
    let mut found = vec![format!("{path}/{query}")];
    found.extend(path.strip_suffix('/').map(|path| format!("{path}{query}")));
    if !query.is_empty() {
        found.push(path.to_owned());
    }
    let schemes = [("https://", ":443"), ("http://", ":80")];
    for (scheme, port) in schemes {
        let Some((_, rest)) = path.split_once("://") else {
            continue;
        };
        found.push(format!("{scheme}{rest}{query}"));
        if let Some((host, path)) = rest.split_once('/') {
            found.push(format!("{scheme}{host}{port}/{path}{query}"));
            let bare = host.split(':').next().unwrap_or(host);
            found.push(format!("{scheme}{bare}/{path}{query}"));
        }
    }
    found
}
