//! A workbook as a package of parts: finding the first worksheet, and writing the package anew with
//! one or two parts replaced and all others copied as the bytes they are.

use super::styles::date_styles;
use super::xml::{attribute, broken, position, prefix};
use porchlight_core::ActionError;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::io::{Cursor, Read as _, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A part larger than this, unpacked, is not worth rewriting for one row; also the end of zip bombs.
const LARGEST_PART: u64 = 64 << 20;

/// Between speed and size: twice as fast as the default, a few percent larger.
const LEVEL: i64 = 3;

/// An open workbook.
pub(super) struct Package<'a> {
    name: &'a str,
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

/// What a workbook says about itself.
#[derive(Clone)]
pub(super) struct Book {
    /// The part of its first worksheet.
    pub(super) sheet: String,
    /// Dates count from 1904.
    pub(super) from_1904: bool,
    /// For each style, whether it is a date.
    pub(super) date_styles: Vec<bool>,
    /// The styles part is the one that we write.
    pub(super) ours: bool,
    /// The workbook part, and its new content where that must change so that formulas are
    /// calculated when the book is opened.
    pub(super) recalculate: Option<(String, String)>,
}

impl<'a> Package<'a> {
    /// Opens the bytes of a file.
    pub(super) fn open(name: &'a str, bytes: &'a [u8]) -> Result<Self, ActionError> {
        // A workbook with a password is not a zip but a container of another kind.
        if bytes.starts_with(b"\xD0\xCF\x11\xE0") {
            return Err(broken(
                name,
                "it has a password, or is in the old .xls format",
            ));
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(name, error))?;
        Ok(Self { name, zip })
    }

    /// A part as text.
    pub(super) fn text(&mut self, part: &str) -> Result<String, ActionError> {
        let name = self.name;
        let file = self
            .zip
            .by_name(part)
            .map_err(|error| broken(name, format!("{part}: {error}")))?;
        let mut bytes =
            Vec::with_capacity(usize::try_from(file.size().min(LARGEST_PART)).unwrap_or(0));
        file.take(LARGEST_PART + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| broken(name, error))?;
        if bytes.len() as u64 > LARGEST_PART {
            let message = format!("{name}: has grown too large to add to; start a new file");
            return Err(ActionError::never("limit", message));
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        String::from_utf8(bytes).map_err(|_| broken(name, format!("{part} is not UTF-8")))
    }

    /// Reads what the workbook says about itself.
    pub(super) fn book(&mut self) -> Result<Book, ActionError> {
        let name = self.name;
        let root = self.relations("")?;
        let workbook = target(&root, "/officeDocument", None)
            .ok_or_else(|| broken(name, "it has no workbook"))?;
        let xml = self.text(&workbook)?;
        let relations = self.relations(&workbook)?;
        let facts = workbook_facts(&xml);
        let sheet = facts
            .sheets
            .iter()
            .find_map(|id| target(&relations, "/worksheet", Some(id)))
            .ok_or_else(|| broken(name, "it has no worksheet"))?;
        let styles = match target(&relations, "/styles", None) {
            Some(part) => self.text(&part)?,
            None => String::new(),
        };
        Ok(Book {
            sheet,
            from_1904: facts.from_1904,
            date_styles: date_styles(&styles),
            ours: styles == super::create::STYLES,
            recalculate: facts.recalculated.map(|xml| (workbook, xml)),
        })
    }

    /// The shared strings, for those cells that point there.
    pub(super) fn shared_strings(&mut self) -> Result<Vec<String>, ActionError> {
        let root = self.relations("")?;
        let Some(workbook) = target(&root, "/officeDocument", None) else {
            return Ok(Vec::new());
        };
        let relations = self.relations(&workbook)?;
        match target(&relations, "/sharedStrings", None) {
            Some(part) => super::read::strings(self.name, &self.text(&part)?),
            None => Ok(Vec::new()),
        }
    }

    /// The package with these parts replaced, in the same order, all else copied packed as it is.
    pub(super) fn replaced(mut self, parts: &[(&str, &str)]) -> Result<Vec<u8>, ActionError> {
        let name = self.name;
        let failed = |error: zip::result::ZipError| broken(name, error);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for index in 0..self.zip.len() {
            let file = self.zip.by_index_raw(index).map_err(failed)?;
            let part = file.name().map_err(failed)?.into_owned();
            match parts.iter().find(|(replaced, _)| *replaced == part) {
                Some((_, text)) => {
                    drop(file);
                    add_part(&mut writer, &part, text).map_err(|error| broken(name, error))?;
                }
                None => writer.raw_copy_file(file).map_err(failed)?,
            }
        }
        Ok(writer.finish().map_err(failed)?.into_inner())
    }

    /// The relations of a part: id, type, target part.
    fn relations(&mut self, part: &str) -> Result<Vec<Relation>, ActionError> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let slash = if folder.is_empty() { "" } else { "/" };
        let text = self.text(&format!("{folder}{slash}_rels/{file}.rels"))?;
        let mut relations = Vec::new();
        each_tag(&text, |tag, _, _| {
            if tag.local_name().as_ref() == "Relationship" {
                let get = |name| attribute(tag, name).unwrap_or_default();
                relations.push(Relation {
                    id: get("Id"),
                    kind: get("Type"),
                    part: absolute(folder, &get("Target")),
                });
            }
        });
        Ok(relations)
    }
}

struct Relation {
    id: String,
    kind: String,
    part: String,
}

fn target(relations: &[Relation], kind: &str, id: Option<&str>) -> Option<String> {
    relations
        .iter()
        .find(|relation| relation.kind.ends_with(kind) && id.is_none_or(|id| relation.id == id))
        .map(|relation| relation.part.clone())
}

/// A target as the name of a part: `worksheets/sheet1.xml` in `xl`, or `/xl/worksheets/sheet1.xml`.
fn absolute(folder: &str, target: &str) -> String {
    if let Some(rooted) = target.strip_prefix('/') {
        return rooted.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

struct WorkbookFacts {
    sheets: Vec<String>,
    from_1904: bool,
    recalculated: Option<String>,
}

/// What stands before `calcPr` in a workbook, by the schema's order.
const BEFORE_CALC: &[&str] = &[
    "sheets",
    "functionGroups",
    "externalReferences",
    "definedNames",
];

fn workbook_facts(xml: &str) -> WorkbookFacts {
    let mut facts = WorkbookFacts {
        sheets: Vec::new(),
        from_1904: false,
        recalculated: None,
    };
    let mut calc = None;
    let mut insert_at = None;
    let mut names = String::new();
    each_tag(xml, |tag, range, kind| match tag.local_name().as_ref() {
        "sheet" if kind != Kind::End => {
            let id = tag
                .attributes()
                .with_checks(false)
                .flatten()
                .find(|attribute| attribute.key.as_ref().ends_with(":id"));
            facts.sheets.extend(id.map(|id| id.value.into_owned()));
        }
        "workbookPr" => {
            let flag = attribute(tag, "date1904").unwrap_or_default();
            facts.from_1904 = matches!(flag.as_str(), "1" | "true");
        }
        "calcPr" if kind != Kind::End => {
            let set =
                attribute(tag, "fullCalcOnLoad").is_some_and(|flag| flag == "1" || flag == "true");
            calc = Some((range, set));
        }
        local if BEFORE_CALC.contains(&local) && kind != Kind::Start => {
            insert_at = Some(range.end);
            names = prefix(tag);
        }
        _ => {}
    });
    facts.recalculated = match (calc, insert_at) {
        (Some((_, true)), _) | (None, None) => None,
        (Some((range, false)), _) => {
            let tag = &xml[range.clone()];
            // After the element's name; a flag that was there and off goes.
            let tag = tag
                .replace(" fullCalcOnLoad=\"0\"", "")
                .replace(" fullCalcOnLoad=\"false\"", "")
                .replacen("calcPr", "calcPr fullCalcOnLoad=\"1\"", 1);
            Some(format!("{}{tag}{}", &xml[..range.start], &xml[range.end..]))
        }
        (None, Some(at)) => Some(format!(
            "{}<{names}calcPr fullCalcOnLoad=\"1\"/>{}",
            &xml[..at],
            &xml[at..]
        )),
    };
    facts
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Start,
    Empty,
    End,
}

/// Calls `visit` for each tag; stops quietly where the XML is broken.
fn each_tag(xml: &str, mut visit: impl FnMut(&BytesStart, std::ops::Range<usize>, Kind)) {
    let mut reader = Reader::from_str(xml);
    loop {
        let start = position(&reader);
        let Ok(event) = reader.read_event() else {
            return;
        };
        let range = start..position(&reader);
        match event {
            Event::Eof => return,
            Event::Start(tag) => visit(&tag, range, Kind::Start),
            Event::Empty(tag) => visit(&tag, range, Kind::Empty),
            Event::End(tag) => {
                let name = tag.name();
                let tag = BytesStart::new(name.as_ref());
                visit(&tag, range, Kind::End);
            }
            _ => {}
        }
    }
}

/// Writes one part, packed.
pub(super) fn add_part(
    writer: &mut ZipWriter<Cursor<Vec<u8>>>,
    part: &str,
    text: &str,
) -> std::io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL));
    writer.start_file(part, options)?;
    writer.write_all(text.as_bytes())
}
