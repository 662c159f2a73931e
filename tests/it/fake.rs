//! A web server that records what it is asked and answers as told: the lamp, the ticket system,
//! the message service of the tests.

use super::http::find;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// When it had come whole.
    pub at: Instant,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }
}

/// What a server says that has a mind of its own: the body of a `200`.
type Device = Box<dyn FnMut(&Asked) -> String + Send>;

#[derive(Default)]
struct Shared {
    asked: Vec<Asked>,
    answers: VecDeque<String>,
    default: String,
    device: Option<Device>,
    held: bool,
}

impl Shared {
    fn answer(&mut self, asked: &Asked) -> String {
        if let Some(answer) = self.answers.pop_front() {
            return answer;
        }
        let Some(device) = &mut self.device else {
            return self.default.clone();
        };
        let body = device(asked);
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }
}

/// The server; it lives as long as the process.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Fake {
    /// Starts a server that answers `200` with `{}`.
    pub fn start() -> Self {
        Self::answering(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        )
    }

    /// Starts a server that answers with these bytes.
    pub fn answering(default: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared {
            default: default.to_owned(),
            ..Shared::default()
        }));
        let fake = Self {
            address,
            shared: Arc::clone(&shared),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || _ = answer(stream, &shared));
            }
        });
        fake
    }

    /// Starts a server that is a device: it answers `200` with what this makes of a request.
    pub fn device(device: impl FnMut(&Asked) -> String + Send + 'static) -> Self {
        let fake = Self::start();
        fake.shared.lock().expect("lock").device = Some(Box::new(device));
        fake
    }

    /// The next request gets this answer; later ones the default again.
    pub fn answer_next(&self, answer: &str) {
        self.shared
            .lock()
            .expect("lock")
            .answers
            .push_back(answer.to_owned());
    }

    /// Lets no answer out until [`Fake::release`].
    pub fn hold(&self) {
        self.shared.lock().expect("lock").held = true;
    }

    pub fn release(&self) {
        self.shared.lock().expect("lock").held = false;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.lock().expect("lock").asked.clone()
    }

    /// Waits until this many requests have come.
    pub fn wait_for(&self, count: usize) -> Vec<Asked> {
        super::house::eventually(&format!("{count} requests at the fake server"), || {
            let asked = self.asked();
            (asked.len() >= count).then_some(asked)
        })
    }
}

fn answer(mut stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut bytes = Vec::new();
    loop {
        let Some(head_end) = find(&bytes, b"\r\n\r\n").map(|at| at + 4) else {
            if read_some(&mut stream, &mut bytes)? == 0 {
                return Ok(());
            }
            continue;
        };
        let asked = read_request(&mut stream, &mut bytes, head_end)?;
        let answer = {
            let mut shared = shared
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let at = Instant::now();
            let asked = Asked { at, ..asked };
            let answer = shared.answer(&asked);
            shared.asked.push(asked);
            answer
        };
        super::house::eventually("the answer is let out", || {
            let held = shared
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .held;
            (!held).then_some(())
        });
        stream.write_all(answer.as_bytes())?;
    }
}

fn read_request(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    head_end: usize,
) -> std::io::Result<Asked> {
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let first: Vec<String> = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let asked = Asked {
        method: first.first().cloned().unwrap_or_default(),
        path: first.get(1).cloned().unwrap_or_default(),
        headers,
        body: Vec::new(),
        at: Instant::now(),
    };
    if asked.header("transfer-encoding").is_some() {
        return read_chunked(stream, bytes, head_end, asked);
    }
    let length: usize = asked
        .header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    while bytes.len() < head_end + length {
        if read_some(stream, bytes)? == 0 {
            break;
        }
    }
    let end = (head_end + length).min(bytes.len());
    let body = bytes[head_end..end].to_vec();
    bytes.drain(..end);
    Ok(Asked { body, ..asked })
}

fn read_chunked(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    head_end: usize,
    asked: Asked,
) -> std::io::Result<Asked> {
    bytes.drain(..head_end);
    let mut body = Vec::new();
    loop {
        let Some(line_end) = find(bytes, b"\r\n") else {
            if read_some(stream, bytes)? == 0 {
                return Ok(Asked { body, ..asked });
            }
            continue;
        };
        let size =
            usize::from_str_radix(&String::from_utf8_lossy(&bytes[..line_end]), 16).unwrap_or(0);
        while bytes.len() < line_end + 2 + size + 2 {
            if read_some(stream, bytes)? == 0 {
                return Ok(Asked { body, ..asked });
            }
        }
        body.extend_from_slice(&bytes[line_end + 2..line_end + 2 + size]);
        bytes.drain(..line_end + 2 + size + 2);
        if size == 0 {
            return Ok(Asked { body, ..asked });
        }
    }
}

fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer)?;
    bytes.extend_from_slice(&buffer[..count]);
    Ok(count)
}
