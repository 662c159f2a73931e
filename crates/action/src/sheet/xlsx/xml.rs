//! Walks through the XML of a worksheet, row by row, with the byte positions that an edit needs.
//!
//! Prefixed names (`<x:row>`, from .NET) are the same to us as plain ones. Rows and cells may leave
//! out their `r`, then they follow the one before. Phonetic readings (`rPh`) are not text.

use porchlight_core::ActionError;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use std::ops::Range;

/// What the walk meets.
pub(super) enum Item {
    /// The value of the `ref` attribute of `<dimension>`.
    Dimension(Range<usize>),
    /// The whole of an empty `<sheetData/>`, or the start tag of a full one.
    SheetData {
        tag: Range<usize>,
        empty: bool,
        prefix: String,
    },
    /// A row element.
    Row(RowSeen),
    /// A comment, with its inner text.
    Comment(Range<usize>, String),
}

/// A row element.
pub(super) struct RowSeen {
    pub(super) number: u32,
    pub(super) range: Range<usize>,
    pub(super) cells: Vec<CellSeen>,
}

/// A cell.
pub(super) struct CellSeen {
    /// From 0.
    pub(super) column: usize,
    /// The index of its style; 0 is the default.
    pub(super) style: usize,
    /// The attribute `t`: `n`, `s`, `inlineStr`, `str`, `b`, `e`, `d`.
    pub(super) kind: String,
    /// The text of `<v>` or of `<is>`.
    pub(super) text: Option<String>,
    /// A formula counts as content even before anybody calculated it.
    pub(super) formula: bool,
    /// The whole element.
    pub(super) range: Range<usize>,
}

impl RowSeen {
    /// Whether there is anything in it but formatting.
    pub(super) fn has_content(&self) -> bool {
        self.cells.iter().any(CellSeen::is_content)
    }
}

impl CellSeen {
    /// Whether there is anything in it but formatting.
    pub(super) fn is_content(&self) -> bool {
        self.text.is_some() || self.formula
    }
}

/// Calls `visit` for each item, in order.
pub(super) fn walk(
    name: &str,
    xml: &str,
    mut visit: impl FnMut(Item) -> Result<(), ActionError>,
) -> Result<(), ActionError> {
    let mut reader = Reader::from_str(xml);
    let mut row: Option<RowSeen> = None;
    let mut cell: Option<CellSeen> = None;
    let mut last_row = 0;
    // Inside <v>, or inside <t> of <is>.
    let mut reading = false;
    let mut phonetic = false;
    loop {
        let start = position(&reader);
        let event = reader.read_event().map_err(|error| broken(name, error))?;
        let range = start..position(&reader);
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Eof => return Ok(()),
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "dimension" => {
                    if let Some(value) = attribute_range(xml, &range, "ref") {
                        visit(Item::Dimension(value))?;
                    }
                }
                "sheetData" => visit(Item::SheetData {
                    tag: range,
                    empty,
                    prefix: prefix(&tag),
                })?,
                "row" => {
                    let number = attribute(&tag, "r").and_then(|text| text.parse().ok());
                    last_row = number.unwrap_or(last_row + 1);
                    let seen = RowSeen {
                        number: last_row,
                        range,
                        cells: Vec::new(),
                    };
                    if empty {
                        visit(Item::Row(seen))?;
                    } else {
                        row = Some(seen);
                    }
                }
                "c" => {
                    if let Some(row) = &mut row {
                        let seen = cell_of(&tag, range, row.cells.last());
                        if empty {
                            row.cells.push(seen);
                        } else {
                            cell = Some(seen);
                        }
                    }
                }
                "rPh" if !empty => phonetic = true,
                "f" => {
                    if let Some(cell) = &mut cell {
                        cell.formula = true;
                    }
                }
                "v" | "t" if !empty && !phonetic => {
                    if let Some(cell) = &mut cell {
                        cell.text.get_or_insert_default();
                        reading = true;
                    }
                }
                _ => {}
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                "v" | "t" => reading = false,
                "rPh" => phonetic = false,
                "c" => {
                    if let (Some(row), Some(mut cell)) = (&mut row, cell.take()) {
                        cell.range.end = range.end;
                        row.cells.push(cell);
                    }
                }
                "row" => {
                    if let Some(mut seen) = row.take() {
                        seen.range.end = range.end;
                        visit(Item::Row(seen))?;
                    }
                }
                _ => {}
            },
            Event::Comment(text) => visit(Item::Comment(range, text.into_inner().into_owned()))?,
            Event::DocType(_) => return Err(broken(name, "a document type is not allowed")),
            other if reading => {
                if let Some(text) = cell.as_mut().and_then(|cell| cell.text.as_mut()) {
                    push_text(text, &other);
                }
            }
            _ => {}
        }
    }
}

/// Adds the text of an event; entities are events of their own.
pub(super) fn push_text(text: &mut String, event: &Event) {
    match event {
        Event::Text(piece) => text.push_str(&piece.xml10_content()),
        Event::CData(piece) => text.push_str(&piece.xml10_content()),
        Event::GeneralRef(name) => match name.resolve_char_ref() {
            Ok(Some(c)) => text.push(c),
            _ => text.push_str(resolve_xml_entity(name).unwrap_or_default()),
        },
        _ => {}
    }
}

fn cell_of(tag: &BytesStart, range: Range<usize>, before: Option<&CellSeen>) -> CellSeen {
    let column = attribute(tag, "r").and_then(|place| column_index(&place));
    CellSeen {
        column: column.unwrap_or_else(|| before.map_or(0, |cell| cell.column + 1)),
        style: attribute(tag, "s")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
        kind: attribute(tag, "t").unwrap_or_else(|| "n".to_owned()),
        text: None,
        formula: false,
        range,
    }
}

/// The value of an attribute; `None` when it is missing or nonsense.
pub(super) fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let mut attributes = attributes.with_checks(false).flatten();
    let found = attributes.find(|attribute| attribute.key.as_ref() == name)?;
    let value = found
        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
        .ok()?;
    Some(value.into_owned())
}

/// Where the value of an attribute stands in the text.
pub(super) fn attribute_range(xml: &str, tag: &Range<usize>, name: &str) -> Option<Range<usize>> {
    let text = &xml[tag.clone()];
    let at = text.find(&format!(" {name}="))? + name.len() + 2;
    let quote = text[at..]
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''))?;
    let start = at + 1;
    let end = start + text[start..].find(quote)?;
    Some(tag.start + start..tag.start + end)
}

/// `x:` of `<x:sheetData>`.
pub(super) fn prefix(tag: &BytesStart) -> String {
    tag.name()
        .as_ref()
        .rsplit_once(':')
        .map_or(String::new(), |(prefix, _)| format!("{prefix}:"))
}

/// How far the reader has come.
pub(super) fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// `C` of `C5` as 2.
pub(super) fn column_index(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let mut number = 0_usize;
    for letter in letters {
        let digit = usize::from(letter.to_ascii_uppercase() - b'A') + 1;
        number = number.checked_mul(26)?.checked_add(digit)?;
    }
    // XFD is the last column there is.
    number
        .checked_sub(1)
        .filter(|index| *index < super::super::MOST_COLUMNS)
}

/// 2 as `C`.
pub(super) fn column_letters(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        // Always below 26, so it fits.
        letters.push(b'A' + ((rest - 1) % 26) as u8);
        rest = (rest - 1) / 26;
    }
    letters
        .iter()
        .rev()
        .map(|&letter| char::from(letter))
        .collect()
}

/// A workbook that is not as it should be.
pub(super) fn broken(name: &str, error: impl std::fmt::Display) -> ActionError {
    ActionError::never(
        "rejected",
        format!("{name}: the workbook cannot be read: {error}"),
    )
}
