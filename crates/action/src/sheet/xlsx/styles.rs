//! Which of a workbook's styles show a number as a date.

use super::xml::attribute;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::HashMap;

/// For each style index, whether it is a date. A workbook without readable styles has none.
pub(super) fn date_styles(xml: &str) -> Vec<bool> {
    let mut reader = Reader::from_str(xml);
    let mut formats: HashMap<String, bool> = HashMap::new();
    let mut styles = Vec::new();
    let mut in_cell_styles = false;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "numFmt" => {
                    let (id, code) = (attribute(&tag, "numFmtId"), attribute(&tag, "formatCode"));
                    if let (Some(id), Some(code)) = (id, code) {
                        formats.insert(id, shows_date(&code));
                    }
                }
                "cellXfs" => in_cell_styles = true,
                "xf" if in_cell_styles => {
                    let id = attribute(&tag, "numFmtId").unwrap_or_default();
                    let own = formats.get(&id).copied();
                    styles.push(own.unwrap_or_else(|| is_built_in_date(&id)));
                }
                _ => {}
            },
            Event::End(tag) if tag.local_name().as_ref() == "cellXfs" => in_cell_styles = false,
            _ => {}
        }
    }
    styles
}

/// The numbers that ECMA-376 gives to dates and times; 27–36 and 50–58 are East Asian dates.
fn is_built_in_date(id: &str) -> bool {
    let id: u32 = id.parse().unwrap_or(0);
    matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58)
}

/// Whether a format code has a letter of dates and times outside quotes, brackets and escapes.
fn shows_date(code: &str) -> bool {
    let mut characters = code.chars();
    let mut plain = String::new();
    while let Some(c) = characters.next() {
        match c {
            '"' => drop(characters.by_ref().find(|&c| c == '"')),
            '\\' | '_' | '*' => drop(characters.next()),
            '[' => {
                let inside: String = characters.by_ref().take_while(|&c| c != ']').collect();
                // [h], [mm] and [s] are times that go beyond a day; others are colours.
                if matches!(
                    inside.to_ascii_lowercase().trim_matches(['h', 'm', 's']),
                    ""
                ) {
                    return true;
                }
            }
            other => plain.push(other.to_ascii_lowercase()),
        }
    }
    plain != "general" && plain.contains(['y', 'm', 'd', 'h', 's'])
}

#[cfg(test)]
mod tests {
    use super::shows_date;

    #[test]
    fn date_formats_are_told_from_number_formats() {
        for code in [
            "yyyy-mm-dd hh:mm:ss",
            "d. mmm",
            "[h]:mm",
            "[$-407]dd.mm.yy",
            "h:mm AM/PM",
        ] {
            assert!(shows_date(code), "{code}");
        }
        for code in [
            "General",
            "0.00",
            "#,##0 \"days\"",
            "[Red]0",
            "0\\d",
            "_h0",
            "@",
            "0.00E+00",
        ] {
            assert!(!shows_date(code), "{code}");
        }
    }
}
