//! From text to a syntax tree, with every unknown variable at once.
//!
//! Rhai's parser stops at the first. A misspelt name is no reason to keep quiet about the next one
//! and about all that `check` finds in the rest, so a name that is unknown is taken for known and
//! the text is read again. Nothing runs a tree that was made this way.

use crate::check::{self, Functions};
use crate::current::Loading;
use crate::{apart, explain, stdlib};
use porchlight_core::Diagnostic;
use porchlight_core::diagnostic::nearest;
use rhai::{AST, Engine, ParseErrorType, Scope};
use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex};

/// Nobody reads on after so many.
const MOST: usize = 20;
/// Each costs a reading of the whole text; together not much more than this many bytes are read.
const READ: usize = 2 << 20;

/// What is wrong with a text.
pub(crate) struct Broken {
    /// In the order in which they stand in the text.
    pub(crate) mistakes: Vec<Diagnostic>,
    /// The tree, when nothing but variables are unknown: to be looked at, not to be run.
    pub(crate) ast: Option<AST>,
}

impl Broken {
    /// These mistakes, those that were noted before, and what is wrong with the rest of the text.
    pub(crate) fn and_more(self, loading: &Loading, functions: &Functions) -> Vec<Diagnostic> {
        let mut found = loading.diagnostics.clone();
        found.extend(self.mistakes);
        if let Some(ast) = self.ast {
            let asts = [(loading.script.clone(), ast)];
            let others = check::files(loading, functions, &asts);
            // A line with an unknown name says enough.
            let new = |other: &Diagnostic| found.iter().all(|one| one.line != other.line);
            let others: Vec<Diagnostic> = others.into_iter().filter(new).collect();
            found.extend(others);
        }
        found
    }
}

/// Compiles a file; the tree knows its path.
///
/// # Errors
/// All unknown variables, and the first mistake of another kind.
pub(crate) fn compile(engine: &Engine, path: &str, source: &str) -> Result<AST, Broken> {
    let mut mistakes = Vec::new();
    let mut unknown = Scope::new();
    loop {
        let wrong = match engine.compile_with_scope(&unknown, source) {
            Ok(mut ast) => {
                ast.set_source(path);
                if mistakes.is_empty() {
                    return Ok(ast);
                }
                let ast = Some(ast);
                return Err(Broken { mistakes, ast });
            }
            Err(wrong) => wrong,
        };
        let place = explain::place(path, wrong.position());
        let message = wrong.err_type().to_string();
        let (name, help) = match wrong.err_type() {
            ParseErrorType::VariableUndefined(name) => (Some(name), suggest(source, name)),
            ParseErrorType::ModuleUndefined(name) => (
                None,
                format!(
                    "there is no module `{name}`; a library needs `import \"lib/{name}\" as {name};`"
                ),
            ),
            _ => (None, String::new()),
        };
        let wrong = Diagnostic::error(path, source, place.line, place.column, message);
        let known = name.is_some_and(|name| unknown.contains(name));
        mistakes.push(wrong.with_help(help));
        match name {
            Some(name)
                if !known && mistakes.len() < MOST && mistakes.len() * source.len() < READ =>
            {
                unknown.push(name.clone(), ())
            }
            _ => {
                let ast = None;
                return Err(Broken { mistakes, ast });
            }
        };
    }
}

/// The same for a library, and the tree that runs. The standard library's own files are compiled once
/// for all scripts: there is one for each driver of a lamp, and most scripts use lamps.
///
/// # Errors
/// As of [`compile`].
pub(crate) fn library(engine: &Engine, path: &str, source: &str) -> Result<(AST, AST), Broken> {
    static STANDARD: LazyLock<Mutex<HashMap<String, (AST, AST)>>> = LazyLock::new(Mutex::default);
    let both = || {
        let ast = compile(engine, path, source)?;
        let runs = apart::runs(engine, path, source, &ast);
        Ok((ast, runs))
    };
    if stdlib::embedded(path) != Some(source) {
        return both();
    }
    let known = |trees: &HashMap<String, (AST, AST)>| trees.get(path).cloned();
    if let Some(both) = STANDARD.lock().ok().as_deref().and_then(known) {
        return Ok(both);
    }
    let both = both()?;
    if let Ok(mut trees) = STANDARD.lock() {
        trees.insert(path.to_owned(), both.clone());
    }
    Ok(both)
}

/// The word of the file that is nearest to an unknown variable.
fn suggest(source: &str, name: &str) -> String {
    let words = source.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words: HashSet<&str> = words.filter(|word| *word != name).collect();
    let mut words: Vec<&str> = words.into_iter().collect();
    words.sort_unstable();
    nearest(name, words)
        .map(|near| format!("did you mean `{near}`?"))
        .unwrap_or_default()
}
