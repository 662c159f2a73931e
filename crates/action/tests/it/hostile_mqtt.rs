//! Brokers that do whatever a broker should not, as far as publishing and asking are concerned: each
//! costs its own action a bounded time and memory, ends as the kind of error that says whether to try
//! again, and is found as soon as it is a broker again.

use crate::odd_broker::*;
use porchlight_core::Retry;
use porchlight_mqtt::{Broker, Trust};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_broker_that_acknowledges_nothing_is_connected_to_afresh_when_there_is_no_room() {
    let (broker, connections) = odd_at_first(deaf).await;
    let home = home(broker);
    let (one, two) = tokio::join!(home.publish(SHORT), home.publish(SHORT));
    for error in [one.unwrap_err(), two.unwrap_err()] {
        check(&error, "timeout", SECOND, false);
        assert!(error.message.contains("does not acknowledge"), "{error}");
    }
    home.publish(LONG).await.unwrap();
    assert_eq!(connections.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_acknowledges_nothing_is_connected_to_afresh_after_a_whole_try() {
    let (mut broker, connections) = odd_at_first(deaf).await;
    broker.in_flight = 32;
    let home = home(broker);
    let minutes = Duration::from_secs(120);
    let error = home.publish(minutes).await.unwrap_err();
    check(&error, "timeout", SECOND, false);
    home.publish(minutes).await.unwrap();
    assert_eq!(connections.load(SeqCst), 2);
}

#[tokio::test]
async fn a_broker_that_acknowledges_what_was_never_sent_has_acknowledged_nothing() {
    let (broker, _) = odd_at_first(|first, body| {
        let mut said = good(first, body);
        if first == CONNECT {
            // Most numbers, before any is given.
            for number in 100..=u16::MAX {
                said.extend([0x40, 2]);
                said.extend(number.to_be_bytes());
            }
            said.extend(b"\x90\x04\0\x01\0\0\xb0\x03\0\x01\0\x40\x02\xff\xff");
        }
        if first == PUBLISH {
            said[3] ^= 0x40;
        }
        Some(said)
    })
    .await;
    let error = home(broker).publish(SHORT).await.unwrap_err();
    check(&error, "timeout", SECOND, false);
}

#[tokio::test]
async fn what_a_broker_says_to_a_message_decides_what_becomes_of_it() {
    let code = Arc::new(AtomicUsize::new(0));
    let said = Arc::clone(&code);
    let (broker, connections) = odd_at_first(move |first, body| {
        let mut answer = good(first, body);
        if first == PUBLISH {
            let code = u8::try_from(said.load(SeqCst)).unwrap();
            answer[1] = 9;
            answer.extend(
                [code, 5]
                    .into_iter()
                    .chain(*b"\x1f\0\x02no")
                    .collect::<Vec<u8>>(),
            );
        }
        Some(answer)
    })
    .await;
    let home = home(broker);
    for (answer, kind, retry) in [
        (0x80, "rejected", Retry::Never),
        (0x83, "rejected", Retry::Never),
        (0x87, "auth", Retry::Never),
        (0x90, "rejected", Retry::Never),
        // The number is ours: the next try has another one.
        (0x91, "limit", Retry::Later),
        (0x97, "limit", Retry::Later),
        (0x99, "rejected", Retry::Never),
        (0xff, "rejected", Retry::Never),
    ] {
        code.store(answer, SeqCst);
        let error = home.publish(LONG).await.unwrap_err();
        check(&error, kind, retry, false);
        assert!(error.message.contains("no)"), "{error}");
    }
    code.store(0x10, SeqCst);
    let receipt = home.publish(LONG).await.unwrap();
    assert!(receipt.summary.contains("nobody subscribes"), "{receipt:?}");
    assert_eq!(connections.load(SeqCst), 1, "a refusal ends no connection");
}

#[tokio::test]
async fn a_broker_that_hangs_up_on_each_message_has_perhaps_passed_it_on_and_is_left_alone() {
    let (broker, connections) = broker(|_, stream| {
        converse(stream, |first, body| {
            (first != PUBLISH).then(|| good(first, body))
        })
    })
    .await;
    let home = home(broker);
    let started = Instant::now();
    let mut tries = 0;
    while started.elapsed() < Duration::from_secs(2) {
        let error = home.publish(LONG).await.unwrap_err();
        check(&error, "connect", SECOND, true);
        assert!(error.message.contains("may have arrived"), "{error}");
        tries += 1;
    }
    // Pauses of an eighth of a second at least, then twice as long each time.
    assert!(tries >= 2, "{tries}");
    let connections = connections.load(SeqCst);
    assert!(connections <= 8, "{connections} for {tries} tries");
}

#[tokio::test]
async fn a_broker_that_ends_the_connection_with_a_reason_is_connected_to_afresh() {
    for reason in [0x8a, 0x8b, 0x8e, 0x97, 0x98, 0x00] {
        let (broker, connections) = odd_at_first(move |first, body| {
            Some(match first {
                PUBLISH => vec![0xe0, 2, reason, 0],
                _ => good(first, body),
            })
        })
        .await;
        let home = home(broker);
        let error = home.publish(LONG).await.unwrap_err();
        check(&error, "connect", SECOND, true);
        home.publish(LONG).await.unwrap();
        assert_eq!(connections.load(SeqCst), 2);
    }
}

#[tokio::test]
async fn a_broker_that_lets_nobody_in_is_waited_for_and_says_why() {
    // Each alone takes its whole time, so all at once.
    let cases = [
        (&b"\x20\x03\0\x87\0"[..], "does not allow"),
        (b"\x20\x03\0\x8a\0", "banned"),
        (b"\x20\x03\0\x97\0", "quota"),
        (b"\x20\x03\0\x9f\0", "too many connections"),
        (b"\xe0\x02\x8e\0", "took over"),
        (b"\x20\xff\xff\xff\x7f", "absurd size"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no MQTT"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no MQTT"),
        (b"\x30\x05\0\x01a\0x", "before its welcome"),
        (b"", "does not speak MQTT"),
    ];
    let each = cases.map(|(says, word)| {
        Box::pin(async move {
            let (broker, connections) = broker(move |_, mut stream| async move {
                packet(&mut stream).await;
                let _ = stream.write_all(says).await;
            })
            .await;
            let home = home(broker);
            let error = home.publish(SHORT).await.unwrap_err();
            check(&error, "connect", SECOND, false);
            assert!(error.message.contains(word), "{word}: {error}");
            let asked = home.ask(100).await.unwrap_err();
            assert!(asked.message.contains(word), "{word}: {asked}");
            let connections = connections.load(SeqCst);
            assert!((1..=8).contains(&connections), "{word}: {connections}");
        })
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test]
async fn a_broker_that_accepts_and_says_nothing_was_not_reached() {
    let (broker, connections) = broker(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let home = home(broker);
    let started = Instant::now();
    let error = home.publish(SHORT).await.unwrap_err();
    check(&error, "connect", SECOND, false);
    assert!(error.message.contains("has not answered yet"), "{error}");
    check(
        &home.ask(50).await.unwrap_err(),
        "connect",
        Retry::Later,
        false,
    );
    // A host that stops does not wait for it, either.
    let performer = Arc::clone(&home.performer);
    let (waits, ()) = tokio::join!(home.publish(LONG), async move { performer.let_go() });
    check(&waits.unwrap_err(), "connect", SECOND, false);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_handshake_that_is_reset_is_tried_again() {
    let (mut broker, connections) = broker(|_, stream| async move {
        stream.readable().await.unwrap();
        drop(stream);
    })
    .await;
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    broker.tls = Some(Trust::from_pem(own.cert.pem().as_bytes()).unwrap());
    let error = home(broker).publish(SHORT).await.unwrap_err();
    check(&error, "connect", SECOND, false);
    assert!(error.message.contains("TLS"), "{error}");
    let connections = connections.load(SeqCst);
    assert!((1..=5).contains(&connections), "{connections}");
}

#[tokio::test]
async fn who_has_given_up_takes_no_place_while_a_broker_is_away() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = home(table(free.local_addr().unwrap().port()));
    drop(free);
    let asking = (0..70).map(|_| home.ask(20));
    for error in futures_util::future::join_all(asking).await {
        // Also those for whom there was no place: it is the broker that is away.
        let error = error.unwrap_err();
        assert_eq!(error.kind, "connect", "{error}");
    }
    let error = home.publish(SHORT).await.unwrap_err();
    check(&error, "connect", SECOND, false);
    assert!(error.message.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_subscription_that_is_refused_ends_the_question() {
    for (code, kind, retry) in [
        (0x80, "rejected", Retry::Never),
        (0x87, "auth", Retry::Never),
        (0x8f, "rejected", Retry::Never),
        (0x97, "limit", Retry::Later),
    ] {
        let (broker, _) = odd_at_first(move |first, body| {
            let mut said = good(first, body);
            if first == SUBSCRIBE {
                said[5] = code;
            }
            Some(said)
        })
        .await;
        let home = home(broker);
        let error = home.ask(10_000).await.unwrap_err();
        check(&error, kind, retry, false);
        assert!(error.message.contains("no subscription to a"), "{error}");
        home.publish(LONG).await.unwrap();
    }
}

#[tokio::test]
async fn a_question_is_answered_by_nothing_but_its_answer() {
    let (broker, _) = odd_at_first(|first, body| {
        let mut said = good(first, body);
        match first {
            // Another one's subscription.
            SUBSCRIBE if body[1] == 1 => said[3] ^= 0x40,
            // Kept, elsewhere, and with somebody else's correlation data.
            SUBSCRIBE => {
                said.extend(b"\x31\x05\0\x01a\0x\x30\x05\0\x01b\0x\x30\x09\0\x01a\x04\x09\0\x01zx")
            }
            _ => {}
        }
        Some(said)
    })
    .await;
    let home = home(broker);
    for _ in 0..2 {
        let error = home.ask(300).await.unwrap_err();
        check(&error, "timeout", Retry::Later, false);
    }
}

/// A broker that sends the same over and over, as fast as it is taken, and what a good one says in
/// between.
async fn flooding(flood: Vec<u8>) -> Broker {
    let (broker, _) = broker(move |_, stream| {
        let flood = flood.clone();
        async move {
            let (mut input, mut output) = stream.into_split();
            let (say, mut to_say) = tokio::sync::mpsc::unbounded_channel();
            tokio::spawn(async move {
                while let Some((first, body)) = packet(&mut input).await {
                    let _ = say.send(good(first, &body));
                }
            });
            let welcome = to_say.recv().await.unwrap();
            output.write_all(&welcome).await.unwrap();
            while output.write_all(&flood).await.is_ok() {
                while let Ok(bytes) = to_say.try_recv() {
                    let _ = output.write_all(&bytes).await;
                }
            }
        }
    })
    .await;
    broker
}

// On threads of their own, or there would not always be another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_that_nobody_asked_for_keeps_no_message_from_leaving() {
    let message = |head: &[u8]| [head, &[b'x'; 1000]].concat();
    for (message, times) in [
        (message(b"\x30\xec\x07\0\x01b\0"), 64),
        (message(b"\x32\xee\x07\0\x01b\0\x01\0"), 64),
        (b"\xd0\0".to_vec(), 32_768),
    ] {
        let home = home(flooding(message.repeat(times)).await);
        for _ in 0..3 {
            home.publish(LONG).await.unwrap();
        }
        home.ask(10).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_broker_that_reads_nothing_is_not_sent_messages_for_ever() {
    let (broker, _) = broker(|_, mut stream| async move {
        packet(&mut stream).await;
        stream.write_all(WELCOME).await.unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let home = home(broker);
    let megabyte = "x".repeat(1 << 20);
    let args = json!({"broker": "home", "topic": "a", "payload": megabyte, "qos": 0});
    for count in 0.. {
        // As much as our bound, and what the buffers of two sockets hold.
        assert!(count < 32, "{count} MB lie somewhere");
        let told = home.perform("mqtt.publish", args.clone(), SHORT).await;
        if let Err(error) = told {
            check(&error, "timeout", SECOND, false);
            break;
        }
    }
}
