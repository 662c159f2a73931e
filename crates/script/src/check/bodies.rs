//! Where the bodies of a file's functions begin and end, so that a place finds the innermost one.
//!
//! Sorted, with each body knowing the one around it, because every node of the file is looked up.

use rhai::{AST, Position, ScriptFuncDef};
use std::collections::HashMap;

/// Line and column.
type Place = (Option<usize>, Option<usize>);

fn place(position: Position) -> Place {
    (position.line(), position.position())
}

/// A body in braces.
struct Block<'a> {
    start: Place,
    end: Place,
    function: &'a ScriptFuncDef,
    /// The block around it, by its number.
    outer: Option<usize>,
}

pub(super) struct Bodies<'a> {
    /// In the order of their beginnings.
    blocks: Vec<Block<'a>>,
    /// A body without braces is one statement; Rhai knows no end of it, but each node in it begins
    /// with that statement.
    single: HashMap<Place, &'a ScriptFuncDef>,
}

impl<'a> Bodies<'a> {
    pub(super) fn of(ast: &'a AST) -> Self {
        let mut blocks = Vec::new();
        let mut single = HashMap::new();
        for function in ast.iter_fn_def() {
            let (start, end) = (function.body.start_position(), function.body.end_position());
            if end.is_none() {
                single.insert(place(start), &**function);
            } else {
                blocks.push(Block {
                    start: place(start),
                    end: place(end),
                    function,
                    outer: None,
                });
            }
        }
        blocks.sort_by_key(|block| block.start);
        let mut open: Vec<usize> = Vec::new();
        for number in 0..blocks.len() {
            let start = blocks[number].start;
            while open.last().is_some_and(|outer| blocks[*outer].end < start) {
                open.pop();
            }
            blocks[number].outer = open.last().copied();
            open.push(number);
        }
        Self { blocks, single }
    }

    /// The function in whose body a statement begins.
    pub(super) fn around(&self, position: Position) -> Option<&'a ScriptFuncDef> {
        let at = place(position);
        if let Some(function) = self.single.get(&at) {
            return Some(function);
        }
        let before = self.blocks.partition_point(|block| block.start <= at);
        let mut here = before.checked_sub(1);
        while let Some(block) = here.and_then(|number| self.blocks.get(number)) {
            if at <= block.end {
                return Some(block.function);
            }
            here = block.outer;
        }
        None
    }
}
