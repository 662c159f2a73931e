//! Requests that have to prove who sends them, against a server that asks.

use crate::common::server::{Seen, answer, last, serve};
use crate::common::{SECRET, home};
use hyper::Response;
use porchlight_core::Retry;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// A parameter of the request's `Authorization`.
fn said(seen: &Seen, name: &str) -> Option<String> {
    let line = seen.headers.get("authorization")?.to_str().ok()?;
    let (_, after) = line.split_once(&format!(" {name}="))?;
    let end = after.find(", ").unwrap_or(after.len());
    Some(after[..end].trim_matches('"').to_owned())
}

fn challenge(line: &str) -> Response<String> {
    let mut response = answer(401, "who are you?");
    response
        .headers_mut()
        .insert("www-authenticate", line.parse().unwrap());
    response
}

fn digest(password: &Value) -> Value {
    json!({"digest": {"user": "admin", "password": password}})
}

#[tokio::test]
async fn a_digest_is_asked_for_once_and_then_counted() {
    let nonces = AtomicUsize::new(0);
    let (base, log) = serve(move |seen| {
        let fresh = format!("n{}", nonces.load(SeqCst));
        let line = |stale| {
            let nonce = format!("n{}", nonces.fetch_add(1, SeqCst) + 1);
            challenge(&format!(
                "Digest realm=\"cam\", qop=\"auth\", algorithm=SHA-256, nonce=\"{nonce}\", stale={stale}"
            ))
        };
        match said(seen, "nonce") {
            None => line("false"),
            // The third use of a nonce is one too many.
            Some(nonce) if nonce == fresh && said(seen, "nc").unwrap().as_str() < "00000003" => {
                answer(200, "come in")
            }
            Some(_) => line("true"),
        }
    })
    .await;
    let home = home();
    let args =
        json!({"url": format!("{base}/on?a=1"), "json": {"x": 1}, "auth": digest(&json!("pw"))});
    for _ in 0..3 {
        home.send(args.clone()).await.unwrap();
    }
    let log = log.lock().unwrap();
    let told: Vec<_> = log
        .iter()
        .map(|seen| Some((said(seen, "nonce")?, said(seen, "nc")?)))
        .collect();
    let turn = |nonce: &str, count: &str| Some((nonce.to_owned(), count.to_owned()));
    assert_eq!(
        told,
        [
            None,
            turn("n1", "00000001"),
            turn("n1", "00000002"),
            turn("n1", "00000003"),
            turn("n2", "00000001"),
        ]
    );
    for seen in log.iter() {
        assert_eq!(seen.body, r#"{"x":1}"#);
        assert_eq!(said(seen, "uri").as_deref().unwrap_or("/on?a=1"), "/on?a=1");
    }
}

#[tokio::test]
async fn a_wrong_password_is_sent_once_and_then_never_again() {
    let (base, log) = serve(|seen| {
        let text = format!("{:?}", seen.headers);
        let mut refusal = challenge("Digest realm=\"cam\", qop=\"auth\", nonce=\"always\"");
        *refusal.body_mut() = text;
        refusal
    })
    .await;
    let home = home();
    let args = json!({"url": base, "auth": digest(&json!({"$secret": "gate.key"}))});
    let error = home.send(args).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("auth", Retry::Never));
    let proof = said(&last(&log), "response").unwrap();
    let shown = format!("{error:?}");
    assert!(
        !shown.contains(&proof) && !shown.contains(SECRET),
        "{shown}"
    );
    assert!(shown.contains("[Authorization]"), "{shown}");
    assert_eq!(log.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn requests_at_the_same_time_never_share_a_count() {
    let used = Mutex::new(HashSet::new());
    let (base, _) = serve(move |seen| {
        let line = "Digest realm=\"cam\", qop=\"auth\", nonce=\"one\"";
        match said(seen, "cnonce").zip(said(seen, "nc")) {
            Some(turn) if used.lock().unwrap().insert(turn.clone()) => answer(200, "come in"),
            Some(_) => answer(400, "a count came twice"),
            None => challenge(line),
        }
    })
    .await;
    let home = home();
    let args = json!({"url": base, "auth": digest(&json!("pw"))});
    home.ask(args.clone()).await.unwrap();
    let all = (0..20).map(|_| home.ask(args.clone()));
    for result in futures_util::future::join_all(all).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn a_form_of_digest_that_nobody_knows_is_said_so() {
    let (base, log) = serve(|_| {
        challenge("Digest realm=\"x\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"")
    })
    .await;
    let args = json!({"url": base, "auth": digest(&json!("pw"))});
    let error = home().send(args).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.retry), ("auth", Retry::Never));
    assert!(error.message.contains("neither MD5 nor SHA-256"), "{error}");
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn no_login_travels_to_another_origin() {
    let (other, other_log) = serve(|seen| match said(seen, "nonce") {
        None => challenge("Digest realm=\"other\", qop=\"auth\", nonce=\"n\""),
        Some(_) => answer(200, "in"),
    })
    .await;
    let (base, _) = serve(move |seen| match said(seen, "nonce") {
        None => challenge("Digest realm=\"cam\", qop=\"auth\", nonce=\"n\""),
        Some(_) => Response::builder()
            .status(302)
            .header("location", &other)
            .body(String::new())
            .unwrap(),
    })
    .await;
    let home = home();
    let error = home
        .ask(json!({"url": base, "auth": digest(&json!("pw"))}))
        .await
        .unwrap_err();
    assert_eq!(error.kind, "auth");
    assert_eq!(other_log.lock().unwrap().len(), 1);
    assert_eq!(last(&other_log).headers.get("authorization"), None);
}

#[tokio::test]
async fn a_signed_request_arrives_as_it_was_signed() {
    let (base, log) = serve(|seen| answer(200, &format!("{:?}", seen.headers))).await;
    let home = home();
    let keys = json!({"region": "eu-west-1", "service": "s3", "key": "AKID", "secret": {"$secret": "gate.key"}, "token": "session-token"});
    let args = json!({"url": format!("{base}/cams/a b+c.jpg?x=1 2"), "method": "PUT", "body": "picture", "auth": {"aws": keys}});
    let receipt = home.send(args.clone()).await.unwrap();
    let seen = last(&log);
    assert_eq!(seen.line, "PUT /cams/a%20b%2Bc.jpg?x=1%202");
    assert_eq!(seen.headers["x-amz-date"], "20270115T080000Z");
    assert_eq!(seen.headers["x-amz-security-token"], "session-token");
    assert_eq!(
        seen.headers["x-amz-content-sha256"],
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest("picture")).as_str()
    );
    let authorization = seen.headers["authorization"].to_str().unwrap();
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/20270115/eu-west-1/s3/aws4_request, SignedHeaders=content-type;host;idempotency-key;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="),
        "{authorization}"
    );
    let (_, signature) = authorization.rsplit_once('=').unwrap();
    assert!(!format!("{receipt:?}").contains(signature));
    // A body of several parts is signed like any other.
    let mut several = args;
    several.as_object_mut().unwrap().remove("body");
    several["multipart"] = json!([{"name": "a", "value": 1}]);
    home.send(several).await.unwrap();
    let seen = last(&log);
    assert_eq!(
        seen.headers["x-amz-content-sha256"],
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&seen.body)).as_str()
    );
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_no_wrong_key() {
    let (base, _) = serve(|seen| {
        let code = seen.line.rsplit('/').next().unwrap();
        answer(403, &format!("<Error><Code>{code}</Code></Error>"))
    })
    .await;
    let home = home();
    for (code, retry) in [
        ("RequestTimeTooSkewed", Retry::Later),
        ("SignatureDoesNotMatch", Retry::Never),
    ] {
        let url = format!("{base}/{code}");
        let error = home.send(json!({ "url": url })).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("auth", retry),
            "{code}"
        );
    }
}

#[tokio::test]
async fn mistakes_in_a_login_are_named() {
    let home = home();
    for (auth, part) in [
        (json!({"digest": {"usr": "x"}}), "did you mean `user`?"),
        (
            json!({"digest": {"user": "x"}, "bearer": "y"}),
            "needs one of",
        ),
        (json!({}), "needs one of"),
        (json!({"dgiest": {}}), "did you mean `digest`?"),
        (json!({"aws": {"service": "s3"}}), "`key` is missing"),
        (json!({"basic": {"user": "a:b"}}), "colon"),
    ] {
        let error = home
            .send(json!({"url": "http://127.0.0.1:1/", "auth": auth}))
            .await
            .unwrap_err();
        assert_eq!(error.kind, "config");
        assert!(error.message.contains(part), "{error}");
    }
}
