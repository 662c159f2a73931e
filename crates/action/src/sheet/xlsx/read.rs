//! The rows of a workbook's first sheet as values.
//!
//! Formulas give what was last calculated for them. Dates come as text without a zone, which is all
//! that a spreadsheet knows. Empty rows are left out; empty cells are null.

use super::super::LARGEST_READ;
use super::dates;
use super::package::{Book, Package};
use super::xml::{CellSeen, Item, broken, push_text, walk};
use crate::jail::{Spot, read_capped};
use porchlight_core::ActionError;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Number, Value};

/// A cell at the far right makes a row of thousands of nulls; a sheet full of these is refused.
const MOST_CELLS: usize = 1_000_000;

/// All rows of the first sheet.
pub(in super::super) fn read(spot: &Spot) -> Result<Vec<Vec<Value>>, ActionError> {
    let name = spot.name.as_str();
    let bytes = read_capped(spot, LARGEST_READ)?;
    let mut package = Package::open(name, &bytes)?;
    let book = package.book()?;
    let strings = package.shared_strings()?;
    let sheet = package.text(&book.sheet)?;
    let mut rows = Vec::new();
    let mut cells = 0;
    walk(name, &sheet, |item| {
        let Item::Row(row) = item else { return Ok(()) };
        if !row.has_content() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(row.cells.len());
        for cell in &row.cells {
            cells += 1 + cell.column.saturating_sub(values.len());
            if cells > MOST_CELLS {
                return Err(ActionError::never(
                    "limit",
                    format!("{name}: more than a million cells"),
                ));
            }
            if cell.column >= values.len() {
                values.resize(cell.column, Value::Null);
                values.push(value(cell, &strings, &book));
            }
        }
        rows.push(values);
        Ok(())
    })?;
    Ok(rows)
}

fn value(cell: &CellSeen, strings: &[String], book: &Book) -> Value {
    let Some(text) = &cell.text else {
        return Value::Null;
    };
    match cell.kind.as_str() {
        "s" => {
            let shared = text
                .trim()
                .parse()
                .ok()
                .and_then(|index: usize| strings.get(index));
            shared.map_or(Value::Null, |text| Value::from(text.as_str()))
        }
        "b" => Value::Bool(text.trim() == "1"),
        "n" => {
            let is_date = book.date_styles.get(cell.style).copied().unwrap_or(false);
            let number = number(text.trim());
            let days = number.as_ref().and_then(Number::as_f64).filter(|_| is_date);
            match (
                days.and_then(|days| dates::moment(days, book.from_1904)),
                number,
            ) {
                (Some(moment), _) => Value::from(moment),
                (None, Some(number)) => Value::Number(number),
                (None, None) => Value::from(text.as_str()),
            }
        }
        _ => Value::from(text.as_str()),
    }
}

fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    Number::from_f64(text.parse().ok()?)
}

/// The texts of a shared strings part. Runs of rich text are put together.
pub(super) fn strings(name: &str, xml: &str) -> Result<Vec<String>, ActionError> {
    let mut reader = Reader::from_str(xml);
    let mut strings: Vec<String> = Vec::new();
    let (mut reading, mut phonetic) = (false, false);
    loop {
        let event = reader.read_event().map_err(|error| broken(name, error))?;
        match &event {
            Event::Eof => return Ok(strings),
            Event::DocType(_) => return Err(broken(name, "a document type is not allowed")),
            Event::Empty(tag) if tag.local_name().as_ref() == "si" => strings.push(String::new()),
            Event::Start(tag) => match tag.local_name().as_ref() {
                "si" => strings.push(String::new()),
                "rPh" => phonetic = true,
                "t" => reading = !phonetic,
                _ => {}
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                "rPh" => phonetic = false,
                "t" => reading = false,
                _ => {}
            },
            other if reading => {
                if let Some(text) = strings.last_mut() {
                    push_text(text, other);
                }
            }
            _ => {}
        }
    }
}
