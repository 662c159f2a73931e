//! The example home for Rhombus against a media server that cuts clips as the vendor does, in both
//! forms: what lies on the disk at the end is the clip, byte for byte, or nothing.

use super::fake::Fake;
use super::house::{House, eventually};
use super::http::find;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const ALERT: &str = "BBBBBBBBBBBBBBBBBBBBBB";
const CLIP: &str = "/media/metadata/AAAAAAAAAAAAAAAAAAAAAA/us-west-2/BBBBBBBBBBBBBBBBBBBBBB/";
const PICTURE: &str = "/media/metadata/us-west-2/BBBBBBBBBBBBBBBBBBBBBB.jpeg";
/// The secret of the captured alert.
const SECRET: &str = "q3Jc0m6fT9Kx2Zb7Lw5VhA";

/// A box of an MP4 file.
fn mp4_box(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).expect("a small box");
    [&size.to_be_bytes(), name.as_slice(), content].concat()
}

/// The beginning of a fragmented MP4, which holds no picture yet.
fn beginning() -> Vec<u8> {
    let kind = mp4_box(b"ftyp", b"iso6\x00\x00\x00\x01iso6dash");
    let header = mp4_box(b"mvhd", &[0; 100]);
    [kind, mp4_box(b"moov", &header)].concat()
}

/// Two seconds; bytes of every kind, so that nothing that treats them as text is right.
fn piece(number: u32) -> Vec<u8> {
    let header = mp4_box(b"mfhd", &[[0; 4], number.to_be_bytes()].concat());
    let pictures: Vec<u8> = (0..=255)
        .cycle()
        .skip(number as usize)
        .take(70_000)
        .collect();
    [mp4_box(b"moof", &header), mp4_box(b"mdat", &pictures)].concat()
}

/// The names of the boxes, one after the other; fails where a box is torn.
fn boxes(mut file: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while !file.is_empty() {
        let (size, rest) = file.split_first_chunk::<4>().expect("a size");
        let (_, after) = file.split_at(u32::from_be_bytes(*size) as usize);
        names.push(String::from_utf8_lossy(&rest[..4]).into_owned());
        file = after;
    }
    names
}

/// A media server: what is there by its path, everything else is 404.
#[derive(Clone)]
struct Media {
    address: std::net::SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<String, Vec<u8>>,
    asked: Vec<String>,
    /// A file of which only the first half is given out.
    stuck: Option<String>,
}

impl Media {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let media = Self {
            address,
            shelf: Arc::default(),
        };
        let all = media.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let media = all.clone();
                std::thread::spawn(move || _ = media.answer(stream));
            }
        });
        media
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let mut shelf = self.shelf.lock().expect("lock");
        shelf.files.insert(path.to_owned(), bytes.to_vec());
    }

    fn stick(&self, path: Option<&str>) {
        self.shelf.lock().expect("lock").stuck = path.map(str::to_owned);
    }

    fn asked(&self) -> Vec<String> {
        self.shelf.lock().expect("lock").asked.clone()
    }

    fn wait_for(&self, path: &str) {
        eventually(&format!("{path} is asked for"), || {
            self.asked().iter().any(|asked| asked == path).then_some(())
        });
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while find(&head, b"\r\n\r\n").is_none() {
            let mut byte = [0];
            if stream.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (file, stuck) = {
            let mut shelf = self.shelf.lock().expect("lock");
            let stuck = shelf.stuck.as_ref() == Some(&path);
            shelf.asked.push(path.clone());
            let known = head.contains("x-auth-apikey: example-rhombus-token\r\n")
                && head.contains("x-auth-scheme: api-token\r\n");
            (shelf.files.get(&path).filter(|_| known).cloned(), stuck)
        };
        let Some(file) = file else {
            return stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            file.len()
        );
        stream.write_all(head.as_bytes())?;
        if stuck {
            stream.write_all(&file[..file.len() / 2])?;
            // Until the other side goes away.
            _ = stream.read(&mut [0]);
            return Ok(());
        }
        stream.write_all(&file)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The example home, with this media server and a place for its messages.
fn house(media: &Media, messages: &Fake) -> House {
    let home = root().join("examples/rhombus");
    let read = |name: &str| std::fs::read_to_string(home.join(name)).expect("the example");
    let url = format!(
        "token = \"example-rhombus-token\"\nurl = \"http://{}\"",
        media.address
    );
    let config = read("porchlight.toml")
        .replace("example-secret-replace-me", SECRET)
        .replace("token = \"example-rhombus-token\"", &url)
        .replace("https://ntfy.lan", &messages.url());
    // The capture is of 2022, and what is that old wakes nobody.
    let script = read("scripts/alerts.rhai").replace("#{ expires: \"1h\" }, ", "");
    House::start(&config, &[("alerts.rhai", &script)])
}

fn alert(house: &House) {
    let captured = root().join("tests/payloads/rhombus/org_alert_motion.http");
    let bytes = std::fs::read(captured).expect("a payload");
    let line = find(&bytes, b"\r\n").expect("a request line");
    let request = [b"POST /webhook/rhombus HTTP/1.1", &bytes[line..]].concat();
    assert_eq!(house.send(&request).status, 200);
}

fn saved(house: &House, name: &str) -> Option<Vec<u8>> {
    std::fs::read(house.path().join("data/files/alerts").join(name)).ok()
}

fn wait_for_clip(house: &House) -> Vec<u8> {
    eventually("the clip is there", || {
        saved(house, &format!("{ALERT}.mp4"))
    })
}

/// A clip of eight seconds in the newer form, and how it looks in one piece.
fn newer(media: &Media) -> Vec<u8> {
    media.put(&format!("{CLIP}seg_init.mp4"), &beginning());
    let mut whole = beginning();
    for number in 1..=4 {
        media.put(&format!("{CLIP}seg_{number}.m4v"), &piece(number));
        whole.extend(piece(number));
    }
    whole
}

#[test]
fn a_clip_of_the_newer_form_becomes_one_file_beside_its_picture() {
    let (media, messages) = (Media::start(), Fake::start());
    let whole = newer(&media);
    media.put(PICTURE, b"\xff\xd8 a picture");
    let house = house(&media, &messages);
    alert(&house);
    let clip = wait_for_clip(&house);
    assert!(clip == whole, "{} bytes, not {}", clip.len(), whole.len());
    let pieces = ["moof", "mdat"].repeat(4);
    assert_eq!(
        boxes(&clip),
        [["ftyp", "moov"].as_slice(), &pieces].concat()
    );
    let picture = eventually("the picture is there", || {
        saved(&house, &format!("{ALERT}.jpg"))
    });
    assert_eq!(picture, b"\xff\xd8 a picture");
    assert_eq!(
        messages.wait_for(1)[0].json()["message"],
        "Movement detected at HQ"
    );
    // Eight seconds are four pieces; the fifth was asked for, to be sure.
    assert_eq!(media.asked().last(), Some(&format!("{CLIP}seg_5.m4v")));
}

#[test]
fn a_clip_of_the_older_form_is_fetched_by_its_manifest() {
    let (media, messages) = (Media::start(), Fake::start());
    // The form that the vendor's example reads; the names are another's on purpose.
    let manifest = r#"<?xml version="1.0"?>
        <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT8S">
          <Period><AdaptationSet mimeType="video/mp4">
            <SegmentTemplate timescale="1000" duration="2000" startNumber="0"
              initialization="begin.mp4" media="part-$Number$.m4v"/>
            <Representation id="0" codecs="avc1.640028" width="1280" height="720"/>
          </AdaptationSet></Period>
        </MPD>"#;
    media.put(&format!("{CLIP}clip.mpd"), manifest.as_bytes());
    media.put(&format!("{CLIP}begin.mp4"), &beginning());
    let mut whole = beginning();
    for number in 0..4 {
        media.put(&format!("{CLIP}part-{number}.m4v"), &piece(number));
        whole.extend(piece(number));
    }
    let house = house(&media, &messages);
    alert(&house);
    assert!(wait_for_clip(&house) == whole);
}

#[test]
fn a_clip_that_is_not_there_yet_and_a_power_cut_in_the_middle_end_with_the_whole_clip() {
    let (media, messages) = (Media::start(), Fake::start());
    let mut house = house(&media, &messages);
    alert(&house);
    media.wait_for(&format!("{CLIP}seg_init.mp4"));
    assert_eq!(saved(&house, &format!("{ALERT}.mp4")), None);
    house.kill();
    // A minute later it is there, and its third piece comes but half before the power is cut.
    let whole = newer(&media);
    let third = format!("{CLIP}seg_3.m4v");
    media.stick(Some(&third));
    house.let_pass_while_down(60);
    house.restart();
    media.wait_for(&third);
    house.kill();
    assert_eq!(saved(&house, &format!("{ALERT}.mp4")), None, "half a clip");
    media.stick(None);
    house.let_pass_while_down(60);
    house.restart();
    assert!(wait_for_clip(&house) == whole);
    assert_eq!(messages.asked().len(), 1, "the family was told once");
}
