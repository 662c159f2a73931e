//! `.csv` after RFC 4180, for people who open it in a spreadsheet program.
//!
//! Those programs run a cell that begins with `= + - @`, so text that does gets an apostrophe before
//! it; numbers stay numbers. A new file begins with a byte order mark, without which Excel takes
//! UTF-8 for something else. In a file from elsewhere the separator and line end of its first line
//! are kept. A new column makes its first row longer, for which the file is written anew; the bytes
//! of all other rows stay as they are.

use super::cell::Cell;
use super::{Added, Header, LARGEST_READ, Row, check_width};
use crate::append::{self, Change};
use crate::failure::{config, io_error};
use crate::jail::{Spot, read_capped};
use porchlight_core::ActionError;
use serde_json::{Number, Value};
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The header row must lie within this; it is read for every row that comes as a map.
const LONGEST_HEADER: u64 = 64 << 10;

/// The largest file that is written anew for a column, some seconds on a memory card.
const LARGEST_WIDENED: u64 = 256 << 20;

/// Appends a row, once per key.
pub(super) fn append(spot: &Spot, row: &Row, key: &str) -> Result<Added, ActionError> {
    let key = append::fingerprint(key, &row.content());
    let mut columns = Vec::new();
    let added = append::once(spot, key.as_deref(), |file| {
        let failed = |error: std::io::Error| io_error(&spot.name, &error);
        let length = file.metadata().map_err(failed)?.len();
        if length <= MARK.len() as u64 && is_blank(file).map_err(failed)? {
            let (headers, cells) = row.for_new_file();
            let mut bytes = if length == 0 {
                MARK.to_vec()
            } else {
                Vec::new()
            };
            for line in headers.iter().chain([&cells]) {
                bytes.extend(Dialect::OURS.line(line)?);
            }
            return Ok(bytes.into());
        }
        let head = head(file).map_err(failed)?;
        let dialect = Dialect::of(&head);
        let mut headers = match row {
            Row::Cells(_) => Vec::new(),
            Row::Named(_) => dialect.first_row(&head)?,
        };
        let is_text = headers
            .iter()
            .map(|name| typed(name.as_bytes()).is_string());
        let header = Header::of(is_marked(file).map_err(failed)?, is_text);
        columns = row.unknown(&spot.name, &headers, header)?;
        let wider = match columns.as_slice() {
            [] => None,
            new => Some(dialect.widened(spot, file, &head, &mut headers, new)?),
        };
        let mut bytes = Vec::new();
        // A last line without its end, from an editor or from a power cut before our time.
        if !ends_with_newline(file, length).map_err(failed)? {
            bytes.extend_from_slice(dialect.line_end);
        }
        bytes.extend(dialect.line(&row.arranged(&spot.name, &headers)?)?);
        Ok(Change { head: wider, bytes })
    })?;
    Ok(if added {
        Added::Row {
            number: None,
            columns,
        }
    } else {
        Added::Before
    })
}

/// All rows. Text that is the plain form of a number or truth value becomes one; `00123` stays text.
pub(super) fn read(spot: &Spot) -> Result<Vec<Vec<Value>>, ActionError> {
    let bytes = read_capped(spot, LARGEST_READ)?;
    let bytes = bytes.strip_prefix(MARK).unwrap_or(&bytes);
    let mut reader = Dialect::of(bytes).reader(bytes);
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| wrong(&spot.name, &error))?;
        rows.push(record.iter().map(typed).collect());
    }
    Ok(rows)
}

fn typed(field: &[u8]) -> Value {
    let text = String::from_utf8_lossy(field);
    match text.as_ref() {
        "" => Value::Null,
        "true" | "TRUE" => Value::Bool(true),
        "false" | "FALSE" => Value::Bool(false),
        text => match text.parse::<Number>() {
            // Only what prints the same again: not 00123, not 1e5, not 1.0.
            Ok(number) if number.to_string() == text => Value::Number(number),
            _ => Value::from(unguarded(text)),
        },
    }
}

fn needs_guard(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Without the apostrophe that [`text_of`] puts before what a program would run.
fn unguarded(text: &str) -> &str {
    let guarded = text.strip_prefix('\'').filter(|text| needs_guard(text));
    guarded.unwrap_or(text)
}

fn text_of(value: &Value) -> String {
    match Cell::of(value) {
        Cell::Nothing => String::new(),
        Cell::Bool(flag) => flag.to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) if needs_guard(&text) => format!("'{text}"),
        Cell::Text(text) => text,
    }
}

/// How a file separates things.
struct Dialect {
    separator: u8,
    line_end: &'static [u8],
}

impl Dialect {
    const OURS: Self = Self {
        separator: b',',
        line_end: b"\r\n",
    };

    /// By the first line: the commonest of comma, semicolon and tab.
    fn of(head: &[u8]) -> Self {
        let end = head.iter().position(|&byte| byte == b'\n');
        let line = &head[..end.unwrap_or(head.len())];
        let count = |separator| line.iter().filter(|&&byte| byte == separator).count();
        let separator = [b'\t', b';', b',']
            .into_iter()
            .max_by_key(|&separator| count(separator))
            .unwrap_or(b',');
        let bare = end.is_some() && line.last() != Some(&b'\r');
        Self {
            separator,
            line_end: if bare { b"\n" } else { b"\r\n" },
        }
    }

    fn line(&self, cells: &[Value]) -> Result<Vec<u8>, ActionError> {
        let terminator = match self.line_end {
            b"\n" => csv::Terminator::Any(b'\n'),
            _ => csv::Terminator::CRLF,
        };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.separator)
            .terminator(terminator)
            .from_writer(Vec::new());
        writer
            .write_record(cells.iter().map(text_of))
            .map_err(|error| config(error.to_string()))?;
        writer
            .into_inner()
            .map_err(|error| config(error.to_string()))
    }

    fn reader<'a>(&self, bytes: &'a [u8]) -> csv::Reader<&'a [u8]> {
        csv::ReaderBuilder::new()
            .delimiter(self.separator)
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes)
    }

    fn first_row(&self, head: &[u8]) -> Result<Vec<String>, ActionError> {
        let mut record = csv::StringRecord::new();
        match self.reader(head).read_record(&mut record) {
            Ok(_) => Ok(record
                .iter()
                .map(|name| unguarded(name).to_owned())
                .collect()),
            Err(error) => Err(config(format!("the header row cannot be read: {error}"))),
        }
    }
}

impl Dialect {
    /// The first row with new columns behind all that any row has: how many bytes of the file it
    /// takes the place of, and its own. `headers` grows with it.
    fn widened(
        &self,
        spot: &Spot,
        file: &mut File,
        head: &[u8],
        headers: &mut Vec<String>,
        new: &[String],
    ) -> Result<(u64, Vec<u8>), ActionError> {
        let failed = |error: std::io::Error| io_error(&spot.name, &error);
        let size = file.metadata().map_err(failed)?.len();
        if size > LARGEST_WIDENED {
            let message = format!(
                "{}: is larger than {} MiB, too large to be written anew for a column; begin another file, such as one for each month",
                spot.name,
                LARGEST_WIDENED >> 20
            );
            return Err(ActionError::never("limit", message));
        }
        let mut reader = self.reader(head);
        let mut record = csv::ByteRecord::new();
        let read = reader.read_byte_record(&mut record);
        read.map_err(|error| wrong(&spot.name, &error))?;
        let mut end = usize::try_from(reader.position().byte()).unwrap_or(head.len());
        // The reader may stand between the two halves of a line end.
        if head[..end].ends_with(b"\r") && head[end..].starts_with(b"\n") {
            end += 1;
        }
        if end == head.len() && size > LONGEST_HEADER {
            return Err(config(format!("{}: its first row is too long", spot.name)));
        }
        let mut widest = headers.len();
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(self.separator)
            .has_headers(false)
            .flexible(true)
            .from_reader(BufReader::new(&*file));
        while rows
            .read_byte_record(&mut record)
            .map_err(|error| wrong(&spot.name, &error))?
        {
            widest = widest.max(record.len());
        }
        check_width(&spot.name, widest + new.len())?;
        let before = headers.len();
        headers.resize(widest, String::new());
        headers.extend_from_slice(new);
        let added: Vec<Value> = headers[before..].iter().cloned().map(Value::from).collect();
        let mark = if is_marked(file).map_err(failed)? {
            MARK
        } else {
            &[]
        };
        let first = &head[..end];
        let bare = first.strip_suffix(b"\n").unwrap_or(first);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        let mut row = [mark, bare].concat();
        row.push(self.separator);
        row.extend(self.line(&added)?);
        // Without a line end of its own the row gets none: it is added before the next one.
        if bare.len() == first.len() {
            row.truncate(row.len() - self.line_end.len());
        }
        Ok(((mark.len() + end) as u64, row))
    }
}

fn wrong(name: &str, error: &csv::Error) -> ActionError {
    ActionError::never("rejected", format!("{name}: {error}"))
}

/// Whether the file begins with the mark, as ours do.
fn is_marked(file: &mut File) -> std::io::Result<bool> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MARK.len() as u64).read_to_end(&mut bytes)?;
    Ok(bytes == MARK)
}

/// Empty, or nothing but the mark.
fn is_blank(file: &mut File) -> std::io::Result<bool> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MARK.len() as u64).read_to_end(&mut bytes)?;
    Ok(bytes.is_empty() || bytes == MARK)
}

/// The beginning of the file without the mark.
fn head(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(LONGEST_HEADER).read_to_end(&mut bytes)?;
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    Ok(bytes)
}

fn ends_with_newline(file: &mut File, length: u64) -> std::io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
