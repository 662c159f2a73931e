//! Every file of a script, each with what it can call.

use super::Functions;
use crate::current::Loading;
use crate::stdlib;
use porchlight_core::Diagnostic;
use rhai::AST;
use std::collections::HashSet;

/// All mistakes of the script and of its libraries.
pub(crate) fn files(
    loading: &Loading,
    functions: &Functions,
    asts: &[(String, AST)],
) -> Vec<Diagnostic> {
    let waits = super::waits(asts.iter().map(|(_, ast)| ast));
    let mut found = Vec::new();
    for (path, ast) in asts {
        let source = loading.sources.iter().find(|(known, _)| known == path);
        let (imported, modules) = imported(ast, asts);
        let file = super::File {
            path,
            source: source.map_or("", |(_, text)| text.as_str()),
            functions,
            imported: &imported,
            modules: &modules,
            targets: &loading.config.targets,
            named: &loading.config.named,
            waits: &waits,
            noted: &loading.diagnostics,
        };
        found.extend(super::file(&file, ast));
    }
    found
}

/// What a file can call behind `::` besides the native modules, and all names before `::`.
fn imported(ast: &AST, asts: &[(String, AST)]) -> (Functions, HashSet<String>) {
    let (imports, _) = super::imports(ast);
    let mut imported = Functions::default();
    let native = crate::api::MODULES.iter().map(|name| (*name).to_owned());
    let mut modules: HashSet<String> = native.collect();
    let standard = stdlib::names().map(|(name, path)| (path.to_owned(), name.to_owned()));
    let all = imports
        .into_iter()
        .map(|(path, alias)| (format!("{}.rhai", path.trim_end_matches(".rhai")), alias));
    for (file, alias) in standard.chain(all) {
        if let Some((_, ast)) = asts.iter().find(|(known, _)| *known == file) {
            imported.add_module(&alias, ast);
            modules.insert(alias);
        }
    }
    (imported, modules)
}
