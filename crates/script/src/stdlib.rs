//! The standard library: Rhai files in the binary, in scope of every script without an import.
//!
//! They use nothing that a script could not use. A file of the same name in `scripts/lib/`
//! replaces one of them, so that people can read, copy and change it.

/// Name in scripts, path of a file that would replace it, and text.
const FILES: &[(&str, &str, &str)] = &[
    (
        "light",
        "lib/light.rhai",
        include_str!("../stdlib/light.rhai"),
    ),
    (
        "message",
        "lib/message.rhai",
        include_str!("../stdlib/message.rhai"),
    ),
    ("nx", "lib/nx.rhai", include_str!("../stdlib/nx.rhai")),
    (
        "openeye",
        "lib/openeye.rhai",
        include_str!("../stdlib/openeye.rhai"),
    ),
    (
        "salient",
        "lib/salient.rhai",
        include_str!("../stdlib/salient.rhai"),
    ),
    ("soap", "lib/soap.rhai", include_str!("../stdlib/soap.rhai")),
    (
        "synology",
        "lib/synology.rhai",
        include_str!("../stdlib/synology.rhai"),
    ),
];

/// Name and text of every file of the standard library.
pub fn standard_library() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(name, _, text)| (*name, *text))
}

/// The names that are in scope without an import.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(name, path, _)| (*name, *path))
}

/// The embedded text for a path such as `lib/light.rhai`.
pub(crate) fn embedded(path: &str) -> Option<&'static str> {
    let file = FILES.iter().find(|(_, known, _)| *known == path)?;
    Some(file.2)
}
