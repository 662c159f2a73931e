//! Pictures by recipe: an attachment, and what to do with it when it is sent or saved.
//!
//! A script only writes the recipe (`"$image": [{"crop": […]}, …]`). It is followed here, on a thread
//! that may block, when an action needs the bytes: so no large picture is in a script's memory, and a
//! retry or a restart makes the same picture again. The attachment itself never changes.
//!
//! A picture's size is judged by its header, before a byte of it is unpacked, and only one is
//! unpacked at a time, so that memory stays within what a small computer has.

mod exif;
mod picture;
mod read;
mod write;

use crate::failure::config;
use bytes::Bytes;
use picture::{Area, Picture};
use porchlight_core::ActionError;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// The member of a `$blob` reference that holds the recipe.
pub(crate) const IMAGE: &str = "$image";

/// The most pixels of a picture, some 6000 × 4000: 72 MB while it is worked on, twice that while a
/// progressive JPEG is unpacked.
const MOST_PIXELS: u64 = 24_000_000;
/// The most bytes of a packed picture.
const LARGEST: usize = 32 << 20;
/// Whoever needs more steps means something else.
const MOST_STEPS: usize = 16;
/// What JPEG needs to look like the original to people.
const QUALITY: u8 = 90;

/// One picture at a time, in the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// One step of a recipe.
enum Step {
    Crop {
        area: Area,
        /// Where nothing of the picture is inside, it stays whole: a plate reader's box may count in
        /// another picture than the one that it sent along.
        or_whole: bool,
    },
    /// Fits into so many pixels, keeping its shape; never becomes larger.
    Resize(u32, u32),
    Frame {
        area: Area,
        color: [u8; 3],
        width: Option<u32>,
    },
    Jpeg(u8),
    Png,
}

/// What comes out at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Jpeg(u8),
    Png,
}

/// Follows the recipe; `content_type` says what comes out when no step does. Blocks, and takes up to
/// a second for a large picture on a small computer.
pub(crate) fn follow(
    recipe: &Value,
    bytes: &Bytes,
    content_type: Option<&str>,
) -> Result<Bytes, ActionError> {
    let steps = recipe
        .as_array()
        .filter(|steps| steps.len() <= MOST_STEPS)
        .ok_or_else(|| config(format!("a picture has at most {MOST_STEPS} steps")))?;
    let steps: Vec<Step> = steps.iter().map(Step::parse).collect::<Result<_, _>>()?;
    if bytes.len() > LARGEST {
        let message = format!("the picture is larger than {} MiB", LARGEST >> 20);
        return Err(ActionError::never("limit", message));
    }
    let format = steps.iter().rev().find_map(|step| match step {
        Step::Jpeg(quality) => Some(Format::Jpeg(*quality)),
        Step::Png => Some(Format::Png),
        _ => None,
    });
    let format = format.unwrap_or(match content_type {
        Some("image/png") => Format::Png,
        _ => Format::Jpeg(QUALITY),
    });
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // The decoders are of others, and what they read comes from strangers.
    let made = catch_unwind(AssertUnwindSafe(|| -> Result<Vec<u8>, ActionError> {
        let mut picture = read::picture(bytes, MOST_PIXELS)?;
        for step in &steps {
            picture = step.apply(picture)?;
        }
        write::picture(&picture, format)
    }));
    match made {
        Ok(made) => made.map(Bytes::from),
        Err(_) => Err(unreadable("it is damaged")),
    }
}

/// The error for bytes that are no picture.
fn unreadable(why: &str) -> ActionError {
    ActionError::never("rejected", format!("the picture cannot be read: {why}"))
}

impl Step {
    fn parse(value: &Value) -> Result<Self, ActionError> {
        let wrong = || config(format!("`{value}` is no step of a picture"));
        let (name, value) = value
            .as_object()
            .and_then(|step| step.iter().next())
            .ok_or_else(wrong)?;
        let color =
            |value: &Value| -> Option<[u8; 3]> { serde_json::from_value(value.clone()).ok() };
        let step = match name.as_str() {
            "crop" => Area::parse(value).map(|area| Self::Crop {
                area,
                or_whole: false,
            }),
            "crop_or_whole" => Area::parse(value).map(|area| Self::Crop {
                area,
                or_whole: true,
            }),
            "resize" => match serde_json::from_value::<[u32; 2]>(value.clone()) {
                Ok([width, height]) if width > 0 && height > 0 => Some(Self::Resize(width, height)),
                _ => None,
            },
            "frame" => {
                Area::parse(&value["box"])
                    .zip(color(&value["color"]))
                    .map(|(area, color)| {
                        let width = value["width"]
                            .as_u64()
                            .and_then(|width| u32::try_from(width).ok());
                        Self::Frame { area, color, width }
                    })
            }
            "jpeg" => match value.as_u64() {
                Some(quality @ 1..=100) => u8::try_from(quality).ok().map(Self::Jpeg),
                _ => None,
            },
            "png" => Some(Self::Png),
            _ => None,
        };
        step.ok_or_else(wrong)
    }

    fn apply(&self, mut picture: Picture) -> Result<Picture, ActionError> {
        match self {
            Self::Crop { area, or_whole } => match picture.crop(area) {
                Some(piece) => Ok(piece),
                None if *or_whole => Ok(picture),
                None => {
                    let (width, height) = (picture.width, picture.height);
                    Err(config(format!(
                        "nothing of the picture is inside {area}; it has {width} x {height} pixels"
                    )))
                }
            },
            Self::Resize(width, height) => Ok(picture.fit(*width, *height)),
            Self::Frame { area, color, width } => {
                let width = width.unwrap_or((picture.width / 300).max(2));
                picture.frame(area, *color, width);
                Ok(picture)
            }
            Self::Jpeg(_) | Self::Png => Ok(picture),
        }
    }
}
