//! `docs/judges.md` says what each file of the standard library was held against. Here it is held to
//! that: a new file needs a row, and a row needs a test that speaks of the file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below `stdlib`, as the table writes them: `light/hue`.
fn files(folder: &Path, before: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            files(&path, &format!("{before}{name}/"), found);
        } else {
            found.insert(format!("{before}{name}"));
        }
    }
}

struct Row {
    file: String,
    judge: String,
    tests: Vec<String>,
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    let pieces = text.split('`').skip(1).step_by(2);
    pieces.map(str::to_owned).collect()
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/judges.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        Row {
            file: quoted(cells[0]).swap_remove(0),
            judge: cells[1].to_owned(),
            tests: quoted(cells[3]),
        }
    })
    .collect()
}

#[test]
fn every_file_of_the_standard_library_says_once_what_judges_it() {
    let mut known = BTreeSet::new();
    files(&root().join("crates/script/stdlib"), "", &mut known);
    let mut told = BTreeSet::new();
    for row in rows() {
        assert!(told.insert(row.file.clone()), "{} has two rows", row.file);
        let judges = ["server", "client", "contract", "through"];
        assert!(
            judges.contains(&row.judge.as_str()),
            "{}: {}",
            row.file,
            row.judge
        );
    }
    assert_eq!(known, told, "the files, and the rows of docs/judges.md");
}

#[test]
fn the_test_that_a_row_names_speaks_of_the_file() {
    for row in rows() {
        assert!(!row.tests.is_empty(), "{} names no test", row.file);
        let stem = row
            .file
            .rsplit('/')
            .next()
            .expect("a name")
            .replace('_', "-");
        for test in &row.tests {
            let text = std::fs::read_to_string(root().join(test))
                .unwrap_or_else(|error| panic!("{}: {test}: {error}", row.file));
            let text = text.to_lowercase().replace('_', "-");
            assert!(
                row.judge == "through" || text.contains(&stem),
                "{test} does not speak of {stem}"
            );
        }
        let foreign = |test: &String| test.starts_with("tests/it/servers/");
        let wanted = ["server", "client"].contains(&row.judge.as_str());
        assert!(
            !wanted || row.tests.iter().any(foreign),
            "{}: no test of it runs a program of others",
            row.file
        );
    }
}

/// One screen and a half: who copies a file to change it has to read all of it.
const MOST_LINES: usize = 125;

#[test]
fn each_file_is_short_and_says_where_its_facts_come_from() {
    for row in rows() {
        let path = format!("crates/script/stdlib/{}.rhai", row.file);
        let text = std::fs::read_to_string(root().join(&path)).expect("the file");
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{path} has {lines} lines");
        assert!(text.starts_with("//! "), "{path} does not say what it is");
        let says = text.contains("//! From: ") || row.judge == "through";
        assert!(says, "{path} does not say where its facts come from");
    }
}
