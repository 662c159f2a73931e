//! `[scripts]`: what must hold for a script to go live and to stay so.

use super::reader::Section;

/// `[scripts]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptsConfig {
    /// After how many failures in a row a script is parked; 0 is never. None: the default.
    pub park_after: Option<u32>,
}

/// Reads the section.
pub fn read(root: &Section<'_>) -> ScriptsConfig {
    let Some(section) = root.section("scripts") else {
        return ScriptsConfig::default();
    };
    let config = ScriptsConfig {
        park_after: section
            .number("park_after", 0..=1_000_000)
            .and_then(|count| u32::try_from(count).ok()),
    };
    section.finish();
    config
}
