//! LibreOffice, as a judge of the spreadsheets that we write.

use super::Server;
use crate::house::{House, gate_config};
use std::path::Path;

/// A cell as text, whatever it looks like; a number as a number; nothing evaluated.
const ROWS: &str = r#"
on("gate.*", |event| {
    sheet::append("visitors.xlsx", ["00123", 0.91, "=1+1", "Ä, \"quoted\"", true]);
});
"#;

/// What LibreOffice shows of the first sheet of a book.
pub fn as_csv(office: &Server, book: &Path) -> String {
    let status = office
        .command("soffice")
        .arg("--headless")
        .arg(format!(
            "-env:UserInstallation=file://{}/profile",
            office.dir.path().display()
        ))
        .args(["--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"])
        .arg("--outdir")
        .arg(office.dir.path())
        .arg(book)
        .output()
        .expect("soffice runs");
    let converted = book.with_extension("csv");
    let converted = office
        .dir
        .path()
        .join(converted.file_name().expect("a name"));
    // It ends with 0 also when it could not open the file.
    std::fs::read_to_string(&converted)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&status.stderr)))
}

#[test]
fn libreoffice_shows_a_spreadsheet_as_it_was_told() {
    let Some(office) = Server::hold("libreoffice") else {
        return;
    };
    let house = House::start(&gate_config(), &[("visitors.rhai", ROWS)]);
    house.post_ok(r#"{"plate":"00123"}"#);
    house.wait_for_done(1);
    let csv = as_csv(&office, &house.path().join("data/files/visitors.xlsx"));
    assert_eq!(csv, "00123,0.91,=1+1,\"Ä, \"\"quoted\"\"\",TRUE\n");
}

/// Each event's fields are a row, whatever they are.
const NAMED: &str = r#"
on("gate.*", |event| sheet::append("visitors.xlsx", event.data));
"#;

#[test]
fn libreoffice_shows_a_column_that_came_later() {
    let Some(office) = Server::hold("libreoffice") else {
        return;
    };
    let house = House::start(&gate_config(), &[("visitors.rhai", NAMED)]);
    for body in [
        r#"{"plate":"00123"}"#,
        r#"{"plate":"A","=way & \"speed\"":"=1+1"}"#,
        r#"{"gate":7}"#,
    ] {
        house.post_ok(body);
    }
    house.wait_for_done(3);
    assert_eq!(
        as_csv(&office, &house.path().join("data/files/visitors.xlsx")),
        "plate,\"=way & \"\"speed\"\"\",gate\n00123,,\nA,=1+1,\n,,7\n"
    );
}
