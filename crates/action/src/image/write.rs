//! Pixels to JPEG or PNG. Nothing of the original's metadata goes along: no place, no serial number.

use super::Format;
use super::picture::Picture;
use crate::failure::config;
use porchlight_core::ActionError;

pub(super) fn picture(picture: &Picture, format: Format) -> Result<Vec<u8>, ActionError> {
    let mut bytes = Vec::new();
    let failed =
        |error: &dyn std::fmt::Display| config(format!("the picture cannot be written: {error}"));
    match format {
        Format::Jpeg(quality) => {
            let side = |side: u32| u16::try_from(side).map_err(|error| failed(&error));
            let (width, height) = (side(picture.width)?, side(picture.height)?);
            jpeg_encoder::Encoder::new(&mut bytes, quality)
                .encode(&picture.rgb, width, height, jpeg_encoder::ColorType::Rgb)
                .map_err(|error| failed(&error))?;
        }
        Format::Png => {
            let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
            writer
                .write_image_data(&picture.rgb)
                .map_err(|error| failed(&error))?;
            writer.finish().map_err(|error| failed(&error))?;
        }
    }
    Ok(bytes)
}
