//! A fence against memory bombs that Rhai's own limits miss.
//!
//! Rhai checks the size of a value when it passes through an operator or a function. A plain
//! `map[key] = value` is never checked, so a loop of these takes all the memory there is. Rhai has
//! no total limit and we cannot count allocations without `unsafe`, so a long run looks at what the
//! whole process occupies and stops when that has grown far beyond a sane home. Only Linux tells
//! this cheaply; elsewhere the deadline is the only fence.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;

/// What the process occupies, in bytes; `None` where the system does not say.
pub(crate) fn resident() -> Option<u64> {
    let mut text = [0; 128];
    let length = File::open("/proc/self/statm").ok()?.read(&mut text).ok()?;
    let text = std::str::from_utf8(&text[..length]).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_size())
}

/// 4 KiB nearly everywhere, 16 KiB on a Raspberry Pi 5: the system hands it to every process, as
/// pairs of words of which the one numbered 6 is this.
fn page_size() -> u64 {
    const WORD: usize = size_of::<usize>();
    static SIZE: OnceLock<u64> = OnceLock::new();
    *SIZE.get_or_init(|| {
        let words = std::fs::read("/proc/self/auxv").unwrap_or_default();
        let words: Vec<usize> = words
            .chunks_exact(WORD)
            .filter_map(|bytes| Some(usize::from_ne_bytes(bytes.try_into().ok()?)))
            .collect();
        let found = words.chunks_exact(2).find(|pair| pair[0] == 6);
        found.map_or(4096, |pair| pair[1] as u64)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn the_process_knows_what_it_occupies() {
        let size = super::resident().unwrap_or_default();
        assert!((1 << 20..1 << 36).contains(&size), "{size}");
        assert!(super::page_size().is_power_of_two());
    }
}
