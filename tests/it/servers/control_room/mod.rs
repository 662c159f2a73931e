//! The example home `control-room`, whole: one signed event of XProtect reaches everybody and
//! everything, each behind a program that nobody here wrote.
//!
//! The light is a Zigbee lamp behind Zigbee2MQTT, the text message goes to somebody else's Twilio and
//! the ticket to somebody else's GitHub (emulate), the card for Teams is judged by Microsoft's own
//! library, the mail goes to aiosmtpd through STARTTLS, the function is called on moto, which checks
//! signatures, the spreadsheet is opened by LibreOffice, and Python and Node are the real ones. What a
//! machine can't have is said as skipped, and the rest goes on.

mod world;

use super::adaptivecards::judge;
use super::libreoffice::as_csv;
use super::zigbee2mqtt::LAMP;
use crate::house::{House, eventually};
use crate::http::{find, request};
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use porchlight_core::Timestamp;
use serde_json::{Value, json};
use std::time::SystemTime;
use world::{CODE_TOKEN, GITHUB, PHONE, PHONE_TOKEN, SECRET, TWILIO, World, emulated, root};

/// A capture as it came, and one that happened now and is signed as XProtect signs.
fn captured(name: &str) -> Vec<u8> {
    let path = root().join("tests/payloads/xprotect").join(name);
    let bytes = std::fs::read(path).expect("a payload");
    let line = find(&bytes, b"\r\n").expect("a request line");
    [b"POST /webhook/xprotect HTTP/1.1", &bytes[line..]].concat()
}

fn happening_now() -> Vec<u8> {
    let captured = captured("external_event.http");
    let body = &captured[find(&captured, b"\r\n\r\n").expect("a head") + 4..];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_millis()).expect("this millennium");
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    // Another id too: the same one would be a delivery that is repeated.
    let body = body
        .replace("2022-11-26T15:59:39.2988877Z", &Timestamp(now).to_rfc3339())
        .replace(
            "2388f93d-5cb0-48e0-9524-d8bb981e1629",
            "2388f93d-5cb0-48e0-9524-000000000002",
        );
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    let mac = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let headers = [
        ("X-Hub-Signature-256", format!("sha256={mac}")),
        ("X-Milestone-API-Version", "v1.0".to_owned()),
        ("Content-Type", "application/json; charset=utf-8".to_owned()),
    ];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    request("/webhook/xprotect", &headers, body.as_bytes())
}

/// Waits for the action of this beginning of a title to be done.
fn done(house: &House, title: &str) -> Value {
    eventually(&format!("{title} is done"), || {
        let actions = house.actions();
        let one = actions.into_iter().find(|action| {
            let shown = action["title"].as_str().or(action["kind"].as_str());
            shown.is_some_and(|shown| shown.starts_with(title))
        })?;
        assert_ne!(one["status"], "dead", "{one}");
        (one["status"] == "done").then_some(one)
    })
}

#[test]
fn a_signed_event_of_xprotect_reaches_everybody_and_everything() {
    let world = World::start();
    let house = world.house();
    assert_eq!(house.send(&captured("tampered_body.http")).status, 400);
    // What happened years ago is kept, and nobody is woken for it.
    assert_eq!(house.send(&captured("external_event.http")).status, 200);
    eventually("it is too late", || {
        (house.skips() == ["expired"]).then_some(())
    });
    assert!(house.actions().is_empty(), "{:?}", house.actions());

    assert_eq!(house.send(&happening_now()).status, 200);
    let headline = "External Event at Event High";
    told_people(&world, &house, headline);
    told_machines(&world, &house);
    lit(&world, &house);
    eventually("nothing is left to do", || {
        let actions = house.actions();
        let missing = world.missing();
        let open = actions.iter().filter(|action| action["status"] != "done");
        (open.count() <= missing).then_some(())
    });
}

/// The card, the text message, the mail and the ticket say what happened, and where.
fn told_people(world: &World, house: &House, headline: &str) {
    done(house, "message::send");
    let asked = world.fake.asked();
    let card = asked
        .iter()
        .find(|asked| asked.path.starts_with("/workflows/"));
    let card = card.expect("a card").json()["attachments"][0]["content"].take();
    assert_eq!(card["body"][0]["text"], headline);
    if let Some(cards) = &world.cards {
        let (wrong, seen) = judge(cards, &card);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(seen[0], headline);
    }
    if let Some(post) = &world.post {
        done(house, "mail::send");
        let taken = post.taken();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!(taken[0]["to"], json!(["duty@example.org"]));
        assert_eq!(taken[0]["headers"]["Subject"], headline);
        assert_eq!(taken[0]["tls"], true);
    }
    if world.emulator.is_some() {
        done(house, "sms::send");
        let login =
            base64::engine::general_purpose::STANDARD.encode(format!("{PHONE}:{PHONE_TOKEN}"));
        let path = format!("/2010-04-01/Accounts/{PHONE}/Messages.json");
        let sent = emulated(TWILIO, "GET", &path, &format!("Basic {login}"), "");
        assert_eq!(sent["messages"].as_array().map(Vec::len), Some(1), "{sent}");
        assert_eq!(sent["messages"][0]["body"], headline);
        assert_eq!(sent["messages"][0]["to"], "+15005550006");
        done(house, "ticket::open");
        let login = format!("Bearer {CODE_TOKEN}");
        let issues = emulated(GITHUB, "GET", "/repos/admin/yard/issues", &login, "");
        assert_eq!(issues.as_array().map(Vec::len), Some(1), "{issues}");
        assert_eq!(issues[0]["title"], headline);
    }
}

/// The spreadsheet has its row; both programs read the event; the function was called with it.
fn told_machines(world: &World, house: &House) {
    done(house, "sheet::append");
    if let Some(office) = &world.office {
        let csv = as_csv(office, &house.path().join("data/files/events.xlsx"));
        assert!(
            csv.ends_with(",xprotect.external_event,External Event,Event High\n"),
            "{csv}"
        );
        assert_eq!(csv.lines().count(), 1, "{csv}");
    }
    let python = done(house, "command::start(\"analyse\")");
    let seen = json!({ "seen": "xprotect.external_event", "fields": 2 });
    assert_eq!(python["receipt"]["detail"]["json"], seen, "{python}");
    let node = done(house, "command::start(\"notify\")");
    assert_eq!(
        node["receipt"]["detail"]["stdout"],
        "event 2: xprotect.external_event\n"
    );
    if let Some((moto, _)) = &world.cloud {
        let called = done(house, "aws::lambda");
        assert_eq!(called["receipt"]["detail"]["status"], 202);
        // moto's function gives back what it was called with.
        let given = &called["receipt"]["detail"]["json"];
        assert_eq!(
            given["data"]["Event"]["EventHeader"]["Name"],
            "External Event"
        );
        assert_eq!(given, &called["args"]["json"]);
        let log = moto.log();
        assert!(log.contains("/functions/control-room/invocations"), "{log}");
    }
}

/// The lamp flashed five times, as the frames that went over the air say.
fn lit(world: &World, house: &House) {
    done(house, "light::flash");
    match &world.zigbee {
        Some(zigbee) => eventually("five frames for the lamp", || {
            let frames = zigbee.frames();
            let blinks = frames
                .iter()
                .filter(|frame| frame.to == LAMP && frame.command == "genIdentify.triggerEffect");
            (blinks.count() == 5).then_some(())
        }),
        None => {
            let asked = world.fake.asked();
            let lit = asked
                .iter()
                .find(|asked| asked.method == "POST" && asked.path == "/json/state");
            assert_eq!(lit.expect("the lamp is asked to flash").json()["on"], true);
        }
    }
}
