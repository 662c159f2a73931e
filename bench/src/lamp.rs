//! The way to the lamp: from the last byte of a webhook to the Zigbee frame that makes it blink.
//!
//! `porchlight-bench lamp [--events N] [--servers DIR]`
//!
//! A real mosquitto, a real Zigbee2MQTT with a radio that prints its frames instead of sending them,
//! and Porchlight with one script that publishes to the lamp's topic. Webhooks come one at a time.
//! The clock starts before the last byte is written, and three moments are noted: the answer to the
//! webhook, the publish as another subscriber of the broker gets it, and the frame. The last two come
//! over a pipe, which is in the figure. Beside it, in turns, the same message is published by `mosquitto_pub` over a
//! connection that stands: what broker and Zigbee2MQTT take by themselves.

use crate::bodies;
use crate::receiver::{Home, Kind, Receiver};
use crate::report::{millis, table};
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::time::{Duration, Instant};

/// The broker that the files of Zigbee2MQTT name.
const BROKER: u16 = 14883;
const USER: &str = "porch";
const PASSWORD: &str = "test-password"; // a test key: it protects nothing
const TOPIC: &str = "zigbee2mqtt/porch/set";
const MESSAGE: &str = r#"{"effect":"blink"}"#;
/// What the radio is started with, beside this program's sources.
const FILES: [(&str, &str); 4] = [
    (
        "mosquitto.conf",
        include_str!("../../tests/servers/mosquitto/mosquitto.conf"),
    ),
    (
        "radio.js",
        include_str!("../../tests/servers/zigbee2mqtt/radio.js"),
    ),
    (
        "configuration.yaml",
        include_str!("../../tests/servers/zigbee2mqtt/configuration.yaml"),
    ),
    (
        "database.db",
        include_str!("../../tests/servers/zigbee2mqtt/database.db"),
    ),
];
/// Longer than this, and the lamp stays dark.
const DEADLINE: Duration = Duration::from_secs(60);
/// Sent before anything counts: connections are made, code is warm.
const WARM_UP: usize = 20;

/// What came out of a pipe, and when.
enum Heard {
    Publish(Instant),
    Frame(Instant),
}

/// What of others runs for the measurement; ended when this is dropped.
struct Others {
    servers: PathBuf,
    folder: tempfile::TempDir,
    children: Vec<Child>,
}

/// Measures and prints.
pub fn measure(
    porchlight: &Path,
    place: &Path,
    servers: &Path,
    events: usize,
) -> Result<(), Box<dyn Error>> {
    let mut others = Others::new(place, servers)?;
    let (tell, heard) = channel();
    let mut by_hand = others.start(tell)?;
    let script = format!(
        "on(\"github.**\", |event| mqtt::publish(\"{TOPIC}\", #{{ effect: \"blink\" }}));\n"
    );
    let home = Home {
        configuration: format!(
            "[mqtt.house]\nurl = \"mqtt://127.0.0.1:{BROKER}\"\nuser = \"{USER}\"\npassword = \"{PASSWORD}\"\n"
        ),
        script,
    };
    let receiver = Receiver::start_in(&home, Kind::Porchlight, porchlight, place)?;
    both(&heard)?; // of the webhook that asked whether it is up
    let mut way = Way::default();
    let mut hand = Way::default();
    for (number, request) in bodies::requests(WARM_UP + events, 1200).iter().enumerate() {
        let webhook = webhook(receiver.port, request, &heard)?;
        let publish = publish(&mut by_hand, &heard)?;
        if number >= WARM_UP {
            way.note(webhook);
            hand.note(publish);
        }
    }
    println!("{events} webhooks of 1.2 KB, one at a time, each in turn with a publish by hand");
    println!(
        "{}",
        table(&[
            head(),
            way.row("webhook to answer", |t| t.answer),
            way.row("webhook to publish", |t| t.publish),
            way.row("webhook to Zigbee frame", |t| t.frame),
            hand.row("by hand to publish", |t| t.publish),
            hand.row("by hand to Zigbee frame", |t| t.frame)
        ])
    );
    Ok(())
}

/// How long one took: to the answer, to the publish, to the frame.
#[derive(Clone, Copy)]
struct Took {
    answer: Duration,
    publish: Duration,
    frame: Duration,
}

#[derive(Default)]
struct Way(Vec<Took>);

impl Way {
    fn note(&mut self, took: Took) {
        self.0.push(took);
    }

    fn row(&self, name: &str, of: impl Fn(&Took) -> Duration) -> Vec<String> {
        let mut times: Vec<Duration> = self.0.iter().map(of).collect();
        times.sort_unstable();
        let share = |share: usize| {
            let at = (times.len() * share / 100).min(times.len().saturating_sub(1));
            times.get(at).copied().map(millis).unwrap_or_default()
        };
        let mut row = vec![name.to_owned()];
        row.extend([0, 50, 90, 99, 100].map(share));
        row
    }
}

fn head() -> Vec<String> {
    ["ms", "least", "p50", "p90", "p99", "most"]
        .map(str::to_owned)
        .to_vec()
}

/// From its last byte to everything that follows.
fn webhook(port: u16, request: &[u8], heard: &Inbox<Heard>) -> Result<Took, Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let (last, before) = request.split_last().ok_or("nothing to send")?;
    stream.write_all(before)?;
    let begun = Instant::now();
    stream.write_all(&[*last])?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    let answered = begun.elapsed();
    if !answer.ends_with(b"200") {
        return Err(format!("answered {}", String::from_utf8_lossy(&answer)).into());
    }
    let (publish, frame) = both(heard)?;
    Ok(Took {
        answer: answered,
        publish: publish - begun,
        frame: frame - begun,
    })
}

fn publish(by_hand: &mut ChildStdin, heard: &Inbox<Heard>) -> Result<Took, Box<dyn Error>> {
    let begun = Instant::now();
    writeln!(by_hand, "{MESSAGE}")?;
    by_hand.flush()?;
    let (publish, frame) = both(heard)?;
    Ok(Took {
        answer: Duration::ZERO,
        publish: publish - begun,
        frame: frame - begun,
    })
}

/// Waits for the publish and the frame of one message, in whichever order they are heard.
fn both(heard: &Inbox<Heard>) -> Result<(Instant, Instant), Box<dyn Error>> {
    let (mut publish, mut frame) = (None, None);
    loop {
        match heard.recv_timeout(DEADLINE)? {
            Heard::Publish(at) => publish = Some(at),
            Heard::Frame(at) => frame = Some(at),
        }
        if let (Some(publish), Some(frame)) = (publish, frame) {
            return Ok((publish, frame));
        }
    }
}

impl Others {
    fn new(place: &Path, servers: &Path) -> Result<Self, Box<dyn Error>> {
        for name in ["mosquitto", "zigbee2mqtt"] {
            if !servers.join(name).join("recipe").exists() {
                return Err(format!("{name} is not there: tests/servers/install {name}").into());
            }
        }
        let folder = tempfile::tempdir_in(place)?;
        for (name, text) in FILES {
            fs::write(folder.path().join(name), text)?;
        }
        Ok(Self {
            servers: servers.to_owned(),
            folder,
            children: Vec::new(),
        })
    }

    fn command(&self, server: &str, program: &str) -> Command {
        let mut command = Command::new(self.servers.join(server).join("run"));
        command
            .arg(program)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn client(&self, program: &str) -> Command {
        let mut command = self.command("mosquitto", program);
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &BROKER.to_string(),
            "-u",
            USER,
            "-P",
            PASSWORD,
        ]);
        command
    }

    /// Starts broker, Zigbee2MQTT and a subscriber; gives the input of a publisher.
    fn start(&mut self, tell: Sender<Heard>) -> Result<ChildStdin, Box<dyn Error>> {
        let made = self
            .command("mosquitto", "mosquitto_passwd")
            .args(["-b", "-c", "passwords", USER, PASSWORD])
            .status()?;
        if !made.success() {
            return Err("mosquitto_passwd failed".into());
        }
        let mut broker = self.command("mosquitto", "mosquitto");
        broker.args(["-c", "mosquitto.conf"]);
        broker
            .stdout(Stdio::null())
            .stderr(File::create(self.folder.path().join("broker.log"))?);
        self.children.push(broker.spawn()?);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", BROKER)).is_err() {
            if begun.elapsed() > DEADLINE {
                return Err("the broker does not answer".into());
            }
            crate::receiver::pause(Duration::from_millis(5));
        }
        let mut radio = self.command("zigbee2mqtt", "node");
        radio
            .arg("radio.js")
            .env("ZIGBEE2MQTT_DATA", self.folder.path());
        let frames = tell.clone();
        self.listen(radio, move |line, at| {
            if line.starts_with("FRAME") {
                let _ = frames.send(Heard::Frame(at));
            }
        })?;
        self.await_zigbee()?;
        let mut subscriber = self.client("mosquitto_sub");
        subscriber.args(["-t", TOPIC]);
        self.listen(subscriber, move |_, at| {
            let _ = tell.send(Heard::Publish(at));
        })?;
        let mut publisher = self.client("mosquitto_pub");
        publisher.args(["-t", TOPIC, "-l"]).stdin(Stdio::piped());
        let mut publisher = publisher.spawn()?;
        let input = publisher.stdin.take().ok_or("no input")?;
        self.children.push(publisher);
        Ok(input)
    }

    fn listen(
        &mut self,
        mut command: Command,
        heard: impl Fn(&str, Instant) + Send + 'static,
    ) -> Result<(), Box<dyn Error>> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        self.children.push(child);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard(&line, Instant::now());
            }
        });
        Ok(())
    }

    /// It is asked until it answers: it says that it is online before it listens.
    fn await_zigbee(&self) -> Result<(), Box<dyn Error>> {
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            let mut ask = self.client("mosquitto_rr");
            ask.args([
                "-t",
                "zigbee2mqtt/bridge/request/health_check",
                "-m",
                "{}",
                "-W",
                "1",
            ])
            .args(["-e", "zigbee2mqtt/bridge/response/health_check"]);
            if !ask.output()?.stdout.is_empty() {
                return Ok(());
            }
        }
        Err("Zigbee2MQTT does not answer".into())
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
