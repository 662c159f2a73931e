//! What a hostile script can reach of memory. It measures, in a process where nothing else runs:
//! `cargo test --release -p porchlight-script --test host -- --ignored --nocapture memory`.

#![cfg(target_os = "linux")]

use super::support::*;
use porchlight_core::*;
use porchlight_script::*;
use serde_json::json;

/// A line of `/proc/self/status`, in MiB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().unwrap() / 1024
}

/// The peak by which the process grew while so many scripts ran this body at once.
fn peak(body: &str, threads: usize) -> (u64, u64, bool) {
    let source = format!(
        "fn many(n) {{ let m = #{{}}; for i in 0..n {{ m[`${{i}}`] = i; }} m }}\non(\"**\", |event| {{ {body} }});"
    );
    // Writing 5 sets the peak back to what is occupied now (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    let host = Host::new(HostConfig::default());
    let began = std::time::Instant::now();
    let all: Vec<_> = (0..threads)
        .map(|n| {
            let (host, source) = (host.clone(), source.clone());
            std::thread::Builder::new()
                .stack_size(STACK_SIZE)
                .spawn(move || {
                    let script = host.load(&format!("s{n}.rhai"), &source).unwrap();
                    host.run(&script, 0, &event("a", json!({})), NOW).outcome
                })
                .unwrap()
        })
        .collect();
    let ended = all.into_iter().map(|thread| thread.join().unwrap());
    let stopped = ended.fold(true, |all, one| all & matches!(one, Outcome::Limit { .. }));
    let took = began.elapsed().as_millis();
    (
        status("VmHWM") - before,
        u64::try_from(took).unwrap(),
        stopped,
    )
}

const BOMBS: &[(&str, &str)] = &[
    (
        "map[key] = n, without end",
        "let m = #{}; let i = 0; loop { m[`${i}`] = i; i += 1; }",
    ),
    (
        "map[key] = 256 KiB of text",
        "let s = \"x\"; s.pad(250000, \"y\"); let m = #{}; let i = 0; loop { m[`${i}`] = s + i; i += 1; }",
    ),
    (
        "map doubled by itself",
        "let m = #{ a: 1 }; loop { m.b = m; m.c = m; }",
    ),
    (
        "the same, eight times a statement",
        "let m = #{ a: 1 }; loop { m.b=m; m.c=m; m.d=m; m.e=m; m.f=m; m.g=m; m.h=m; m.i=m; }",
    ),
    (
        "lists in a map",
        "let a = []; a.pad(9000, 1); let m = #{}; let i = 0; loop { m[`${i}`] = a; i += 1; }",
    ),
    (
        "split(\"\") of 256 KiB, kept",
        "let s = \"x\"; s.pad(250000, \"y\"); let m = #{}; let i = 0; loop { m[`${i}`] = s.split(); i += 1; }",
    ),
    (
        "parse_json of 256 KiB",
        "let s = \"[\"; s.pad(250000, \"1,\"); loop { try { parse_json(s + \"1]\"); } catch { } }",
    ),
    (
        "replace of a letter by a text",
        "let s = \"x\"; s.pad(250000, \"x\"); loop { try { s.replace(\"x\", s); } catch { } }",
    ),
    (
        "text of a map of long texts",
        "let s = \"x\"; s.pad(250000, \"x\"); let m = #{}; for i in 0..9000 { m[`${i}`] = s; } let t = `${m}`;",
    ),
    (
        "JSON of the same",
        "let s = \"x\"; s.pad(250000, \"x\"); let m = #{}; for i in 0..9000 { m[`${i}`] = s; } loop { try { http::send(\"http://x/\", #{ json: m }); } catch { } }",
    ),
    (
        "a hundred actions of 250 kB",
        "let s = \"x\"; s.pad(250000, \"x\"); loop { http::send(\"http://x/\", #{ body: s }); }",
    ),
];

#[test]
#[ignore = "measures; needs a process of its own"]
fn memory_that_hostile_scripts_reach() {
    println!(
        "{:36} {:>12} {:>12} {:>9}",
        "script", "one", "eight", "stopped"
    );
    for (name, body) in BOMBS {
        let (one, first, stopped) = peak(body, 1);
        let (eight, second, all) = peak(body, 8);
        println!(
            "{name:36} {one:>8} MiB {eight:>8} MiB {:>9} ({first} ms, {second} ms)",
            stopped && all
        );
        assert!(eight < 1024, "{name}: {eight} MiB");
    }
}
