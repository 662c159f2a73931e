//! Pictures are cut, made smaller and framed when they are saved; bombs and broken ones are refused.

use crate::common::home;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use porchlight_core::{ActionError, Retry};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The left half black, the right half white.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let row = (0..width).flat_map(|x| [if x < width / 2 { 0 } else { 255 }; 3]);
    let row: Vec<u8> = row.collect();
    row.repeat(height.into())
}

fn jpeg(width: u16, height: u16, exif: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).unwrap();
    }
    let rgb = pixels(width, height);
    encoder
        .encode(&rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

fn png(width: u32, height: u32, color: png::ColorType, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

/// What is saved when this is done to these bytes.
async fn made(bytes: &[u8], steps: Value) -> Result<Vec<u8>, ActionError> {
    let home = home();
    let picture = json!({"$bytes": BASE64.encode(bytes), "$image": steps});
    let args = json!({"path": "out", "blob": picture});
    home.perform("file.save", args, "1:0").await?;
    Ok(std::fs::read(home.files.join("out")).unwrap())
}

/// Width, height and the red of each pixel of a PNG.
fn seen(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    (
        frame.width,
        frame.height,
        pixels.into_iter().step_by(3).collect(),
    )
}

#[tokio::test]
async fn where_the_area_has_nothing_of_it_the_picture_stays_whole_if_that_is_wanted() {
    for (area, size) in [([70, 0, 80, 10], (64, 32)), ([60, 0, 80, 10], (4, 10))] {
        let steps = json!([{"crop_or_whole": area}, {"png": true}]);
        let (width, height, _) = seen(&made(&jpeg(64, 32, None), steps).await.unwrap());
        assert_eq!((width, height), size, "{area:?}");
    }
}

#[tokio::test]
async fn a_picture_is_cut_made_smaller_and_framed() {
    let steps = json!([
        {"crop": [-5, 8, 999, 24]},
        {"resize": [16, 16]},
        {"frame": {"box": [0, 0, 16, 4], "color": [255, 0, 0], "width": 1}},
        {"png": true},
    ]);
    let (width, height, reds) = seen(&made(&jpeg(64, 32, None), steps).await.unwrap());
    assert_eq!((width, height), (16, 4));
    let row = &reds[16..32];
    assert_eq!((row[0], row[15]), (255, 255), "the frame is red");
    assert!(row[1] < 40 && row[6] < 40 && row[9] > 215, "{row:?}");
    assert_eq!(reds[3], 255);
}

#[tokio::test]
async fn what_comes_out_is_what_was_asked_for() {
    let (jpeg, rgb) = (jpeg(16, 8, None), pixels(4, 2));
    let png = png(4, 2, png::ColorType::Rgb, &rgb);
    let is_jpeg = |bytes: &[u8]| bytes.starts_with(b"\xFF\xD8");
    assert!(is_jpeg(&made(&jpeg, json!([])).await.unwrap()));
    assert!(is_jpeg(&made(&png, json!([{"jpeg": 50}])).await.unwrap()));
    let same = made(&png, json!([{"png": true}])).await.unwrap();
    assert_eq!(seen(&same), (4, 2, rgb.into_iter().step_by(3).collect()));
    let rough = made(&jpeg, json!([{"jpeg": 1}])).await.unwrap();
    let fine = made(&jpeg, json!([{"jpeg": 100}])).await.unwrap();
    assert!(rough.len() < fine.len());
}

#[tokio::test]
async fn grey_and_transparent_pictures_are_read() {
    for (color, data, red) in [
        (png::ColorType::Grayscale, &[7, 9][..], [7, 9]),
        (png::ColorType::GrayscaleAlpha, &[7, 255, 9, 0], [7, 255]),
        (png::ColorType::Rgba, &[7, 0, 0, 255, 9, 0, 0, 0], [7, 255]),
    ] {
        let made = made(&png(2, 1, color, data), json!([{"png": true}]))
            .await
            .unwrap();
        assert_eq!(seen(&made), (2, 1, red.to_vec()), "{color:?}");
    }
}

#[tokio::test]
async fn a_picture_is_turned_upright_before_its_pixels_are_counted() {
    // Turned by a quarter, the black half is above the white one.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let steps = json!([{"crop": [0, 0, 8, 4]}, {"png": true}]);
    let (width, height, reds) = seen(&made(&jpeg(32, 16, Some(exif)), steps).await.unwrap());
    assert_eq!((width, height), (8, 4));
    assert!(reds.iter().all(|red| *red < 40), "{reds:?}");
}

#[tokio::test]
async fn a_bomb_is_refused_by_its_header_alone() {
    // A header that promises 60000 x 60000 pixels, and little behind it.
    let mut png = png(1, 1, png::ColorType::Grayscale, &[0]);
    png[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let crc = crc(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&crc);
    let mut jpeg = jpeg(16, 16, None);
    let sof = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    jpeg[sof + 5..sof + 9].copy_from_slice(&[0x7F, 0xFF, 0x7F, 0xFF]);
    for bomb in [png, jpeg] {
        let begun = Instant::now();
        let error = made(&bomb, json!([])).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("limit", Retry::Never),
            "{error}"
        );
        assert!(error.message.contains("x"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}

/// The checksum of a chunk of PNG.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                0xEDB8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[tokio::test]
async fn a_broken_picture_is_an_error_and_never_half_a_picture() {
    let jpeg = jpeg(64, 64, None);
    let png = png(8, 8, png::ColorType::Grayscale, &[7; 64]);
    for whole in [&jpeg, &png] {
        for length in (0..whole.len() - 12).step_by(7) {
            let error = made(&whole[..length], json!([])).await.unwrap_err();
            assert_eq!(
                (error.kind.as_str(), error.retry),
                ("rejected", Retry::Never),
                "{length}"
            );
        }
    }
    for garbage in [
        &b""[..],
        b"hello",
        b"GIF89a\x01\0\x01\0",
        b"\xFF\xD8\xFF\xD9",
    ] {
        let error = made(garbage, json!([])).await.unwrap_err();
        assert!(error.message.contains("cannot be read"), "{error}");
    }
    // Wherever a byte is wrong, it ends in a picture or in an error, not in a bug of ours.
    for at in (2..jpeg.len()).step_by(11) {
        let mut hostile = jpeg.clone();
        hostile[at] ^= 0xA5;
        if let Err(error) = made(&hostile, json!([])).await {
            assert!(
                matches!(error.kind.as_str(), "rejected" | "limit"),
                "{at}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn a_recipe_that_means_nothing_is_a_mistake() {
    for steps in [
        json!([{"crop": [70, 0, 80, 10]}]),
        json!([{"crop": [1, 2, 3]}]),
        json!([{"resize": [0, 5]}]),
        json!([{"jpeg": 0}]),
        json!([{"turn": 1}]),
        json!([{"frame": {"box": [0, 0, 1, 1]}}]),
        json!({"crop": [0, 0, 1, 1]}),
        json!(vec![json!({"png": true}); 17]),
    ] {
        let error = made(&jpeg(64, 32, None), steps.clone()).await.unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.retry),
            ("config", Retry::Never),
            "{steps}"
        );
    }
}
