//! The body as it may have been when it was signed, before a proxy or a library touched it.

mod relaid;

/// The body as it may have been when it was signed, and what would have happened to it.
pub(super) fn bodies(body: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let mut found: Vec<(Vec<u8>, &'static str)> = Vec::new();
    let trimmed = body.trim_ascii();
    if trimmed != body {
        found.push((
            trimmed.to_vec(),
            "blanks or a line end were added around it",
        ));
    }
    found.push((
        [body, b"\n"].concat(),
        "the line end at its end was taken off",
    ));
    found.push((
        [body, b"\r\n"].concat(),
        "the line end (CR LF) at its end was taken off",
    ));
    if let Ok(text) = std::str::from_utf8(body) {
        let unix = text.replace("\r\n", "\n");
        if unix != text {
            found.push((unix.into_bytes(), "its line ends became CR LF"));
        } else if text.contains('\n') {
            found.push((
                text.replace('\n', "\r\n").into_bytes(),
                "its line ends CR LF became LF",
            ));
        }
        if let Some(rest) = text.strip_prefix('\u{feff}') {
            found.push((
                rest.as_bytes().to_vec(),
                "a byte order mark was put in front",
            ));
        }
    }
    if !body.is_empty() {
        found.push((Vec::new(), "an empty body was signed instead of it"));
    }
    if porchlight_core::json::check(&String::from_utf8_lossy(body)).is_ok() {
        for other in relaid::layouts(&String::from_utf8_lossy(body)) {
            if other.as_bytes() != body {
                let what = "its JSON was parsed and written anew";
                found.push((other.into_bytes(), what));
            }
        }
    }
    found
}
