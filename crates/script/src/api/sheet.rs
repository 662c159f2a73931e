//! `sheet::append`, `sheet::read`; `file::save`, `append`, `read`.

use super::tell::{self, DAYS, Told};
use super::{Fallible, empty, function, nothing_left, wrong};
use crate::convert::{self, Use};
use crate::current;
use porchlight_core::action::BYTES;
use rhai::{Dynamic, Map, Module};
use serde_json::{Value, json};

pub(super) fn sheet() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Adds a row to a spreadsheet below `data/files`, once the run is stored.
        ///
        /// A file that isn't there is made. Numbers become numbers, a text is never a formula,
        /// and what else is in an `.xlsx` file (charts, styles, other sheets) stays.
        ///
        /// * `file` (text): its name, which ends in `.csv` or `.xlsx`; folders are made
        /// * `row` (list or map): the cells, or cells by the names of their columns: a new file gets these as its first row, in alphabetical order, and a later row may leave some out, but not add one
        /// * `options` (map):
        ///   * the options of every told action
        ///
        /// Fails when the name is no path inside `data/files` or ends otherwise.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     sheet::append("doors.csv", [event.time, event.data.door]);
        ///     sheet::append("doors.xlsx", #{ "When": event.time, "Door": event.data.door });
        /// });
        /// ```
        "append",
        (file: &str, row: Dynamic) => append(file, &row, Map::new()),
        (file: &str, row: Dynamic, options: Map) => append(file, &row, options),
    }
    function! {
        module,
        /// Reads a whole spreadsheet below `data/files` now.
        ///
        /// * `file` (text): its name, which ends in `.csv` or `.xlsx`
        ///
        /// Gives (map): `#{ rows }`, each row a list of cells; an empty cell is `()`
        ///
        /// Fails when the file isn't there, is too large or is no sheet.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     let guests = sheet::read("guests.csv").rows;
        ///     if guests.some(|row| row[0] == event.data.door) { log::info("expected"); }
        /// });
        /// ```
        "read",
        (file: &str) => tell::ask("sheet.read", &json!({ "file": checked(file)? }), None),
    }
    module
}

pub(super) fn file() -> Module {
    let mut module = empty();
    function! {
        module,
        /// Writes a file below `data/files`, once the run is stored; one of that name is replaced whole.
        ///
        /// * `path` (text): its name; folders are made
        /// * `content` (text or Attachment or Blob): what to write
        /// * `options` (map):
        ///   * the options of every told action
        ///
        /// Fails when the name is no path inside `data/files`, or the content is neither.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for picture in event.attachments {
        ///         file::save(`pictures/${event.id}-${picture.name}.jpg`, picture);
        ///     }
        /// });
        /// ```
        "save",
        (path: &str, content: Dynamic) => save(path, &content, Map::new()),
        (path: &str, content: Dynamic, options: Map) => save(path, &content, options),
    }
    function! {
        module,
        /// Adds text to the end of a file below `data/files`, once the run is stored.
        ///
        /// * `path` (text): its name; file and folders are made
        /// * `text` (text): what to add; a line ends in `\n`
        /// * `options` (map):
        ///   * the options of every told action
        ///
        /// Fails when the name is no path inside `data/files`.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     file::append("doors.log", `${event.time} ${event.data.door}\n`);
        /// });
        /// ```
        "append",
        (path: &str, text: &str) => add(path, text, Map::new()),
        (path: &str, text: &str, options: Map) => add(path, text, options),
    }
    function! {
        module,
        /// Reads a text file below `data/files` now.
        ///
        /// * `path` (text): its name
        ///
        /// Gives (map): `#{ text }`
        ///
        /// Fails when the file isn't there, is too large or is no text.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for name in file::read("guests.txt").text.split("\n") {
        ///         if name == event.data.door { log::info("expected"); }
        ///     }
        /// });
        /// ```
        "read",
        (path: &str) => tell::ask("file.read", &json!({ "path": checked(path)? }), None),
    }
    module
}

/// What is wrong with a path.
pub(crate) fn path_mistake(path: &str) -> Option<String> {
    let wrong = checked(path).err()?;
    Some(crate::explain::mistake(&wrong, "").message)
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
        blob if blob.get("$blob").or(blob.get(BYTES)).is_some() => {
            json!({ "path": path, "blob": blob })
        }
        _ => return wrong("`file::save` saves text, a Blob or an attachment of the event"),
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
