//! `docs/reference` says what the code says.

use porchlight_script::reference::Reference;
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn the_pages_in_the_repository_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let wanted: BTreeMap<String, String> = Reference::read().files().into_iter().collect();
    if std::env::var_os("PORCHLIGHT_BLESS").is_some() {
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &wanted {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    let there: BTreeMap<String, String> = std::fs::read_dir(&folder)
        .expect("docs/reference; write it with PORCHLIGHT_BLESS=1")
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect();
    let stale: Vec<&String> = wanted
        .keys()
        .chain(there.keys())
        .filter(|name| wanted.get(*name) != there.get(*name))
        .collect();
    assert!(
        stale.is_empty(),
        "stale: {stale:?}; run `porchlight reference --write docs/reference`, \
         or this test with PORCHLIGHT_BLESS=1"
    );
}
