//! The sender: keep-alive connections that write a prepared request, wait for its answer, and
//! write the next. It runs on one thread, so on two cores the receiver has the other.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one burst of requests took.
#[derive(Debug)]
pub struct Burst {
    /// Requests answered with 200.
    pub count: usize,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Each request's own time, sorted.
    latencies: Vec<Duration>,
}

impl Burst {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of the requests did not exceed: 0.5 for the median.
    pub fn latency(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Sends all requests over so many connections.
///
/// # Errors
/// A connection failed, or an answer was not 200: then the figures would mean nothing.
pub fn run(port: u16, connections: usize, requests: Vec<Vec<u8>>) -> Result<Burst, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let count = requests.len();
        let work = Arc::new(Mutex::new(requests));
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let begun = Instant::now();
        let senders: Vec<_> = streams
            .into_iter()
            .map(|stream| tokio::spawn(send(stream, Arc::clone(&work))))
            .collect();
        let mut latencies = Vec::with_capacity(count);
        for sender in senders {
            latencies.extend(sender.await??);
        }
        let took = begun.elapsed();
        latencies.sort_unstable();
        Ok(Burst {
            count,
            took,
            latencies,
        })
    })
}

async fn send(mut stream: TcpStream, work: Arc<Mutex<Vec<Vec<u8>>>>) -> io::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(request) = next else {
            return Ok(latencies);
        };
        let begun = Instant::now();
        stream.write_all(&request).await?;
        read_answer(&mut stream, &mut buffer).await?;
        latencies.push(begun.elapsed());
    }
}

/// Reads one answer of a keep-alive connection; an error unless it is 200.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head
                .split("\r\n")
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|length| length.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if buffer.len() < end + 4 + length {
                continue;
            }
            if !head.starts_with("http/1.1 200") {
                let answer = String::from_utf8_lossy(buffer).into_owned();
                return Err(io::Error::other(format!("answered: {answer}")));
            }
            return Ok(());
        }
    }
}
