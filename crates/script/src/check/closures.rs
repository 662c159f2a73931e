//! The functions of a file: which is inside which, what closures captured, and which of them are
//! handed over to run later.
//!
//! Rhai keeps the bodies of functions apart from the place where a closure is written, so this
//! puts them together again: a node belongs to the function in whose body its first ancestor is,
//! and a closure is inside the function that mentions it.

use super::bodies::Bodies;
use super::walk;
use rhai::{AST, ASTNode, Expr, FnPtr, ScriptFuncDef, Stmt};
use std::collections::{HashMap, HashSet};

/// The functions of a file.
pub(super) struct Closures<'a> {
    bodies: Bodies<'a>,
    functions: HashMap<&'a str, &'a ScriptFuncDef>,
    /// What each closure captured, by the name that Rhai gives the closure.
    captured: HashMap<String, Vec<String>>,
    /// The function that each handler is handed to: `on`, `later`.
    handed: HashMap<String, String>,
    /// The function that a closure is inside of.
    outer: HashMap<String, String>,
    /// The names that `let`, `const` and `for` make, and the function in which they do.
    bound: HashSet<(String, String)>,
}

/// The functions beside the triggers that take another one and run it later, with its own copy of
/// what it captured.
const WAITS: &[&str] = &["later", "wait_for", "job"];

/// Whether a function runs what it is given later.
fn takes_another(name: &str) -> bool {
    WAITS.contains(&name) || crate::api::TRIGGERS.contains(&name)
}

impl<'a> Closures<'a> {
    pub(super) fn of(ast: &'a AST) -> Self {
        let mut all = Self {
            bodies: Bodies::of(ast),
            functions: ast
                .iter_fn_def()
                .map(|function| (function.name.as_str(), &**function))
                .collect(),
            captured: HashMap::new(),
            handed: HashMap::new(),
            outer: HashMap::new(),
            bound: HashSet::new(),
        };
        walk(ast, &mut |nodes: &[ASTNode]| {
            let owner = all.owner(nodes).map(|function| function.name.to_string());
            let bind = |name: &str| owner.clone().map(|owner| (owner, name.to_owned()));
            match nodes.last() {
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) if !call.is_qualified() && takes_another(&call.name) => {
                    for (function, _) in call.args.iter().filter_map(of) {
                        all.handed.insert(function, call.name.to_string());
                    }
                }
                Some(ASTNode::Stmt(Stmt::Var(var, ..))) => all.bound.extend(bind(&var.0.name)),
                Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                    all.bound.extend(bind(&each.0.name));
                    all.bound
                        .extend(each.1.as_ref().and_then(|counter| bind(&counter.name)));
                }
                _ => {}
            }
            if let Some(ASTNode::Expr(expr)) = nodes.last()
                && let Some((function, names)) = of(expr)
            {
                if !names.is_empty() {
                    all.captured.insert(function.clone(), names);
                }
                all.outer.extend(owner.map(|owner| (function, owner)));
            }
            true
        });
        all
    }

    /// The function in whose body a node stands; none for the top level.
    pub(super) fn owner(&self, nodes: &[ASTNode]) -> Option<&'a ScriptFuncDef> {
        self.bodies.around(nodes.first()?.position())
    }

    /// How many parameters a function has, with those that it captured.
    pub(super) fn parameters(&self, name: &str) -> Option<usize> {
        Some(self.functions.get(name)?.params.len())
    }

    /// What a function was handed to.
    pub(super) fn handed_to(&self, function: &ScriptFuncDef) -> Option<&str> {
        self.handed.get(function.name.as_str()).map(String::as_str)
    }

    /// The functions that a node's name comes through: the innermost, then each further out as
    /// long as the name was captured from there; the last one does not capture it.
    fn through(&self, nodes: &[ASTNode], name: &str) -> Vec<&'a ScriptFuncDef> {
        let mut through = Vec::new();
        let mut here = self.owner(nodes);
        // A closure is inside a function that begins before it, so this ends.
        while let Some(function) = here.filter(|_| through.len() <= self.functions.len()) {
            let own = (function.name.to_string(), name.to_owned());
            if self.bound.contains(&own) {
                break;
            }
            through.push(function);
            here = if self.captures(function, name) {
                self.outer(function)
            } else {
                None
            };
        }
        through
    }

    fn captures(&self, function: &ScriptFuncDef, name: &str) -> bool {
        let names = self.captured.get(function.name.as_str());
        names.is_some_and(|names| names.iter().any(|one| one == name))
    }

    /// What the closure was handed to that captured this name, so that it has a copy of its own.
    pub(super) fn copied_by(&self, nodes: &[ASTNode], name: &str) -> Option<&str> {
        let through = self.through(nodes, name);
        let mut closures = through.iter().filter(|one| self.captures(one, name));
        closures.find_map(|function| self.handed_to(function))
    }

    /// The function whose own parameter this name is.
    pub(super) fn parameter_of(&self, nodes: &[ASTNode], name: &str) -> Option<&'a ScriptFuncDef> {
        let function = *self.through(nodes, name).last()?;
        let own = function.params.iter().any(|one| one == name);
        (own && !self.captures(function, name)).then_some(function)
    }

    fn outer(&self, function: &ScriptFuncDef) -> Option<&'a ScriptFuncDef> {
        let outer = self.outer.get(function.name.as_str())?;
        self.functions.get(outer.as_str()).copied()
    }
}

/// The name of a closure, and the names of what it captured.
pub(super) fn of(expr: &Expr) -> Option<(String, Vec<String>)> {
    let call = match expr {
        Expr::DynamicConstant(function, _) => {
            let function = function.read_lock::<FnPtr>()?;
            return Some((function.fn_name().to_owned(), Vec::new()));
        }
        Expr::FnCall(call, _) => call,
        // A closure that captures is a block: share the variables, then curry.
        Expr::Stmt(block) => match block.statements().last()? {
            Stmt::FnCall(call, _) => call,
            Stmt::Expr(expr) => return of(expr),
            _ => return None,
        },
        _ => return None,
    };
    if call.name != "curry" {
        return None;
    }
    let (Expr::DynamicConstant(function, _), values) = call.args.split_first()? else {
        return None;
    };
    let function = function.read_lock::<FnPtr>()?.fn_name().to_owned();
    let names = values.iter().filter_map(|value| match value {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        _ => None,
    });
    Some((function, names.collect()))
}
