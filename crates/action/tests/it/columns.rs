//! The columns of a sheet: the header that a map writes, names that it does not have yet, and what is
//! no header.

use crate::common::home;
use crate::sheets::{append, part, parts, prefixed_with, rows};
use serde_json::{Value, json};
use std::fs;

#[tokio::test]
async fn a_map_writes_the_header_of_a_new_sheet_and_is_matched_to_it_later() {
    for file in ["m.xlsx", "m.csv"] {
        let home = home();
        append(&home, file, json!({"plate": "A", "score": 1}), "1:0").await;
        append(&home, file, json!({"score": 2, "plate": "B"}), "1:1").await;
        assert_eq!(
            rows(&home, file).await,
            json!([["plate", "score"], ["A", 1], ["B", 2]])
        );
    }
}

#[tokio::test]
async fn names_that_have_no_column_yet_become_new_ones_on_the_right() {
    for file in ["w.xlsx", "w.csv"] {
        let mut home = home();
        append(&home, file, json!({"plate": "A"}), "1:0").await;
        let wider = json!({"file": file, "row": {"plate": "B", "=score": 2, "away": null}});
        let receipt = home.perform("sheet.append", wider.clone(), "1:1").await;
        let receipt = receipt.unwrap();
        assert!(
            receipt.summary.ends_with("with new columns: =score, away"),
            "{}",
            receipt.summary
        );
        assert_eq!(receipt.detail["columns"], json!(["=score", "away"]));
        // The crash came before the record: neither a second row nor second columns.
        home = home.restarted();
        let again = home.perform("sheet.append", wider, "1:1").await.unwrap();
        assert!(
            again.summary.ends_with("already there"),
            "{}",
            again.summary
        );
        append(&home, file, json!({"=score": 3}), "1:2").await;
        // None of its names is known, but nobody else's hand was at this sheet.
        append(&home, file, json!({"gate": true}), "1:3").await;
        let found = rows(&home, file).await;
        let trimmed: Vec<Vec<Value>> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let mut row = row.as_array().unwrap().clone();
                row.resize(4, Value::Null);
                row
            })
            .collect();
        assert_eq!(
            json!(trimmed),
            json!([
                ["plate", "=score", "away", "gate"],
                ["A", null, null, null],
                ["B", 2, null, null],
                [null, 3, null, null],
                [null, null, null, true]
            ]),
            "{file}"
        );
    }
}

#[tokio::test]
async fn a_new_column_leaves_every_other_byte_of_a_foreign_workbook() {
    let home = home();
    let before = include_bytes!("../data/foreign.xlsx");
    fs::write(home.files.join("f.xlsx"), before).unwrap();
    let row = json!({"Plate": "ABC", "Speed & way": "=1+1"});
    assert_eq!(append(&home, "f.xlsx", row, "1:0").await, 4);
    let after = fs::read(home.files.join("f.xlsx")).unwrap();
    for ((name, old), (_, new)) in parts(before).iter().zip(&parts(&after)) {
        let changed = ["xl/worksheets/sheet1.xml", "xl/workbook.xml"].contains(&name.as_str());
        assert!(changed || old == new, "{name} changed");
    }
    let old = part(before, "xl/worksheets/sheet1.xml");
    let new = part(&after, "xl/worksheets/sheet1.xml");
    let cut = |sheet: &str, row: &str| {
        let start = sheet.find(row).unwrap();
        let end = start + sheet[start..].find("</row>").unwrap();
        sheet[start..end].to_owned()
    };
    // The first row grew at its end; the other rows and what follows are as they were.
    let header = (cut(&old, "<row r=\"1\""), cut(&new, "<row r=\"1\""));
    let (_, cells) = header.0.split_once('>').unwrap();
    assert!(header.1.contains(cells), "{}", header.1);
    assert!(header.1.contains("Speed &amp; way"), "{}", header.1);
    for row in ["<row r=\"2\"", "<row r=\"3\""] {
        assert_eq!(cut(&old, row), cut(&new, row));
    }
    let (_, tail) = old.split_once("</sheetData>").unwrap();
    assert!(new.contains(tail), "{new}");
    let found = rows(&home, "f.xlsx").await;
    let column = found[0].as_array().unwrap().len() - 1;
    assert_eq!(found[0][column], "Speed & way");
    assert_eq!(found[3][column], "=1+1");
    assert!(found[1].get(column).is_none_or(Value::is_null), "{found}");
}

#[tokio::test]
async fn formatted_cells_of_a_header_row_are_filled_and_those_behind_stay() {
    let home = home();
    let sheet = "<x:row r=\"1\" spans=\"1:2\"><x:c r=\"A1\" s=\"1\" t=\"s\"><x:v>0</x:v></x:c><x:c r=\"B1\" s=\"2\"/><x:c r=\"D1\" s=\"3\"/></x:row>";
    let book = prefixed_with(sheet);
    fs::write(home.files.join("h.xlsx"), book).unwrap();
    let row = json!({"When": 1, "Plate": "A", "Way": "in"});
    append(&home, "h.xlsx", row, "1:0").await;
    let bytes = fs::read(home.files.join("h.xlsx")).unwrap();
    let sheet = part(&bytes, "xl/w/s.xml");
    let text = |text: &str| format!("<x:is><x:t xml:space=\"preserve\">{text}</x:t></x:is>");
    let (plate, way) = (text("Plate"), text("Way"));
    assert!(
        sheet.contains(&format!(
            "<x:row r=\"1\" spans=\"1:3\"><x:c r=\"A1\" s=\"1\" t=\"s\"><x:v>0</x:v></x:c><x:c r=\"B1\" s=\"2\" t=\"inlineStr\">{plate}</x:c><x:c r=\"C1\" s=\"1\" t=\"inlineStr\">{way}</x:c><x:c r=\"D1\" s=\"3\"/></x:row>"
        )),
        "{sheet}"
    );
    assert_eq!(
        rows(&home, "h.xlsx").await[1],
        json!([1, "A", "in"]),
        "{sheet}"
    );
}

#[tokio::test]
async fn a_csv_from_elsewhere_gets_its_column_in_its_own_manner() {
    let home = home();
    let file = |text: &str| fs::write(home.files.join("s.csv"), text).unwrap();
    let read = || fs::read_to_string(home.files.join("s.csv")).unwrap();
    let row = json!({"Plate": "B", "Score": 2});
    // The second line has more cells than the first has names: none of them gets the new one.
    file("\"When\";Plate\nx;y;extra");
    append(&home, "s.csv", row.clone(), "1:0").await;
    assert_eq!(read(), "\"When\";Plate;;Score\nx;y;extra\n;B;;2\n");
    file("When,\"Pla\r\nte\",Plate\r\nx,y,z\r\n");
    append(&home, "s.csv", row.clone(), "2:0").await;
    assert_eq!(
        read(),
        "When,\"Pla\r\nte\",Plate,Score\r\nx,y,z\r\n,,B,2\r\n"
    );
    file("Plate");
    append(&home, "s.csv", row, "3:0").await;
    assert_eq!(read(), "Plate,Score\r\nB,2\r\n");
}

#[tokio::test]
async fn a_first_row_that_may_be_data_does_not_grow_into_a_header() {
    let home = home();
    fs::write(home.files.join("foreign.csv"), "Visitors of 2026\nx,y\n").unwrap();
    append(&home, "ours.xlsx", json!(["ABC", 1]), "1:0").await;
    append(&home, "ours.csv", json!(["ABC", 1]), "1:0").await;
    for file in ["foreign.csv", "ours.xlsx", "ours.csv"] {
        let before = fs::read(home.files.join(file)).unwrap();
        let args = json!({"file": file, "row": {"plate": "C"}});
        let error = home.perform("sheet.append", args, "1:1").await;
        let error = error.unwrap_err();
        assert!(error.message.contains("may be no header row"), "{error}");
        assert_eq!(fs::read(home.files.join(file)).unwrap(), before, "{file}");
    }
}
