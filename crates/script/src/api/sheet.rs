//! `sheet::append`, `sheet::read`; `file::save`, `append`, `read`.

use super::tell::{self, DAYS, Told};
use super::{Fallible, empty, function, nothing_left, wrong};
use crate::convert::{self, Use};
use crate::current;
use rhai::{Dynamic, Map, Module};
use serde_json::{Value, json};

pub(super) fn sheet() -> Module {
    let mut module = empty();
    function!(module, "append", |file: &str, row: Dynamic| append(
        file,
        &row,
        Map::new()
    ));
    function!(module, "append", |file: &str, row: Dynamic, o: Map| append(
        file, &row, o
    ));
    function!(module, "read", |file: &str| {
        tell::ask("sheet.read", &json!({ "file": checked(file)? }), None)
    });
    module
}

pub(super) fn file() -> Module {
    let mut module = empty();
    function!(module, "save", |path: &str, content: Dynamic| save(
        path,
        &content,
        Map::new()
    ));
    function!(module, "save", |path: &str, content: Dynamic, o: Map| save(
        path, &content, o
    ));
    function!(module, "append", |path: &str, text: &str| add(
        path,
        text,
        Map::new()
    ));
    function!(module, "append", |path: &str, text: &str, o: Map| add(
        path, text, o
    ));
    function!(module, "read", |path: &str| {
        tell::ask("file.read", &json!({ "path": checked(path)? }), None)
    });
    module
}

/// The action that performs it keeps to its folder as well; here the author sees it earlier.
fn checked(path: &str) -> Fallible<&str> {
    let parts = std::path::Path::new(path).components();
    let mut plain = parts.map(|part| matches!(part, std::path::Component::Normal(_)));
    if path.is_empty() || path.contains(['\\', '\0']) || !plain.all(|plain| plain) {
        return wrong(format!(
            "{path:?} is no path inside data/files; write one such as \"visitors.csv\""
        ));
    }
    Ok(path)
}

pub(super) fn tell_and_check(told: Told, mut options: Map, of: &str) -> Fallible<()> {
    tell::tell(told, &mut options)?;
    nothing_left(&options, of, tell::OPTIONS).inspect_err(|_| {
        current::running(|running| running.actions.pop());
    })
}

fn append(file: &str, row: &Dynamic, options: Map) -> Fallible<()> {
    let file = checked(file)?;
    if !file.ends_with(".csv") && !file.ends_with(".xlsx") {
        return wrong(format!("{file:?} is no sheet; sheets end in .csv or .xlsx"));
    }
    let row = convert::to_json(row, Use::Plain).or_else(wrong)?;
    if !row.is_array() && !row.is_object() {
        return wrong("a row is a list of cells, or a map from column names to cells");
    }
    let told = Told {
        kind: "sheet.append",
        title: format!("sheet::append({file:?})"),
        args: json!({ "file": file, "row": row }),
        lane: format!("sheet:{file}"),
        ttl: DAYS,
    };
    tell_and_check(told, options, "sheet::append")
}

fn save(path: &str, content: &Dynamic, options: Map) -> Fallible<()> {
    let path = checked(path)?;
    let content = convert::to_json(content, Use::Action).or_else(wrong)?;
    let args = match content {
        Value::String(text) => json!({ "path": path, "text": text }),
        blob if blob.get("$blob").is_some() => json!({ "path": path, "blob": blob }),
        _ => return wrong("`file::save` saves text or an attachment of the event"),
    };
    let told = Told {
        kind: "file.save",
        title: format!("file::save({path:?})"),
        args,
        lane: format!("file:{path}"),
        ttl: DAYS,
    };
    tell_and_check(told, options, "file::save")
}

fn add(path: &str, text: &str, options: Map) -> Fallible<()> {
    let path = checked(path)?;
    let told = Told {
        kind: "file.append",
        title: format!("file::append({path:?})"),
        args: json!({ "path": path, "text": text }),
        lane: format!("file:{path}"),
        ttl: DAYS,
    };
    tell_and_check(told, options, "file::append")
}
