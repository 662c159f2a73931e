//! Room and speed of the disk, and who may read and write what.

use super::Finding;
use crate::config::{Config, FILE};
use crate::home::Home;
use porchlight_core::units::format_duration;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const DISK: &str = "disk";
const RIGHTS: &str = "rights";

/// Below this the journal will soon be unable to store, in bytes.
const LITTLE_ROOM: u64 = 64 << 20;

/// A flush that takes longer makes senders wait; one that takes a second makes them give up.
const SLOW: Duration = Duration::from_millis(50);
const TOO_SLOW: Duration = Duration::from_secs(1);

/// Looks at the folders of the home.
pub(super) fn look(home: &Home, config: Option<&Config>) -> Vec<Finding> {
    let mut found = Vec::new();
    let data = match home.data() {
        data if data.is_dir() => data,
        _ => {
            found.push(Finding::ok(
                RIGHTS,
                "data/ is not there yet; the first start makes it",
            ));
            home.dir.clone()
        }
    };
    found.extend(room(&data, config));
    found.extend(speed(&data));
    if home.files().is_dir() {
        found.extend(writable(&home.files()));
    }
    found.push(match fs::read_dir(home.scripts()) {
        Ok(_) => open_to_others(&home.scripts(), 0o002).unwrap_or_else(|| {
            Finding::ok(
                RIGHTS,
                "scripts/ can be read, and not be changed by anybody",
            )
        }),
        Err(error) => Finding::bad(
            RIGHTS,
            format!("scripts/ can't be read: {error}"),
            "make the folder, or give it to the user that porchlight runs as",
        ),
    });
    found.extend(secrets(home));
    found.extend(config.into_iter().flat_map(commands));
    found
}

/// What is free where the journal lies; the standard library can't tell, `df` can.
fn room(data: &Path, config: Option<&Config>) -> Option<Finding> {
    let output = Command::new("df").arg("-Pk").arg(data).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let free = text.lines().nth(1)?.split_whitespace().nth(3)?;
    let free = free.parse::<u64>().ok()? << 10;
    let shown = format!("{} MiB free", free >> 20);
    let wanted = config.map_or(0, |config| config.journal.max_size);
    let fix = "make room, or set [journal] max_size and keep lower";
    Some(if free < LITTLE_ROOM {
        Finding::bad(
            DISK,
            format!("{shown}: the journal will soon store nothing"),
            fix,
        )
    } else if free < wanted / 4 {
        let wanted = wanted >> 20;
        let message = format!("{shown}, and the journal may grow to {wanted} MiB");
        Finding::warn(DISK, message, fix)
    } else {
        Finding::ok(DISK, shown)
    })
}

/// How long it takes until something is on the disk: each event waits for that.
fn speed(data: &Path) -> Option<Finding> {
    let measured = (|| {
        let mut file = tempfile::tempfile_in(data)?;
        let mut times = Vec::new();
        for _ in 0..7 {
            let begun = Instant::now();
            file.write_all(&[0; 4096])?;
            file.sync_all()?;
            times.push(begun.elapsed());
        }
        times.sort();
        Ok::<_, std::io::Error>(times[times.len() / 2])
    })();
    let took = match measured {
        Ok(took) => took,
        Err(error) => return Some(unwritable(data, &error)),
    };
    let shown = format!("a flush takes {}", format_duration(took));
    let fix = "a better memory card or an SSD; every event waits for one flush";
    Some(if took > TOO_SLOW {
        Finding::bad(DISK, shown, fix)
    } else if took > SLOW {
        Finding::warn(DISK, shown, fix)
    } else {
        Finding::ok(DISK, shown)
    })
}

fn writable(folder: &Path) -> Option<Finding> {
    let error = tempfile::tempfile_in(folder).err()?;
    Some(unwritable(folder, &error))
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Finding {
    let message = format!("{} can't be written: {error}", folder.display());
    let fix = format!(
        "sudo chown -R USER {}, with the user that porchlight runs as",
        folder.display()
    );
    Finding::bad(RIGHTS, message, fix)
}

/// Who may read what is secret: the configuration, and the files that it names.
fn secrets(home: &Home) -> Vec<Finding> {
    let Ok(text) = fs::read_to_string(home.config()) else {
        return Vec::new(); // told as a mistake of the configuration
    };
    let mut files: Vec<PathBuf> = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        named_files(&toml::Value::Table(table), &mut files);
    }
    let mut found: Vec<Finding> = files
        .iter()
        .filter_map(|file| open_to_others(&home.dir.join(file), 0o044))
        .collect();
    if let Some(mut open) = open_to_others(&home.config(), 0o044) {
        open.message = format!("others can read {FILE}, where secrets may stand");
        found.push(open);
    }
    if found.is_empty() {
        found.push(Finding::ok(
            RIGHTS,
            "secrets can be read by their owner only",
        ));
    }
    found
}

/// `{ file = "…" }`, wherever it stands.
fn named_files(value: &toml::Value, files: &mut Vec<PathBuf>) {
    match value {
        toml::Value::Table(table) => {
            let only_file = |key: &String| ["file", "name", "until"].contains(&key.as_str());
            if let Some(toml::Value::String(file)) = table.get("file")
                && table.keys().all(only_file)
            {
                files.push(PathBuf::from(file));
            }
            table.values().for_each(|value| named_files(value, files));
        }
        toml::Value::Array(items) => items.iter().for_each(|item| named_files(item, files)),
        _ => {}
    }
}

/// Whether the mode has one of these bits.
fn open_to_others(path: &Path, bits: u32) -> Option<Finding> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).ok()?.permissions().mode();
        if mode & bits == 0 {
            return None;
        }
        let (path, mode) = (path.display(), mode & 0o777);
        Some(if bits & 0o002 != 0 {
            let message = format!("anybody on this computer can change {path} (mode {mode:o})");
            Finding::bad(RIGHTS, message, format!("chmod o-w {path}"))
        } else {
            let message = format!("others can read {path} (mode {mode:o})");
            Finding::warn(RIGHTS, message, format!("chmod 600 {path}"))
        })
    }
    #[cfg(not(unix))]
    {
        let _ = (path, bits);
        None
    }
}

/// Whether the programs of `[command.NAME]` are there.
fn commands(config: &Config) -> Vec<Finding> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut named: Vec<_> = config.commands.iter().collect();
    named.sort_by_key(|(name, _)| name.as_str());
    let look = |(name, command): (&String, &crate::config::Command)| {
        let program = command.argv.first()?;
        let found = match program.contains('/') {
            true => command
                .dir
                .clone()
                .unwrap_or_default()
                .join(program)
                .is_file(),
            false => folders.iter().any(|folder| folder.join(program).is_file()),
        };
        Some(match found {
            true => Finding::ok("command", format!("[command.{name}] {program} is there")),
            false => Finding::bad(
                "command",
                format!("[command.{name}] there is no program {program}"),
                "install it, or write its whole path",
            ),
        })
    };
    named.into_iter().filter_map(look).collect()
}
