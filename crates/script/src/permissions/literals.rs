//! What a script reaches as far as its text says so: `http::send("http://gate.lan/open")`.
//!
//! Only what is written out is known; an address that is put together at run time is seen as "any
//! address", and asked for when the run gets there.

use super::Need;
use super::grant::{ends_host, host_of};
use crate::check::walk;
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::HashSet;

/// Something that a script reaches.
pub(crate) struct Seen {
    /// `http`, `file`, `light` and so on.
    pub(crate) area: String,
    /// What, when it is written out.
    pub(crate) need: Option<Need>,
    /// Where what is reached stands.
    pub(crate) at: Position,
}

/// Everything that a file reaches, in the order of its text. `targets` are the kinds of targets.
pub(crate) fn seen(ast: &AST, targets: &[&str]) -> Vec<Seen> {
    let mut all = Vec::new();
    let own: HashSet<&str> = ast.iter_functions().map(|one| one.name).collect();
    walk(ast, &mut |nodes: &[ASTNode]| {
        if let Some(
            ASTNode::Stmt(Stmt::FnCall(call, at))
            | ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at)),
        ) = nodes.last()
        {
            all.extend(of_call(call, *at, targets, &own));
        }
        true
    });
    all.sort_by_key(|seen| (seen.at.line(), seen.at.position()));
    all
}

/// `own` are the names of the file's functions.
fn of_call(call: &FnCallExpr, at: Position, targets: &[&str], own: &HashSet<&str>) -> Option<Seen> {
    let first = call.args.first();
    let seen = |area: &str, need: Option<Need>| {
        let at = first.map_or(at, |argument| argument.start_position());
        Some(Seen {
            area: area.to_owned(),
            need,
            at: if at.is_none() {
                call_place(at, first)
            } else {
                at
            },
        })
    };
    let name = call.name.as_str();
    let plain = first.and_then(text);
    if !call.is_qualified() {
        return match name {
            "emit" => seen("emit", plain.map(|kind| Need::Emit(kind.to_owned()))),
            _ if own.contains(name) => None,
            "budget" | "budget_left" => {
                seen("budget", plain.map(|name| Need::Budget(name.to_owned())))
            }
            "wait_for" => seen("event", plain.map(|kind| Need::Event(kind.to_owned()))),
            // What a trigger is given is known when it is called, also where it is not written out.
            "on" | "on_silence" => seen("event", Some(Need::Event(plain?.to_owned()))),
            "on_mqtt" => seen("mqtt", Some(Need::Mqtt(plain?.to_owned()))),
            "on_state" => seen("state", Some(Need::State(plain?.to_owned()))),
            "target" => {
                let kind = plain.map(str::to_owned);
                let need = kind.clone().zip(call.args.get(1).and_then(text));
                let need = need.map(|(kind, name)| Need::Target {
                    kind,
                    name: name.to_owned(),
                });
                seen(kind.as_deref().unwrap_or("target"), need)
            }
            _ => None,
        };
    }
    let named = |make: fn(String) -> Need| plain.map(|text| make(text.to_owned()));
    match call.namespace.root() {
        "http" => seen("http", first.and_then(host)),
        "net" => seen("net", net_need(call)),
        "mail" => seen(
            "mail",
            plain.map(|name| Need::Target {
                kind: "mail".to_owned(),
                name: name.to_owned(),
            }),
        ),
        "sheet" | "file" => seen("file", named(Need::File)),
        "command" => seen("command", named(Need::Command)),
        "state" => seen("state", named(Need::State)),
        "mqtt" => seen("mqtt", named(Need::Mqtt)),
        kind if targets.contains(&kind) => seen(
            kind,
            plain.map(|name| Need::Target {
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
        ),
        _ => None,
    }
}

fn call_place(at: Position, first: Option<&Expr>) -> Position {
    first.map_or(at, Expr::position)
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringConstant(text, _) => Some(text.as_str()),
        _ => None,
    }
}

/// The host of an address that is written out as far as its first slash.
fn host(expr: &Expr) -> Option<Need> {
    let beginning = match expr {
        Expr::StringConstant(text, _) => return host_need(text),
        Expr::InterpolatedString(parts, _) => text(parts.first()?)?,
        Expr::FnCall(call, _) if call.name == "+" => {
            let mut left = call.args.first()?;
            while let Expr::FnCall(inner, _) = left
                && inner.name == "+"
            {
                left = inner.args.first()?;
            }
            text(left)?
        }
        _ => return None,
    };
    ends_host(beginning).then(|| host_need(beginning))?
}

/// Host and port of a call of `net`; `wake` has neither.
fn net_need(call: &FnCallExpr) -> Option<Need> {
    let port = match call.args.get(1)? {
        Expr::IntegerConstant(port, _) => u16::try_from(*port).ok()?,
        _ => return None,
    };
    Some(Need::of_net(text(call.args.first()?)?, port))
}

fn host_need(address: &str) -> Option<Need> {
    let (host, port) = host_of(address)?;
    Some(Need::of_host(&host, port))
}
