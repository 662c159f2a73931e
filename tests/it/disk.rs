//! A full disk: refused with 503 and Retry-After, nothing accepted is lost, and it recovers by
//! itself when there is room again.

use super::house::{House, eventually, gate_config};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory, unmounted at the end.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this machine does not let us mount.
    pub fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .output();
        mounted
            .ok()
            .filter(|output| output.status.success())
            .map(|_| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_with_retry_after_loses_nothing_and_recovers() {
    let mut house = House::furnish(
        &gate_config(),
        &[(
            "count.rhai",
            "on(\"gate.*\", |event| { state::add(\"n\", 1); });",
        )],
    );
    let Some(_disk) = SmallDisk::mount(&house.path().join("data"), "4m") else {
        eprintln!("SKIPPED: this machine does not let the test mount a small file system");
        return;
    };
    house.restart();
    // Fill the rest of the disk with something else, as a camera's recordings would.
    let filler = house.path().join("data/recording.bin");
    let body = |n: u64| {
        format!(
            "{{\"type\":\"opened\",\"n\":{n},\"pad\":\"{}\"}}",
            "x".repeat(20_000)
        )
    };
    house.post_ok(&body(0));
    fill(&filler);
    let mut stored = 1;
    let refusal = eventually("the disk is full", || {
        let answer = house.post(&body(stored));
        match answer.status {
            200 => {
                stored += 1;
                None
            }
            _ => Some(answer),
        }
    });
    assert_eq!(refusal.status, 503, "{refusal:?}");
    assert!(refusal.header("retry-after").is_some(), "{refusal:?}");
    assert!(house.is_running());
    std::fs::remove_file(&filler).expect("room again");
    eventually("it recovers by itself", || {
        (house.post(&body(stored)).status == 200).then_some(())
    });
    stored += 1;
    let runs = house.wait_for_runs(usize::try_from(stored).expect("small"));
    assert_eq!(runs.len() as u64, stored);
    let numbers: Vec<u64> = house
        .events()
        .iter()
        .filter_map(|event| event["data"]["n"].as_u64())
        .collect();
    assert_eq!(numbers, (0..stored).collect::<Vec<_>>());
}

/// Writes until nothing fits any more.
pub fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).expect("a file");
    let block = [0_u8; 4096];
    while file.write_all(&block).is_ok() {}
}
