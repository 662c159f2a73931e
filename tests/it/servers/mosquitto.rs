//! Mosquitto, the broker that most homes have: with a password, on loopback.

use super::Server;
use std::process::{Command, Stdio};

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
        let server = Server::hold("mosquitto")?;
        server.write("mosquitto.conf", CONFIGURATION);
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

    fn run(&mut self) {
        self.server
            .start("mosquitto", &["-c", "mosquitto.conf"], &[PORT]);
    }

    /// A client of the broker's own, logged in: `mosquitto_pub`, `mosquitto_sub`.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.server.command(program);
        command
            .args(["-h", "127.0.0.1", "-p", &PORT.to_string()])
            .args(["-u", USER, "-P", PASSWORD])
            .stdin(Stdio::null());
        command
    }

    /// Publishes as somebody else would.
    pub fn publish(&self, topic: &str, payload: &str) {
        let status = self
            .client("mosquitto_pub")
            .args(["-q", "1", "-t", topic, "-m", payload])
            .status()
            .expect("mosquitto_pub runs");
        assert!(status.success(), "not published: {topic}");
    }
}
