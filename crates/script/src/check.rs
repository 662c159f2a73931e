//! Mistakes that can be seen without running anything: misspelt functions, wrong numbers of
//! arguments, imports in the wrong place, and changes to captured variables, which don't last.
//!
//! Only what is certain is an error. A method may be a function kept in a map, so a method is
//! certainly wrong only when nothing in the file has a member of that name.

use crate::explain;
use porchlight_core::diagnostic::nearest;
use porchlight_core::{Diagnostic, Place};
use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, FnPtr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Functions by name (`http::send`), with the numbers of arguments that they take.
#[derive(Default)]
pub(crate) struct Functions(BTreeMap<String, BTreeSet<usize>>);

/// Called by the language itself, with rules of their own.
const KEYWORDS: &[&str] = &[
    "curry",
    "call",
    "Fn",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "type_of",
    "print",
    "debug",
    "eval",
    "this",
    "to_string",
    "to_debug",
];

impl Functions {
    /// What the engine offers.
    pub(crate) fn of_engine(engine: &Engine) -> Self {
        let mut functions = Self::default();
        for signature in engine.gen_fn_signatures(true) {
            let Some((name, rest)) = signature.split_once('(') else {
                continue;
            };
            let arguments = rest.rsplit_once(')').map_or(rest, |(inside, _)| inside);
            functions.add(name, count(arguments));
        }
        functions
    }

    /// Adds the functions that a file offers to others, under the name it is imported by.
    pub(crate) fn add_module(&mut self, alias: &str, ast: &AST) {
        for function in ast.iter_functions() {
            if function.access == rhai::FnAccess::Public && !function.name.starts_with("__") {
                self.add(
                    &format!("{alias}::{}", function.name),
                    function.params.len(),
                );
            }
        }
    }

    fn add(&mut self, name: &str, arguments: usize) {
        self.0.entry(name.to_owned()).or_default().insert(arguments);
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        let words = self.0.keys().map(String::as_str);
        nearest(
            name,
            words.filter(|word| word.starts_with(char::is_alphabetic)),
        )
    }
}

/// The number of arguments in `a: T, b: Fn(A, B)`.
fn count(arguments: &str) -> usize {
    if arguments.trim().is_empty() {
        return 0;
    }
    let mut depth = 0;
    let mut commas = 0;
    for character in arguments.chars() {
        match character {
            '(' | '<' | '[' => depth += 1,
            ')' | '>' | ']' => depth -= 1,
            ',' if depth == 0 => commas += 1,
            _ => {}
        }
    }
    commas + 1
}

/// The imports of a file: path, alias, place; and the roots of all `root::name` calls.
pub(crate) fn imports(ast: &AST) -> (Vec<(String, String)>, HashSet<String>) {
    let mut found = Vec::new();
    let mut roots = HashSet::new();
    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Import(import, _))) => {
                if let Expr::StringConstant(path, _) = &import.0 {
                    found.push((path.to_string(), import.1.name.to_string()));
                }
            }
            Some(
                ASTNode::Stmt(Stmt::FnCall(call, _))
                | ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)),
            ) if call.is_qualified() => {
                roots.insert(call.namespace.root().to_owned());
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) if !variable.2.is_empty() => {
                roots.insert(variable.2.root().to_owned());
            }
            _ => {}
        }
        true
    });
    (found, roots)
}

/// All mistakes of one file. `functions` are the engine's, `imported` those of the imported files;
/// `modules` are the names before `::` of which all functions are known.
pub(crate) fn file(
    path: &str,
    source: &str,
    ast: &AST,
    functions: &Functions,
    imported: &Functions,
    modules: &HashSet<String>,
) -> Vec<Diagnostic> {
    let own: HashMap<&str, BTreeSet<usize>> =
        ast.iter_functions()
            .fold(HashMap::new(), |mut own, function| {
                let arities: &mut BTreeSet<usize> = own.entry(function.name).or_default();
                arities.insert(function.params.len());
                own
            });
    let check = Check {
        path,
        source,
        functions,
        imported,
        modules,
        own,
        members: members(ast),
        aliases: imports(ast).0.into_iter().map(|(_, alias)| alias).collect(),
    };
    let mut found: Vec<(Position, Diagnostic)> = Vec::new();
    ast.walk(&mut |nodes: &[ASTNode]| {
        let wrong = match nodes.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, at)) | ASTNode::Expr(Expr::FnCall(call, at))) => {
                check.call(call, *at, false).map(|wrong| (*at, wrong))
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => {
                check.call(call, *at, true).map(|wrong| (*at, wrong))
            }
            Some(ASTNode::Stmt(Stmt::Import(import, at)))
                if !matches!(import.0, Expr::StringConstant(..)) =>
            {
                let message = "an import needs its path as plain text, so that it can be kept";
                Some((*at, check.error(*at, message.to_owned())))
            }
            _ => None,
        };
        found.extend(wrong);
        true
    });
    // The walk meets a statement that is a call twice.
    found.sort_by_key(|(at, _)| (at.line(), at.position()));
    found.dedup_by(|a, b| a.0 == b.0 && a.1.message == b.1.message);
    let mut all: Vec<Diagnostic> = found.into_iter().map(|(_, wrong)| wrong).collect();
    all.extend(late_imports(&check, ast));
    all.extend(lost_changes(&check, ast));
    all
}

struct Check<'a> {
    path: &'a str,
    source: &'a str,
    functions: &'a Functions,
    imported: &'a Functions,
    modules: &'a HashSet<String>,
    own: HashMap<&'a str, BTreeSet<usize>>,
    members: HashSet<String>,
    aliases: HashSet<String>,
}

impl Check<'_> {
    fn error(&self, at: Position, message: String) -> Diagnostic {
        let Place { line, column, .. } = explain::place(self.path, at);
        let mut wrong = Diagnostic::error(self.path, self.source, line, column, message);
        let rest = wrong.source_line.chars().skip(column.max(1) as usize - 1);
        let width = rest
            .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':')
            .count();
        wrong.width = u32::try_from(width).unwrap_or(1).max(1);
        wrong
    }

    fn call(&self, call: &FnCallExpr, at: Position, method: bool) -> Option<Diagnostic> {
        if call.op_token.is_some() {
            return None;
        }
        let given = call.args.len();
        let (name, fits) = if call.is_qualified() {
            let root = call.namespace.root();
            if !self.modules.contains(root) {
                return self.unknown_module(root, at);
            }
            if call.namespace.path.len() != 1 {
                return None;
            }
            let name = format!("{root}::{}", call.name);
            let fits = self
                .imported
                .0
                .get(&name)
                .or_else(|| self.functions.0.get(&name));
            let fits = fits.cloned();
            (name, fits)
        } else {
            let name = call.name.as_str();
            if KEYWORDS.contains(&name) || self.members.contains(name) {
                return None;
            }
            let mut fits = self.functions.0.get(name).cloned();
            if method {
                // A method's object is the first argument of a native function.
                fits = fits.map(|fits| fits.iter().filter_map(|n| n.checked_sub(1)).collect());
            }
            if let Some(own) = self.own.get(name) {
                let more = own.iter().copied().chain(
                    own.iter()
                        .filter(|_| method)
                        .filter_map(|n| n.checked_sub(1)),
                );
                fits.get_or_insert_default().extend(more);
            }
            (name.to_owned(), fits)
        };
        let Some(fits) = fits else {
            let own = self
                .own
                .keys()
                .copied()
                .filter(|own| !own.starts_with("anon$"));
            let near = nearest(&name, own)
                .or_else(|| self.imported.nearest(&name))
                .or_else(|| self.functions.nearest(&name))
                .map(|near| format!("did you mean `{near}`?"));
            let wrong = self.error(at, format!("there is no function `{name}`"));
            return Some(wrong.with_help(near.unwrap_or_default()));
        };
        if fits.contains(&given) {
            return None;
        }
        let wanted: Vec<String> = fits.iter().map(usize::to_string).collect();
        let plural = if wanted == ["1"] { "" } else { "s" };
        Some(self.error(
            at,
            format!(
                "`{name}` takes {} argument{plural}, not {given}",
                wanted.join(" or ")
            ),
        ))
    }

    /// A name before `::` that is neither a module of ours nor an import of the file.
    fn unknown_module(&self, root: &str, at: Position) -> Option<Diagnostic> {
        if root == "global" || self.aliases.contains(root) {
            return None;
        }
        let known = self.modules.iter().map(String::as_str);
        let near = nearest(root, known).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| format!("import \"lib/{root}\" as {root};"));
        let wrong = self.error(at, format!("there is no module `{root}`"));
        Some(wrong.with_help(help))
    }
}

/// The names of members that maps have somewhere in the file.
fn members(ast: &AST) -> HashSet<String> {
    let mut members = HashSet::new();
    ast.walk(&mut |nodes: &[ASTNode]| {
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

/// Imports inside functions: a run reads no files.
fn late_imports(check: &Check, ast: &AST) -> Vec<Diagnostic> {
    let mut late = Vec::new();
    ast.walk(&mut |nodes: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Import(_, at))) = nodes.last()
            && ast.iter_fn_def().any(|function| stands_in(function, *at))
        {
            let message = "an import stands at the top of the file, not inside a function";
            late.push(check.error(*at, message.to_owned()));
        }
        true
    });
    late
}

/// Warnings for handlers that change what they captured: each run has its own copy.
fn lost_changes(check: &Check, ast: &AST) -> Vec<Diagnostic> {
    let mut captured: HashMap<String, Vec<String>> = HashMap::new();
    ast.walk(&mut |nodes: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) =
            nodes.last()
            && crate::api::TRIGGERS.contains(&call.name.as_str())
            && let Some((function, names)) = call.args.last().and_then(closure)
        {
            captured.insert(function, names);
        }
        true
    });
    let handlers: Vec<_> = ast
        .iter_fn_def()
        .filter_map(|function| Some((function, captured.get(function.name.as_str())?)))
        .collect();
    let mut warnings = Vec::new();
    ast.walk(&mut |nodes: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = nodes.last()
            && let Some((name, at)) = root(&assignment.1.lhs)
            && handlers.iter().any(|(function, names)| {
                stands_in(function, at) && names.iter().any(|captured| captured == name)
            })
        {
            let message = format!(
                "`{name}` belongs to the top of the file; this change is lost when the handler ends"
            );
            let help = format!("to remember it, use `state::set({name:?}, …)` or `state::add`");
            warnings.push(check.error(at, message).with_help(help).as_warning());
        }
        true
    });
    warnings
}

/// The name of a closure that captures variables, and their names.
fn closure(expr: &Expr) -> Option<(String, Vec<String>)> {
    let call = match expr {
        Expr::FnCall(call, _) => call,
        // A closure that captures is a block: share the variables, then curry.
        Expr::Stmt(block) => match block.statements().last()? {
            Stmt::FnCall(call, _) => call,
            Stmt::Expr(expr) => return closure(expr),
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

/// The variable at the beginning of `name`, `name.x` or `name[0]`.
fn root(expr: &Expr) -> Option<(&str, Position)> {
    match expr {
        Expr::Variable(variable, _, at) => Some((variable.1.as_str(), *at)),
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => root(&chain.lhs),
        _ => None,
    }
}

/// Whether a place is in the body of a function. Rhai gives no way into one body alone.
fn stands_in(function: &rhai::ScriptFuncDef, at: Position) -> bool {
    let order = |position: Position| (position.line(), position.position());
    let (start, end) = (function.body.start_position(), function.body.end_position());
    order(start) <= order(at) && order(at) <= order(end)
}
