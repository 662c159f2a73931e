//! The body as it may have been when it was signed, before a proxy or a library touched it.

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
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) {
        let what = "its JSON was parsed and written anew";
        let compact = json.to_string();
        let escaped: String = compact.chars().map(ascii).collect();
        let spaced = spaced(&compact);
        let pretty = serde_json::to_vec_pretty(&json).unwrap_or_default();
        for other in [
            compact.into_bytes(),
            escaped.into_bytes(),
            spaced.into_bytes(),
            pretty,
        ] {
            if other != body {
                found.push((other, what));
            }
        }
    }
    found
}

/// One character as JSON writers that keep to ASCII write it.
fn ascii(c: char) -> String {
    if c.is_ascii() {
        return c.to_string();
    }
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units);
    units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Compact JSON with a blank after every comma and colon, as Python's `json.dumps` writes it.
fn spaced(compact: &str) -> String {
    let mut text = String::with_capacity(compact.len() * 2);
    let (mut quoted, mut escaped) = (false, false);
    for c in compact.chars() {
        text.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' | ':' if !quoted => text.push(' '),
            _ => {}
        }
    }
    text
}
