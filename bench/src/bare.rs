//! The bare receivers that Porchlight is measured against, each a process of its own.
//!
//! The first verifies the signature, parses the JSON and answers. The second also appends the body
//! to SQLite with group commit and `synchronous = FULL`, and answers after the commit. Both are
//! plain hyper: what anybody could write in an afternoon, without scripts, limits, or presets.

use crate::bodies::{SIGNATURE, mac};
use bytes::Bytes;
use hmac::Mac;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The most that one transaction takes.
const BATCH: usize = 512;

struct Append {
    body: Bytes,
    done: oneshot::Sender<i64>,
}

/// Serves until it is killed; with a folder it stores there before it answers.
pub fn serve(port: u16, folder: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let writer = folder.map(start_writer).transpose()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let count = Arc::new(AtomicU64::new(0));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (writer, count) = (writer.clone(), Arc::clone(&count));
            let service = service_fn(move |request| {
                let (writer, count) = (writer.clone(), Arc::clone(&count));
                async move { Ok::<_, Infallible>(answer(request, writer, &count).await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    writer: Option<mpsc::Sender<Append>>,
    count: &AtomicU64,
) -> Response<Full<Bytes>> {
    let refuse = |status| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        response
    };
    let signature = request.headers().get(SIGNATURE).and_then(|value| {
        let digits = value.as_bytes().strip_prefix(b"sha256=")?;
        hex::decode(digits).ok()
    });
    let Ok(body) = request.into_body().collect().await else {
        return refuse(StatusCode::BAD_REQUEST);
    };
    let body = body.to_bytes();
    let mut mac = mac();
    mac.update(&body);
    if signature.is_none_or(|signature| mac.verify_slice(&signature).is_err()) {
        return refuse(StatusCode::UNAUTHORIZED);
    }
    if serde_json::from_slice::<serde_json::Value>(&body).is_err() {
        return refuse(StatusCode::BAD_REQUEST);
    }
    let id = match writer {
        None => count.fetch_add(1, Ordering::Relaxed).cast_signed(),
        Some(writer) => {
            let (done, stored) = oneshot::channel();
            let sent = writer.send(Append { body, done });
            match (sent, stored.await) {
                (Ok(()), Ok(id)) => id,
                _ => return refuse(StatusCode::SERVICE_UNAVAILABLE),
            }
        }
    };
    let mut response = Response::new(Full::from(format!("{{\"event\":{id}}}")));
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

fn start_writer(folder: &Path) -> Result<mpsc::Sender<Append>, Box<dyn Error>> {
    let mut database = rusqlite::Connection::open(folder.join("bare.db"))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, at INTEGER, source TEXT, body BLOB)",
    )?;
    let (sender, queue) = mpsc::channel::<Append>();
    std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            while let Ok(first) = queue.recv() {
                let batch: Vec<Append> = std::iter::once(first)
                    .chain(queue.try_iter().take(BATCH - 1))
                    .collect();
                // Dropping the batch answers 503, which ends the measurement with an error.
                let Ok(ids) = store(&mut database, &batch) else {
                    continue;
                };
                for (append, id) in batch.into_iter().zip(ids) {
                    let _ = append.done.send(id);
                }
            }
        })?;
    Ok(sender)
}

fn store(database: &mut rusqlite::Connection, batch: &[Append]) -> rusqlite::Result<Vec<i64>> {
    let transaction = database.transaction()?;
    let mut ids = Vec::with_capacity(batch.len());
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO events (at, source, body) VALUES (unixepoch(), 'bench', ?1)",
        )?;
        for append in batch {
            ids.push(insert.insert([&append.body[..]])?);
        }
    }
    transaction.commit()?;
    Ok(ids)
}
