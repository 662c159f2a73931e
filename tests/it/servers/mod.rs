//! Programs of others that the tests run against: a broker, mail servers, a cloud.
//!
//! `tests/servers/install` fetches them; what this machine can't have is skipped, and said there.
//! Each has fixed ports on loopback, so only one test at a time has it, in whichever process:
//! [`Server::hold`] waits for its turn. A server that is held is ended when it is dropped.

mod adaptivecards;
mod aiosmtpd;
mod apprise;
mod authlib;
mod clients;
mod connectit;
mod control_room;
mod emulate;
mod gammu;
mod homeassistant;
mod httpbin;
mod libreoffice;
mod lifx;
mod mail_login;
pub mod mosquitto;
mod moto;
mod openhue;
mod oracle;
mod own_trouble;
mod postfix;
mod prism;
mod redmine;
mod spyne;
mod synapse;
mod telegram;
pub mod zigbee2mqtt;

use super::house::eventually;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program that is ours alone while this lives, and whatever of it runs.
pub struct Server {
    /// Where it was put: it has a file `run`.
    place: PathBuf,
    /// A folder for what it writes.
    pub dir: tempfile::TempDir,
    child: Option<Child>,
    /// Locked: nobody else has this server.
    _turn: File,
}

impl Server {
    /// Waits until no other test has the server `name`, and takes it; starts nothing.
    ///
    /// `None` when it is not installed, unless `PORCHLIGHT_SERVERS_REQUIRED` is set: then that is a
    /// failure.
    pub fn hold(name: &str) -> Option<Self> {
        let servers = servers();
        let place = servers.join(name);
        if !place.join("recipe").exists() {
            let advice = format!("{name} is not installed: tests/servers/install {name}");
            assert!(
                std::env::var_os("PORCHLIGHT_SERVERS_REQUIRED").is_none(),
                "{advice}"
            );
            eprintln!("skipped: {advice}");
            return None;
        }
        let turn = File::create(servers.join(format!("{name}.turn"))).expect("a file to lock");
        turn.lock().expect("the lock");
        Some(Self {
            place,
            dir: tempfile::tempdir().expect("a temporary folder"),
            child: None,
            _turn: turn,
        })
    }

    /// A command of the server: `server.command("mosquitto_passwd")`, run in its folder.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.program());
        command.arg(program).current_dir(self.dir.path());
        command
    }

    /// What runs a command of the server as its first argument.
    pub fn program(&self) -> PathBuf {
        self.place.join("run")
    }

    /// Writes a file of the server, such as its configuration.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("the file is written");
        path
    }

    /// Starts `program` and waits until it takes connections on each of these loopback ports.
    pub fn start(&mut self, program: &str, args: &[&str], ports: &[u16]) {
        let mut command = self.command(program);
        command.args(args);
        self.start_as(command, ports);
    }

    /// The same with a command that was made by hand. What it prints goes to the file `log`.
    pub fn start_as(&mut self, mut command: Command, ports: &[u16]) {
        assert!(self.child.is_none(), "it still runs");
        for &port in ports {
            assert!(
                !listens(port),
                "port {port} is taken: does an earlier run of {} still live?",
                self.place.display()
            );
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log file"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        for &port in ports {
            eventually(
                &format!("port {port} answers; it said {}", self.log()),
                || {
                    assert!(self.is_running(), "it ended: {}", self.log());
                    listens(port).then_some(())
                },
            );
        }
    }

    fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Ends it with `kill -9`, as a power cut would; it may be started again.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("kill");
        child.wait().expect("wait");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(30)..].join("\n");
            eprintln!("{} said at last:\n{last}", self.place.display());
        }
    }
}

/// Where the servers are: `target/servers`, or what `PORCHLIGHT_SERVERS` says.
fn servers() -> PathBuf {
    match std::env::var_os("PORCHLIGHT_SERVERS") {
        Some(place) => PathBuf::from(place),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/servers"),
    }
}

/// What a server on this loopback port shows: JSON, asked for with these headers.
fn shown(port: u16, path: &str, headers: &[(&str, &str)]) -> serde_json::Value {
    // HTTP/1.0, so that it comes in one piece.
    let mut request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let answer = crate::http::send(address, request.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn listens(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}
