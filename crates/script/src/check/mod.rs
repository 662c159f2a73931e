//! Mistakes that can be seen without running anything, all at once.
//!
//! Each file below is one kind of mistake: a rule that looks at every node of the syntax tree.
//! Only what is certain is an error, because an error keeps a script from going live; what is
//! likely is a warning; what is neither is not spoken of.

mod arguments;
mod bodies;
mod calls;
mod captured;
mod chains;
mod closures;
mod emits;
mod events;
mod files;
mod functions;
mod habits;
mod imports;
mod named;
mod names;
mod places;
mod refused;
mod types;
mod unused;
mod walk;

use crate::explain;
use closures::Closures;
pub(crate) use emits::emits;
pub(crate) use files::files;
pub(crate) use functions::Functions;
pub(crate) use imports::imports;
use names::waits;
use porchlight_core::{Diagnostic, Place};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
pub(crate) use walk::walk;

/// A rule: looks at the last of some nodes (those before it are around it) and notes mistakes.
type Rule = fn(&Check, &[ASTNode], &mut Vec<Diagnostic>);

const RULES: &[Rule] = &[
    calls::rule,
    arguments::rule,
    imports::rule,
    captured::rule,
    chains::rule,
    events::rule,
    names::rule,
    places::rule,
    refused::rule,
    types::rule,
    unused::rule,
    habits::rule,
];

/// Nobody reads on after so many, and looking for near names takes its time.
const MOST: usize = 200;

/// A file, and what is known around it.
struct File<'a> {
    path: &'a str,
    source: &'a str,
    /// What the engine offers.
    functions: &'a Functions,
    /// What the imported files offer.
    imported: &'a Functions,
    /// The names before `::` of which all functions are known.
    modules: &'a HashSet<String>,
    /// The named targets of the configuration; null when it is not known.
    targets: &'a Value,
    /// The tables that are known by name only.
    named: &'a BTreeMap<String, BTreeSet<String>>,
    /// The names of the waits that the script begins; `None` when they can be any.
    waits: &'a Option<BTreeSet<String>>,
    /// What running the top level has found already.
    noted: &'a [Diagnostic],
}

/// All mistakes of a file that stands alone and can call these functions: a file of tests.
pub(crate) fn alone(path: &str, source: &str, ast: &AST, functions: &Functions) -> Vec<Diagnostic> {
    let file = File {
        path,
        source,
        functions,
        imported: &Functions::default(),
        modules: &HashSet::new(),
        targets: &Value::Null,
        named: &BTreeMap::new(),
        waits: &None,
        noted: &[],
    };
    self::file(&file, ast)
}

/// All mistakes of one file.
fn file(file: &File<'_>, ast: &AST) -> Vec<Diagnostic> {
    let mut own: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    for function in ast.iter_functions() {
        let arities = own.entry(function.name).or_default();
        arities.insert(function.params.len());
    }
    let check = Check {
        file,
        own,
        members: members(ast),
        aliases: imports(ast).0.into_iter().map(|(_, alias)| alias).collect(),
        closures: Closures::of(ast),
        read: unused::read(ast),
    };
    let mut found: Vec<Diagnostic> = Vec::new();
    walk(ast, &mut |nodes: &[ASTNode]| {
        for rule in RULES {
            rule(&check, nodes, &mut found);
        }
        found.len() < MOST
    });
    // The walk meets a statement that is a call twice, and a chain once for each of its links.
    found.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    found.dedup();
    found
}

/// What the rules know of the file.
struct Check<'a> {
    file: &'a File<'a>,
    /// The functions of the file, with their numbers of parameters.
    own: HashMap<&'a str, BTreeSet<usize>>,
    /// The names of members that maps have somewhere in the file.
    members: HashSet<String>,
    aliases: HashSet<String>,
    closures: Closures<'a>,
    /// The variables that are read somewhere.
    read: HashSet<String>,
}

impl Check<'_> {
    fn error(&self, at: Position, message: String) -> Diagnostic {
        let Place { line, column, .. } = explain::place(self.file.path, at);
        let mut wrong = Diagnostic::error(self.file.path, self.file.source, line, column, message);
        let rest = wrong.source_line.chars().skip(column.max(1) as usize - 1);
        let width = rest
            .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':')
            .count();
        wrong.width = u32::try_from(width).unwrap_or(1).max(1);
        wrong
    }

    /// The function of the host or of an import that a call means; none when the file has its own.
    fn function(&self, call: &FnCallExpr) -> Option<&functions::Function> {
        if call.is_qualified() {
            let name = format!("{}::{}", call.namespace.root(), call.name);
            let imported = self.file.imported.get(&name);
            return imported.or_else(|| self.file.functions.get(&name));
        }
        self.file.functions.get(&call.name)
    }
}

/// The call that a node is, where it stands, and whether it is a method.
pub(crate) fn call_of<'a>(nodes: &'a [ASTNode]) -> Option<(&'a FnCallExpr, Position, bool)> {
    match nodes.last()? {
        ASTNode::Stmt(Stmt::FnCall(call, at)) | ASTNode::Expr(Expr::FnCall(call, at)) => {
            Some((call, *at, false))
        }
        ASTNode::Expr(Expr::MethodCall(call, at)) => Some((call, *at, true)),
        _ => None,
    }
}

/// The variable at the beginning of `name`, `name.x` or `name[0]`.
fn root(expr: &Expr) -> Option<(&str, Position)> {
    match expr {
        Expr::Variable(variable, _, at) => Some((variable.1.as_str(), *at)),
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => root(&chain.lhs),
        _ => None,
    }
}

fn members(ast: &AST) -> HashSet<String> {
    let mut members = HashSet::new();
    walk(ast, &mut |nodes: &[ASTNode]| {
        match nodes.last() {
            Some(ASTNode::Expr(Expr::Map(map, _))) => {
                members.extend(map.0.iter().map(|(name, _)| name.name.to_string()));
            }
            Some(ASTNode::Expr(Expr::Property(property, _))) => {
                members.insert(property.2.to_string());
            }
            _ => {}
        }
        true
    });
    members
}
