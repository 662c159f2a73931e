//! `porchlight reference`: what scripts can call, from the doc comments in the program.
//!
//! It needs no home and writes nothing, unless a folder is named for the pages or for the
//! definition files of editors.

use crate::cli::ReferenceArgs;
use crate::{Ending, output};
use porchlight_script::reference::{Found, Reference};
use std::path::Path;

/// Prints the reference, or writes it.
pub fn reference(args: &ReferenceArgs) -> Ending {
    let reference = Reference::read();
    let outputs = [
        (
            &args.definitions,
            Reference::definitions as fn(&Reference) -> _,
        ),
        (&args.write, Reference::files),
    ];
    for (folder, files) in outputs {
        if let Some(folder) = folder {
            match write(folder, &files(&reference)) {
                Ok(count) => output::note(&format!("{count} files in {}", folder.display())),
                Err(error) => {
                    return Ending::Failed(format!("{}: {error}", folder.display()));
                }
            }
        }
    }
    if args.definitions.is_some() || args.write.is_some() {
        return Ending::Done;
    }
    match &args.name {
        Some(name) => print(&reference, name),
        None => {
            for page in &reference.pages {
                if !output::line(&page.text()) {
                    break;
                }
            }
            Ending::Done
        }
    }
}

fn write(folder: &Path, files: &[(String, String)]) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in files {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(files.len())
}

/// Prints what has this name; what comes near it, when nothing has.
fn print(reference: &Reference, name: &str) -> Ending {
    match reference.find(name) {
        Found::Page(page) => {
            output::line(page.text().trim_end());
        }
        Found::Functions(functions) => {
            for function in functions {
                output::line(&function.terminal());
            }
        }
        Found::Property(kind, property) => {
            output::line(&format!("{kind}\n\n    {}", property.line()));
        }
        Found::Nothing { near, mentions } => {
            let advice = near.map_or_else(
                || "`porchlight reference` shows all there is".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            output::complain(&format!("nothing is called `{name}`; {advice}"));
            if !mentions.is_empty() {
                output::note(&format!("`{name}` is spoken of by:"));
            }
            for entry in mentions {
                output::line(&format!("{}: {}", entry.name, entry.doc.summary));
            }
            return Ending::Mistake;
        }
    }
    Ending::Done
}
