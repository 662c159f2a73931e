//! What can be called: names, numbers of arguments, and what the doc comments say of each.

use crate::reference::Doc;
use porchlight_core::diagnostic::nearest;
use rhai::{AST, Engine, FnAccess};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Functions by name (`http::send`).
#[derive(Default)]
pub(crate) struct Functions(BTreeMap<String, Function>);

/// One function, with all the ways of calling it.
#[derive(Default)]
pub(crate) struct Function {
    /// The numbers of arguments that it takes.
    pub(super) takes: BTreeSet<usize>,
    /// The names of its parameters, for each way that is written about.
    calls: Vec<Vec<String>>,
    comment: String,
    doc: OnceLock<Doc>,
    /// A function of the host: what its comment says of its arguments is what it does.
    pub(super) native: bool,
}

impl Function {
    /// What its comment says; read when somebody wants to know.
    pub(super) fn doc(&self) -> &Doc {
        self.doc.get_or_init(|| Doc::parse(&self.comment))
    }

    /// The names of the parameters of a call with so many arguments.
    pub(super) fn parameters(&self, given: usize) -> Option<&[String]> {
        let call = self.calls.iter().find(|call| call.len() == given)?;
        Some(call)
    }

    fn call(&mut self, names: Vec<String>, comment: String) {
        self.takes.insert(names.len());
        self.calls.push(names);
        if self.comment.is_empty() {
            self.comment = comment;
        }
    }
}

impl Functions {
    /// What the engine offers.
    pub(crate) fn of_engine(engine: &Engine) -> Self {
        let one = |info: rhai::FuncInfo| {
            let about = info.metadata;
            let name = if info.namespace.is_empty() {
                about.name.to_string()
            } else {
                format!("{}::{}", info.namespace, about.name)
            };
            // Rhai's own functions have comments too, but not ours.
            let ours = about.comments.iter().any(|line| line.contains("```rhai"));
            let names = about.params_info.iter().map(|told| {
                let (name, _) = told.split_once(':').unwrap_or((told, ""));
                name.trim().to_owned()
            });
            let told = ours.then(|| (names.collect(), about.comments.join("\n")));
            Some((name, about.num_params, told))
        };
        let mut functions = Self::default();
        for (name, parameters, told) in engine.collect_fn_metadata(None, one, true) {
            let function = functions.0.entry(name).or_default();
            function.native = true;
            function.takes.insert(parameters);
            if let Some((names, comment)) = told {
                function.call(names, comment);
            }
        }
        functions
    }

    /// Adds the functions that a file offers to others, under the name it is imported by.
    pub(crate) fn add_module(&mut self, alias: &str, ast: &AST) {
        for function in ast.iter_functions() {
            if function.access == FnAccess::Public && !function.name.starts_with("__") {
                let name = format!("{alias}::{}", function.name);
                let names = function.params.iter().map(|name| (*name).to_owned());
                let comment = function.comments.join("\n");
                let known = self.0.entry(name).or_default();
                known.call(names.collect(), comment);
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Function> {
        self.0.get(name)
    }

    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        let words = self.0.keys().map(String::as_str);
        nearest(
            name,
            words.filter(|word| word.starts_with(char::is_alphabetic)),
        )
    }
}
