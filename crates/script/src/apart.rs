//! Functions of one file that calls in another never reach.
//!
//! Rhai finds a function by its name and the number of its parameters, and keeps what it found for
//! the rest of the run, whichever file the next call stands in. So once `key(x)` of one library was
//! called twice, `key(x)` in every other is that one too, private or not: a request to one service
//! would be made by the functions of another, and carry its secret (Rhai 1.26 and 1.27).
//!
//! In the tree that runs, a call of a function of the same file therefore has the file's path behind
//! the name, and the function is there a second time under that name. Under its own it stays for
//! other files, and for `Fn("key")`. What people see is the tree as it was written: positions are the
//! same in both, and [`plain`] takes the path off a name.

use crate::check::{call_of, walk};
use rhai::{AST, ASTNode, Engine, FnAccess, Module, Position, Token};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// Between name and path. A name has to look like one to Rhai, so it can't be a sign that no name has.
const MARK: &str = "__of_";

thread_local! {
    /// The calls of the text that is being read again, and what they are to be called.
    static RENAMED: RefCell<HashMap<Position, String>> = RefCell::default();
}

/// Has an engine's parser take other names for the calls of [`runs`].
pub(crate) fn register(engine: &mut Engine) {
    // Rhai calls it volatile, not bad: a later version may shape it otherwise.
    #[expect(deprecated)]
    engine.on_parse_token(|token, position, _| match token {
        // Far to the right of a long line all positions are the same, so the name counts too.
        Token::Identifier(name) => match renamed(position) {
            Some(other) if plain(&other) == name.as_str() => {
                Token::Identifier(Box::new(other.into()))
            }
            _ => Token::Identifier(name),
        },
        other => other,
    });
}

fn renamed(position: Position) -> Option<String> {
    RENAMED.with_borrow(|renamed| renamed.get(&position).cloned())
}

/// The tree to run for a text and the tree that was read from it; as it is where that calls nothing
/// of its own.
pub(crate) fn runs(engine: &Engine, path: &str, source: &str, read: &AST) -> AST {
    let own = own(read);
    let mut called = HashSet::new();
    let mut places = HashMap::new();
    walk(read, &mut |nodes: &[ASTNode]| {
        if let Some((call, position, false)) = call_of(nodes)
            && !call.is_qualified()
            && own.contains(&(call.name.to_string(), call.args.len()))
        {
            called.insert((call.name.to_string(), call.args.len()));
            places.insert(position, named(&call.name, path));
        }
        true
    });
    if places.is_empty() {
        return read.clone();
    }
    RENAMED.set(places);
    let again = engine.compile(source);
    RENAMED.take();
    let Ok(again) = again else {
        tracing::warn!(path, "a file could not be read a second time");
        return read.clone();
    };
    let mut functions = Module::new();
    for function in again.iter_fn_def() {
        functions.set_script_fn(function.clone());
        let name = function.name.to_string();
        if function.this_type.is_none() && called.contains(&(name, function.params.len())) {
            let mut twin = (**function).clone();
            twin.name = named(&function.name, path).into();
            twin.access = FnAccess::Private;
            functions.set_script_fn(twin);
        }
    }
    AST::new_with_source(again.statements().iter().cloned(), functions, path)
}

/// The functions with names, and how many parameters each has.
fn own(ast: &AST) -> HashSet<(String, usize)> {
    let named = ast
        .iter_fn_def()
        .filter(|one| one.this_type.is_none() && !one.name.starts_with("anon$"));
    named
        .map(|one| (one.name.to_string(), one.params.len()))
        .collect()
}

/// The name with the path behind it, each sign of which stands for itself or for its number.
fn named(name: &str, path: &str) -> String {
    let mut named = format!("{name}{MARK}");
    for byte in path.bytes() {
        match byte {
            letter if letter.is_ascii_alphanumeric() => named.push(char::from(letter)),
            other => named += &format!("_{other:02x}"),
        }
    }
    named
}

/// A name as it was written.
pub(crate) fn plain(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(plain, _)| plain)
}
