//! A receiver under test: a child process with a port, a folder, and figures in `/proc`.

use crate::bodies;
use crate::load;
use porchlight_journal::Reader;
use std::error::Error;
use std::fs::{self, File};
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than this, and it will never answer.
const START: Duration = Duration::from_secs(20);

/// Which receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Verifies and parses.
    Bare,
    /// Verifies, parses and stores.
    Storing,
    /// The real one: verifies, stores and runs a script.
    Porchlight,
}

impl Kind {
    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Storing => "bare + SQLite",
            Self::Porchlight => "Porchlight",
        }
    }
}

/// What a home has besides the webhook `bench`.
pub struct Home {
    /// Further tables of `porchlight.toml`.
    pub configuration: String,
    /// The one script.
    pub script: String,
}

impl Default for Home {
    /// A script that counts its runs.
    fn default() -> Self {
        Self {
            configuration: String::new(),
            script: COUNT.to_owned(),
        }
    }
}

const COUNT: &str =
    "//! Counts what came in.\n\non(\"github.**\", |event| {\n    state::add(\"seen\", 1);\n});\n";

/// A running receiver; it is killed when this is dropped.
pub struct Receiver {
    /// Which.
    pub kind: Kind,
    /// Where it listens on loopback.
    pub port: u16,
    /// From the start of the process to its first answer of 200.
    pub started_in: Duration,
    child: Child,
    folder: tempfile::TempDir,
}

impl Receiver {
    /// Starts one in a fresh folder below `place`, which should be on a real disk.
    pub fn start(kind: Kind, porchlight: &Path, place: &Path) -> Result<Self, Box<dyn Error>> {
        Self::start_in(&Home::default(), kind, porchlight, place)
    }

    /// The same with a home of its own, which only Porchlight has.
    pub fn start_in(
        home: &Home,
        kind: Kind,
        porchlight: &Path,
        place: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir_in(place)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = match kind {
            Kind::Bare | Kind::Storing => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("bare").arg(port.to_string());
                if kind == Kind::Storing {
                    command.arg(folder.path());
                }
                command
            }
            Kind::Porchlight => {
                furnish(home, folder.path(), port)?;
                let mut command = Command::new(porchlight);
                command.arg("run").arg("--home").arg(folder.path());
                command
            }
        };
        let log = folder.path().join("log");
        command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let mut first = bodies::requests(1, 300);
        let begun = Instant::now();
        let child = command.spawn()?;
        let mut receiver = Self {
            kind,
            port,
            started_in: Duration::ZERO,
            child,
            folder,
        };
        receiver.await_listener(begun)?;
        load::run(port, 1, std::mem::take(&mut first))?;
        receiver.started_in = begun.elapsed();
        Ok(receiver)
    }

    fn await_listener(&mut self, begun: Instant) -> Result<(), Box<dyn Error>> {
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended: {status}\n{}", self.kind.name(), self.log()).into());
            }
            if begun.elapsed() > START {
                return Err(format!("{} does not answer\n{}", self.kind.name(), self.log()).into());
            }
            pause(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Its home, with its log in the file `log`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Resident memory in kilobytes.
    pub fn memory(&self) -> u64 {
        self.figure("status", "VmRSS:")
    }

    /// Bytes that it has sent to the disk so far.
    pub fn written(&self) -> u64 {
        self.figure("io", "write_bytes:")
    }

    fn figure(&self, file: &str, name: &str) -> u64 {
        let path = format!("/proc/{}/{file}", self.child.id());
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0)
    }

    /// Waits until the script has run for so many events since the start, and says how long that
    /// took. At once for those that run none. When it doesn't come to that, the folder is kept.
    pub fn catch_up(&mut self, events: u64) -> Result<Duration, Box<dyn Error>> {
        let begun = Instant::now();
        if self.kind != Kind::Porchlight {
            return Ok(Duration::ZERO);
        }
        let reader = Reader::open(&self.folder.path().join("data"))?;
        loop {
            let ran = ran(&reader)?;
            if ran == events {
                return Ok(begun.elapsed());
            }
            if ran > events || begun.elapsed() > Duration::from_secs(120) {
                self.folder.disable_cleanup(true);
                let kept = self.folder.path().display();
                let log = self.log();
                return Err(format!("{events} events, but {ran} runs; see {kept}\n{log}").into());
            }
            pause(Duration::from_millis(2));
        }
    }

    fn log(&self) -> String {
        let mut text = String::new();
        if let Ok(file) = File::open(self.folder.path().join("log")) {
            let _ = file.take(4096).read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits without a busy loop: the receivers need both cores.
pub fn pause(duration: Duration) {
    std::thread::park_timeout(duration);
}

/// The script counts its runs in the state, which commits with each run: so the count is what is
/// recorded on disk, not what was begun.
fn ran(reader: &Reader) -> Result<u64, Box<dyn Error>> {
    let state = reader.state()?;
    let seen = state.iter().find(|(key, _)| key.ends_with("seen"));
    Ok(seen.and_then(|(_, value)| value.as_u64()).unwrap_or(0))
}

fn furnish(home: &Home, folder: &Path, port: u16) -> std::io::Result<()> {
    let scripts: PathBuf = folder.join("scripts");
    fs::create_dir_all(&scripts)?;
    let secret = bodies::SECRET;
    fs::write(
        folder.join("porchlight.toml"),
        format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\n\n\
             [webhook.bench]\npreset = \"github\"\nsecret = \"{secret}\"\n\n{}",
            home.configuration
        ),
    )?;
    fs::write(scripts.join("bench.rhai"), &home.script)
}
