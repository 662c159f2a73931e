//! One way to offer a function to scripts: what it says about itself, its name, what it does.
//!
//! What it says is a doc comment, the only source of the reference, of the editors' definitions
//! and of the checks of literal arguments. How it is written is in [`crate::reference`]; a test
//! refuses a function without one.

use crate::reference::kind;
use rhai::{Engine, FuncRegistration, Module, RhaiNativeFunc, Variant};

/// A function before it is known to the engine.
pub(crate) struct About {
    /// As scripts call it, without its module.
    pub(crate) name: &'static str,
    /// Its doc comment with the leading slashes, one line after the other.
    pub(crate) doc: &'static str,
    /// Name and Rust type of each parameter.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
}

impl About {
    fn registration<R>(&self) -> FuncRegistration {
        let told = |(name, rust): &(&str, &str)| {
            let words = parameter_kind(self.doc, name);
            format!("{name}: {}", kind::for_editors(words, rust))
        };
        let gives = kind::for_editors(
            gives_kind(self.doc).unwrap_or_default(),
            std::any::type_name::<R>(),
        );
        let all = self.parameters.iter().map(told);
        FuncRegistration::new(self.name)
            .with_params_info(all.chain([gives]))
            .with_comments(Some(self.doc.trim_end()).filter(|doc| !doc.is_empty()))
    }
}

/// The words in "* `name` (words): …" of a doc comment; empty when it says nothing.
fn parameter_kind<'a>(doc: &'a str, name: &str) -> &'a str {
    let after = doc.split_once(&format!("/// * `{name}` (")).map(|it| it.1);
    let words = after.and_then(|after| after.split_once(')'));
    words.map_or("", |(words, _)| words)
}

/// The words in "Gives (words): …".
fn gives_kind(doc: &str) -> Option<&str> {
    let (_, after) = doc.split_once("/// Gives (")?;
    after.split_once(')').map(|(words, _)| words)
}

/// Where functions can be put: into the scope of every script, or behind the name of a module.
pub(crate) trait Offer {
    fn offer<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        about: &About,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    );
}

impl Offer for Engine {
    fn offer<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        about: &About,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        about
            .registration::<R>()
            .register_into_engine(self, function);
    }
}

impl Offer for Module {
    fn offer<A: 'static, const N: usize, const X: bool, R: Variant + Clone, const F: bool>(
        &mut self,
        about: &About,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        about.registration::<R>().set_into_module(self, function);
    }
}

/// Adds a function to a module or to the engine, with all the ways of calling it:
///
/// ```text
/// function! {
///     module,
///     /// Sends a request, once the run is stored.
///     ///
///     /// * `url` (text): where to
///     /// * `options` (map):
///     ///   * `json` (any): the body
///     ///
///     /// Gives (map): what came back
///     ///
///     /// Fails when …
///     ///
///     /// (an example between fences)
///     "send",
///     (url: Dynamic) => send(&url, Map::new()),
///     (url: Dynamic, options: Map) => send(&url, options),
/// }
/// ```
///
/// The body gives a `Fallible`; its error gets the place of the call, which Rhai leaves out of
/// calls with `::`. A body that needs the call itself names it first: `[context] (url: …) => …`.
macro_rules! function {
    (
        $target:expr,
        $(#[doc = $doc:literal])*
        $name:literal,
        $($([$context:ident])? ($($argument:ident: $kind:ty),* $(,)?) => $body:expr),+ $(,)?
    ) => {{
        use $crate::api::function::Offer as _;
        const DOC: &str = concat!($("///", $doc, "\n",)*);
        $(
            $target.offer(
                &$crate::api::function::About {
                    name: $name,
                    doc: DOC,
                    parameters: &[$((stringify!($argument), stringify!($kind))),*],
                },
                |native: rhai::NativeCallContext $(, $argument: $kind)*| {
                    $(let $context = &native;)?
                    // The closure lets the body use `?`.
                    #[allow(clippy::redundant_closure_call)]
                    let result = (|| $body)();
                    $crate::api::at(&native, result)
                },
            );
        )+
    }};
    ($module:expr, $name:literal, |$($argument:ident: $kind:ty),*| $body:expr) => {
        $crate::api::function! { $module, $name, ($($argument: $kind),*) => $body }
    };
}
pub(crate) use function;
