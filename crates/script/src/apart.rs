//! Keeps apart what libraries call by the same name.
//!
//! Rhai 1.27 remembers which function a name means, and goes on to believe it inside a function of
//! another file. So where two libraries have a `tell` of their own, the second one calls that of the
//! first as soon as it was called twice, and a `flash` of a script takes the place of the library's.
//! What Rhai remembers it forgets where a block imports a module with functions for everybody, to the
//! end of the block. So whoever imports a library gets a front of it: every function does such an import
//! and then calls the library's own.
//!
//! Functions without a name (`|x| …`) are not behind a front. One that a library calls itself, instead
//! of handing it to the host or to `map`, still hears the library's names.
//!
//! To put the import into the functions themselves was rejected: Rhai lets nobody change them, and in
//! the text it would move the places that messages name. Names that are unique would have to be so in
//! the scripts of people too.

use rhai::{AST, Engine, EvalAltResult, FuncRegistration, Module, Scope, Shared};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// What all paths begin with that are imported here; no library is called like that. It is also the
/// file of the fronts, where nobody should be sent to look for a mistake.
pub(crate) const MARK: &str = "~";
/// The library behind a front.
pub(crate) const BEHIND: &str = "~behind";
/// The module whose import makes Rhai forget.
const FORGET: &str = "~forget";

/// The module of one of the paths above.
pub(crate) fn module(path: &str, behind: Option<Shared<Module>>) -> Option<Shared<Module>> {
    static EMPTY: LazyLock<Shared<Module>> = LazyLock::new(|| {
        let mut module = Module::new();
        // A function that is everybody's, under a name that nobody can write.
        FuncRegistration::new(MARK)
            .in_global_namespace()
            .set_into_module(&mut module, || ());
        module.build_index();
        module.into()
    });
    match path {
        FORGET => Some(EMPTY.clone()),
        BEHIND => behind,
        _ => None,
    }
}

/// The front of a library; the resolver must find the library at [`BEHIND`] meanwhile.
///
/// # Errors
/// Rhai's, of which none can come: the text is made of names that were read already.
pub(crate) fn front(
    engine: &Engine,
    ast: &AST,
    library: &Module,
) -> Result<Module, Box<EvalAltResult>> {
    let mut text = format!("import \"{BEHIND}\" as __behind;\n");
    for function in ast.iter_functions() {
        let method = function.this_type.is_some();
        if method || function.access.is_private() || function.name.starts_with("anon$") {
            continue;
        }
        let arguments: Vec<String> = (0..function.params.len())
            .map(|n| format!("a{n}"))
            .collect();
        let (name, arguments) = (function.name, arguments.join(", "));
        // Writing to a text can't fail.
        _ = writeln!(
            text,
            "fn {name}({arguments}) {{ import \"{FORGET}\" as __forget; __behind::{name}({arguments}) }}"
        );
    }
    let mut tree = engine.compile(text)?;
    tree.set_source(MARK);
    let mut front = Module::eval_ast_as_new(Scope::new(), &tree, engine)?;
    for (name, value) in library.iter_var() {
        front.set_var(name, value.clone());
    }
    for (name, inner) in library.iter_sub_modules() {
        front.set_sub_module(name, inner.clone());
    }
    front.set_id(ast.source().unwrap_or_default());
    front.build_index();
    Ok(front)
}
