//! What the vendors' forwarders send for a plate, held against what our example home sends.
//!
//! `tests/payloads/platerecognizer/forward` has the calls, read out of the vendor's own middleware:
//! method, address, headers and body, with `{…}` where a configuration is meant.

use super::fake::{Asked, Fake};
use super::form::parts;
use super::house::House;
use super::http::find;
use base64::Engine as _;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const CAMERA: &str = "{4b2f6d7a-9d0e-4b0c-8a77-2f1f3f5a9e10}";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn payload(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/payloads/platerecognizer").join(name)).expect("a payload")
}

/// The calls that are expected, with `{name}` replaced.
fn expected(name: &str, names: &[(&str, &str)]) -> Vec<Value> {
    let mut text = String::from_utf8(payload(&format!("forward/{name}.json"))).expect("UTF-8");
    for (name, value) in names {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    whole["steps"].as_array().expect("steps").clone()
}

/// The example home, with each of its outside addresses pointed at a server of its own.
fn house(places: &[(&str, &Fake)]) -> House {
    let home = root().join("examples/plate-forward");
    let read = |name: &str| std::fs::read_to_string(home.join(name)).expect("the example");
    let mut config = read("porchlight.toml");
    for (place, fake) in places {
        assert!(config.contains(place), "{place}");
        config = config.replace(place, &fake.url());
    }
    House::start(&config, &[("forward.rhai", &read("scripts/forward.rhai"))])
}

/// Posts the vendor's request as it was captured, with the home's token.
fn post(house: &House) {
    post_bytes(house, &payload("stream_camera_headers.http"));
}

fn post_bytes(house: &House, bytes: &[u8]) {
    let line_end = find(bytes, b"\r\n").expect("a request line");
    let mut request =
        b"POST /webhook/driveway HTTP/1.1\r\nAuthorization: Token example-token-replace-me"
            .to_vec();
    request.extend_from_slice(&bytes[line_end..]);
    let answer = house.send(&request);
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn same(asked: &Asked, step: &Value, path: &str) {
    assert_eq!(step["method"], asked.method.as_str());
    let ours = asked.path.replace("%7B", "{").replace("%7D", "}");
    assert_eq!(ours, path);
    for (name, value) in step["headers"].as_object().into_iter().flatten() {
        assert_eq!(asked.header(name), value.as_str(), "{name}");
    }
    if let Some(json) = step.get("json") {
        assert_eq!(&asked.json(), json);
    }
}

fn path(step: &Value) -> &str {
    let url = step["url"].as_str().expect("an address");
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    &rest[rest.find('/').expect("a path")..]
}

#[test]
fn a_plate_reaches_openeye_salient_synology_and_a_soap_service_as_the_vendors_forwarders_send_it() {
    let (openeye, salient, soap, nas) = (
        Fake::start(),
        Fake::start(),
        Fake::answering(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 8\r\n\r\n<ok></ok>",
        ),
        Fake::answering("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"success\":true}"),
    );
    let house = house(&[
        ("http://openeye.lan", &openeye),
        ("http://192.0.2.6:4502", &salient),
        ("http://192.0.2.7", &soap),
        ("http://192.0.2.8", &nas),
    ]);
    post(&house);

    let asked = openeye.wait_for(1).swap_remove(0);
    let keys = [
        ("camera-id header", CAMERA),
        ("aki", "porchlight"),
        ("aks", "example-openeye-secret"),
    ];
    let step = expected("openeye_event", &keys).swap_remove(0);
    same(&asked, &step, path(&step));

    let asked = salient.wait_for(1).swap_remove(0);
    let camera = [("camera uid", "9c2f5a3e-3f6d-4f57-9d56-5d7a6f1a2b10")];
    let step = expected("salient_event", &camera).swap_remove(0);
    same(&asked, &step, "/v2.0/events");
    let login = "Basic cG9yY2hsaWdodDpleGFtcGxlLXNhbGllbnQtcGFzc3dvcmQ=";
    assert_eq!(asked.header("authorization"), Some(login));

    let asked = nas.wait_for(1).swap_remove(0);
    let step = expected("synology_incoming", &[]).swap_remove(0);
    assert_eq!(asked.method, "POST");
    assert_eq!(
        asked.path,
        "/webapi/SurveillanceStation/Webhook/Incoming/v1?token=example-token"
    );
    assert_eq!(
        pairs(&String::from_utf8_lossy(&asked.body)),
        pairs(step["body"].as_str().expect("a form"))
    );

    let asked = soap.wait_for(1).swap_remove(0);
    let image = base64::engine::general_purpose::STANDARD.encode(upload());
    let names = [
        ("user", "gate"),
        ("key", "<![CDATA[example-soap-key]]>"),
        ("base64 of upload", image.as_str()),
    ];
    let mut step = expected("soap_post_image", &[]).swap_remove(0);
    let mut body = step["body"]
        .take()
        .as_str()
        .expect("an envelope")
        .to_owned();
    for (name, value) in names {
        body = body.replace(&format!("{{{name}}}"), value);
    }
    same(&asked, &step, "/Plates.svc");
    assert_eq!(String::from_utf8_lossy(&asked.body), body);
}

#[test]
fn a_plate_becomes_a_bookmark_in_nx_as_the_vendors_forwarder_makes_it() {
    let nx = Fake::start();
    let json = |headers: &str, body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    nx.answer_next(&json(
        "Set-Cookie: x-runtime-guid=nx10-abc; Path=/; HttpOnly\r\n",
        r#"{"token":"nx10-abc"}"#,
    ));
    nx.answer_next(&json(
        "",
        r#"[{"id":"{11111111-2222-3333-4444-555555555555}"}]"#,
    ));
    let house = house(&[("http://192.0.2.5:7001", &nx)]);
    post(&house);
    let asked = nx.wait_for(3);
    let names = [
        ("camera-id header", CAMERA),
        ("login", "porchlight"),
        ("password", "example-nx-password"),
        ("serverId", "11111111-2222-3333-4444-555555555555"),
        ("host", "http://nx"),
    ];
    let steps = expected("nx_bookmark", &names);
    for (asked, step) in asked.iter().zip(&steps) {
        same(asked, step, path(step));
    }
    for after_login in &asked[1..] {
        assert_eq!(
            after_login.header("cookie"),
            Some("x-runtime-guid=nx10-abc")
        );
    }
    assert_eq!(steps.len(), 3);
}

#[test]
fn the_plate_is_cut_out_and_the_whole_event_goes_on_as_the_vendors_forwarders_send_it() {
    let (archive, parking) = (Fake::start(), Fake::start());
    let house = house(&[
        ("http://archive.lan", &archive),
        ("http://parking.lan", &parking),
    ]);
    // The captured box lies outside of the small picture; the second one is half in it.
    let captured = payload("stream_camera_headers.http");
    let inside = with_box(&captured, [50, 40, 200, 60]);
    for bytes in [&captured, &inside] {
        post_bytes(&house, bytes);
    }
    let step = expected("crop_forward", &[]).swap_remove(0);
    let wanted = step["multipart"].as_array().expect("parts");
    let archived = archive.wait_for(2);
    let cases = [
        (event_of(&captured), (96, 64)),
        (event_of(&inside), (46, 20)),
    ];
    for (asked, (event, size)) in archived.iter().zip(&cases) {
        assert_eq!(
            (asked.method.as_str(), asked.path.as_str()),
            ("POST", "/plates")
        );
        let parts = parts(asked);
        assert_eq!(parts.len(), wanted.len());
        for (part, wanted) in parts.iter().zip(wanted) {
            assert_eq!(part.field("name").as_deref(), wanted["name"].as_str());
            assert_eq!(
                part.field("filename").as_deref(),
                wanted["filename"].as_str()
            );
        }
        let json: Value = serde_json::from_slice(&parts[0].bytes).expect("JSON");
        assert_eq!(&json, event);
        assert_eq!(parts[1].bytes, upload());
        assert_eq!(&jpeg_size(&parts[2].bytes), size);
    }
    // It goes 210 degrees, so it arrives: all of it goes to the parking system, as it came.
    let asked = parking.wait_for(2).swap_remove(0);
    let names: Vec<_> = parts(&asked)
        .iter()
        .map(|part| part.field("name"))
        .collect();
    assert_eq!(
        names,
        ["json", "upload", "plate_img"].map(|name| Some(name.to_owned()))
    );
}

#[test]
fn a_plate_calls_a_function_and_is_an_event_and_a_state_in_home_assistant() {
    let home = Fake::start();
    let cloud = Fake::answering("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    let house = house(&[
        ("http://homeassistant.lan:8123", &home),
        ("http://lambda.lan", &cloud),
    ]);
    post(&house);
    // Misread, and ours all the same.
    let asked = home.wait_for(2);
    let login = Some("Bearer example-homeassistant-token");
    assert_eq!(asked[0].path, "/api/events/license_plate_spotted");
    let seen = json!({ "plate": "34A-23126", "known": true, "camera": "gate-n" });
    assert_eq!(
        (asked[0].json(), asked[0].header("authorization")),
        (seen, login)
    );
    assert_eq!(asked[1].path, "/api/states/sensor.last_plate");
    let state = json!({ "state": "34A-23126", "attributes": { "camera": "gate-n" } });
    assert_eq!(
        (asked[1].json(), asked[1].header("authorization")),
        (state, login)
    );

    let asked = cloud.wait_for(1).swap_remove(0);
    assert_eq!(asked.path, "/2015-03-31/functions/plates/invocations");
    assert_eq!(asked.header("x-amz-invocation-type"), Some("Event"));
    let signed = asked.header("authorization").unwrap_or_default();
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"),
        "{signed}"
    );
    assert_eq!(asked.json()["plate"], "34a23126");
}

/// The event's own JSON, in a capture.
fn event_of(captured: &[u8]) -> Value {
    let json = &captured[find(captured, b"{\"hook\"").expect("the event")..];
    let json = &json[..find(json, b"\r\n").expect("its end")];
    serde_json::from_slice(json).expect("JSON")
}

/// The capture with another box around its plate, and not a byte longer.
fn with_box(captured: &[u8], sides: [u32; 4]) -> Vec<u8> {
    let mut bytes = captured.to_vec();
    for (name, side) in ["xmin", "ymin", "xmax", "ymax"].into_iter().zip(sides) {
        let mark = format!("\"{name}\":");
        let at = find(&bytes, mark.as_bytes()).expect("a side") + mark.len();
        let space = usize::from(bytes[at] == b' ');
        let length = bytes[at + space..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let value = format!("{side:>width$}", width = length + space);
        bytes[at..at + length + space].copy_from_slice(value.as_bytes());
    }
    bytes
}

/// Width and height by the first frame header of a JPEG.
fn jpeg_size(bytes: &[u8]) -> (u16, u16) {
    assert!(bytes.starts_with(&[0xff, 0xd8]), "no JPEG");
    let mut at = 2;
    loop {
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        if matches!(bytes[at + 1], 0xc0..=0xc2) {
            return (word(at + 7), word(at + 5));
        }
        at += 2 + usize::from(word(at + 2));
    }
}

/// What stands in the form as `upload`.
fn upload() -> Vec<u8> {
    let bytes = payload("stream_camera_headers.http");
    let begin = find(&bytes, b"name=\"upload\"").expect("the picture");
    let picture = &bytes[begin..];
    let picture = &picture[find(picture, b"\r\n\r\n").expect("its head") + 4..];
    let end = find(picture, b"\r\n--").expect("its end");
    picture[..end].to_vec()
}

/// The pairs of a form, in whatever order they came.
fn pairs(form: &str) -> Value {
    let mut pairs: Vec<&str> = form.split('&').collect();
    pairs.sort_unstable();
    json!(pairs)
}
