//! The page that says what is refused names tests, and they are there.

use std::path::Path;

#[test]
fn every_test_that_the_security_page_names_exists() {
    let root = crate::layering::root();
    let mut sources = String::new();
    for folder in ["crates", "tests", "fuzz/targets"] {
        collect(&root.join(folder), &mut sources);
    }
    let page =
        std::fs::read_to_string(root.join("docs/security.md")).expect("a file of the project");
    // The page has other tables too; this one ends where its lines do.
    let rows = page
        .lines()
        .skip_while(|line| !line.ends_with("| test |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut named = 0;
    for row in rows {
        let column = row
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .expect("a file of the project");
        for test in column.split(',').map(|name| name.trim().trim_matches('`')) {
            assert!(
                sources.contains(&format!("fn {test}(")),
                "there is no test `{test}`"
            );
            named += 1;
        }
    }
    assert!(named > 30, "only {named} names were found");
}

fn collect(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder)
        .expect("a file of the project")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(path).expect("a file of the project"));
        }
    }
}
