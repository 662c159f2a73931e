//! New columns in the first row of a worksheet that has content.
//!
//! They go behind all that any row has, so that no cell which was there comes under a name that it
//! did not have. Only the first row is touched: cells of it that carry nothing but formatting are
//! filled and keep their style, and new ones look like the last one that has content.

use super::super::check_width;
use super::xml::{Item, RowSeen, attribute_range, broken, column_letters, walk};
use porchlight_core::ActionError;
use quick_xml::escape::escape;
use std::ops::Range;

/// The worksheet with these names in its first row.
pub(super) fn widened(name: &str, xml: &str, names: &[String]) -> Result<String, ActionError> {
    let mut first: Option<RowSeen> = None;
    let mut prefix = String::new();
    let mut widest = 0;
    walk(name, xml, |item| {
        match item {
            Item::SheetData { prefix: found, .. } => prefix = found,
            Item::Row(row) if row.has_content() => {
                let full = row.cells.iter().filter(|cell| cell.is_content());
                widest = full.fold(widest, |widest, cell| widest.max(cell.column + 1));
                first.get_or_insert(row);
            }
            _ => {}
        }
        Ok(())
    })?;
    let row = first.ok_or_else(|| broken(name, "its first row has no content"))?;
    check_width(name, widest + names.len())?;
    let written = |(offset, text): (usize, &String)| {
        let column = widest + offset;
        let (place, style) = place_of(&row, xml, column);
        let style = match style {
            0 => String::new(),
            style => format!(" s=\"{style}\""),
        };
        let at = format!("{}{}", column_letters(column), row.number);
        // A bare carriage return would come back as a line feed.
        let text = escape(text.as_str()).replace('\r', "&#13;");
        let cell = format!(
            "<{prefix}c r=\"{at}\"{style} t=\"inlineStr\"><{prefix}is><{prefix}t xml:space=\"preserve\">{text}</{prefix}t></{prefix}is></{prefix}c>"
        );
        (place, cell)
    };
    let cells = names.iter().enumerate().map(written);
    let spans = spans(&row, xml, widest + names.len());
    let mut sheet = String::with_capacity(xml.len() + names.len() * 96);
    let mut copied = 0;
    // Ascending: the row's own attribute, then its cells by column.
    for (place, text) in spans.into_iter().chain(cells) {
        sheet += &xml[copied..place.start];
        sheet += &text;
        copied = place.end;
    }
    sheet += &xml[copied..];
    Ok(sheet)
}

/// What a cell takes the place of, and its style.
fn place_of(row: &RowSeen, xml: &str, column: usize) -> (Range<usize>, usize) {
    let model = row.cells.iter().rfind(|cell| cell.is_content());
    let model = model.map_or(0, |cell| cell.style);
    match row.cells.iter().find(|cell| cell.column >= column) {
        Some(cell) if cell.column == column => {
            let style = if cell.style == 0 { model } else { cell.style };
            (cell.range.clone(), style)
        }
        Some(cell) => (cell.range.start..cell.range.start, model),
        None => {
            // A row with content has an end tag.
            let end = xml[row.range.clone()].rfind('<').unwrap_or(0) + row.range.start;
            (end..end, model)
        }
    }
}

/// `spans="1:3"` of the row, made to include the new columns.
fn spans(row: &RowSeen, xml: &str, columns: usize) -> Option<(Range<usize>, String)> {
    let end = row.cells.first()?.range.start;
    let value = attribute_range(xml, &(row.range.start..end), "spans")?;
    let (first, _) = xml[value.clone()].split_once(':')?;
    let text = format!("{first}:{columns}");
    Some((value, text))
}
