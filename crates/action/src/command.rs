//! `command.start` and `command.run`: a program of the owner's choice, named in the configuration.
//!
//! A script chooses a name and an input, never a program or an argument. There is no shell, the
//! input goes to standard input as JSON, and the environment is our own with five variables, so
//! that no secret of the host's environment reaches a child.
//!
//! A program runs in its own process group. When its time is over the whole group gets SIGTERM, and
//! SIGKILL a second later; the signals are sent by `kill` in a shell, because the standard
//! library has no safe call for a group. Without a shell only the program itself is killed.

use crate::failure::{config, io_error};
use crate::fields::{Fields, suggestion};
use crate::output::Kept;
use porchlight_core::units::format_duration;
use porchlight_core::{ActionError, Receipt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

/// How many programs run at once: a Pi has four cores, and a fifth would slow the others.
const AT_ONCE: usize = 4;

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(1);

/// What is kept back of the caller's deadline to end a program properly.
const TO_END_IT: Duration = Duration::from_millis(2500);

/// How long to wait for output after the program itself has ended: a child that it left behind may
/// hold the pipe open for ever.
const LINGER: Duration = Duration::from_millis(500);

/// The exit code by which a program says "not now" (EX_TEMPFAIL of sysexits.h).
const TRY_LATER: i32 = 75;

/// One `[command.NAME]`.
#[derive(Debug, Clone)]
pub struct CommandConfig {
    /// The program and its arguments. Never empty.
    pub argv: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
    /// How many bytes of each output stream are kept: half from its beginning, half from its end.
    pub max_output: u64,
    /// Whether a text is written to it as it is. Everything else is always JSON.
    pub plain: bool,
    /// Where it runs; our own working folder when `None`.
    pub dir: Option<PathBuf>,
}

/// A call of a command.
pub(crate) struct CommandTask {
    name: String,
    input: Value,
}

impl CommandTask {
    /// Reads the arguments of `command.*`.
    pub(crate) fn parse(kind: &str, args: &Value) -> Result<Self, ActionError> {
        let fields = Fields::new(kind, args, &["name", "input"])?;
        Ok(Self {
            name: fields.required_text("name")?.to_owned(),
            input: fields.get("input").cloned().unwrap_or_default(),
        })
    }
}

/// The configured commands.
pub(crate) struct Commands {
    known: HashMap<String, CommandConfig>,
    places: Semaphore,
}

impl Commands {
    pub(crate) fn new(known: HashMap<String, CommandConfig>) -> Self {
        Self {
            known,
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Runs a command to its end. Dropping the future kills the program.
    pub(crate) async fn perform(
        &self,
        task: CommandTask,
        key: &str,
        deadline: Duration,
    ) -> Result<Receipt, ActionError> {
        let name = task.name.as_str();
        let Some(command) = self.known.get(name) else {
            return Err(self.unknown(name));
        };
        // Less than what is left, so that we end the program, not the caller us.
        let latest = Instant::now() + (deadline - TO_END_IT.min(deadline / 2));
        let _place = self.places.acquire().await;
        let limit = command.timeout.min(latest - Instant::now());
        let until = Instant::now() + limit;
        let mut child = spawn(name, command, key)?;
        let input = match &task.input {
            Value::String(text) if command.plain => text.clone().into_bytes(),
            input => serde_json::to_vec(input).unwrap_or_default(),
        };
        let stdin = child.stdin.take();
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // A program that does not read its input is no error.
                let _ = stdin.write_all(&input).await;
            }
        };
        let mut out = Kept::new(command.max_output);
        let mut err = Kept::new(command.max_output);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let status = {
            let read = async { tokio::join!(out.read(stdout), err.read(stderr), feed) };
            tokio::pin!(read);
            let mut read_all = false;
            let status = loop {
                tokio::select! {
                    status = timeout_at(until, child.wait()) => break status,
                    _ = &mut read, if !read_all => read_all = true,
                }
            };
            if !read_all && status.is_ok() {
                let _ = timeout(LINGER, read).await;
            }
            status
        };
        match status {
            Ok(Ok(status)) => verdict(name, status, out, err),
            Ok(Err(error)) => Err(io_error(name, &error)),
            Err(_) => {
                end_group(&mut child).await;
                let message = format!("{name}: did not end within {}", format_duration(limit));
                let mut error = ActionError::later("timeout", message);
                error.detail = detail(None, &out, &err);
                Err(error)
            }
        }
    }

    fn unknown(&self, name: &str) -> ActionError {
        let mut known: Vec<&str> = self.known.keys().map(String::as_str).collect();
        known.sort_unstable();
        let help = if known.is_empty() {
            "the configuration has none".to_owned()
        } else {
            suggestion(name, &known)
        };
        config(format!("there is no command `{name}`; {help}"))
    }
}

fn spawn(name: &str, config_of: &CommandConfig, key: &str) -> Result<Child, ActionError> {
    let Some((program, arguments)) = config_of.argv.split_first() else {
        return Err(config(format!("the command `{name}` has an empty argv")));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .env_clear()
        .env("PORCHLIGHT_COMMAND", name)
        .env("PORCHLIGHT_KEY", key);
    for variable in ["PATH", "HOME", "LANG"] {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    if let Some(dir) = &config_of.dir {
        command.current_dir(dir);
    }
    #[cfg(unix)]
    command.process_group(0);
    command.spawn().map_err(|error| {
        let message = format!("{name}: {program} cannot be started: {error}");
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => config(message),
            _ => ActionError::later("io", message),
        }
    })
}

/// Ends the program and all that it started in its group.
async fn end_group(child: &mut Child) {
    // The program has not been waited for, so its number still belongs to it.
    let Some(group) = child.id() else { return };
    if signal(group, "TERM").await {
        // The others of the group have had their time when the leader is gone or the grace is over.
        let _ = timeout(GRACE, child.wait()).await;
        signal(group, "KILL").await;
    }
    let _ = child.start_kill();
    let _ = timeout(GRACE, child.wait()).await;
}

async fn signal(group: u32, name: &str) -> bool {
    if !cfg!(unix) {
        return false;
    }
    let sent = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$1\" -- \"-$2\"", "sh", name])
        .arg(group.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    matches!(timeout(GRACE, sent).await, Ok(Ok(status)) if status.success())
}

fn verdict(name: &str, status: ExitStatus, out: Kept, err: Kept) -> Result<Receipt, ActionError> {
    let detail = detail(status.code(), &out, &err);
    if status.success() {
        return Ok(Receipt {
            summary: format!("{name} ended well"),
            detail,
        });
    }
    let how = match status.code() {
        Some(code) => format!("{name} ended with exit code {code}"),
        None => format!("{name} was ended by a signal"),
    };
    let said = err.text();
    let message = match said.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!("{how}: {}", shorten(line.trim())),
        None => how,
    };
    let mut error = match status.code() {
        Some(TRY_LATER) => ActionError::later("rejected", message),
        _ => ActionError::never("rejected", message),
    };
    error.detail = detail;
    Err(error)
}

fn detail(code: Option<i32>, out: &Kept, err: &Kept) -> Value {
    let json = out
        .whole()
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    json!({"status": code, "stdout": out.text(), "stderr": err.text(), "json": json})
}

/// A line for a message: printable, and short enough for a list.
fn shorten(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}
