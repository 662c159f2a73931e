//! `[files]`: how much scripts may keep in the folder for files.

use super::reader::Section;
use toml::de::DeValue;

/// Ten gigabytes: months of pictures and clips, and on the smallest memory card in use they leave
/// room for the system and the journal.
const USUAL: u64 = 10 << 30;

/// Below this, an ordinary day's rows are refused; whoever writes it has mistaken the unit.
const LEAST: u64 = 1 << 20;

/// Reads `[files] quota`, in bytes; none for any amount.
pub fn read_quota(root: &Section<'_>) -> Option<u64> {
    let Some(section) = root.section("files") else {
        return Some(USUAL);
    };
    let quota = match section.value("quota").map(toml::Spanned::get_ref) {
        None => Some(USUAL),
        Some(DeValue::String(word)) if word == "off" => None,
        Some(_) => Some(section.size("quota").unwrap_or(USUAL)),
    };
    if let (Some(value), Some(..LEAST)) = (section.value("quota"), quota) {
        let message = "`quota` must be 1MiB or more";
        let help = "write quota = \"off\" for any amount";
        section.source().error(value.span(), message, help);
    }
    section.finish();
    quota
}
