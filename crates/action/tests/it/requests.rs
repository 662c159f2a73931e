//! Requests against a server on loopback that behaves well, badly, and not at all.

use crate::common::server::{answer, last, raw, serve};
use crate::common::{Home, SECRET, home};
use hyper::Response;
use porchlight_core::{ActionError, Receipt, Retry};
use serde_json::{Value, json};
use tokio::net::TcpListener;

async fn send(home: &Home, args: Value) -> Result<Receipt, ActionError> {
    home.perform("http.send", args, "7:0").await
}

async fn ask(home: &Home, args: Value) -> Result<Receipt, ActionError> {
    home.perform("http.request", args, "").await
}

#[tokio::test]
async fn a_told_request_is_a_post_with_its_key() {
    let (base, log) = serve(|_| answer(200, r#"{"id": 5}"#)).await;
    let home = home();
    let url = format!("{base}/open?a=1");
    let args = json!({"url": url, "query": {"b": "ä ö", "c": [1, 2]}, "json": {"x": [1]}, "headers": {"X-One": "1"}});
    let receipt = send(&home, args).await.unwrap();
    assert_eq!(receipt.summary, "200 OK");
    assert_eq!(receipt.detail["json"]["id"], 5);
    assert_eq!(receipt.detail["headers"]["content-length"], "9");
    let seen = last(&log);
    assert_eq!(seen.line, "POST /open?a=1&b=%C3%A4+%C3%B6&c=1&c=2");
    assert_eq!(seen.headers["idempotency-key"], "7:0");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["x-one"], "1");
    assert_eq!(seen.body, r#"{"x":[1]}"#);
    send(
        &home,
        json!({"url": url, "headers": {"Idempotency-Key": "mine"}}),
    )
    .await
    .unwrap();
    assert_eq!(last(&log).headers["idempotency-key"], "mine");
    send(
        &home,
        json!({"url": url, "idempotency_header": "X-Request-Id"}),
    )
    .await
    .unwrap();
    assert_eq!(last(&log).headers["x-request-id"], "7:0");
    ask(&home, json!({ "url": url })).await.unwrap();
    assert!(
        last(&log).line.starts_with("GET ") && !last(&log).headers.contains_key("idempotency-key")
    );
}

#[tokio::test]
async fn statuses_and_expectations_decide_between_done_later_and_never() {
    let (base, _) = serve(|seen| {
        let status = seen.line.rsplit('/').next().unwrap().parse().unwrap();
        let mut response = answer(status, r#"{"ok": false}"#);
        if status == 429 {
            response
                .headers_mut()
                .insert("retry-after", "7".parse().unwrap());
        }
        response
    })
    .await;
    let home = home();
    for (status, kind, retry) in [
        (400, "rejected", Retry::Never),
        (401, "auth", Retry::Never),
        (403, "auth", Retry::Never),
        (404, "rejected", Retry::Never),
        (408, "timeout", Retry::Later),
        (425, "timeout", Retry::Later),
        (429, "limit", Retry::AfterMs(7000)),
        (301, "rejected", Retry::Never),
        (500, "vendor", Retry::Later),
        (503, "vendor", Retry::Later),
    ] {
        let error = send(&home, json!({"url": format!("{base}/{status}")}))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            (kind, retry),
            "{status}"
        );
        assert_eq!(error.detail["status"], status);
        assert_eq!(error.detail["json"]["ok"], false);
    }
    let unmet = json!({"url": format!("{base}/200"), "expect": ["/ok = true"]});
    assert_eq!(send(&home, unmet).await.unwrap_err().kind, "vendor");
    let met = json!({"url": format!("{base}/404"), "expect": ["status 2xx,404", "/ok = false"]});
    assert_eq!(send(&home, met).await.unwrap().detail["status"], 404);
}

#[tokio::test]
async fn hostile_servers_cost_only_their_own_action() {
    let home = home();
    let hang = raw(b"", false).await;
    let slow = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", false).await;
    for url in [hang, slow] {
        let error = ask(&home, json!({"url": url, "timeout_ms": 50}))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("timeout", Retry::Later)
        );
    }
    let reset = raw(b"", true).await;
    let torn = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", true).await;
    let nonsense = raw(b"SSH-2.0-OpenSSH_9.2\r\n", true).await;
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    for url in [reset, torn, nonsense, format!("http://{closed}")] {
        let error = send(&home, json!({"url": url, "timeout_ms": 5000}))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("connect", Retry::Later),
            "{error}"
        );
    }
    let plain = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", true).await;
    let error = ask(&home, json!({"url": plain.replace("http:", "https:")}))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.retry),
        ("tls", Retry::Later),
        "{error}"
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut_and_only_fails_where_it_matters() {
    let (base, _) = serve(|_| answer(200, &"x".repeat(3 << 20))).await;
    let home = home();
    let error = ask(&home, json!({ "url": base })).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("limit", Retry::Never));
    let receipt = send(&home, json!({ "url": base })).await.unwrap();
    assert_eq!(receipt.detail["text"].as_str().unwrap().len(), 16 << 10);
    let error = send(&home, json!({"url": base, "expect": ["text ok"]}))
        .await
        .unwrap_err();
    assert_eq!(error.kind, "limit");
    let all = ask(&home, json!({"url": base, "max_body": 4 << 20}))
        .await
        .unwrap();
    assert_eq!(all.detail["text"].as_str().unwrap().len(), 3 << 20);
}

#[tokio::test]
async fn redirects_take_no_credentials_to_another_origin() {
    let (other, other_log) = serve(|_| answer(200, "there")).await;
    let target = other.clone();
    let (base, log) = serve(move |seen| {
        let to = match seen.line.split(' ').nth(1) {
            Some("/away") => format!("{}/x", target.replace("http://", "http://u:p@")),
            Some("/near") => "/end".to_owned(),
            Some("/loop") => "/loop".to_owned(),
            Some("/file") => "file:///etc/passwd".to_owned(),
            _ => return answer(200, "end"),
        };
        Response::builder()
            .status(302)
            .header("location", to)
            .body(String::new())
            .unwrap()
    })
    .await;
    let home = home();
    let args = |path: &str| json!({"url": format!("{base}{path}"), "auth": {"bearer": "t"}, "headers": {"X-Api-Key": "k"}});
    assert_eq!(
        ask(&home, args("/near")).await.unwrap().detail["text"],
        "end"
    );
    assert_eq!(last(&log).headers["x-api-key"], "k");
    assert_eq!(
        ask(&home, args("/away")).await.unwrap().detail["text"],
        "there"
    );
    let seen = last(&other_log);
    assert!(
        !seen.headers.contains_key("authorization") && !seen.headers.contains_key("x-api-key"),
        "{seen:?}"
    );
    let before = log.lock().unwrap().len();
    assert_eq!(
        ask(&home, args("/loop")).await.unwrap_err().kind,
        "rejected"
    );
    assert_eq!(log.lock().unwrap().len() - before, 6);
    assert_eq!(
        ask(&home, args("/file")).await.unwrap_err().kind,
        "rejected"
    );
    assert_eq!(
        send(&home, args("/near")).await.unwrap_err().detail["status"],
        302
    );
}

#[tokio::test]
async fn secrets_come_back_in_no_receipt_and_no_error() {
    // A server that repeats everything that it was sent, and fails when asked to.
    let (base, log) = serve(|seen| {
        let text = format!(
            "{} {:?} {}",
            seen.line,
            seen.headers,
            String::from_utf8_lossy(&seen.body)
        );
        answer(if seen.line.contains("fail") { 500 } else { 200 }, &text)
    })
    .await;
    let home = home();
    let secret = json!({"$secret": "gate.key"});
    let mut args = json!({
        "url": {"$join": [base, "/", secret, "/ok"]},
        "query": {"k": secret},
        "headers": {"X-Key": secret},
        "auth": {"basic": {"user": "jo", "password": secret}},
        "json": {"deep": [{"k": secret}]},
    });
    let receipt = send(&home, args.clone()).await.unwrap();
    assert!(
        last(&log).line.contains("s3cr/et%20&key"),
        "{}",
        last(&log).line
    );
    let shown = format!("{receipt:?}");
    for form in [SECRET, "s3cr", "czNjci9ldCAma2V5", "am86czNj"] {
        assert!(!shown.contains(form), "{form} in {shown}");
    }
    args["url"] = json!({"$join": [base, "/", secret, "/fail"]});
    let error = send(&home, args).await.unwrap_err();
    assert!(!format!("{error:?}").contains("s3cr"), "{error:?}");
    for url in [
        json!({"$join": ["http://127.0.0.1:1/", secret]}),
        json!({"$join": ["nonsense ", secret]}),
        secret.clone(),
    ] {
        let error = send(&home, json!({ "url": url })).await.unwrap_err();
        assert!(!format!("{error:?}").contains("s3cr"), "{error:?}");
    }
}

#[tokio::test]
async fn an_events_data_cannot_ask_for_a_secret() {
    let (base, log) = serve(|_| answer(200, "")).await;
    let home = home();
    let data = json!({"$secret": "gate.key"});
    send(
        &home,
        json!({"url": base, "json": {"data": {"$literal": data}}}),
    )
    .await
    .unwrap();
    assert_eq!(last(&log).body, r#"{"data":{"$secret":"gate.key"}}"#);
}

#[tokio::test]
async fn mistakes_are_named_and_nothing_is_sent() {
    let (base, log) = serve(|_| answer(200, "")).await;
    let home = home();
    for (args, part) in [
        (
            json!({"url": base, "timeuot_ms": 5}),
            "did you mean `timeout_ms`?",
        ),
        (json!({"url": base, "json": 1, "form": {}}), "json and form"),
        (
            json!({"url": base, "expect": ["status ok"]}),
            "no expectation",
        ),
        (
            json!({"url": base, "headers": {"a b": "c"}}),
            "no header name",
        ),
        (
            json!({"url": base, "headers": {"a": "c\r\nd: e"}}),
            "line break",
        ),
        (json!({"url": base, "method": "GE T"}), "`method`"),
        (
            json!({"url": base, "auth": {"token": "x"}}),
            "unknown argument `token`",
        ),
        (json!({"url": "ftp://x/"}), "http://"),
        (
            json!({"url": {"$secret": "gate.kee"}}),
            "no secret `gate.kee`",
        ),
        (json!({"body": "x"}), "`url` is missing"),
        (json!([1]), "map"),
    ] {
        let error = send(&home, args).await.unwrap_err();
        assert_eq!((error.kind.as_str(), error.retry), ("config", Retry::Never));
        assert!(error.message.contains(part), "{error}");
    }
    assert!(log.lock().unwrap().is_empty());
    let error = home.perform("htp.send", json!({}), "").await.unwrap_err();
    assert!(
        error.message.contains("did you mean `http.send`?"),
        "{error}"
    );
}
