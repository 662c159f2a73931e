//! Rows appended to spreadsheets, and what is in the files afterwards.

use crate::common::{Home, home};
use serde_json::{Value, json};
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::time::Instant;

pub async fn append(home: &Home, file: &str, row: Value, key: &str) -> Value {
    let receipt = home
        .perform("sheet.append", json!({"file": file, "row": row}), key)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    receipt.detail["row"].clone()
}

pub async fn rows(home: &Home, file: &str) -> Value {
    let args = json!({ "file": file });
    let receipt = home.perform("sheet.read", args, "").await;
    receipt.unwrap_or_else(|error| panic!("{error}")).detail["rows"].clone()
}

pub fn parts(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

pub fn part(bytes: &[u8], name: &str) -> String {
    let found = parts(bytes).into_iter().find(|(part, _)| part == name);
    String::from_utf8(found.unwrap().1).unwrap()
}

#[tokio::test]
async fn a_new_workbook_keeps_the_types_of_its_cells() {
    let home = home();
    let row = json!([
        "2026-11-22T12:00:00Z",
        "00123",
        "=1+1",
        0.91,
        42,
        true,
        null,
        "ä <&> \"x\"\r\n\u{1}"
    ]);
    assert_eq!(append(&home, "log/v.xlsx", row.clone(), "1:0").await, 1);
    assert_eq!(append(&home, "log/v.xlsx", row, "1:1").await, 2);
    let expected = json!([
        "2026-11-22T12:00:00",
        "00123",
        "=1+1",
        0.91,
        42,
        true,
        null,
        "ä <&> \"x\"\r\n\u{FFFD}"
    ]);
    assert_eq!(rows(&home, "log/v.xlsx").await, json!([expected, expected]));
    let sheet = part(
        &fs::read(home.files.join("log/v.xlsx")).unwrap(),
        "xl/worksheets/sheet1.xml",
    );
    assert!(
        !sheet.contains("<f>") && sheet.contains(r#"<dimension ref="A1:H2"/>"#),
        "{sheet}"
    );
    assert!(
        sheet.contains(r#"<c r="A1" s="1"><v>46348.5</v></c>"#),
        "{sheet}"
    );
}

#[tokio::test]
async fn a_foreign_workbook_loses_nothing() {
    let home = home();
    let before = include_bytes!("../data/foreign.xlsx");
    fs::write(home.files.join("f.xlsx"), before).unwrap();
    let row = json!([
        "2026-11-22T12:00:00Z",
        "XYZ789",
        0.5,
        true,
        "2026-11-22T12:00:00Z"
    ]);
    assert_eq!(append(&home, "f.xlsx", row, "1:0").await, 4);
    let named = json!({"Plate": "=cmd()", "Score": 1});
    assert_eq!(append(&home, "f.xlsx", named, "1:1").await, 5);
    let after = fs::read(home.files.join("f.xlsx")).unwrap();
    let (old, new) = (parts(before), parts(&after));
    assert_eq!(old.len(), new.len());
    for ((old_name, old), (new_name, new)) in old.iter().zip(&new) {
        assert_eq!(old_name, new_name);
        let changed = ["xl/worksheets/sheet1.xml", "xl/workbook.xml"].contains(&old_name.as_str());
        assert!(changed || old == new, "{old_name} changed");
    }
    let (old, new) = (
        part(before, "xl/worksheets/sheet1.xml"),
        part(&after, "xl/worksheets/sheet1.xml"),
    );
    let (head, tail) = old.split_once("</sheetData>").unwrap();
    assert!(new.starts_with(&head.replace("A1:G3", "A1:G5")), "{new}");
    assert!(new.contains(tail), "{new}");
    // The date's style is a date, so it becomes one; the fifth column has none, so it stays text.
    assert!(
        new.contains(r#"<c r="A4" s="2"><v>46348.5</v></c><c r="B4" s="3" t="inlineStr">"#),
        "{new}"
    );
    assert!(
        new.contains(r#"<c r="E4" t="inlineStr"><is><t xml:space="preserve">2026-11-22T12:00:00Z"#),
        "{new}"
    );
    assert!(
        new.contains(r#"<row r="5"><c r="A5" s="2"/><c r="B5" s="3" t="inlineStr">"#),
        "{new}"
    );
    assert!(part(&after, "xl/workbook.xml").contains(r#"fullCalcOnLoad="1""#));
}

/// A workbook as .NET writes it: prefixed names, shared strings, rooted targets, no calcPr; with
/// formatted empty rows, and `r` left out.
pub fn prefixed() -> Vec<u8> {
    prefixed_with(
        r#"<x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c></x:row><x:row><x:c s="2"/><x:c s="3"/></x:row><x:row><x:c s="2"/><x:c s="3"/></x:row>"#,
    )
}

/// The same with these rows.
pub fn prefixed_with(rows: &str) -> Vec<u8> {
    let main = r#"xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main""#;
    let relation = |id: u8, kind: &str, target: &str| {
        format!(
            r#"<Relationship Id="R{id}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" Target="{target}"/>"#
        )
    };
    let files = [
        (
            "_rels/.rels",
            format!(
                "<Relationships>{}</Relationships>",
                relation(1, "officeDocument", "/xl/workbook.xml")
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships>{}{}</Relationships>",
                relation(1, "worksheet", "/xl/w/s.xml"),
                relation(2, "sharedStrings", "ss.xml")
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<x:workbook {main} xmlns:r="r"><x:workbookPr date1904="1"/><x:sheets><x:sheet name="A" sheetId="1" r:id="R1"/></x:sheets></x:workbook>"#
            ),
        ),
        (
            "xl/ss.xml",
            format!(
                "<x:sst {main}><x:si><x:t>When</x:t></x:si><x:si><x:r><x:t>Pl</x:t></x:r><x:r><x:t>ate</x:t></x:r><x:rPh><x:t>no</x:t></x:rPh></x:si></x:sst>"
            ),
        ),
        (
            "xl/w/s.xml",
            format!(r#"<x:worksheet {main}><x:sheetData>{rows}</x:sheetData></x:worksheet>"#),
        ),
    ];
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn formatted_empty_rows_are_filled_and_prefixed_names_understood() {
    let home = home();
    fs::write(home.files.join("p.xlsx"), prefixed()).unwrap();
    assert_eq!(
        append(&home, "p.xlsx", json!({"Plate": "A"}), "1:0").await,
        2
    );
    assert_eq!(
        append(&home, "p.xlsx", json!({"Plate": "B", "When": 1}), "1:1").await,
        3
    );
    assert_eq!(append(&home, "p.xlsx", json!(["x", "C"]), "1:2").await, 4);
    assert_eq!(
        rows(&home, "p.xlsx").await,
        json!([["When", "Plate"], [null, "A"], [1, "B"], ["x", "C"]])
    );
    let bytes = fs::read(home.files.join("p.xlsx")).unwrap();
    let sheet = part(&bytes, "xl/w/s.xml");
    assert_eq!(sheet.matches("<x:row").count(), 4, "{sheet}");
    assert!(
        sheet.contains(r#"<x:c r="B4" s="3" t="inlineStr">"#),
        "{sheet}"
    );
    assert!(
        part(&bytes, "xl/workbook.xml").contains(r#"</x:sheets><x:calcPr fullCalcOnLoad="1"/>"#)
    );
}

#[tokio::test]
async fn an_append_that_is_repeated_after_a_crash_adds_nothing() {
    for file in ["r.xlsx", "r.csv"] {
        let mut home = home();
        append(&home, file, json!(["first"]), "1:0").await;
        append(&home, file, json!(["second"]), "2:0").await;
        home = home.restarted();
        append(&home, file, json!(["second"]), "2:0").await;
        // The same key with another row is another row: the keys of a lost journal begin anew.
        append(&home, file, json!(["third"]), "2:0").await;
        append(&home, file, json!(["third"]), "3:0").await;
        assert_eq!(
            rows(&home, file).await,
            json!([["first"], ["second"], ["third"], ["third"]]),
            "{file}"
        );
    }
}

#[tokio::test]
async fn a_torn_csv_row_is_completed_by_its_repeat() {
    for lost in 1..=10 {
        let home = home();
        append(&home, "t.csv", json!(["first"]), "1:0").await;
        append(&home, "t.csv", json!(["a, \"b\""]), "2:0").await;
        let path = home.files.join("t.csv");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - lost]).unwrap();
        append(&home, "t.csv", json!(["a, \"b\""]), "2:0").await;
        assert_eq!(fs::read(&path).unwrap(), whole, "{lost} bytes lost");
    }
}

#[tokio::test]
async fn a_csv_is_safe_to_open_and_keeps_the_habits_of_its_file() {
    let home = home();
    append(
        &home,
        "n.csv",
        json!(["=1+1", "-5", -5, "+49", "@x", "a,b", "q\"q", null, true]),
        "1:0",
    )
    .await;
    assert_eq!(
        fs::read_to_string(home.files.join("n.csv")).unwrap(),
        "\u{FEFF}'=1+1,'-5,-5,'+49,'@x,\"a,b\",\"q\"\"q\",,true\r\n"
    );
    assert_eq!(
        rows(&home, "n.csv").await,
        json!([["=1+1", "-5", -5, "+49", "@x", "a,b", "q\"q", null, true]])
    );
    fs::write(home.files.join("s.csv"), "When;Plate\nx;y").unwrap();
    append(&home, "s.csv", json!({"Plate": "A,B"}), "1:0").await;
    assert_eq!(
        fs::read_to_string(home.files.join("s.csv")).unwrap(),
        "When;Plate\nx;y\n;A,B\n"
    );
}

#[tokio::test]
async fn an_open_workbook_is_left_alone_until_it_is_closed() {
    for mark in ["~$o.xlsx", ".~lock.o.xlsx#"] {
        let home = home();
        append(&home, "o.xlsx", json!([1]), "1:0").await;
        fs::write(home.files.join(mark), "").unwrap();
        let args = json!({"file": "o.xlsx", "row": [2]});
        let error = home
            .perform("sheet.append", args.clone(), "2:0")
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("io", porchlight_core::Retry::Later)
        );
        fs::remove_file(home.files.join(mark)).unwrap();
        home.perform("sheet.append", args, "2:0").await.unwrap();
        assert_eq!(rows(&home, "o.xlsx").await, json!([[1], [2]]));
    }
}

#[tokio::test]
async fn garbage_is_refused_and_stays_as_it_was() {
    let good = include_bytes!("../data/foreign.xlsx");
    let home = home();
    let path = home.files.join("g.xlsx");
    for cut in (0..good.len()).step_by(97) {
        fs::write(&path, &good[..cut]).unwrap();
        let args = json!({"file": "g.xlsx", "row": ["x"]});
        let error = home.perform("sheet.append", args, "").await.unwrap_err();
        assert_eq!(error.kind, "rejected");
        assert_eq!(fs::read(&path).unwrap(), &good[..cut]);
    }
    // Whatever a flipped byte does, it must not be a panic.
    for at in (0..good.len()).step_by(13) {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x55;
        fs::write(&path, bytes).unwrap();
        let args = json!({"file": "g.xlsx", "row": ["x"]});
        if let Err(error) = home.perform("sheet.append", args, "").await {
            assert_ne!(error.kind, "panic", "byte {at}");
        }
    }
    for row in [json!([]), json!({}), json!("text")] {
        let args = json!({"file": "g.csv", "row": row});
        assert_eq!(
            home.perform("sheet.append", args, "")
                .await
                .unwrap_err()
                .kind,
            "config"
        );
    }
    let args = json!({"file": "g.ods", "row": [1]});
    assert_eq!(
        home.perform("sheet.append", args, "")
            .await
            .unwrap_err()
            .kind,
        "config"
    );
}

/// `cargo test --release -p porchlight-action --test sheets -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn measure_appends() {
    for file in ["big.xlsx", "big.csv"] {
        let home = home();
        let mut since = Instant::now();
        for number in 1..=5000 {
            let row = json!([
                "2026-11-22T12:00:00Z",
                format!("PLATE{number}"),
                0.93,
                "driveway",
                number
            ]);
            append(&home, file, row, &format!("{number}:0")).await;
            if [100, 1000, 5000].contains(&number) {
                println!("{file}: up to row {number}: {:?} in all", since.elapsed());
                let start = Instant::now();
                for extra in 0..20 {
                    append(
                        &home,
                        file,
                        json!(["x", "y", 1, 2, 3]),
                        &format!("x{number}:{extra}"),
                    )
                    .await;
                }
                println!(
                    "{file}: an append at {number} rows takes {:?}",
                    start.elapsed() / 20
                );
                since = Instant::now();
            }
        }
        println!(
            "{file}: {} bytes",
            fs::metadata(home.files.join(file)).unwrap().len()
        );
        if let Some(keep) = std::env::var_os("KEEP") {
            fs::copy(
                home.files.join(file),
                std::path::Path::new(&keep).join(file),
            )
            .unwrap();
        }
    }
}
