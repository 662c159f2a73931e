//! Reads `WWW-Authenticate` and writes `Authorization`: names and values, plain or in quotes.
//!
//! A header may hold several challenges with the same comma between them as between their
//! parameters, so a word is a scheme exactly when no `=` follows it. Values are bytes: a camera's
//! realm may be in Latin-1, and goes back and into the hash as it came. Nothing here understands a
//! challenge.

/// Nobody offers more ways to log in than this.
const MOST: usize = 16;

/// One challenge: `Digest realm="x", nonce="y"`.
pub(super) struct Challenge {
    pub(super) scheme: String,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Challenge {
    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    }
}

/// All challenges of one header. What cannot be understood ends the list.
pub(super) fn read(line: &[u8]) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    let mut rest = line;
    while all.len() < MOST {
        rest = skip(rest, b" \t,");
        let (name, after) = token(rest);
        if name.is_empty() {
            break;
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let Some(value) = skip(after, b" \t").strip_prefix(b"=") else {
            all.push(Challenge {
                scheme: name,
                parameters: Vec::new(),
            });
            rest = after;
            continue;
        };
        let Some(current) = all.last_mut() else { break };
        let Some((value, after)) = value_of(skip(value, b" \t")) else {
            break;
        };
        current.parameters.push((name.to_ascii_lowercase(), value));
        rest = after;
    }
    all
}

fn skip<'a>(text: &'a [u8], what: &[u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !what.contains(byte));
    &text[end.unwrap_or(text.len())..]
}

/// The characters of a token (RFC 9110, section 5.6.2), and `/` and `=` aside.
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text.iter().position(|byte| !is_part(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// A value, in quotes or not, and what follows it.
fn value_of(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        // Some devices write what is no token without quotes; it ends at the comma.
        let end = text.iter().position(|byte| b", \t".contains(byte));
        let (value, after) = text.split_at(end.unwrap_or(text.len()));
        return Some((value.to_vec(), after));
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, &quoted[at + 1..])),
            b'\\' => value.push(*bytes.next()?.1),
            other => value.push(*other),
        }
    }
    None
}

/// A header under construction.
pub(super) struct Quoted {
    line: Vec<u8>,
    is_first: bool,
}

impl Quoted {
    pub(super) fn new(scheme: &str) -> Self {
        Self {
            line: scheme.as_bytes().to_vec(),
            is_first: true,
        }
    }

    /// `name=value`.
    pub(super) fn plain(&mut self, name: &str, value: &[u8]) {
        let between: &[u8] = if self.is_first { b" " } else { b", " };
        self.is_first = false;
        self.line.extend_from_slice(between);
        self.line.extend_from_slice(name.as_bytes());
        self.line.push(b'=');
        self.line.extend_from_slice(value);
    }

    /// `name="value"`.
    pub(super) fn quoted(&mut self, name: &str, value: &[u8]) {
        let mut quoted = vec![b'"'];
        for byte in value {
            if b"\"\\".contains(byte) {
                quoted.push(b'\\');
            }
            quoted.push(*byte);
        }
        quoted.push(b'"');
        self.plain(name, &quoted);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<String> {
        let read = read(line.as_bytes());
        let shown = read.iter().map(|one| {
            let pairs = one.parameters.iter();
            let pairs =
                pairs.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
            format!("{}({})", one.scheme, pairs.collect::<Vec<_>>().join(";"))
        });
        shown.collect()
    }

    #[test]
    fn challenges_are_told_apart_from_their_parameters() {
        for (line, expected) in [
            (
                r#"Digest realm="a, b", Nonce = "c\"d", stale=FALSE, Basic realm="e""#,
                vec![
                    r#"Digest(realm=a, b;nonce=c"d;stale=FALSE)"#,
                    "Basic(realm=e)",
                ],
            ),
            ("Negotiate, Basic", vec!["Negotiate()", "Basic()"]),
            (
                "Digest realm=a/b=,nonce=c",
                vec!["Digest(realm=a/b=;nonce=c)"],
            ),
            ("", vec![]),
            ("=x", vec![]),
            (r#"realm="nobody's""#, vec![]),
            (r#"Digest realm="never ends"#, vec!["Digest()"]),
            (r#"Digest realm="ends in \"#, vec!["Digest()"]),
            (", ,", vec![]),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    #[test]
    fn whatever_a_server_writes_is_read_to_its_end() {
        let line = br#"Digest realm="a \"b\"", nonce=c, Basic realm="d", x"#;
        for at in 0..line.len() {
            let _ = read(&line[..at]);
            for byte in 0..=u8::MAX {
                let mut changed = line.to_vec();
                changed[at] = byte;
                assert!(read(&changed).len() <= MOST);
            }
        }
    }

    #[test]
    fn a_header_of_schemes_alone_stops_somewhere() {
        assert_eq!(read("a, ".repeat(1000).as_bytes()).len(), MOST);
    }
}
