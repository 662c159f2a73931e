//! `.xlsx`: adds a row to a workbook without losing anything that is in it.
//!
//! Libraries that load a workbook and save it again lose what they do not know: charts, comments,
//! conditional formats. Here the row goes into the XML of the first worksheet, and every other part
//! of the package is copied as the bytes it is. The whole file is written anew for each row, aside,
//! and put in place by a rename, so nobody ever sees half a workbook; what was learnt about its
//! layout is kept, so that the next row need not search for its place.
//!
//! Tables and filters keep the range that they have: growing them is the owner's decision.

mod create;
mod dates;
mod layout;
mod package;
mod read;
mod styles;
mod widen;
mod xml;

pub(super) use read::read;

use super::{Added, Header, Row};
use crate::append::fingerprint;
use crate::failure::io_error;
use crate::jail::{Spot, read_capped};
use crate::save;
use layout::{DateRules, Layout};
use package::{Book, Package};
use porchlight_core::ActionError;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Largest workbook that is added to, packed.
const LARGEST_FILE: u64 = 64 << 20;

/// How many workbooks' layouts are kept. Each is about 1 KB; the sheets themselves are not kept.
const MOST_KNOWN: usize = 64;

/// What is known about the workbooks that were added to.
#[derive(Default)]
pub(super) struct Books {
    known: Mutex<HashMap<PathBuf, Place>>,
}

/// One workbook. The lock is held while it is rewritten.
type Place = Arc<Mutex<Option<Known>>>;

struct Known {
    stamp: Stamp,
    book: Book,
    layout: Layout,
}

/// Whether a file is still the one that we left. Our own writes give a new inode each.
#[derive(Clone, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let inode = 0;
        Ok(Self {
            modified: found.modified().ok(),
            size: found.len(),
            inode,
        })
    }
}

impl Books {
    /// Adds a row, once per key.
    pub(super) fn append(&self, spot: &Spot, row: &Row, key: &str) -> Result<Added, ActionError> {
        refuse_when_open_elsewhere(spot)?;
        let place = self.place(&spot.path);
        let Ok(mut known) = place.try_lock() else {
            let message = format!("{}: an earlier row is still being written", spot.name);
            return Err(ActionError::later("io", message));
        };
        let key = fingerprint(key, &row.content());
        match Stamp::of(&spot.path) {
            Ok(stamp) => add_to(spot, row, key.as_deref(), &mut known, stamp),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(spot, row, key.as_deref())
            }
            Err(error) => Err(io_error(&spot.name, &error)),
        }
    }

    fn place(&self, path: &Path) -> Place {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN && !known.contains_key(path) {
            // Those that nobody is using; they cost a look through the sheet when they come again.
            known.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(known.entry(path.to_owned()).or_default())
    }
}

/// Spreadsheet programs mark the files that they have open. Writing below them would be lost, or
/// would lose what the person has typed.
fn refuse_when_open_elsewhere(spot: &Spot) -> Result<(), ActionError> {
    let file = spot.path.file_name().unwrap_or_default().to_string_lossy();
    for mark in [format!("~${file}"), format!(".~lock.{file}#")] {
        if spot.path.with_file_name(&mark).exists() {
            let message = format!(
                "{}: is open in a spreadsheet program (`{mark}` says so)",
                spot.name
            );
            return Err(ActionError::later("io", message));
        }
    }
    Ok(())
}

fn create(spot: &Spot, row: &Row, key: Option<&str>) -> Result<Added, ActionError> {
    let (header, cells) = row.for_new_file();
    let rows: Vec<_> = header.into_iter().chain([cells]).collect();
    let rules = DateRules {
        from_1904: false,
        styles: &[false, true],
        own: Some(create::DATE_STYLE),
    };
    let layout = Layout::of(&spot.name, create::SHEET)?;
    let (sheet, _) = layout.add(&spot.name, create::SHEET, &rows, key, &rules)?;
    let bytes = create::workbook(&sheet).map_err(|error| io_error(&spot.name, &error))?;
    save::replace(spot, |file| file.write_all(&bytes))?;
    Ok(Added::Row {
        number: Some(rows.len() as u64),
        columns: Vec::new(),
    })
}

fn add_to(
    spot: &Spot,
    row: &Row,
    key: Option<&str>,
    known: &mut Option<Known>,
    stamp: Stamp,
) -> Result<Added, ActionError> {
    let name = spot.name.as_str();
    let remembered = known.take().filter(|known| known.stamp == stamp);
    let bytes = read_capped(spot, LARGEST_FILE)?;
    let mut package = Package::open(name, &bytes)?;
    let (book, remembered) = match remembered {
        Some(known) => (known.book, Some(known.layout)),
        None => (package.book()?, None),
    };
    let mut sheet = package.text(&book.sheet)?;
    let mut layout = match remembered {
        Some(layout) => layout,
        None => Layout::of(name, &sheet)?,
    };
    if key.is_some_and(|key| layout.has(key)) {
        *known = Some(Known {
            stamp,
            book,
            layout,
        });
        return Ok(Added::Before);
    }
    let mut columns = Vec::new();
    let rows = match layout.header() {
        None => {
            let (header, cells) = row.for_new_file();
            header.into_iter().chain([cells]).collect()
        }
        Some(header) => {
            let mut names = match row {
                Row::Cells(_) => Vec::new(),
                Row::Named(_) => header_names(&mut package, header)?,
            };
            let sure = Header::of(book.ours, header.iter().map(|cell| cell.is_text()));
            columns = row.unknown(name, &names, sure)?;
            if !columns.is_empty() {
                sheet = widen::widened(name, &sheet, &columns)?;
                layout = Layout::of(name, &sheet)?;
                names = header_names(&mut package, layout.header().unwrap_or_default())?;
            }
            vec![row.arranged(name, &names)?]
        }
    };
    let number = layout.next_row() + u32::try_from(rows.len()).unwrap_or(1) - 1;
    let rules = DateRules {
        from_1904: book.from_1904,
        styles: &book.date_styles,
        own: book.ours.then_some(create::DATE_STYLE),
    };
    let (new_sheet, next) = layout.add(name, &sheet, &rows, key, &rules)?;
    let mut parts = vec![(book.sheet.as_str(), new_sheet.as_str())];
    if let Some((part, text)) = &book.recalculate {
        parts.push((part, text));
    }
    let bytes = package.replaced(&parts)?;
    save::replace(spot, |file| {
        file.write_all(&bytes)?;
        // Somebody saved it while we were at it; theirs wins and we come again.
        if Stamp::of(&spot.path)? != stamp {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "it has just been changed",
            ));
        }
        Ok(())
    })?;
    if let (Some(layout), Ok(stamp)) = (next, Stamp::of(&spot.path)) {
        let book = Book {
            recalculate: None,
            ..book
        };
        *known = Some(Known {
            stamp,
            book,
            layout,
        });
    }
    Ok(Added::Row {
        number: Some(u64::from(number)),
        columns,
    })
}

/// The texts of the header row by column.
fn header_names(
    package: &mut Package,
    header: &[layout::HeaderCell],
) -> Result<Vec<String>, ActionError> {
    let shared = if header.iter().any(|cell| cell.shared) {
        package.shared_strings()?
    } else {
        Vec::new()
    };
    let columns = header.iter().map(|cell| cell.column + 1).max().unwrap_or(0);
    let mut names = vec![String::new(); columns];
    for cell in header {
        names[cell.column] = match cell.shared {
            false => cell.text.clone(),
            true => {
                let index = cell.text.trim().parse().ok();
                let text = index.and_then(|index: usize| shared.get(index));
                text.cloned().unwrap_or_default()
            }
        };
    }
    Ok(names)
}
