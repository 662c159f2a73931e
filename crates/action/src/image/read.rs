//! JPEG and PNG to pixels: the header first, and nothing else before its size was judged.

use super::picture::Picture;
use super::{exif, unreadable};
use bytes::Bytes;
use porchlight_core::ActionError;
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// No side is longer; JPEG can't be asked for more.
const LONGEST_SIDE: u32 = 32_768;

/// Reads a picture of at most so many pixels.
pub(super) fn picture(bytes: &Bytes, most: u64) -> Result<Picture, ActionError> {
    match bytes.as_ref() {
        [0xFF, 0xD8, ..] => jpeg(bytes, most),
        [0x89, b'P', b'N', b'G', ..] => png(bytes, most),
        _ => Err(unreadable("it is neither JPEG nor PNG")),
    }
}

fn judge(width: u32, height: u32, most: u64) -> Result<(), ActionError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(unreadable("it has no pixels"));
    }
    if pixels > most || width > LONGEST_SIDE || height > LONGEST_SIDE {
        let message = format!(
            "the picture has {width} x {height} pixels, more than {} million",
            most / 1_000_000
        );
        return Err(ActionError::never("limit", message));
    }
    Ok(())
}

fn jpeg(bytes: &Bytes, most: u64) -> Result<Picture, ActionError> {
    let failed = |error: &dyn std::fmt::Display| unreadable(&error.to_string());
    let options = DecoderOptions::default()
        .set_max_width(LONGEST_SIDE as usize)
        .set_max_height(LONGEST_SIDE as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes.as_ref()), options);
    decoder.decode_headers().map_err(|error| failed(&error))?;
    let info = decoder
        .info()
        .ok_or_else(|| unreadable("it has no header"))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    judge(width, height, most)?;
    // A picture that ends in the middle would be filled up with grey, and nobody would notice.
    if !is_whole(bytes) {
        return Err(unreadable("its end is missing"));
    }
    let orientation = decoder.exif().and_then(|exif| exif::orientation(exif));
    let rgb = decoder.decode().map_err(|error| failed(&error))?;
    whole(width, height, rgb).map(|picture| picture.upright(orientation.unwrap_or(1)))
}

/// Whether the last picture in it (there may be a small one before) has an end mark.
fn is_whole(bytes: &[u8]) -> bool {
    let last = |mark: [u8; 2]| bytes.windows(2).rposition(|pair| pair == mark);
    match (last([0xFF, 0xDA]), last([0xFF, 0xD9])) {
        (Some(begin), Some(end)) => begin < end,
        _ => false,
    }
}

fn png(bytes: &Bytes, most: u64) -> Result<Picture, ActionError> {
    let failed = |error: &dyn std::fmt::Display| unreadable(&error.to_string());
    // What the decoder may take besides the pixels, such as texts that are packed as well.
    let limits = png::Limits { bytes: 16 << 20 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes.as_ref()), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let header = decoder.read_header_info().map_err(|error| failed(&error))?;
    let (width, height) = (header.width, header.height);
    judge(width, height, most)?;
    let mut limits = png::Limits { bytes: 16 << 20 };
    limits.bytes += usize::try_from(most).unwrap_or(usize::MAX / 8) * 4;
    decoder.set_limits(limits);
    let mut reader = decoder.read_info().map_err(|error| failed(&error))?;
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| unreadable("it is too large"))?;
    let mut pixels = vec![0; size];
    let frame = reader
        .next_frame(&mut pixels)
        .map_err(|error| failed(&error))?;
    pixels.truncate(frame.buffer_size());
    let rgb = match frame.color_type {
        png::ColorType::Rgb => pixels,
        png::ColorType::Rgba => pixels
            .chunks_exact(4)
            .flat_map(|p| on_white([p[0], p[1], p[2]], p[3]))
            .collect(),
        png::ColorType::Grayscale => pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
        png::ColorType::GrayscaleAlpha => pixels
            .chunks_exact(2)
            .flat_map(|p| on_white([p[0]; 3], p[1]))
            .collect(),
        png::ColorType::Indexed => return Err(unreadable("its colours are missing")),
    };
    whole(width, height, rgb)
}

/// What shines through is white, as on paper.
fn on_white(color: [u8; 3], alpha: u8) -> [u8; 3] {
    color.map(|part| {
        let (part, alpha) = (u32::from(part), u32::from(alpha));
        ((part * alpha + 255 * (255 - alpha)) / 255) as u8
    })
}

fn whole(width: u32, height: u32, rgb: Vec<u8>) -> Result<Picture, ActionError> {
    if rgb.len() != width as usize * height as usize * 3 {
        return Err(unreadable("its colours are of an unknown kind"));
    }
    Ok(Picture { width, height, rgb })
}
