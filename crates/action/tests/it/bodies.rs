//! What a request carries: forms, parts, files and credentials arrive as they were meant.

use crate::common::server::{answer, last, serve};
use crate::common::{Home, SECRET, home};
use porchlight_core::{ActionError, Receipt};
use serde_json::{Value, json};

async fn send(home: &Home, args: Value) -> Result<Receipt, ActionError> {
    home.perform("http.send", args, "7:0").await
}

#[tokio::test]
async fn forms_parts_and_credentials_arrive_as_meant() {
    let (base, log) = serve(|_| answer(200, "")).await;
    let home = home();
    send(&home, json!({"url": base, "form": {"a": "1 2", "b": true}, "auth": {"bearer": {"$secret": "gate.key"}}})).await.unwrap();
    assert_eq!(last(&log).body, "a=1+2&b=true");
    assert_eq!(
        last(&log).headers["authorization"],
        format!("Bearer {SECRET}").as_str()
    );
    let blob =
        json!({"$blob": "abc", "filename": "car.jpg", "content_type": "image/jpeg", "size": 10});
    let parts = json!([{"name": "upload", "blob": blob}, {"name": "note", "value": 7}]);
    send(&home, json!({"url": base, "multipart": parts, "auth": {"basic": {"user": "jo", "password": "pw"}}})).await.unwrap();
    let seen = last(&log);
    assert_eq!(seen.headers["authorization"], "Basic am86cHc=");
    assert!(
        seen.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("multipart/form-data; boundary=")
    );
    let body = String::from_utf8_lossy(&seen.body);
    assert!(
        body.contains("name=\"upload\"; filename=\"car.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"),
        "{body}"
    );
    assert!(
        seen.body
            .windows(crate::common::BLOB.len())
            .any(|bytes| bytes == crate::common::BLOB)
    );
    send(&home, json!({"url": base, "body": blob}))
        .await
        .unwrap();
    assert_eq!(
        (
            last(&log).body.as_ref(),
            &last(&log).headers["content-type"]
        ),
        (crate::common::BLOB, &"image/jpeg".parse().unwrap())
    );
    let data_url = json!({"$join": ["data:image/jpeg;base64,", blob]});
    send(
        &home,
        json!({"url": base, "json": {"a": blob, "b": data_url}}),
    )
    .await
    .unwrap();
    assert_eq!(
        last(&log).body,
        r#"{"a":"/9ggcGljdHVyZQ==","b":"data:image/jpeg;base64,/9ggcGljdHVyZQ=="}"#
    );
}

#[tokio::test]
async fn files_arrive_with_their_names_and_types_whoever_chose_them() {
    let (base, log) = serve(|_| answer(200, "")).await;
    let home = home();
    let send = async |parts: Value| {
        let args = json!({"url": base, "multipart": parts, "headers": {"content-type": "text/x"}});
        home.send(args).await.unwrap();
        let seen = last(&log);
        let boundary = seen.headers["content-type"].to_str().unwrap().to_owned();
        (boundary, String::from_utf8_lossy(&seen.body).into_owned())
    };
    let blob = |more: Value| {
        let mut blob = json!({"$blob": "abc"});
        blob.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        blob
    };
    for (part, head) in [
        (
            json!({"blob": blob(json!({"filename": "Tür \"1\"\r\nX-Evil: y.jpg", "content_type": "image/jpeg"}))}),
            "name=\"file\"; filename=\"Tür %221%22%0D%0AX-Evil: y.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n",
        ),
        (
            json!({"blob": blob(json!({"filename": "a.jpg", "content_type": "image/jpeg\r\nX-Evil: y"}))}),
            "name=\"file\"; filename=\"a.jpg\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        ),
        (
            json!({"blob": blob(json!({"content_type": "image/png"}))}),
            "name=\"file\"; filename=\"attachment.png\"\r\nContent-Type: image/png\r\n\r\n",
        ),
        (
            json!({"blob": blob(json!({"filename": "theirs.jpg"})), "filename": "ours.jpg", "content_type": "image/x-ours"}),
            "name=\"file\"; filename=\"ours.jpg\"\r\nContent-Type: image/x-ours\r\n\r\n",
        ),
        (
            json!({"value": "{}", "content_type": "application/json"}),
            "name=\"file\"\r\nContent-Type: application/json\r\n\r\n{}\r\n",
        ),
        (json!({"value": true}), "name=\"file\"\r\n\r\ntrue\r\n"),
    ] {
        let mut part = part;
        part["name"] = "file".into();
        let (content_type, body) = send(json!([part])).await;
        let boundary = content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        let wanted = format!("--{boundary}\r\nContent-Disposition: form-data; {head}");
        assert!(body.starts_with(&wanted), "{wanted}\n{body}");
        assert!(body.ends_with(&format!("\r\n--{boundary}--\r\n")), "{body}");
    }
    // The same in each try.
    let parts = json!([{"name": "a", "value": "1"}, {"name": "b", "blob": blob(json!({}))}]);
    assert_eq!(send(parts.clone()).await, send(parts).await);
    let wrong =
        json!({"url": base, "multipart": [{"name": "a", "value": "1", "content_type": "x\r\ny"}]});
    assert_eq!(home.send(wrong).await.unwrap_err().kind, "config");
}
