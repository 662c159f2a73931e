//! The table of answers.

use super::house::{House, limits, post};
use porchlight_source::http::ServeLimits;

#[tokio::test]
async fn a_proven_delivery_is_stored_and_its_event_is_named() {
    let mut house = House::open().await;
    let answer = house.send(&house.signed(r#"{"n":1}"#)).await;
    assert_eq!(
        (answer.status, answer.json()["event"].as_u64()),
        (200, Some(1))
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("server"), None);
    let event = house.next_event().await;
    assert_eq!((event.id, &event.data[..]), (1, &br#"{"n":1}"#[..]));
    assert_eq!(
        (event.peer.as_str(), event.source.as_str()),
        ("127.0.0.1", "gate")
    );
    let counts = house.receiver.counts();
    assert_eq!((counts.received, counts.stored, counts.refused), (1, 1, 0));
}

#[tokio::test]
async fn a_repeated_delivery_is_told_so_and_reaches_nobody_twice() {
    let mut house = House::open().await;
    let request = house.signed(r#"{"n":1}"#);
    house.send(&request).await;
    let answer = house.send(&request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        r#"{"event":1,"duplicate":true,"by":"content"}"#
    );
    house.send(&house.signed(r#"{"n":2}"#)).await;
    assert_eq!(house.next_event().await.id, 1);
    assert_eq!(house.next_event().await.data, r#"{"n":2}"#);
    assert_eq!(house.receiver.counts().duplicates, 1);
}

#[tokio::test]
async fn every_failed_proof_gets_the_same_words() {
    let house = House::open().await;
    let mut bodies = Vec::new();
    for signature in [
        "",
        "x-signature: 00\r\n",
        "x-signature: \r\n",
        "authorization: Bearer x\r\n",
    ] {
        let answer = house.send(&post("/webhook/gate", signature, "{}")).await;
        assert_eq!(answer.status, 401, "{signature}");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies, [r#"{"error":"proof failed"}"#]);
    assert_eq!(house.receiver.counts().refused, 4);
    let refusals = house.receiver.refusals();
    assert_eq!((refusals.len(), refusals[0].webhook.as_str()), (4, "gate"));
}

#[tokio::test]
async fn unknown_paths_and_webhooks_get_the_same_404() {
    let house = House::open().await;
    for path in [
        "/",
        "/webhook",
        "/webhook/",
        "/webhook/nobody",
        "/webhook/gate/",
        "/webhook/gate/x",
        "/webhook/%67ate",
        "/Webhook/gate",
        "//webhook/gate",
        "/healthz/x",
    ] {
        let answer = house.send(&post(path, "", "{}")).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, r#"{"error":"not found"}"#),
            "{path}"
        );
    }
}

#[tokio::test]
async fn only_post_is_allowed_to_a_webhook() {
    let house = House::open().await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let request = format!("{method} /webhook/gate HTTP/1.1\r\nhost: h\r\n\r\n");
        let answer = house.send(request.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("POST")),
            "{method}"
        );
        let request = format!("{method} /webhook/nobody HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_eq!(house.send(request.as_bytes()).await.status, 404);
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_unusable_and_not_echoed() {
    let house = House::open().await;
    let answer = house.send(&house.signed("{\"secret-word\": ")).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.json()["error"].is_string() && !answer.body.contains("secret-word"),
        "{}",
        answer.body
    );
    assert_eq!(house.receiver.counts().unusable, 1);
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_in_either_framing() {
    let house = House::open().await;
    let announced = b"POST /webhook/small HTTP/1.1\r\nhost: h\r\ncontent-length: 1025\r\n\r\n";
    let answer = house.send(announced).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (413, Some("close"))
    );

    let expecting = b"POST /webhook/small HTTP/1.1\r\nhost: h\r\ncontent-length: 1025\r\nexpect: 100-continue\r\n\r\n";
    assert_eq!(house.send(expecting).await.status, 413);

    // A sender that writes everything before it reads still gets its answer.
    let mut chunked =
        b"POST /webhook/small HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..100 {
        chunked.extend_from_slice(b"400\r\n");
        chunked.extend_from_slice(&[b' '; 1024]);
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(house.send(&chunked).await.status, 413);

    let exactly = format!("\"{}\"", "x".repeat(1022));
    assert_eq!(
        house
            .send(&post("/webhook/small", "", &exactly))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_chunked_body_is_proved_and_stored_like_any_other() {
    let mut house = House::open().await;
    let body = r#"{"chunked":true}"#;
    let head = house.proof(body);
    let request = format!(
        "POST /webhook/gate HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n{head}\r\n4;x=y\r\n{}\r\nc\r\n{}\r\n0\r\ntrailer: t\r\n\r\n",
        &body[..4],
        &body[4..]
    );
    assert_eq!(house.send(request.as_bytes()).await.status, 200);
    assert_eq!(house.next_event().await.data, body);
}

#[tokio::test]
async fn a_large_body_is_proved_on_another_thread_and_stored() {
    let mut house = House::open().await;
    let body = format!("\"{}\"", "x".repeat(900_000));
    assert_eq!(house.send(&house.signed(&body)).await.status, 200);
    assert_eq!(house.next_event().await.data.len(), 900_002);
}

#[tokio::test]
async fn expect_100_continue_is_answered_before_the_body() {
    let house = House::open().await;
    let mut line = house.connect().await;
    let body = r#"{"n":1}"#;
    line.write(&format!(
        "POST /webhook/gate HTTP/1.1\r\nhost: h\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: {}\r\n{}\r\n",
        body.len(), house.proof(body)
    )).await;
    assert_eq!(line.read_head().await.status, 100);
    line.write(body).await;
    assert_eq!(line.read_answer().await.status, 200);
}

#[tokio::test]
async fn too_many_failed_proofs_are_told_to_wait_and_others_are_not() {
    let house = House::open_with(ServeLimits {
        failures_per_minute: 5,
        proxies: vec!["127.0.0.1".parse().unwrap()],
        ..limits()
    })
    .await;
    let from = |address: &str| {
        post(
            "/webhook/gate",
            &format!("x-forwarded-for: {address}\r\n"),
            "{}",
        )
    };
    for _ in 0..5 {
        assert_eq!(house.send(&from("203.0.113.7")).await.status, 401);
    }
    let answer = house.send(&from("203.0.113.7")).await;
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=12).contains(&wait));
    assert_eq!(house.send(&from("203.0.113.8")).await.status, 401);
}

#[tokio::test]
async fn a_web_page_may_not_send_where_nothing_is_proved() {
    let house = House::open().await;
    for header in [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: none\r\n",
    ] {
        assert_eq!(
            house
                .send(&post("/webhook/open", header, "{}"))
                .await
                .status,
            403,
            "{header}"
        );
    }
    assert_eq!(
        house.send(&post("/webhook/open", "", "{}")).await.status,
        200
    );
    let proof = house.proof("{}");
    let request = post(
        "/webhook/gate",
        &format!("origin: http://any.example\r\n{proof}"),
        "{}",
    );
    assert_eq!(
        house.send(&request).await.status,
        200,
        "its proof is enough"
    );
}

#[tokio::test]
async fn a_journal_that_cannot_store_is_told_as_503_with_retry_after() {
    let house = House::open().await;
    house.break_journal().await;
    let answer = house.send(&house.signed(r#"{"n":1}"#)).await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(house.receiver.counts().unavailable, 1);
}

#[tokio::test]
async fn health_is_told_without_proof() {
    let house = House::open().await;
    let answer = house
        .send(b"GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
}

#[tokio::test]
async fn webhooks_change_while_they_are_served() {
    let house = House::open().await;
    let mut line = house.connect().await;
    line.write(&post_alive("/webhook/open", "1")).await;
    assert_eq!(line.read_answer().await.status, 200);
    house.receiver.set_webhooks(vec![]);
    line.write(&post_alive("/webhook/open", "2")).await;
    assert_eq!(line.read_answer().await.status, 404);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let house = House::open().await;
    let mut line = house.connect().await;
    let requests: String = (0..50)
        .map(|n| post_alive("/webhook/open", &n.to_string()))
        .collect();
    line.write(&requests).await;
    for n in 1..=50 {
        let answer = line.read_answer().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["event"].as_u64(), Some(n));
    }
}

fn post_alive(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
