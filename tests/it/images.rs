//! Pictures from a webhook to a file or another server, and pictures that are made to do harm.

use super::fake::Fake;
use super::form::parts;
use super::house::{House, TEST_SECRET, eventually};
use super::http::request;
use serde_json::Value;
use std::path::PathBuf;

/// A webhook that takes forms with files.
fn config() -> String {
    format!("[webhook.cam]\npreset = \"token\"\nsecret = \"{TEST_SECRET}\"\n")
}

/// Posts pictures as a camera does, each as a file of a form.
fn post(house: &House, pictures: &[(&str, &[u8])]) {
    let mut body = Vec::new();
    for (name, bytes) in pictures {
        let content_type = match bytes.get(1) {
            Some(b'P') => "image/png",
            _ => "image/jpeg",
        };
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\nContent-Type: {content_type}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    let headers = [
        ("Content-Type", "multipart/form-data; boundary=b"),
        ("X-Token", TEST_SECRET),
    ];
    let answer = house.send(&request("/webhook/cam", &headers, &body));
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The colour at each place tells where it was.
fn color(x: u32, y: u32) -> [u8; 3] {
    [(x * 10) as u8, (y * 20) as u8, 7]
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    let places = (0..height).flat_map(|y| (0..width).flat_map(move |x| color(x, y)));
    let pixels: Vec<u8> = places.collect();
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

/// Green, so that a red frame is seen.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = [20, 200, 20].repeat(usize::from(width) * usize::from(height));
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    let done = encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb);
    done.expect("a picture");
    bytes
}

/// Width, height and the pixels of a PNG without transparency.
fn look(bytes: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let frame = reader.next_frame(&mut pixels).expect("pixels");
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    let pixels = pixels.chunks_exact(3).map(|p| [p[0], p[1], p[2]]);
    (frame.width, frame.height, pixels.collect())
}

/// Width and height of a JPEG, by its frame header.
fn jpeg_size(bytes: &[u8]) -> (u16, u16) {
    assert_eq!(bytes[..2], [0xff, 0xd8], "a JPEG");
    let mut at = 2;
    loop {
        let (mark, length) = (
            bytes[at + 1],
            u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]),
        );
        if matches!(mark, 0xc0..=0xc2) {
            let number = |from| u16::from_be_bytes([bytes[from], bytes[from + 1]]);
            return (number(at + 7), number(at + 5));
        }
        at += 2 + usize::from(length);
    }
}

fn saved(house: &House, name: &str) -> PathBuf {
    house.path().join("data/files").join(name)
}

fn read(house: &House, name: &str) -> Vec<u8> {
    let path = saved(house, name);
    eventually(&format!("{name} is saved"), || {
        std::fs::read(&path).ok().filter(|bytes| !bytes.is_empty())
    })
}

#[test]
fn a_picture_of_a_webhook_is_cut_framed_and_made_smaller_into_files() {
    let script = r#"on("cam.*", |event| {
        let plain = event.attachments[0];
        let photo = event.attachments[1];
        file::save("cut.png", image::crop(plain, [2, 1, 6, 4]));
        file::save("edge.png", image::crop(plain, [6, 4, 600, 400]));
        file::save("small.png", image::resize(plain, 4, 4));
        file::save("photo.png", image::png(image::frame(image::crop(photo, [0, 0, 40, 20]), [0, 0, 40, 20], "red", 2)));
        file::save("rough.jpg", image::jpeg(image::resize(photo, 32, 32), 60));
        file::save("plain.png", plain);
    });"#;
    let house = House::start(&config(), &[("cut.rhai", script)]);
    let whole = png(8, 6);
    post(
        &house,
        &[("plain.png", &whole), ("photo.jpg", &jpeg(64, 48))],
    );
    let (width, height, pixels) = look(&read(&house, "cut.png"));
    assert_eq!((width, height), (4, 3));
    let expected: Vec<_> = (1..4)
        .flat_map(|y| (2..6).map(move |x| color(x, y)))
        .collect();
    assert_eq!(pixels, expected);
    // What lies outside of the picture is not made up.
    let (width, height, pixels) = look(&read(&house, "edge.png"));
    assert_eq!((width, height), (2, 2));
    assert_eq!(pixels[0], color(6, 4));
    let (width, height, _) = look(&read(&house, "small.png"));
    assert_eq!((width, height), (4, 3), "it keeps its shape");
    let (width, height, pixels) = look(&read(&house, "photo.png"));
    assert_eq!((width, height), (40, 20));
    let (edge, middle) = (pixels[0], pixels[10 * 40 + 20]);
    assert!(edge[0] > 200 && edge[1] < 60, "{edge:?}");
    assert!(middle[0] < 60 && middle[1] > 160, "{middle:?}");
    assert_eq!(jpeg_size(&read(&house, "rough.jpg")), (32, 24));
    assert_eq!(
        read(&house, "plain.png"),
        whole,
        "the attachment never changes"
    );
    house.wait_for_done(6);
}

#[test]
fn a_piece_of_a_picture_is_uploaded_beside_the_whole_and_again_after_a_power_cut() {
    let archive = Fake::answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let script = format!(
        r#"on("cam.*", |event| {{
            let whole = event.attachments[0];
            http::send("{}/upload", #{{ multipart: [
                #{{ name: "whole", blob: whole }},
                #{{ name: "plate", blob: image::crop(whole, [1, 1, 3, 3]) }},
                #{{ name: "photo", blob: image::jpeg(whole) }},
            ] }});
        }});"#,
        archive.url()
    );
    let mut house = House::start(&config(), &[("upload.rhai", &script)]);
    let whole = png(8, 6);
    post(&house, &[("plain.png", &whole)]);
    archive.wait_for(1);
    house.kill();
    for _ in 0..20 {
        archive.answer_next("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    house.restart();
    house.wait_for_done(1);
    let asked = archive.asked();
    let (first, last) = (&asked[0], &asked[asked.len() - 1]);
    assert!(asked.len() >= 2);
    for upload in [first, last] {
        let parts = parts(upload);
        let part = |name: &str| {
            let is = |part: &&super::form::Part| part.field("name").as_deref() == Some(name);
            &parts.iter().find(is).expect("the part").bytes
        };
        assert_eq!(part("whole"), &whole);
        let (width, height, pixels) = look(part("plate"));
        assert_eq!((width, height, pixels[0]), (2, 2, color(1, 1)));
        assert_eq!(jpeg_size(part("photo")), (8, 6));
    }
    let bytes = |upload| parts(upload).into_iter().map(|part| part.bytes);
    assert!(
        bytes(first).eq(bytes(last)),
        "a retry makes the same picture"
    );
}

/// The checksum of a chunk of PNG.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A PNG whose header promises another size.
fn promising(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(8, 6);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&sum);
    bytes
}

/// A JPEG whose header promises as many pixels as it can.
fn promising_jpeg() -> Vec<u8> {
    let mut bytes = jpeg(16, 16);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let frame = frame.expect("a frame header");
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x7f, 0xff, 0x7f, 0xff]);
    bytes
}

#[test]
fn pictures_that_are_made_to_do_harm_are_refused_with_a_reason_and_cost_nobody_else() {
    let lamp = Fake::start();
    let script = format!(
        r#"on("cam.*", |event| {{
            for picture in event.attachments {{
                file::save(`made/${{picture.name}}`, image::crop(picture, [0, 0, 4, 4]), #{{ lane: picture.name }});
            }}
            http::send("{}/on");
            file::append("log.txt", "seen\n");
        }});"#,
        lamp.url()
    );
    let house = House::start(&config(), &[("crop.rhai", &script)]);
    let (good, photo) = (png(8, 6), jpeg(64, 48));
    // So that what a first picture costs is not counted.
    post(&house, &[("first.png", &good)]);
    house.wait_for_done(3);
    let before = house.peak_bytes();
    let (bomb, empty, far) = (
        promising(60_000, 60_000),
        promising(4800, 5000),
        promising_jpeg(),
    );
    let pictures: [(&str, &[u8]); 7] = [
        ("bomb.png", &bomb),
        ("far.jpg", &far),
        // As large as a picture may be, with next to nothing in it.
        ("empty.png", &empty),
        ("torn.png", &good[..good.len() - 20]),
        ("torn.jpg", &photo[..photo.len() - 2]),
        ("text.jpg", b"\xff\xd8 this is no picture"),
        ("good.png", &good),
    ];
    post(&house, &pictures);
    let actions = eventually("all of them are settled", || {
        let actions = house.actions();
        let is_open = |action: &Value| action["status"] != "done" && action["status"] != "dead";
        (actions.len() == 12 && !actions.iter().any(is_open)).then_some(actions)
    });
    for (name, kind, words) in [
        (
            "bomb.png",
            "limit",
            "60000 x 60000 pixels, more than 24 million",
        ),
        ("far.jpg", "limit", "32767 x 32767 pixels"),
        ("empty.png", "rejected", "the picture cannot be read"),
        ("torn.png", "rejected", "the picture cannot be read"),
        ("torn.jpg", "rejected", "its end is missing"),
        ("text.jpg", "rejected", "the picture cannot be read"),
    ] {
        let is = |action: &&Value| action["args"]["path"] == format!("made/{name}");
        let action = actions.iter().find(is).expect("the action");
        assert_eq!(action["status"], "dead", "{action}");
        assert_eq!(action["attempts"], 1, "{action}");
        assert_eq!(action["error"]["kind"], kind, "{action}");
        let message = action["error"]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{name}: {message}");
        assert!(!saved(&house, &format!("made/{name}")).exists(), "{name}");
    }
    assert_eq!(look(&read(&house, "made/good.png")).0, 4);
    assert_eq!(lamp.asked().len(), 2);
    house.wait_for_file("log.txt", "seen\nseen\n");
    let grown = house.peak_bytes() - before;
    eprintln!(
        "pictures made to do harm: the peak grew by {} KiB",
        grown >> 10
    );
    // The largest picture that is allowed has 72 MB of pixels; the bombs would have 10 GB.
    assert!(grown < 200 << 20, "the peak grew by {} MiB", grown >> 20);
}
