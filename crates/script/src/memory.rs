//! A fence against memory bombs that Rhai's own limits miss.
//!
//! Rhai checks the size of a value when it passes through an operator or a function. A plain
//! `map[key] = value` is never checked, so a loop of these takes all the memory there is, and
//! `map.a = map; map.b = map` doubles it with each statement. Rhai has no total limit and we cannot
//! count allocations without `unsafe`, so while scripts run a thread of its own weighs the whole
//! process, and every run looks at each operation at what it found. To weigh inside the runs was
//! tried: thirty operations are enough to double a byte to a gigabyte, and nobody can afford to
//! weigh that often. Only Linux tells the weight cheaply; elsewhere the deadline is the only fence.
//!
//! All runs that overlap share one allowance, so it does not multiply with the threads. When it is
//! used up, those are stopped that have touched new memory themselves, as the system counts page
//! faults by thread; beyond one and a half of it, everybody who is at work, because with huge pages
//! the count says little, and a home that loses a run is better than one that loses its process.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How often the process is weighed. New pages come at a gigabyte or two a second at most.
const EVERY: Duration = Duration::from_millis(5);
/// After so long without any run the thread rests until the next one.
const REST_AFTER: Duration = Duration::from_secs(1);
/// What the process has grown by in so long a time is no script's: none runs as long.
const FORGET_AFTER: Duration = Duration::from_secs(30);

/// Runs under way.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// By how many bytes the process has grown since the first of them began.
static GROWTH: AtomicU64 = AtomicU64::new(0);
/// How often it was weighed.
static WEIGHED: AtomicU64 = AtomicU64::new(0);
/// The thread rests.
static RESTS: AtomicBool = AtomicBool::new(false);
/// A run was stopped: what it leaves behind belongs to nobody.
static FORGET: AtomicBool = AtomicBool::new(false);

/// A run begins; gives the number from which on what was weighed counts for it.
pub(crate) fn enter() -> u64 {
    static WATCH: OnceLock<Option<Thread>> = OnceLock::new();
    let thread = WATCH.get_or_init(|| {
        let named = std::thread::Builder::new().name("memory".to_owned());
        let watch = resident().and_then(|_| named.spawn(watch).ok());
        watch.map(|handle| handle.thread().clone())
    });
    ACTIVE.fetch_add(1, Ordering::SeqCst);
    if let Some(thread) = thread
        && RESTS.swap(false, Ordering::SeqCst)
    {
        thread.unpark();
    }
    // One may be under way that began before this run.
    WEIGHED.load(Ordering::Acquire) + 2
}

/// A run is over. `grew`: it was stopped for the memory it took.
pub(crate) fn leave(grew: bool) {
    if grew {
        FORGET.store(true, Ordering::Release);
    }
    ACTIVE.fetch_sub(1, Ordering::SeqCst);
}

/// By how much the process has grown when that is more than `most`; 0 when it is not.
pub(crate) fn growth_beyond(most: u64) -> u64 {
    let growth = GROWTH.load(Ordering::Relaxed);
    if growth > most { growth } else { 0 }
}

/// How often the process was weighed so far.
pub(crate) fn weighed() -> u64 {
    WEIGHED.load(Ordering::Acquire)
}

fn watch() {
    let (mut base, mut idle) = (None, Instant::now());
    loop {
        std::thread::park_timeout(EVERY);
        if ACTIVE.load(Ordering::SeqCst) == 0 {
            base = None;
            if idle.elapsed() >= REST_AFTER {
                RESTS.store(true, Ordering::SeqCst);
                // A run that began just now has not seen that the thread rests.
                while RESTS.load(Ordering::SeqCst) && ACTIVE.load(Ordering::SeqCst) == 0 {
                    std::thread::park();
                }
                RESTS.store(false, Ordering::SeqCst);
                idle = Instant::now();
            }
            continue;
        }
        idle = Instant::now();
        let Some(now) = resident() else { continue };
        if FORGET.swap(false, Ordering::AcqRel) {
            base = None;
        }
        let (begun, least) = *base.get_or_insert((idle, now));
        if idle - begun > FORGET_AFTER {
            base = None;
        }
        GROWTH.store(now.saturating_sub(least), Ordering::Relaxed);
        WEIGHED.fetch_add(1, Ordering::Release);
    }
}

/// New pages that this thread has touched since it began.
pub(crate) fn touched() -> u64 {
    let mut text = [0; 512];
    let read = File::open("/proc/thread-self/stat").and_then(|mut file| file.read(&mut text));
    let text = std::str::from_utf8(&text[..read.unwrap_or_default()]).unwrap_or_default();
    // The name in brackets may hold spaces. After it come state, five numbers, flags, and then
    // the faults that needed no disk (proc(5)).
    let after = text.rsplit_once(") ").map(|(_, after)| after);
    let faults = after.and_then(|after| after.split(' ').nth(7)?.parse().ok());
    faults.unwrap_or_default()
}

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
        let before = super::touched();
        let large = vec![1_u8; 8 << 20];
        let large = std::hint::black_box(large);
        assert!(super::touched() > before, "{}", large.len());
    }
}
