//! Which paths count. Only `*.rhai`; whatever begins with a dot or `#` is an editor's litter, and
//! swap files, backups and half-made downloads don't end in `.rhai`.

use std::path::{Component, Path};

/// Deeper folders are not looked into: nobody sorts scripts that finely, and a link that leads
/// back up must end somewhere.
pub(super) const MAX_DEPTH: usize = 8;

/// The path relative to the folder, with `/`, if every part of it may belong to a script.
pub(super) fn relative(root: &Path, path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.strip_prefix(root).ok()?.components() {
        let Component::Normal(name) = component else {
            return None;
        };
        parts.push(name.to_str().filter(|name| counts(name))?);
    }
    let fits = !parts.is_empty() && parts.len() <= MAX_DEPTH + 1;
    fits.then(|| parts.join("/"))
}

/// Whether a file or folder of this name may count.
pub(super) fn counts(name: &str) -> bool {
    !name.starts_with(['.', '#'])
}

/// Whether a relative path names a script.
pub(super) fn is_script(path: &str) -> bool {
    path.ends_with(".rhai") && !path.ends_with("/.rhai")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_count_and_litter_does_not() {
        let root = Path::new("/home/scripts");
        let counted = |path: &str| relative(root, &root.join(path)).filter(|path| is_script(path));
        for path in [
            "gate.rhai",
            "lib/hue.rhai",
            "a/b/c.rhai",
            "gate.test.rhai",
            "ä ö.rhai",
        ] {
            assert_eq!(counted(path).as_deref(), Some(path));
        }
        for path in [
            ".gate.rhai.swp",
            ".gate.rhai",
            "gate.rhai~",
            "#gate.rhai#",
            ".#gate.rhai",
            "4913",
            "gate.rhai.tmp",
            ".git/x.rhai",
            "README.md",
            "rhai",
            "../out.rhai",
            "1/2/3/4/5/6/7/8/9/a.rhai",
        ] {
            assert_eq!(counted(path), None, "{path}");
        }
    }
}
