//! What must be known of a worksheet to add a row to it, and the adding.
//!
//! The row is inserted as text into the XML; everything before and after stays byte for byte. It
//! goes below the last row with content, so rows that only carry formatting (people format a
//! thousand at once) are filled, not skipped. Its cells take the styles of the row above, or of the
//! formatted row whose place it takes.
//!
//! The keys of the last appends stand in an XML comment at the end of the worksheet. So a row and
//! the knowledge that it is there reach the disk in the same rename; spreadsheet programs drop the
//! comment when they save, which at worst allows one doubled row, if we crashed in that moment.

use super::super::cell::Cell;
use super::dates;
use super::xml::{CellSeen, Item, broken, column_index, column_letters, walk};
use porchlight_core::ActionError;
use quick_xml::escape::escape;
use serde_json::Value;
use std::fmt::Write as _;
use std::ops::Range;

/// How many keys are remembered. One would do for a lane that settles each append before the next;
/// the rest covers lanes that share a file.
const KEYS: usize = 16;

/// The beginning of our comment.
const COMMENT: &str = "porchlight ";

/// The last row that Excel has.
const LAST_ROW: u32 = 1_048_576;

/// Where and how to add a row.
#[derive(Clone)]
pub(super) struct Layout {
    prefix: String,
    dimension: Option<Range<usize>>,
    /// What the row takes the place of; empty when it goes in between.
    slot: Range<usize>,
    /// The whole `<sheetData/>` is the slot, and must be opened.
    closed: bool,
    next_row: u32,
    /// Column and style, of the row to copy from.
    styles: Vec<(usize, usize)>,
    /// Formatted rows follow the slot, so the next slot is only known by looking again.
    more_follows: bool,
    /// The first row with content: its number and cells.
    header: Option<(u32, Vec<HeaderCell>)>,
    keys: Vec<String>,
    comment: Range<usize>,
}

/// A cell of the header row; shared strings are looked up only when a row comes as a map.
#[derive(Clone)]
pub(super) struct HeaderCell {
    pub(super) column: usize,
    pub(super) text: String,
    pub(super) shared: bool,
}

/// How moments are written.
pub(super) struct DateRules<'a> {
    pub(super) from_1904: bool,
    /// For each style, whether it is a date.
    pub(super) styles: &'a [bool],
    /// The style for a date in a column without one; only in workbooks that we made.
    pub(super) own: Option<usize>,
}

impl Layout {
    /// Looks through a worksheet.
    pub(super) fn of(name: &str, xml: &str) -> Result<Self, ActionError> {
        let mut sheet_data = None;
        let mut layout = Self {
            prefix: String::new(),
            dimension: None,
            slot: 0..0,
            closed: false,
            next_row: 1,
            styles: Vec::new(),
            more_follows: false,
            header: None,
            keys: Vec::new(),
            comment: xml.len()..xml.len(),
        };
        walk(name, xml, |item| {
            match item {
                Item::Dimension(range) => layout.dimension = Some(range),
                Item::SheetData { tag, empty, prefix } => {
                    layout.prefix = prefix;
                    layout.closed = empty;
                    layout.slot = if empty { tag.clone() } else { tag.end..tag.end };
                    sheet_data = Some(tag);
                }
                Item::Row(row) if row.has_content() => {
                    if layout.header.is_none() {
                        let cells = row.cells.iter().filter_map(HeaderCell::of).collect();
                        layout.header = Some((row.number, cells));
                    }
                    layout.next_row = row.number + 1;
                    layout.slot = row.range.end..row.range.end;
                    layout.styles = styles_of(&row.cells);
                    layout.more_follows = false;
                }
                // Only formatting: the place for the new row if it is the next one.
                Item::Row(row) => {
                    if row.number == layout.next_row && layout.slot.is_empty() {
                        layout.slot = row.range;
                        layout.styles = styles_of(&row.cells);
                    }
                    layout.more_follows = true;
                }
                Item::Comment(range, text) => {
                    if let Some(keys) = text.strip_prefix(COMMENT) {
                        layout.keys = keys.split_whitespace().map(str::to_owned).collect();
                        layout.comment = range;
                    }
                }
            }
            Ok(())
        })?;
        if sheet_data.is_none() {
            return Err(broken(name, "its first sheet has no sheetData"));
        }
        // A comment anywhere else is not ours.
        if layout.comment.end != xml.len() {
            layout.keys.clear();
            layout.comment = xml.len()..xml.len();
        }
        Ok(layout)
    }

    /// The number that the next row gets.
    pub(super) fn next_row(&self) -> u32 {
        self.next_row
    }

    /// Whether an append with this key is in the sheet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
    }

    /// The first row with content, unless the sheet is empty.
    pub(super) fn header(&self) -> Option<&[HeaderCell]> {
        self.header.as_ref().map(|(_, cells)| cells.as_slice())
    }

    /// The sheet with rows added, and its layout where that is known without looking again.
    pub(super) fn add(
        &self,
        name: &str,
        xml: &str,
        rows: &[Vec<Value>],
        key: Option<&str>,
        dates: &DateRules,
    ) -> Result<(String, Option<Self>), ActionError> {
        let count = u32::try_from(rows.len()).unwrap_or(LAST_ROW);
        if self.next_row.saturating_add(count) > LAST_ROW + 1 {
            return Err(ActionError::never(
                "limit",
                format!("{name}: the sheet is full"),
            ));
        }
        let mut text = String::new();
        let mut next = self.clone();
        if self.closed {
            let _ = write!(text, "<{}sheetData>", self.prefix);
        }
        for cells in rows {
            next.styles = next.write_row(&mut text, cells, dates);
            if next.header.is_none() {
                let cells = cells.iter().enumerate();
                let cells = cells.filter_map(|(column, value)| HeaderCell::written(column, value));
                next.header = Some((next.next_row, cells.collect()));
            }
            next.next_row += 1;
        }
        let row_end = text.len();
        if self.closed {
            let _ = write!(text, "</{}sheetData>", self.prefix);
        }
        if let Some(key) = key {
            next.keys.push(key.to_owned());
            let over = next.keys.len().saturating_sub(KEYS);
            next.keys.drain(..over);
        }
        let widest = rows.iter().map(Vec::len).max().unwrap_or(1);
        let dimension = self.dimension.clone().unwrap_or(0..0);
        let extent = match self.dimension {
            Some(_) => extend(&xml[dimension.clone()], widest, next.next_row - 1),
            None => String::new(),
        };
        let mut sheet = String::with_capacity(xml.len() + text.len() + 1024);
        sheet += &xml[..dimension.start];
        sheet += &extent;
        next.dimension = self
            .dimension
            .as_ref()
            .map(|_| dimension.start..sheet.len());
        sheet += &xml[dimension.end..self.slot.start];
        let row_end = sheet.len() + row_end;
        sheet += &text;
        sheet += &xml[self.slot.end..self.comment.start];
        next.comment = sheet.len()..sheet.len();
        if !next.keys.is_empty() {
            let _ = write!(sheet, "<!--{COMMENT}{} -->", next.keys.join(" "));
            next.comment.end = sheet.len();
        }
        next.slot = row_end..row_end;
        next.closed = false;
        Ok((sheet, (!self.more_follows).then_some(next)))
    }

    /// Writes one row; gives back the styles for the one after it.
    fn write_row(
        &self,
        text: &mut String,
        cells: &[Value],
        dates: &DateRules,
    ) -> Vec<(usize, usize)> {
        let prefix = &self.prefix;
        let number = self.next_row;
        let mut styles = Vec::new();
        let _ = write!(text, "<{prefix}row r=\"{number}\">");
        let inherited = if self.below_header() {
            &[]
        } else {
            self.styles.as_slice()
        };
        let last_styled = inherited.last().map_or(0, |(column, _)| column + 1);
        for column in 0..cells.len().max(last_styled) {
            let style = inherited.iter().find(|(styled, _)| *styled == column);
            let mut style = style.map_or(0, |(_, style)| *style);
            let value = cells.get(column).unwrap_or(&Value::Null);
            let content = CellText::of(value, &mut style, dates, prefix);
            if style == 0 && content.inner.is_empty() {
                continue;
            }
            let _ = write!(text, "<{prefix}c r=\"{}{number}\"", column_letters(column));
            if style != 0 {
                styles.push((column, style));
                let _ = write!(text, " s=\"{style}\"");
            }
            let _ = match content.inner.as_str() {
                "" => write!(text, "/>"),
                inner => write!(text, "{}>{inner}</{prefix}c>", content.kind),
            };
        }
        let _ = write!(text, "</{prefix}row>");
        styles
    }

    /// The row above is the header and no formatted row waits: its bold face is not ours to take.
    fn below_header(&self) -> bool {
        let header_above = self.header.as_ref().is_some_and(|(number, cells)| {
            number + 1 == self.next_row && cells.iter().all(|cell| cell.is_text())
        });
        header_above && self.slot.is_empty()
    }
}

impl HeaderCell {
    fn of(cell: &CellSeen) -> Option<Self> {
        Some(Self {
            column: cell.column,
            text: cell.text.clone()?,
            shared: cell.kind == "s",
        })
    }

    fn written(column: usize, value: &Value) -> Option<Self> {
        match Cell::of(value) {
            Cell::Nothing => None,
            Cell::Text(text) => Some(Self {
                column,
                text,
                shared: false,
            }),
            Cell::Bool(flag) => Some(Self {
                column,
                text: flag.to_string(),
                shared: false,
            }),
            Cell::Number(number) => Some(Self {
                column,
                text: number.to_string(),
                shared: false,
            }),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.shared || self.text.parse::<f64>().is_err()
    }
}

/// The inside of a cell and the attribute for its type.
struct CellText {
    inner: String,
    kind: &'static str,
}

impl CellText {
    fn of(value: &Value, style: &mut usize, dates: &DateRules, prefix: &str) -> Self {
        let v = |text: &str| format!("<{prefix}v>{text}</{prefix}v>");
        match Cell::of(value) {
            Cell::Nothing => Self {
                inner: String::new(),
                kind: "",
            },
            Cell::Bool(flag) => Self {
                inner: v(if flag { "1" } else { "0" }),
                kind: " t=\"b\"",
            },
            Cell::Number(number) => Self {
                inner: v(&number.to_string()),
                kind: "",
            },
            Cell::Text(text) => {
                let dated = dates.styles.get(*style).copied().unwrap_or(false);
                let dated = if dated {
                    Some(*style)
                } else {
                    dates.own.filter(|_| *style == 0)
                };
                if let Some(date_style) = dated
                    && let Some(days) = dates::serial(&text, dates.from_1904)
                {
                    *style = date_style;
                    return Self {
                        inner: v(&days.to_string()),
                        kind: "",
                    };
                }
                // A bare carriage return would come back as a line feed.
                let text = escape(text.as_str()).replace('\r', "&#13;");
                Self {
                    inner: format!(
                        "<{prefix}is><{prefix}t xml:space=\"preserve\">{text}</{prefix}t></{prefix}is>"
                    ),
                    kind: " t=\"inlineStr\"",
                }
            }
        }
    }
}

fn styles_of(cells: &[CellSeen]) -> Vec<(usize, usize)> {
    let styled = cells.iter().filter(|cell| cell.style != 0);
    styled.map(|cell| (cell.column, cell.style)).collect()
}

/// `A1:C10` so that it includes the new row.
fn extend(extent: &str, columns: usize, row: u32) -> String {
    let (first, last) = extent.split_once(':').unwrap_or((extent, extent));
    let first_column = 0;
    let last_column = column_index(last)
        .unwrap_or(0)
        .max(columns.saturating_sub(1));
    let row_of = |place: &str| {
        let digits = place.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        digits.parse::<u32>().ok()
    };
    let first_row = row_of(first).unwrap_or(row).min(row);
    let last_row = row_of(last).unwrap_or(row).max(row);
    format!(
        "{}{first_row}:{}{last_row}",
        column_letters(first_column),
        column_letters(last_column)
    )
}
