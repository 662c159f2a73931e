//! Finds libraries: `import "lib/hue" as hue` is the file `lib/hue.rhai` below `scripts/`.
//!
//! Rhai's own resolver follows `..` and absolute paths, and a cyclic import overflows the stack of
//! the process. This one refuses both with an error, reads plain files below the folder and
//! nothing else, and keeps every text that it read: a pinned version is loaded from these alone.

use crate::current::{self, Loading};
use crate::{load, stdlib};
use rhai::{Engine, EvalAltResult, GlobalRuntimeState, Module, ModuleResolver, Position, Scope};
use std::path::{Component, Path};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A library larger than this is no library.
const LARGEST: u64 = 1 << 20;

/// The engine's module resolver; what it may see is in the script that is loading.
pub(crate) struct Libraries;

impl ModuleResolver for Libraries {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Fallible<rhai::Shared<Module>> {
        let key = key(path).map_err(|message| error(message, position))?;
        module(engine, &key).map_err(|mut wrong| {
            if wrong.position().is_none() {
                wrong.set_position(position);
            }
            wrong
        })
    }

    fn resolve_raw(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        _scope: &mut Scope,
        path: &str,
        position: Position,
    ) -> Fallible<rhai::Shared<Module>> {
        self.resolve(engine, global.source(), path, position)
    }
}

fn error(message: String, position: Position) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(message.into(), position).into()
}

/// The file that an import names: `lib/hue` → `lib/hue.rhai`.
fn key(path: &str) -> Result<String, String> {
    let plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.contains(['\\', '\0', ':']) || path.is_empty() {
        return Err(format!(
            "`{path}` leads out of the scripts folder; write a path such as \"lib/hue\""
        ));
    }
    if !path.starts_with("lib/") {
        return Err(format!(
            "`{path}` is no library: libraries are in scripts/lib/, as \"lib/hue\""
        ));
    }
    Ok(format!(
        "{}.rhai",
        path.strip_suffix(".rhai").unwrap_or(path)
    ))
}

/// The module of a library, loaded at its first use by the script that is loading.
pub(crate) fn module(engine: &Engine, key: &str) -> Fallible<rhai::Shared<Module>> {
    let none = Position::NONE;
    let known = current::loading(|loading| {
        if let Some(module) = loading.modules.get(key) {
            return Ok(Some(module.clone()));
        }
        if loading.stack.iter().any(|open| open == key) {
            let circle = format!("{} → {key}", loading.stack.join(" → "));
            return Err(error(
                format!("libraries import each other in a circle: {circle}"),
                none,
            ));
        }
        Ok(None)
    });
    match known {
        None => {
            let message = "an import stands at the top of the file; a run reads no files";
            return Err(error(message.to_owned(), none));
        }
        Some(Ok(Some(module))) => return Ok(module),
        Some(Err(circle)) => return Err(circle),
        Some(Ok(None)) => {}
    }
    let text = current::loading(|loading| read(loading, key))
        .unwrap_or_else(|| Err("no script is loading".to_owned()))
        .map_err(|message| error(message, none))?;
    current::loading(|loading| {
        loading.stack.push(key.to_owned());
        if !loading.sources.iter().any(|(path, _)| path == key) {
            loading.sources.push((key.to_owned(), text.clone()));
        }
    });
    let module = load::library(engine, key, &text);
    current::loading(|loading| {
        loading.stack.pop();
        if let Ok(module) = &module {
            loading.modules.insert(key.to_owned(), module.clone());
        }
    });
    module
}

/// The text of a library: of the pinned version, of the file, or embedded.
fn read(loading: &Loading, key: &str) -> Result<String, String> {
    if loading.pinned {
        let mut sources = loading.sources.iter();
        let found = sources.find(|(path, _)| path == key);
        return match found {
            Some((_, text)) => Ok(text.clone()),
            None => Err(format!("this stored version of the script lacks `{key}`")),
        };
    }
    let root = &loading.config.scripts_dir;
    match read_file(root, key) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => stdlib::embedded(key)
            .map(str::to_owned)
            .ok_or_else(|| format!("there is no library {}", root.join(key).display())),
        Err(wrong) => Err(format!("{key}: {wrong}")),
    }
}

/// The text of a plain file below `root`; `None` when there is no such file.
fn read_file(root: &Path, key: &str) -> Result<Option<String>, String> {
    let Ok(path) = root.join(key).canonicalize() else {
        return Ok(None);
    };
    let root = root.canonicalize().map_err(|wrong| wrong.to_string())?;
    if !path.starts_with(&root) {
        return Err("it is a link that leads out of the scripts folder".to_owned());
    }
    let about = std::fs::metadata(&path).map_err(|wrong| wrong.to_string())?;
    if !about.is_file() {
        return Err("it is no plain file".to_owned());
    }
    if about.len() > LARGEST {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = std::fs::read_to_string(&path).map_err(|wrong| wrong.to_string())?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_stay_inside_the_library_folder() {
        assert_eq!(key("lib/hue").as_deref(), Ok("lib/hue.rhai"));
        assert_eq!(key("lib/a/b.rhai").as_deref(), Ok("lib/a/b.rhai"));
        for wrong in [
            "../x",
            "lib/../../x",
            "/etc/passwd",
            "gate",
            "",
            "lib\\x",
            "C:/x",
            "./lib/x",
            "lib/\0",
        ] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }
}
