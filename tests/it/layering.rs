//! The architecture, kept by a test: who may depend on whom, and what must never appear where.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each crate, the crates of ours that it may use, and the outside crates that it must not.
const LAYERS: &[(&str, &[&str], &[&str])] = &[
    (
        "porchlight-core",
        &[],
        &[
            "tokio", "warp", "rhai", "rusqlite", "reqwest", "notify", "hyper",
        ],
    ),
    (
        "porchlight-verify",
        &["porchlight-core"],
        &[
            "tokio", "warp", "rhai", "rusqlite", "reqwest", "notify", "hyper",
        ],
    ),
    (
        "porchlight-journal",
        &["porchlight-core"],
        &["rhai", "warp", "reqwest", "hyper", "notify"],
    ),
    (
        "porchlight-mqtt",
        &["porchlight-core"],
        &["rhai", "warp", "reqwest", "hyper", "rusqlite", "notify"],
    ),
    (
        "porchlight-source",
        &[
            "porchlight-core",
            "porchlight-verify",
            "porchlight-journal",
            "porchlight-mqtt",
        ],
        &["rhai", "reqwest", "rusqlite", "notify"],
    ),
    (
        "porchlight-script",
        &["porchlight-core"],
        &["tokio", "warp", "reqwest", "hyper", "rusqlite"],
    ),
    (
        "porchlight-action",
        &["porchlight-core", "porchlight-mqtt"],
        &["rhai", "warp", "rusqlite", "notify"],
    ),
    (
        "porchlight",
        &[
            "porchlight-core",
            "porchlight-verify",
            "porchlight-journal",
            "porchlight-source",
            "porchlight-script",
            "porchlight-action",
            "porchlight-mqtt",
        ],
        &["rhai", "rusqlite", "reqwest", "notify", "hmac"],
    ),
];

/// Programs beside the house, which nothing depends on.
const TOOLS: &[&str] = &["porchlight-bench", "porchlight-fuzz-targets"];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace")
}

/// For each package of the workspace: the names of its ordinary dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let name = package["name"].as_str().expect("a name").to_owned();
            let needs = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter();
            let ordinary = needs.filter(|need| need["kind"].is_null());
            (
                name,
                ordinary
                    .filter_map(|need| Some(need["name"].as_str()?.to_owned()))
                    .collect(),
            )
        })
        .collect()
}

#[test]
fn dependencies_point_only_the_way_the_table_says() {
    let found = dependencies();
    let known: BTreeSet<&str> = LAYERS
        .iter()
        .map(|(name, ..)| *name)
        .chain(TOOLS.iter().copied())
        .collect();
    assert_eq!(
        found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        known
    );
    for (name, allowed, forbidden) in LAYERS {
        for need in &found[*name] {
            if need.starts_with("porchlight") {
                assert!(
                    allowed.contains(&need.as_str()),
                    "{name} must not depend on {need}"
                );
            }
            assert!(
                !forbidden.contains(&need.as_str()),
                "{name} must not contain {need}"
            );
        }
    }
}

#[test]
fn source_files_are_one_idea_each() {
    let mut files = rust_files(&root().join("tests"));
    for entry in std::fs::read_dir(root().join("crates"))
        .expect("the crates")
        .flatten()
    {
        files.extend(rust_files(&entry.path().join("src")));
        let tests = entry.path().join("tests");
        if tests.is_dir() {
            files.extend(rust_files(&tests));
        }
    }
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let lines = text.lines().count();
        if lines > 400 {
            wrong.push(format!("{} has {lines} lines: split it", file.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not say what it is", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
