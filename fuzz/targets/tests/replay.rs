//! Every target over its corpus, and over a fixed walk of mutations of it, on every machine and
//! with every toolchain. What a fuzzer found once stays in the corpus and is tried here for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails loudly"
)]

use porchlight_fuzz_targets::TARGETS;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Mutations of each target's corpus, unless the environment variable `MUTATIONS` says otherwise:
/// all together take a few seconds in a debug build.
const MUTATIONS: usize = 2000;
/// The whole corpus, so that a clone stays small.
const MAX_CORPUS: u64 = 200 * 1024;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(
        !paths.is_empty(),
        "{} holds nothing to begin with",
        folder.display()
    );
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// xorshift64: the walk is the same everywhere, so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    /// One seed, changed in a few places: bits, bytes that mean something, pieces of other seeds.
    fn mutate(&mut self, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        const TELLING: [&[u8]; 12] = [
            b"\0",
            b"\n",
            b"\r\n",
            b"\"",
            b"{",
            b"}",
            b"%",
            b"=",
            b"-1",
            b"9223372036854775807",
            b"\xff\xfe",
            b",",
        ];
        let mut bytes = seeds[self.roll(seeds.len())].1.clone();
        for _ in 0..=self.roll(4) {
            let at = self.roll(bytes.len() + 1);
            match self.roll(6) {
                0 | 1 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.roll(8);
                    }
                }
                2 => {
                    let telling = TELLING[self.roll(TELLING.len())];
                    drop(bytes.splice(at..at, telling.iter().copied()));
                }
                3 => {
                    let end = (at + self.roll(9)).min(bytes.len());
                    drop(bytes.drain(at..end));
                }
                4 => {
                    let other = &seeds[self.roll(seeds.len())].1;
                    let from = self.roll(other.len() + 1);
                    let end = (from + self.roll(40)).min(other.len());
                    drop(bytes.splice(at..at, other[from..end].iter().copied()));
                }
                _ => bytes.truncate(at.max(bytes.len() / 2)),
            }
        }
        bytes
    }
}

#[test]
fn the_corpus_and_its_mutations_break_no_promise() {
    let mut size = 0;
    let wanted = std::env::var("MUTATIONS").ok();
    let mutations = wanted.map_or(MUTATIONS, |text| text.parse().expect("a number"));
    for (name, target) in TARGETS {
        let begin = std::time::Instant::now();
        let seeds = corpus(name);
        for (path, bytes) in &seeds {
            size += bytes.len() as u64;
            if catch_unwind(|| target(bytes)).is_err() {
                panic!("{name}: {} breaks a promise", path.display());
            }
        }
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for number in 0..mutations {
            let bytes = dice.mutate(&seeds);
            if catch_unwind(|| target(&bytes)).is_err() {
                panic!(
                    "{name}: mutation {number} breaks a promise: {}",
                    bytes.escape_ascii()
                );
            }
        }
        println!(
            "{name}: {} seeds, {mutations} mutations, {:?}",
            seeds.len(),
            begin.elapsed()
        );
    }
    assert!(
        size <= MAX_CORPUS,
        "the corpus has {size} bytes; {MAX_CORPUS} are allowed"
    );
}

#[test]
fn every_target_has_a_program_for_the_fuzzer_and_every_program_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = folder.join(format!("fuzz_targets/{name}.rs"));
        let text = std::fs::read_to_string(&program)
            .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        assert!(
            text.contains(&format!("porchlight_fuzz_targets::{name}(data)")),
            "{text}"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
    }
    let programs = std::fs::read_dir(folder.join("fuzz_targets"))
        .unwrap()
        .count();
    assert_eq!(programs, TARGETS.len());
    let folders = std::fs::read_dir(folder.join("corpus")).unwrap().count();
    assert_eq!(folders, TARGETS.len());
}
