//! Servers on loopback that do as a test says.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a request looked like to the server.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub line: String,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

pub type Log = Arc<Mutex<Vec<Seen>>>;

/// Answers each request with what `answer` makes of it.
pub async fn serve(
    answer: impl Fn(&Seen) -> Response<String> + Send + Sync + 'static,
) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let log = Log::default();
    let (answer, seen) = (Arc::new(answer), Arc::clone(&log));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&seen));
                async move {
                    let line = format!("{} {}", request.method(), request.uri());
                    let headers = request.headers().clone();
                    let body = request.into_body().collect().await?.to_bytes();
                    let seen = Seen {
                        line,
                        headers,
                        body,
                    };
                    let response = answer(&seen).map(|text| Full::new(Bytes::from(text)));
                    log.lock().unwrap().push(seen);
                    Ok::<_, hyper::Error>(response)
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (base, log)
}

/// Reads a request head, sends these bytes, then closes or holds the connection.
pub async fn raw(bytes: &'static [u8], close: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
            if !close {
                held.push(stream);
            }
        }
    });
    base
}

pub fn answer(status: u16, text: &str) -> Response<String> {
    Response::builder()
        .status(status)
        .body(text.to_owned())
        .unwrap()
}

pub fn last(log: &Log) -> Seen {
    log.lock().unwrap().last().cloned().unwrap_or_default()
}
