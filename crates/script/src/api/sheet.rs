//! `sheet::append`, `sheet::read`; `file::save`, `append`, `read`, `prune`.

use super::tell::{self, DAYS, Told};
use super::{Fallible, duration, empty, function, nothing_left, take, time, wrong};
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
        /// * `file` (text): its name, which ends in `.csv` or `.xlsx`; folders are made; `{date}`, `{month}` and `{year}` in it are those of the run: "visitors-{month}.xlsx"
        /// * `row` (list or map): the cells, or cells by the names of their columns: a new file gets these as its first row, in alphabetical order; a later row may leave some out, and a name that is not there yet becomes a new column on the right
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
        (file: &str) => tell::ask("sheet.read", &json!({ "file": checked(&dated(file)?)? }), None),
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
        (path: &str) => tell::ask("file.read", &json!({ "path": checked(&dated(path)?)? }), None),
    }
    function! {
        module,
        /// Takes away old files of a folder below `data/files`, once the run is stored.
        ///
        /// The oldest go first, until every rule holds. It looks into the folders below as well, and
        /// leaves alone what was written within the last minute.
        ///
        /// * `folder` (text): its name; "." is the whole of `data/files`
        /// * `options` (map): what may stay; at least one of the first three:
        ///   * `keep` (duration): files younger than this
        ///   * `files` (whole number): so many
        ///   * `bytes` (text or whole number): as many as are so large together: "2GB"
        ///   * the options of every told action
        ///
        /// Fails when the name is no path inside `data/files`, or no rule is said.
        ///
        /// ```rhai
        /// daily("04:00", || file::prune("pictures", #{ keep: "30d", bytes: "2GB" }));
        /// ```
        "prune",
        (folder: &str, options: Map) => prune(folder, options),
    }
    module
}

/// `{date}`, `{month}` and `{year}` of a name, by the clock of the home at the moment of the run. They
/// are settled here and not when the action is performed, so that one that is late or tried again
/// writes to the file of its day. What else stands in braces stays: names come from events as well.
fn dated(path: &str) -> Fallible<String> {
    let mut dated = path.to_owned();
    for (word, pattern) in [
        ("{date}", "%Y-%m-%d"),
        ("{month}", "%Y-%m"),
        ("{year}", "%Y"),
    ] {
        if dated.contains(word)
            && let Some(now) = current::running(|running| running.now)
        {
            let now = time::format(&Dynamic::from(now.0), pattern, &time::home())?;
            dated = dated.replace(word, &now);
        }
    }
    Ok(dated)
}

const RULES: &[&str] = &["keep", "files", "bytes"];

fn prune(folder: &str, mut options: Map) -> Fallible<()> {
    let known = [RULES, tell::OPTIONS].concat();
    let unknown = options
        .keys()
        .filter(|name| !known.contains(&name.as_str()));
    let unknown: Map = unknown.map(|name| (name.clone(), Dynamic::UNIT)).collect();
    nothing_left(&unknown, "file::prune", &known)?;
    let folder = if folder == "." {
        folder
    } else {
        checked(folder)?
    };
    let mut args = json!({ "path": folder });
    for rule in RULES {
        let Some(value) = take(&mut options, rule) else {
            continue;
        };
        args[*rule] = match (*rule, value.as_int()) {
            ("keep", _) => {
                duration(&value, "`keep`")?;
                value.to_string().into()
            }
            (_, Ok(number @ 0..)) => number.into(),
            ("bytes", Err(_)) if value.is_string() => {
                let text = value.to_string();
                porchlight_core::units::parse_size(&text).or_else(wrong)?;
                text.into()
            }
            _ => return wrong(format!("`{rule}` is a number that is not negative")),
        };
    }
    if !RULES.iter().any(|rule| args.get(rule).is_some()) {
        return wrong("say what may stay: `keep: \"30d\"`, `files: 1000` or `bytes: \"2GB\"`");
    }
    let told = Told {
        kind: "file.prune",
        title: format!("file::prune({folder:?})"),
        args,
        lane: format!("file:{folder}"),
        ttl: DAYS,
    };
    tell::tell_only(told, options, "file::prune", RULES)
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
    let file = dated(file)?;
    let file = checked(&file)?;
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
    let path = dated(path)?;
    let path = checked(&path)?;
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
    let path = dated(path)?;
    let path = checked(&path)?;
    let told = Told {
        kind: "file.append",
        title: format!("file::append({path:?})"),
        args: json!({ "path": path, "text": text }),
        lane: format!("file:{path}"),
        ttl: DAYS,
    };
    tell_and_check(told, options, "file::append")
}
