//! A function that is called in another run: found by its name in the files of the script, with
//! what it captured as values that can be stored.

use super::{Fallible, wrong};
use crate::convert::{self, Use};
use crate::current::Running;
use rhai::{FnPtr, NativeCallContext};
use serde_json::Value;

/// A function as a wait keeps it.
#[derive(Default)]
pub(super) struct Called {
    /// `FILE#NAME`.
    pub(super) function: String,
    /// What it captured.
    pub(super) arguments: Vec<Value>,
}

impl Called {
    /// Finds the function in the files of the script; it may have one parameter of its own.
    pub(super) fn find(
        context: &NativeCallContext,
        running: &Running,
        of: &str,
        function: &FnPtr,
        parameter: &str,
    ) -> Fallible<Self> {
        let arguments = function
            .curry()
            .iter()
            .map(|value| convert::to_json(value, Use::Wait))
            .collect::<Result<Vec<_>, _>>();
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(message) => {
                return wrong(format!("`{of}` keeps what its function uses: {message}"));
            }
        };
        let captured = arguments.len();
        let file = file_of(context, running, function.fn_name(), captured)
            .or_else(|| file_of(context, running, function.fn_name(), captured + 1));
        match file {
            Some(file) => Ok(Self {
                function: format!("{file}#{}", function.fn_name()),
                arguments,
            }),
            None => wrong(format!(
                "`{of}` needs a function of this script, `|| …` or `|{parameter}| …`, not `{}`",
                function.fn_name()
            )),
        }
    }
}

/// The file in which a function stands: that of the caller, the script, or a library.
fn file_of(
    context: &NativeCallContext,
    running: &Running,
    name: &str,
    parameters: usize,
) -> Option<String> {
    let script = &running.script;
    let near = [context.call_source().unwrap_or_default(), &script.name];
    let all = script.files.keys().map(String::as_str);
    near.into_iter()
        .chain(all)
        .find(|path| script.function(path, name, parameters).is_some())
        .map(str::to_owned)
}
