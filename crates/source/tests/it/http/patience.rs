//! Time: senders that dawdle, hang up, or hold places; and the end.

use super::house::{House, Line, limits};
use porchlight_source::http::ServeLimits;
use std::time::{Duration, Instant};

fn impatient() -> ServeLimits {
    ServeLimits {
        header: Duration::from_millis(150),
        body: Duration::from_millis(400),
        body_idle: Duration::from_millis(150),
        ..limits()
    }
}

#[tokio::test]
async fn silent_and_slow_headers_and_idle_connections_are_closed() {
    let house = House::open_with(impatient()).await;
    let mut silent = house.connect().await;
    let mut partial = house.connect().await;
    partial.write("POST /webhook/open HT").await;
    let mut idle = house.connect().await;
    idle.write("GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(idle.read_answer().await.status, 200);
    for line in [&mut silent, &mut partial, &mut idle] {
        line.read_to_end().await;
    }
}

#[tokio::test]
async fn a_stalled_body_is_408_and_closed() {
    let house = House::open_with(impatient()).await;
    for framing in ["content-length: 10", "transfer-encoding: chunked"] {
        let mut line = house.connect().await;
        line.write(&format!(
            "POST /webhook/open HTTP/1.1\r\nhost: h\r\n{framing}\r\n\r\n"
        ))
        .await;
        let answer = line.read_answer().await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (408, Some("close")),
            "{framing}"
        );
    }
    assert_eq!(house.receiver.counts().received, 0);
}

#[tokio::test]
async fn a_sender_who_hangs_up_after_the_body_has_delivered() {
    let mut house = House::open().await;
    for n in 0..20 {
        let mut line = house.connect().await;
        let body = format!("{{\"n\":{n}}}");
        line.write(&String::from_utf8(house.signed(&body)).unwrap())
            .await;
        drop(line);
    }
    for _ in 0..20 {
        house.next_event().await;
    }
}

#[tokio::test]
async fn a_sender_who_hangs_up_inside_the_body_has_not_delivered() {
    let house = House::open().await;
    let mut line = house.connect().await;
    line.write("POST /webhook/open HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\n12")
        .await;
    drop(line);
    assert_eq!(house.send(&house.signed("{}")).await.status, 200);
    assert_eq!(house.receiver.counts().received, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_headers_do_not_keep_a_sender_out() {
    let house = House::open_with(ServeLimits {
        connections: 200,
        ..limits()
    })
    .await;
    let mut slow: Vec<Line> = Vec::new();
    let mut worst = Duration::ZERO;
    for n in 0..1000 {
        let mut line = house.connect().await;
        line.write("POST /webhook/open HTTP/1.1\r\nx-slow: ").await;
        slow.push(line);
        if n % 50 == 49 {
            let begun = Instant::now();
            let answer = house.send(&house.signed(&n.to_string())).await;
            assert_eq!(answer.status, 200, "after {n} slow ones");
            worst = worst.max(begun.elapsed());
        }
    }
    assert!(worst < Duration::from_secs(2), "{worst:?}");
    assert_eq!(house.receiver.counts().stored, 20);
}

#[tokio::test]
async fn a_keep_alive_connection_at_work_survives_the_crowd() {
    let house = House::open_with(ServeLimits {
        connections: 2,
        ..limits()
    })
    .await;
    let mut working = house.connect().await;
    working.write("POST /webhook/open HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(working.read_head().await.status, 100);
    for _ in 0..10 {
        let mut line = house.connect().await;
        line.write("POST /webhook/o").await;
    }
    working.write("{}").await;
    assert_eq!(working.read_answer().await.status, 200);
}

#[tokio::test]
async fn at_the_end_requests_under_way_are_answered_and_nobody_new_is_let_in() {
    let mut house = House::open().await;
    let mut idle = house.connect().await;
    idle.write("GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").await;
    idle.read_answer().await;
    let mut under_way = house.connect().await;
    under_way.write("POST /webhook/open HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(under_way.read_head().await.status, 100);

    house.stop.cancel();
    idle.read_to_end().await;
    assert!(tokio::net::TcpStream::connect(house.address).await.is_err());
    under_way.write("{}").await;
    let answer = under_way.read_answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    house.ended().await;
}

#[tokio::test]
async fn the_drain_has_a_deadline() {
    let mut house = House::open_with(ServeLimits {
        drain: Duration::from_millis(100),
        ..limits()
    })
    .await;
    let mut stuck = house.connect().await;
    stuck.write("POST /webhook/open HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(stuck.read_head().await.status, 100);
    house.stop.cancel();
    house.ended().await;
    stuck.read_to_end().await;
}
