//! The proxy of the configuration: used for what is far away, and for nothing next door.

use crate::common::server::{Log, answer, last, serve};
use crate::common::{Home, home_for};
use porchlight_action::{HttpConfig, ProxyConfig};
use porchlight_core::Secret;
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn behind(proxy: &str, no_proxy: Option<&[&str]>) -> Home {
    let direct = no_proxy.map(|list| list.iter().map(|&host| host.to_owned()).collect());
    let proxy = ProxyConfig::new(Secret::new("http.proxy", proxy), direct);
    home_for(HttpConfig {
        proxy: Some(proxy.unwrap_or_else(|wrong| panic!("{wrong}"))),
        ..HttpConfig::default()
    })
}

fn count(log: &Log) -> usize {
    log.lock().unwrap().len()
}

#[tokio::test]
async fn what_is_far_away_goes_through_the_proxy_and_what_is_near_does_not() {
    let (proxy, asked) = serve(|seen| answer(200, &seen.line)).await;
    let (near, _) = serve(|_| answer(200, "near")).await;
    let with_password = proxy.replace("http://", "http://jo:p%40ss@");
    let home = behind(&with_password, None);
    let far = json!({"url": "http://tickets.example/issues?a=1"});
    let receipt = home.send(far.clone()).await.unwrap();
    assert_eq!(
        receipt.detail["text"],
        "POST http://tickets.example/issues?a=1"
    );
    // jo:p@ss
    assert_eq!(
        last(&asked).headers["proxy-authorization"],
        "Basic am86cEBzcw=="
    );
    let before = count(&asked);
    for url in [near.clone(), near.replace("127.0.0.1", "localhost")] {
        assert_eq!(
            home.ask(json!({ "url": url })).await.unwrap().detail["text"],
            "near"
        );
    }
    // Nobody is there; what counts is that the proxy is not asked.
    for url in [
        "http://lamp.lan/",
        "http://10.255.255.1/",
        "http://[fd00::1]/",
    ] {
        let args = json!({"url": url, "timeout_ms": 200});
        home.ask(args).await.unwrap_err();
    }
    assert_eq!(count(&asked), before);
    // A list of one's own takes the place of ours, but for this computer.
    let home = behind(&proxy, Some(&["tickets.example"]));
    home.ask(json!({"url": "http://lamp.lan/"})).await.unwrap();
    home.ask(json!({"url": "http://10.255.255.1/"}))
        .await
        .unwrap();
    assert_eq!(count(&asked), before + 2);
    home.ask(json!({ "url": near })).await.unwrap();
    let args = json!({"url": far["url"], "timeout_ms": 2000});
    home.ask(args).await.unwrap_err();
    assert_eq!(count(&asked), before + 2);
}

#[tokio::test]
async fn https_is_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://jo:pw@{}", listener.local_addr().unwrap());
    let head = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&head);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.unwrap();
        *seen.lock().unwrap() = String::from_utf8_lossy(&bytes[..count]).into_owned();
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
    });
    let home = behind(&proxy, None);
    let args = json!({"url": "https://tickets.example/s3cret-path", "auth": {"bearer": "s3cret"}});
    let error = home.send(args).await.unwrap_err();
    assert_eq!(error.kind, "connect", "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    let head = head.lock().unwrap();
    assert!(
        head.starts_with("CONNECT tickets.example:443 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.to_lowercase()
            .contains("proxy-authorization: basic am86chc="),
        "{head}"
    );
    assert!(!head.contains("s3cret"), "{head}");
}

#[test]
fn what_is_no_proxy_is_refused_and_not_repeated() {
    for address in [
        "s3cret",
        "s3cret.lan:3128",
        "socks5://s3cret:1",
        "https://s3cret:1",
        "http://",
    ] {
        let wrong = ProxyConfig::new(Secret::new("http.proxy", address), None);
        let wrong = wrong.err().unwrap();
        assert!(
            wrong.contains("http://HOST:PORT") && !wrong.contains("s3cret"),
            "{wrong}"
        );
    }
}
