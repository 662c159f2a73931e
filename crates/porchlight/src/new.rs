//! `porchlight new NAME`: a script to start from, which loads as it is.

use crate::home::Home;
use crate::{Ending, output};
use porchlight_script::DEFAULT_TEMPLATE;
use std::io::Write;

/// Writes `scripts/NAME.rhai`; never over an existing file.
pub fn new(home: &Home, name: &str) -> Ending {
    let name = name.strip_suffix(".rhai").unwrap_or(name);
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        return Ending::Failed(format!(
            "`{name}` is no script name; use letters, digits, - and _"
        ));
    }
    let path = home.scripts().join(format!("{name}.rhai"));
    if let Err(error) = std::fs::create_dir_all(home.scripts()) {
        return Ending::Failed(format!(
            "{} can't be made: {error}",
            home.scripts().display()
        ));
    }
    let text = DEFAULT_TEMPLATE.text.replace("NAME", name);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path);
    match written.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => {
            output::line(&format!(
                "wrote {}; edit it and save, it is live at once",
                path.display()
            ));
            Ending::Done
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Ending::Failed(format!("{} is there already", path.display()))
        }
        Err(error) => Ending::Failed(format!("{} can't be written: {error}", path.display())),
    }
}
