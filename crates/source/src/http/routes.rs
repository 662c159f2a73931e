//! Which request goes where: `/webhook/{name}` and `GET /healthz`.
//!
//! Everything that can be refused without the body is refused before it is read. The query of a
//! webhook may hold its token, so no line of log contains it.

use super::admit::admit;
use super::answer::Answer;
use super::body::{BodyError, Room, read};
use super::failures::Failures;
use super::hook::Hook;
use super::limits::ServeLimits;
use super::origin;
use super::places::{Connection, Phase};
use super::receiver::Receiver;
use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method};
use porchlight_verify::Delivery;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use warp::path::Tail;
use warp::reply::Response;
use warp::{Filter, Rejection};

/// What all requests to webhooks share.
struct Porch {
    receiver: Arc<Receiver>,
    limits: ServeLimits,
    failures: Failures,
    room: Room,
}

/// The head of one request.
struct Head {
    name: Tail,
    method: Method,
    query: String,
    headers: HeaderMap,
    connection: Arc<Connection>,
}

/// The routes of webhooks and of `/healthz`; they reject every other path, so that more routes can
/// be joined with `or`. To be served by [`super::serve_service`].
pub fn routes(
    receiver: Arc<Receiver>,
    limits: &ServeLimits,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let porch = Arc::new(Porch {
        receiver,
        failures: Failures::new(limits.failures_per_minute),
        room: Room::new(limits.body_memory),
        limits: limits.clone(),
    });
    let query = warp::query::raw().or_else(async |_| Ok::<_, Rejection>((String::new(),)));
    let head = warp::path::tail()
        .and(warp::method())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Arc<Connection>>())
        .map(|name, method, query, headers, connection| Head {
            name,
            method,
            query,
            headers,
            connection,
        });
    let webhook = warp::path("webhook")
        .and(head)
        .and(warp::body::stream())
        .and(warp::any().map(move || Arc::clone(&porch)))
        .then(deliver);
    let health = warp::path!("healthz")
        .and(warp::get().or(warp::head()).unify())
        .map(|| Response::new("ok".into()));
    webhook.or(health).unify()
}

async fn deliver<B: Buf>(
    head: Head,
    body: impl Stream<Item = Result<B, warp::Error>>,
    porch: Arc<Porch>,
) -> Response {
    let connection = Arc::clone(&head.connection);
    let answer = match porch.admit(&head) {
        Ok((hook, sender)) => porch.receive(head, hook, sender, body).await,
        Err(answer) => {
            connection.answer_early();
            answer
        }
    };
    let mut response = answer.into_response();
    if connection.answered_early() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

impl Porch {
    async fn receive<B: Buf>(
        &self,
        head: Head,
        hook: Arc<Hook>,
        sender: IpAddr,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Answer {
        let connection = head.connection;
        let announced = announced(&head.headers);
        let mut delivery = Delivery {
            method: head.method,
            url: self.target(&hook, &head.query),
            certificates: connection.certificates(),
            query: head.query,
            headers: head.headers,
            body: Bytes::new(),
            peer: Some(sender),
            max_inflated: hook.max_inflated(),
        };
        if announced.is_some_and(|length| length > hook.cap) {
            connection.answer_early();
            return self.receiver.turn_away(&hook, sender, Answer::TooLarge);
        }
        if let Some(answer) = self.receiver.refuse_early(&hook, &delivery, &self.failures) {
            connection.answer_early();
            return answer;
        }
        connection.enter(Phase::Body);
        let body = read(body, announced, hook.cap, &self.limits, &self.room).await;
        connection.enter(Phase::Work);
        let body = match body {
            // A connection that was told to leave cuts its body off without a word.
            Ok(_) if connection.told_to_leave() => Err(BodyError::Broken),
            other => other,
        };
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                connection.answer_early();
                let answer = match error {
                    BodyError::TooLarge => Answer::TooLarge,
                    BodyError::TooSlow => Answer::TooSlow,
                    BodyError::Broken => Answer::Malformed,
                    BodyError::NoRoom => Answer::NoRoom(Duration::from_secs(1)),
                };
                return self.receiver.turn_away(&hook, sender, answer);
            }
        };
        delivery.body = body.bytes;
        let answer = self.receiver.take(&hook, delivery, &self.failures).await;
        drop(body.share);
        answer
    }

    /// Says all that can be said by the head; otherwise, whose it is and who sends it.
    fn admit(&self, head: &Head) -> Result<(Arc<Hook>, IpAddr), Answer> {
        let hook = self.receiver.hook(head.name.as_str());
        let hook = hook.ok_or(Answer::UnknownPath)?;
        let peer = head.connection.peer.ip();
        let proxies = head.connection.proxies(&self.limits.proxies);
        let sender = origin::sender(peer, &head.headers, &proxies, self.limits.forwarding);
        match admit(&hook, sender, &head.method, &head.headers, &self.failures) {
            Ok(()) => Ok((hook, sender)),
            Err(answer) => Err(self.receiver.turn_away(&hook, sender, answer)),
        }
    }

    /// The webhook's public address with the query as sent; path and query when none is known.
    fn target(&self, hook: &Hook, query: &str) -> String {
        let webhook = &hook.webhook;
        webhook.address(self.limits.public_url.as_deref(), query)
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
