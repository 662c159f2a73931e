//! Mosquitto, the broker that most homes have: with a password, on loopback.

use super::Server;
use crate::house::eventually;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

pub const PORT: u16 = 14883;
pub const USER: &str = "porch";
/// A test key: it protects nothing.
pub const PASSWORD: &str = "test-password";
const CONFIGURATION: &str = include_str!("../../servers/mosquitto/mosquitto.conf");

/// A broker that runs until it is dropped.
pub struct Broker {
    server: Server,
}

impl Broker {
    /// Starts it; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with more lines of configuration; `files` are written beside it.
    pub fn start_with(more: &str) -> Option<Self> {
        Self::furnish(more, &[])
    }

    /// The same with files beside its configuration.
    pub fn furnish(more: &str, files: &[(&str, &str)]) -> Option<Self> {
        let server = Server::hold("mosquitto")?;
        server.write("mosquitto.conf", &format!("{CONFIGURATION}\n{more}"));
        for (name, text) in files {
            server.write(name, text);
        }
        let made = server
            .command("mosquitto_passwd")
            .args(["-b", "-c", "passwords", USER, PASSWORD])
            .status()
            .expect("mosquitto_passwd runs");
        assert!(made.success(), "no file of passwords");
        let mut broker = Self { server };
        broker.run();
        Some(broker)
    }

    /// Ends it with `kill -9`.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again.
    pub fn run(&mut self) {
        self.server
            .start("mosquitto", &["-c", "mosquitto.conf"], &[PORT]);
    }

    /// A client of the broker's own, logged in: `mosquitto_pub`, `mosquitto_sub`.
    pub fn client(&self, program: &str) -> Command {
        self.client_of(&[program])
    }

    fn client_of(&self, words: &[&str]) -> Command {
        let mut command = self.server.command(words[0]);
        command
            .args(&words[1..])
            .args(["-h", "127.0.0.1", "-p", &PORT.to_string()])
            .args(["-u", USER, "-P", PASSWORD])
            .stdin(Stdio::null());
        command
    }

    /// Begins to listen as somebody else would; gives topics and payloads as lines.
    pub fn listen(&self, filter: &str) -> Listening {
        let mut child = self
            .client_of(&["stdbuf", "-oL", "mosquitto_sub"])
            .args(["-q", "1", "-t", filter, "-v", "-d"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto_sub runs");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (heard, stdout) = (Arc::clone(&lines), child.stdout.take().expect("stdout"));
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                heard.lock().expect("lock").push(line);
            }
        });
        let listening = Listening { child, lines };
        eventually("the subscription stands", || {
            listening
                .all()
                .iter()
                .any(|line| line.contains("SUBACK"))
                .then_some(())
        });
        listening
    }

    /// Publishes as somebody else would.
    pub fn publish(&self, topic: &str, payload: &str) {
        self.publish_as(topic, payload, &[]);
    }

    /// The same with more arguments, such as `-r`.
    pub fn publish_as(&self, topic: &str, payload: &str, more: &[&str]) {
        let status = self
            .client("mosquitto_pub")
            .args(["-q", "1", "-t", topic, "-m", payload])
            .args(more)
            .status()
            .expect("mosquitto_pub runs");
        assert!(status.success(), "not published: {topic}");
    }
}

/// Somebody who listens until this is dropped.
pub struct Listening {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Listening {
    fn all(&self) -> Vec<String> {
        self.lines.lock().expect("lock").clone()
    }

    /// The messages so far: `topic payload`.
    pub fn heard(&self) -> Vec<String> {
        let all = self.all().into_iter();
        // What the program says of itself begins so.
        let chatter = ["Client ", "Subscribed (", "(null)"];
        all.filter(|line| !chatter.iter().any(|start| line.starts_with(start)))
            .collect()
    }

    /// Waits until this was heard.
    pub fn wait_for(&self, message: &str) {
        eventually(&format!("{message:?} in {:?}", self.all()), || {
            self.heard()
                .iter()
                .any(|line| line == message)
                .then_some(())
        });
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
