//! Patterns of hosts, names and files.
//!
//! One star is any run of characters; in a file's path it ends at the next `/`, and two stars go
//! on. There is nothing else to learn, and nothing that takes long on hostile input.

/// Whether a name fits a pattern with `*`.
pub(super) fn name_fits(pattern: &str, name: &str) -> bool {
    fits(pattern.as_bytes(), name.as_bytes(), |_| true)
}

/// Whether a path fits a pattern: `visitors.*`, `pictures/**`.
pub(super) fn path_fits(pattern: &str, path: &str) -> bool {
    let within = |byte| byte != b'/';
    let Some((before, after)) = pattern.split_once("**") else {
        return fits(pattern.as_bytes(), path.as_bytes(), within);
    };
    // Two stars stand at most once (the parser sees to it), so every cut is tried.
    let (before, after, path) = (before.as_bytes(), after.as_bytes(), path.as_bytes());
    (0..=path.len()).any(|from| {
        fits(before, &path[..from], within)
            && (after.is_empty() || (from..=path.len()).any(|to| fits(after, &path[to..], within)))
    })
}

/// Whether a host fits `gate.lan`, `*.lan` (any name below it) or `*`.
pub(super) fn host_fits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => pattern == host,
    }
}

/// Greedy with one point of return. `star` says what a star may stand for.
fn fits(pattern: &[u8], text: &[u8], star: impl Fn(u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut again = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            again = Some((p, t));
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after, from)) = again
            && star(text[from])
        {
            again = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_path_ends_at_the_next_folder() {
        for (pattern, path, expected) in [
            ("visitors.xlsx", "visitors.xlsx", true),
            ("visitors.*", "visitors.xlsx", true),
            ("visitors.*", "visitors.d/x", false),
            ("*", "a.csv", true),
            ("*", "a/b.csv", false),
            ("**", "a/b.csv", true),
            ("pictures/**", "pictures/a/b.jpg", true),
            ("pictures/**", "pictures", false),
            ("pictures/**.jpg", "pictures/a/b.jpg", true),
            ("pictures/**.jpg", "pictures/a/b.png", false),
            ("pictures/*/x", "pictures/a/x", true),
            ("pictures/*/x", "pictures/a/b/x", false),
        ] {
            assert_eq!(path_fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_host_fits_only_whole_names() {
        for (pattern, host, expected) in [
            ("gate.lan", "gate.lan", true),
            ("gate.lan", "evil-gate.lan", false),
            ("*.lan", "gate.lan", true),
            ("*.lan", "a.b.lan", true),
            ("*.lan", ".lan", false),
            ("*.lan", "lan", false),
            ("*.lan", "gate.lan.evil.com", false),
            ("*", "anything", true),
        ] {
            assert_eq!(host_fits(pattern, host), expected, "{pattern} {host}");
        }
    }
}
