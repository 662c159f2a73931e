//! A house under test: a temporary home and the real program running in it.

use super::http::{Answer, request, send};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_porchlight");
/// A test key: it protects nothing.
pub const TEST_SECRET: &str = "test-key-that-protects-nothing";
/// How long anything may take before a test gives up. Long, since test machines are slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home on disk, and the program in it while it runs.
pub struct House {
    pub dir: tempfile::TempDir,
    child: Option<Child>,
    pub address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

/// The configuration of one `hmac` webhook called `gate`.
pub fn gate_config() -> String {
    format!("[webhook.gate]\npreset = \"hmac\"\nsecret = \"{TEST_SECRET}\"\n")
}

impl House {
    /// Furnishes a home with a configuration and scripts, and starts the program in it.
    pub fn start(config: &str, scripts: &[(&str, &str)]) -> Self {
        let mut house = Self::furnish(config, scripts);
        house.restart();
        house
    }

    /// Furnishes a home without starting anything.
    pub fn furnish(config: &str, scripts: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(dir.path().join("scripts/lib")).expect("folders");
        std::fs::write(dir.path().join("porchlight.toml"), config).expect("configuration");
        let house = Self {
            dir,
            child: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            said: Arc::default(),
        };
        for (name, source) in scripts {
            house.write_script(name, source);
        }
        house
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the program (again) and waits until it serves and its scripts are loaded.
    pub fn restart(&mut self) {
        self.start_at(self.path().to_owned());
    }

    /// Starts the program with this home folder.
    pub fn start_at(&mut self, home: PathBuf) {
        let mut command = Command::new(PROGRAM);
        command
            .args(["run", "--listen", "127.0.0.1:0", "--home"])
            .arg(home);
        self.start_as(command);
        self.address = eventually("the program says where it listens", || {
            self.listens_on("http://")?.parse().ok()
        });
        self.wait_until_said("ready");
    }

    /// Starts the program by this command, and waits for nothing.
    pub fn start_as(&mut self, mut command: Command) {
        assert!(self.child.is_none(), "it still runs");
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env_remove("PORCHLIGHT_LOG")
            .spawn()
            .expect("the program starts");
        let said = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().expect("stderr");
        let listener = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                listener.lock().expect("lock").push(line);
            }
        });
        self.child = Some(child);
        self.said = said;
    }

    /// What follows `listens on` and this scheme.
    pub fn listens_on(&self, scheme: &str) -> Option<String> {
        let said = self.said();
        let line = said
            .iter()
            .find_map(|line| line.split_once(&format!("listens on {scheme}")));
        assert!(
            self.is_running() || line.is_some(),
            "the program ended: {}",
            said.join("\n")
        );
        Some(line?.1.trim().to_owned())
    }

    /// What the program has said on standard error since it was started.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().expect("lock").clone()
    }

    /// Waits until the program has said something with this text in it; gives the line.
    pub fn wait_until_said(&self, text: &str) -> String {
        self.wait_until_said_times(text, 1)
    }

    /// Waits until this text has been said so many times; gives the last line.
    pub fn wait_until_said_times(&self, text: &str, times: usize) -> String {
        eventually(
            &format!("it says `{text}` {times} times; it said {:?}", self.said()),
            || {
                self.said()
                    .iter()
                    .filter(|line| line.contains(text))
                    .nth(times - 1)
                    .cloned()
            },
        )
    }

    pub fn count_said(&self, text: &str) -> usize {
        self.said()
            .iter()
            .filter(|line| line.contains(text))
            .count()
    }

    pub fn is_running(&self) -> bool {
        self.child
            .as_ref()
            .is_some_and(|child| Path::new(&format!("/proc/{}/stat", child.id())).exists())
            && self.said.lock().is_ok()
    }

    /// `kill -9`, as a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("kill");
        child.wait().expect("wait");
    }

    /// `SIGTERM`; gives the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.ask_to_stop();
        self.wait_until_ended()
    }

    /// The memory that the program holds.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most memory that the program ever held.
    pub fn peak_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let pid = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse::<u64>().ok())
            .expect("a number")
            * 1024
    }

    /// `SIGTERM`.
    pub fn ask_to_stop(&self) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill");
    }

    /// Waits until the program has ended by itself; gives the exit code.
    pub fn wait_until_ended(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        eventually("it ends", || child.try_wait().expect("wait")).code()
    }

    /// Runs another command of the program on this home.
    pub fn porchlight(&self, args: &[&str]) -> Output {
        Command::new(PROGRAM)
            .args(args)
            .arg("--home")
            .arg(self.path())
            .output()
            .expect("the command runs")
    }

    /// The JSON lines that a command prints.
    pub fn json_lines(&self, args: &[&str]) -> Vec<Value> {
        let output = self.porchlight(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }

    pub fn events(&self) -> Vec<Value> {
        self.json_lines(&["events", "--json", "--limit", "1000000"])
    }

    pub fn runs(&self) -> Vec<Value> {
        self.json_lines(&["runs", "--json", "--limit", "1000000"])
    }

    pub fn actions(&self) -> Vec<Value> {
        self.json_lines(&["actions", "--json", "--limit", "1000000"])
    }

    /// Waits until this many runs are recorded.
    pub fn wait_for_runs(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} runs"), || {
            let runs = self.runs();
            (runs.len() >= count).then_some(runs)
        })
    }

    /// Waits until this many actions are done.
    pub fn wait_for_done(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} actions done"), || {
            let done: Vec<Value> = self
                .actions()
                .into_iter()
                .filter(|a| a["status"] == "done")
                .collect();
            (done.len() >= count).then_some(done)
        })
    }

    /// Lets time pass while the program is down: everything in the journal that waits for a moment
    /// is moved into the past by so many seconds.
    pub fn let_pass_while_down(&self, seconds: i64) {
        assert!(self.child.is_none(), "it runs");
        let journal = self.path().join("data/porchlight.db");
        let journal = rusqlite::Connection::open(journal).expect("the journal opens");
        let ms = seconds * 1000;
        let moved = format!(
            "UPDATE waits SET due = due - {ms}, \
             more = json_set(more, '$.began', json_extract(more, '$.began') - {ms}); \
             UPDATE actions SET not_before = not_before - {ms}; \
             UPDATE schedules SET last = last - {ms}; \
             UPDATE meta SET value = value - {ms} WHERE name = 'alive';"
        );
        journal.execute_batch(&moved).expect("time passes");
    }

    /// The reasons of the runs that were skipped, oldest first.
    pub fn skips(&self) -> Vec<String> {
        let mut runs = self.runs();
        runs.sort_by_key(|run| run["id"].as_u64());
        let reasons = runs
            .iter()
            .filter_map(|run| run["outcome"]["reason"].as_str());
        reasons.map(str::to_owned).collect()
    }

    /// Waits until a file below `data/files` has this text.
    pub fn wait_for_file(&self, name: &str, text: &str) {
        eventually(&format!("{name} holds {text:?}"), || {
            (self.file(name).as_deref() == Some(text)).then_some(())
        });
    }

    /// Saves a script the plain way.
    pub fn write_script(&self, name: &str, source: &str) {
        let path = self.path().join("scripts").join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folders");
        std::fs::write(path, source).expect("script");
    }

    /// Posts raw bytes.
    pub fn send(&self, bytes: &[u8]) -> Answer {
        send(self.address, bytes).expect("an answer")
    }

    /// Posts JSON to the webhook `gate`, signed with the test secret.
    pub fn post(&self, body: &str) -> Answer {
        self.send(&signed("gate", body))
    }

    /// Posts and expects it to be stored; gives the event's id.
    pub fn post_ok(&self, body: &str) -> u64 {
        let answer = self.post(body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["event"].as_u64().expect("an id")
    }

    /// What a file below `data/files` holds; one that was only just made holds nothing yet.
    pub fn file(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path().join("data/files").join(name)).ok();
        text.filter(|text| !text.is_empty())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the program said:\n{}", self.said().join("\n"));
        }
    }
}

/// A signed JSON delivery to an `hmac` webhook.
pub fn signed(webhook: &str, body: &str) -> Vec<u8> {
    let signature = hmac_hex(TEST_SECRET, body.as_bytes());
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Signature", signature.as_str()),
    ];
    request(&format!("/webhook/{webhook}"), &headers, body.as_bytes())
}

pub fn hmac_hex(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// Waits for a condition, with much patience; never for a length of time.
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_or_say(|| what.to_owned(), condition)
}

/// The same, where what to say at the end is only known then.
pub fn eventually_or_say<T>(
    what: impl Fn() -> String,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    let (_never, pause) = std::sync::mpsc::channel::<()>();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "gave up waiting until {}",
            what()
        );
        _ = pause.recv_timeout(Duration::from_millis(5));
    }
}
