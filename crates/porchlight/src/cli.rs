//! The command line, as people type it.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Takes webhooks, proves that each is genuine, writes it to disk, and hands it to scripts.
///
/// Without a command it runs the host in the current folder; the first run makes a home there.
///
/// Exit codes: 0 done, 1 a mistake in the configuration or a script, a failed test (or nothing found), 2 the
/// command line is wrong, 3 the host could not start or was not reached, or a file can't be read.
#[derive(Parser)]
#[command(name = "porchlight", version, max_term_width = 100)]
pub struct Cli {
    /// What to do; `run` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub home: Home,
    /// What to log: error, warn, info, debug or trace, also by part: `info,porchlight_source=debug`.
    #[arg(
        long,
        global = true,
        env = "PORCHLIGHT_LOG",
        value_name = "LEVELS",
        default_value = "info"
    )]
    pub log: String,
    #[command(flatten)]
    pub run: RunArgs,
}

/// Where the home is.
#[derive(Args, Clone)]
pub struct Home {
    /// The home folder: it holds porchlight.toml, scripts/ and data/.
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    pub home: PathBuf,
}

/// What `run` takes.
#[derive(Args, Clone, Default)]
pub struct RunArgs {
    /// Listen here instead of where porchlight.toml says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Serve webhooks and run scripts (the default).
    Run(RunArgs),
    /// Load the configuration and all scripts, and report every mistake.
    Check {
        /// Print the mistakes as JSON, one object a line.
        #[arg(long)]
        json: bool,
        /// Also show what each script that changed would have done differently about the events of so
        /// long (24h), or since a moment.
        #[arg(long, value_name = "TIME")]
        against: Option<String>,
    },
    /// Send recorded events through the scripts as they are now, and show what they would do; nothing
    /// is performed.
    Replay(ReplayArgs),
    /// Run the tests beside scripts (scripts/*.test.rhai); nothing is performed.
    Test(TestArgs),
    /// Sign a built-in sample or a file, post it to the running host, and show what it caused.
    Send(SendArgs),
    /// Look whether clock, disk, rights, journal, configuration, ports and all targets are in order, and
    /// say what to fix; nothing is performed.
    Doctor(DoctorArgs),
    /// Perform what an expression tells, by hand: 'light::flash("porch")'.
    Act(ActArgs),
    /// Explain step by step why a captured request passes or fails.
    Verify(VerifyArgs),
    /// List the events that came in, or what was refused.
    Events(EventsArgs),
    /// List what scripts did with them.
    Runs(ListArgs),
    /// List the actions that scripts decided on, or try dead ones again.
    Actions {
        /// `retry` tries dead actions again.
        #[command(subcommand)]
        what: Option<ActionsCommand>,
        #[command(flatten)]
        list: ActionsArgs,
    },
    /// List what scripts keep, show or set a value, or show what it was.
    State {
        /// What to do; `list` when left out.
        #[command(subcommand)]
        what: Option<StateCommand>,
        /// JSON, one object a line.
        #[arg(long, global = true)]
        json: bool,
    },
    /// Print what scripts can call: all of it, a module, or a function.
    Reference(ReferenceArgs),
    /// Start a script from a template: scripts/NAME.rhai.
    New {
        /// The script's name, without `.rhai`.
        name: String,
    },
}

/// What `actions` can do besides listing.
#[derive(Subcommand)]
pub enum ActionsCommand {
    /// Try dead actions again, now, under their old keys.
    Retry(RetryArgs),
}

/// What `actions` takes.
#[derive(Args)]
pub struct ActionsArgs {
    /// Only dead ones: those that failed for good or came too late.
    #[arg(long)]
    pub dead: bool,
    #[command(flatten)]
    pub which: WhichActions,
    #[command(flatten)]
    pub list: ListArgs,
}

/// What `actions retry` takes. Exit codes: 0 done, 1 none is meant, 3 one of them is not dead, or the
/// journal can't be written.
#[derive(Args)]
pub struct RetryArgs {
    /// Their numbers in the list.
    #[arg(
        value_name = "ID",
        required_unless_present = "dead",
        conflicts_with = "dead"
    )]
    pub ids: Vec<u64>,
    /// All dead ones that the options below let through.
    #[arg(long)]
    pub dead: bool,
    #[command(flatten)]
    pub which: WhichActions,
    /// Only list and count them.
    #[arg(long)]
    pub dry: bool,
}

/// Which actions are meant.
#[derive(Args)]
pub struct WhichActions {
    /// From this moment on (RFC 3339), or so long ago (2h): told then, or, of dead ones, dead since then.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Of this lane; `http://10.0.0.5*` for all that begin like this.
    #[arg(long, value_name = "LANE")]
    pub lane: Option<String>,
    /// Of this kind: `http.send`, `sheet.*`.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
}

/// What `doctor` takes. Exit codes: 0 nothing is bad, 1 something is.
#[derive(Args)]
pub struct DoctorArgs {
    /// JSON, one object a line: `area`, `level` (`ok`, `warn`, `bad`), `message`, `fix`.
    #[arg(long)]
    pub json: bool,
}

/// What `act` takes. Exit codes: 0 all was done, 1 something failed, or the expression or the
/// configuration has a mistake, 3 it could not be run at all.
#[derive(Args)]
pub struct ActArgs {
    /// What a handler would say: 'light::flash("porch")'.
    #[arg(value_name = "EXPRESSION")]
    pub expression: String,
    /// Show the requests only; nothing is performed or asked.
    #[arg(long)]
    pub dry: bool,
    /// Perform what it leaves for later (`later`), too, if it comes within so long.
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub within: String,
    /// JSON, one object a line: each request and each answer.
    #[arg(long)]
    pub json: bool,
}

/// What `test` takes. Exit codes: 0 all passed, 1 some failed or there is none, 3 the scripts can't be
/// read.
#[derive(Args)]
pub struct TestArgs {
    /// Only tests with this text in their name, or in the path of their file.
    #[arg(value_name = "FILTER", default_value = "")]
    pub filter: String,
    /// Go on: run the tests that a save concerns, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
    /// JSON, one object a line: each test, each mistake, and the sum.
    #[arg(long)]
    pub json: bool,
}

/// What `replay` takes. Exit codes: 0 done, 1 `--diff` found a difference (or the configuration has a
/// mistake), 3 there is no journal, or no such event or script.
#[derive(Args)]
pub struct ReplayArgs {
    /// From this moment on (RFC 3339), or so long ago.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub since: String,
    /// Until this moment, or until so long ago; until now when left out.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only this script.
    #[arg(long, value_name = "NAME")]
    pub script: Option<String>,
    /// Only this event.
    #[arg(long, value_name = "ID")]
    pub event: Option<u64>,
    /// Only what differs from what was done then.
    #[arg(long)]
    pub diff: bool,
    /// JSON, one object a line for each action.
    #[arg(long)]
    pub json: bool,
}

/// What `state` can do.
#[derive(Subcommand)]
pub enum StateCommand {
    /// List all keys and their values.
    List {
        /// Only keys that begin like this, or that match a pattern: `'door.*'`, `'**.battery'`.
        #[arg(value_name = "PREFIX|PATTERN", default_value = "")]
        keys: String,
    },
    /// Show a value.
    Get {
        /// Its key.
        key: String,
    },
    /// Set a value by hand, also while the host runs; scripts that listen are told.
    Set {
        /// Its key.
        key: String,
        /// JSON (`true`, `5`, `{"a": 1}`), or else a text.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Remove a value by hand.
    Remove {
        /// Its key.
        key: String,
    },
    /// Show what a value was, oldest first.
    History {
        /// Its key.
        key: String,
        /// From this moment on (RFC 3339), or so long ago: `24h`.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only the newest N: 20 when nothing is said, and all that is remembered with `--since`.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
}

/// What `send` takes.
#[derive(Args)]
pub struct SendArgs {
    /// A preset (its built-in sample is sent), or a file: a captured `.http` request, or a body.
    #[arg(value_name = "PRESET|FILE")]
    pub what: String,
    /// Send to this webhook; needed when several use the preset, or for a file where there are several.
    #[arg(long, value_name = "NAME")]
    pub webhook: Option<String>,
    /// Send to the host at this address instead of where porchlight.toml says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub to: Option<SocketAddr>,
    /// Send a captured request as it is, with the signature that it has.
    #[arg(long)]
    pub as_is: bool,
    /// Don't wait for what it causes.
    #[arg(long)]
    pub no_wait: bool,
}

/// What `verify` takes.
#[derive(Args)]
pub struct VerifyArgs {
    /// A captured request: the text of an HTTP/1.1 request, its body byte for byte.
    #[arg(value_name = "REQUEST.http")]
    pub file: Option<PathBuf>,
    /// The webhook that it was meant for; its address says so when left out.
    #[arg(long, value_name = "NAME")]
    pub webhook: Option<String>,
    /// Judge it as at this moment (RFC 3339) instead of now, because signatures grow old.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The address that it came from, where the proof is an address.
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Option<std::net::IpAddr>,
    /// Run a file of test vectors instead: a line for each disagreement, exit code 1 on any.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "webhook", "at", "peer"])]
    pub vectors: Option<PathBuf>,
}

/// What `events` takes.
#[derive(Args, Clone, Default)]
pub struct EventsArgs {
    /// List the deliveries that became no event, and why: refused, or known already.
    #[arg(long)]
    pub refused: bool,
    #[command(flatten)]
    pub list: ListArgs,
}

/// What `reference` takes.
#[derive(Args)]
pub struct ReferenceArgs {
    /// A module, a function or a property: `http`, `http::send`, `event.facts`; or a word.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Write definition files (`.d.rhai`) for editors into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    pub definitions: Option<PathBuf>,
    /// Write the pages as Markdown into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    pub write: Option<PathBuf>,
}

/// What the lists take.
#[derive(Args, Clone, Default)]
pub struct ListArgs {
    /// Show this one, whole.
    pub id: Option<u64>,
    /// Follow: go on with what comes in.
    #[arg(short, long)]
    pub follow: bool,
    /// JSON, one object a line; events are CloudEvents 1.0.
    #[arg(long)]
    pub json: bool,
    /// The newest N.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}
