//! `sheet.append` and `sheet.read`: rows in `.csv` and `.xlsx` files.
//!
//! Cells are typed: numbers and truth values stay what they are, and text stays text whatever it
//! looks like. Plates and camera names come from strangers, so nothing here ever becomes a formula.
//!
//! A row is a list, or a map from column names to values. In a new file the names become the header
//! row; in an existing one they are looked up in its first row, and a name that is not there becomes a
//! new column on the right, which the record of the action names, so that a misspelt one is seen. A
//! first row in which no name is known and which may be no header (see [`Row::unknown`]) is left
//! alone, with an error.

mod cell;
mod csv_file;
mod xlsx;

use crate::failure::config;
use crate::fields::{Fields, suggestion};
use crate::jail::Jail;
use porchlight_core::{ActionError, Receipt};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Largest sheet that is read into a script's memory.
const LARGEST_READ: u64 = 16 << 20;

/// What Excel can show in a row.
const MOST_COLUMNS: usize = 16_384;

/// What to do with a sheet.
pub(crate) enum SheetTask {
    Append { file: String, row: Row },
    Read { file: String },
}

/// A row as the script gave it.
pub(crate) enum Row {
    Cells(Vec<Value>),
    Named(Map<String, Value>),
}

enum Format {
    Csv,
    Xlsx,
}

impl SheetTask {
    /// Reads the arguments of `sheet.*`.
    pub(crate) fn parse(kind: &str, args: &Value) -> Result<Self, ActionError> {
        if kind == "sheet.read" {
            let fields = Fields::new(kind, args, &["file"])?;
            let file = fields.required_text("file")?.to_owned();
            return Ok(Self::Read { file });
        }
        let fields = Fields::new(kind, args, &["file", "row"])?;
        let file = fields.required_text("file")?.to_owned();
        let row = match fields.required("row")? {
            Value::Array(cells) => Row::Cells(cells.clone()),
            Value::Object(named) => Row::Named(named.clone()),
            _ => return Err(fields.wrong("row", "a list or a map")),
        };
        if row.len() == 0 || row.len() > MOST_COLUMNS {
            return Err(fields.wrong("row", "between 1 and 16384 cells"));
        }
        Ok(Self::Append { file, row })
    }

    fn file(&self) -> &str {
        match self {
            Self::Append { file, .. } | Self::Read { file } => file,
        }
    }

    fn format(&self) -> Result<Format, ActionError> {
        let file = self.file();
        let extension = file.rsplit_once('.').map(|(_, extension)| extension);
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Ok(Format::Csv),
            Some("xlsx") => Ok(Format::Xlsx),
            _ => Err(config(format!(
                "{file}: a sheet is a .csv or an .xlsx file"
            ))),
        }
    }
}

/// The sheets of a home.
pub(crate) struct Sheets {
    jail: Arc<Jail>,
    books: xlsx::Books,
}

impl Sheets {
    pub(crate) fn new(jail: Arc<Jail>) -> Self {
        Self {
            jail,
            books: xlsx::Books::default(),
        }
    }

    /// Does it. Blocks on the disk.
    pub(crate) fn perform(&self, task: &SheetTask, key: &str) -> Result<Receipt, ActionError> {
        let format = task.format()?;
        match task {
            SheetTask::Append { file, row } => {
                let spot = self.jail.for_writing(file)?;
                let added = match format {
                    Format::Csv => csv_file::append(&spot, row, key)?,
                    Format::Xlsx => self.books.append(&spot, row, key)?,
                };
                Ok(added.receipt(file))
            }
            SheetTask::Read { file } => {
                let spot = self.jail.for_reading(file)?;
                let rows = match format {
                    Format::Csv => csv_file::read(&spot)?,
                    Format::Xlsx => xlsx::read(&spot)?,
                };
                Ok(Receipt {
                    summary: format!("{} rows of {file}", rows.len()),
                    detail: json!({ "rows": rows }),
                })
            }
        }
    }
}

/// What became of an append.
enum Added {
    /// The row, with its number where that is known without reading the whole file, and the columns
    /// that the sheet had not had before.
    Row {
        number: Option<u64>,
        columns: Vec<String>,
    },
    /// This key had added it before.
    Before,
}

impl Added {
    fn receipt(self, file: &str) -> Receipt {
        let (mut summary, row, columns) = match self {
            Self::Row {
                number: Some(row),
                columns,
            } => (format!("row {row} of {file}"), Some(row), columns),
            Self::Row { columns, .. } => (format!("a row of {file}"), None, columns),
            Self::Before => (format!("{file}, already there"), None, Vec::new()),
        };
        let mut detail = json!({"file": file, "row": row});
        if !columns.is_empty() {
            summary += &format!(", with new columns: {}", columns.join(", "));
            detail["columns"] = json!(columns);
        }
        Receipt { summary, detail }
    }
}

/// What the first row of a sheet is.
#[derive(Clone, Copy, PartialEq)]
enum Header {
    /// Texts alone, in a sheet that we made.
    Sure,
    /// Perhaps data, or a title.
    Unsure,
}

impl Header {
    fn of(is_ours: bool, mut cells: impl Iterator<Item = bool>) -> Self {
        if is_ours && cells.all(|is_text| is_text) {
            Self::Sure
        } else {
            Self::Unsure
        }
    }
}

/// The place of the last of so many new columns; a sheet ends somewhere.
fn check_width(file: &str, columns: usize) -> Result<(), ActionError> {
    if columns > MOST_COLUMNS {
        let message = format!("{file}: a sheet has at most {MOST_COLUMNS} columns");
        return Err(ActionError::never("limit", message));
    }
    Ok(())
}

impl Row {
    fn len(&self) -> usize {
        match self {
            Self::Cells(cells) => cells.len(),
            Self::Named(named) => named.len(),
        }
    }

    /// What tells this row from another.
    fn content(&self) -> Vec<u8> {
        let content = match self {
            Self::Cells(cells) => serde_json::to_vec(cells),
            Self::Named(named) => serde_json::to_vec(named),
        };
        content.unwrap_or_default()
    }

    /// The names that `headers` does not have, each once. `header` says whether that row can be
    /// anything but a header.
    ///
    /// # Errors
    /// A name of nothing; more columns than a sheet has; no known name in what may be data, since a
    /// row of data or a title must not grow into a header.
    fn unknown(
        &self,
        file: &str,
        headers: &[String],
        header: Header,
    ) -> Result<Vec<String>, ActionError> {
        let Self::Named(named) = self else {
            return Ok(Vec::new());
        };
        let known = |name: &str| headers.iter().any(|header| header.trim() == name);
        let mut new: Vec<String> = Vec::new();
        for name in named.keys().map(|name| name.trim()) {
            if name.is_empty() {
                return Err(config(format!("{file}: a column needs a name")));
            }
            if !known(name) && !new.iter().any(|one| one == name) {
                new.push(name.to_owned());
            }
        }
        if header == Header::Unsure && !named.keys().any(|name| known(name.trim())) {
            let known: Vec<&str> = headers.iter().map(|header| header.trim()).collect();
            let name = new.first().map_or("", String::as_str);
            return Err(config(format!(
                "{file}: its first row has no column `{name}` nor any other of this row, so it may be no header row; {}, or write the names of the columns there first",
                suggestion(name, &known)
            )));
        }
        Ok(new)
    }

    /// The cells in the order of `headers`.
    fn arranged(&self, file: &str, headers: &[String]) -> Result<Vec<Value>, ActionError> {
        let named = match self {
            Self::Cells(cells) => return Ok(cells.clone()),
            Self::Named(named) => named,
        };
        let mut cells = vec![Value::Null; headers.len()];
        for (name, value) in named {
            let place = headers
                .iter()
                .position(|header| header.trim() == name.trim());
            let Some(cell) = place.and_then(|place| cells.get_mut(place)) else {
                let known: Vec<&str> = headers.iter().map(|header| header.trim()).collect();
                return Err(config(format!(
                    "{file}: its first row has no column `{name}`; {}",
                    suggestion(name, &known)
                )));
            };
            *cell = value.clone();
        }
        Ok(cells)
    }

    /// The header row of a new file and the cells under it.
    fn for_new_file(&self) -> (Option<Vec<Value>>, Vec<Value>) {
        match self {
            Self::Cells(cells) => (None, cells.clone()),
            Self::Named(named) => (
                Some(
                    named
                        .keys()
                        .map(|name| Value::from(name.as_str()))
                        .collect(),
                ),
                named.values().cloned().collect(),
            ),
        }
    }
}
