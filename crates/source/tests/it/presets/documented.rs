//! `docs/presets.md` has a row for every preset, with the headers and parameters of its proof.

use super::{file, for_all};

#[test]
fn the_documentation_has_a_row_for_every_preset_with_its_headers() {
    let path = format!("{}/../../docs/presets.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    for_all(|preset| {
        let begin = format!("| `{}` |", preset.name);
        let row = text.lines().find(|line| line.starts_with(&begin));
        let row = row.ok_or("no row begins with its name")?.to_lowercase();
        let headers = preset.scheme.credential_headers();
        let parameters = preset.scheme.credential_parameters();
        let missing = |name: &&&str| !row.contains(&name.to_lowercase());
        match headers.iter().chain(&parameters).find(missing) {
            Some(name) => Err(format!("its row does not name {name}")),
            None => Ok(()),
        }
    });
}

#[test]
fn what_was_not_checked_says_so() {
    for_all(|preset| {
        let (text, _) = file(preset);
        let unsure = text.contains("(believed)") || preset.source.contains("third-party");
        let says = ["believed", "not checked", "third-party"];
        if unsure && !says.iter().any(|word| preset.source.contains(word)) {
            return Err("a fact is only believed, and `source` does not say so".into());
        }
        Ok(())
    });
}
