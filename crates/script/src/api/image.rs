//! `image::crop`, `crop_or_whole`, `resize`, `frame`, `jpeg`, `png`: an attachment with a recipe.
//!
//! Nothing is unpacked here: what a function gives is the attachment and a list of steps, which are
//! followed when an action needs the bytes. So a rehearsal sees the steps, and a script's memory
//! never holds a picture.

use super::library::rgb_of;
use super::{Fallible, empty, fenced, function, wrong};
use crate::convert::{self, Use};
use crate::event::ScriptFile;
use rhai::{Dynamic, Module};
use serde_json::{Value, json};

/// More steps than this the performer refuses as well.
const MOST_STEPS: usize = 16;

pub(super) fn module() -> Module {
    let mut module = empty();
    cuts(&mut module);
    formats(&mut module);
    module
}

fn cuts(module: &mut Module) {
    function! {
        module,
        /// Gives a piece of a picture.
        ///
        /// * `picture` (Attachment): a JPEG or PNG of the event, or what another function of `image` gave
        /// * `area` (list or map): left, top, right and bottom in pixels, or a map with `xmin`, `ymin`, `xmax` and `ymax` as plate readers give it; what lies outside the picture is cut off
        ///
        /// Gives (Attachment): the piece, made when an action needs it
        ///
        /// Fails when the area is none. One that has nothing of the picture fails later, as an action.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for picture in event.attachments {
        ///         file::save(`pieces/${event.id}.jpg`, image::crop(picture, [100, 50, 400, 250]));
        ///     }
        /// });
        /// ```
        "crop",
        (picture: ScriptFile, area: Dynamic) => {
            let area = sides(&area)?;
            step(picture, json!({ "crop": area }))
        },
    }
    function! {
        module,
        /// Gives a piece of a picture, or the whole picture where the area has nothing of it.
        ///
        /// A plate reader's box may count in another picture than the one that it sent along.
        ///
        /// * `picture` (Attachment): a JPEG or PNG of the event, or what another function of `image` gave
        /// * `area` (list or map): where, as for `image::crop`
        ///
        /// Gives (Attachment): the piece, made when an action needs it
        ///
        /// Fails when the area is none.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for picture in event.attachments {
        ///         file::save(`pieces/${event.id}.jpg`, image::crop_or_whole(picture, [100, 50, 400, 250]));
        ///     }
        /// });
        /// ```
        "crop_or_whole",
        (picture: ScriptFile, area: Dynamic) => {
            let area = sides(&area)?;
            step(picture, json!({ "crop_or_whole": area }))
        },
    }
    function! {
        module,
        /// Gives a smaller picture that fits into so many pixels and keeps its shape; none becomes larger.
        ///
        /// * `picture` (Attachment): a JPEG or PNG of the event, or what another function of `image` gave
        /// * `width` (whole number): it is not wider
        /// * `height` (whole number): it is not higher
        ///
        /// Gives (Attachment): the picture, made when an action needs it
        ///
        /// Fails when a number is not from 1 to 32768.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for picture in event.attachments {
        ///         file::save("small.jpg", image::resize(picture, 640, 480));
        ///     }
        /// });
        /// ```
        "resize",
        (picture: ScriptFile, width: i64, height: i64) => {
            if !(1..=32_768).contains(&width) || !(1..=32_768).contains(&height) {
                return wrong("width and height are numbers from 1 to 32768");
            }
            step(picture, json!({ "resize": [width, height] }))
        },
    }
    function! {
        module,
        /// Draws a rectangle into a picture.
        ///
        /// * `picture` (Attachment): a JPEG or PNG of the event, or what another function of `image` gave
        /// * `area` (list or map): where, as for `image::crop`
        /// * `color` (text): "red", "#ff8800"; the names are those of `color_rgb`; red when nothing is said
        /// * `thickness` (whole number): of the line in pixels; what suits the picture when nothing is said
        ///
        /// Gives (Attachment): the picture, made when an action needs it
        ///
        /// Fails when the area or the colour is none.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for picture in event.attachments {
        ///         file::save("seen.jpg", image::frame(picture, [100, 50, 400, 250], "yellow"));
        ///     }
        /// });
        /// ```
        "frame",
        (picture: ScriptFile, area: Dynamic) => frame(picture, &area, "red", None),
        (picture: ScriptFile, area: Dynamic, color: &str) => frame(picture, &area, color, None),
        (picture: ScriptFile, area: Dynamic, color: &str, thickness: i64) => {
            frame(picture, &area, color, Some(thickness))
        },
    }
}

fn formats(module: &mut Module) {
    function! {
        module,
        /// Gives a picture as JPEG. What is made of a JPEG is one without this, in quality 90.
        ///
        /// * `picture` (Attachment): a JPEG or PNG of the event, or what another function of `image` gave
        /// * `quality` (whole number): 1 to 100; 90 when nothing is said
        ///
        /// Gives (Attachment): the picture, made when an action needs it
        ///
        /// Fails when the quality is none.
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for picture in event.attachments { file::save("rough.jpg", image::jpeg(picture, 50)); }
        /// });
        /// ```
        "jpeg",
        (picture: ScriptFile) => format(picture, "image/jpeg", "jpg", json!({ "jpeg": 90 })),
        (picture: ScriptFile, quality: i64) => {
            if !(1..=100).contains(&quality) {
                return wrong("the quality of a JPEG is a number from 1 to 100");
            }
            format(picture, "image/jpeg", "jpg", json!({ "jpeg": quality }))
        },
    }
    function! {
        module,
        /// Gives a picture as PNG. What is made of a PNG is one without this.
        ///
        /// * `picture` (Attachment): a JPEG or PNG of the event, or what another function of `image` gave
        ///
        /// Gives (Attachment): the picture, made when an action needs it
        ///
        /// ```rhai
        /// on("door.opened", |event| {
        ///     for picture in event.attachments { file::save("exact.png", image::png(picture)); }
        /// });
        /// ```
        "png",
        (picture: ScriptFile) => format(picture, "image/png", "png", json!({ "png": true })),
    }
}

fn step(mut picture: ScriptFile, step: Value) -> Fallible<ScriptFile> {
    if picture.1.len() >= MOST_STEPS {
        return wrong(format!("a picture has at most {MOST_STEPS} steps"));
    }
    picture.1.push(step);
    // What is no PNG comes out as JPEG, also where the sender said something else.
    if !matches!(picture.0.content_type.as_str(), "image/jpeg" | "image/png") {
        picture.0.content_type = "image/jpeg".to_owned();
    }
    Ok(picture)
}

fn format(picture: ScriptFile, content_type: &str, end: &str, how: Value) -> Fallible<ScriptFile> {
    let mut picture = step(picture, how)?;
    picture.0.content_type = content_type.to_owned();
    let stem = picture
        .0
        .filename
        .rsplit_once('.')
        .map_or(picture.0.filename.as_str(), |it| it.0);
    if !stem.is_empty() {
        picture.0.filename = format!("{stem}.{end}");
    }
    Ok(picture)
}

fn frame(
    picture: ScriptFile,
    area: &Dynamic,
    color: &str,
    thickness: Option<i64>,
) -> Fallible<ScriptFile> {
    let mut how = json!({ "box": sides(area)?, "color": rgb_of(color)? });
    if let Some(thickness) = thickness {
        if !(1..=1000).contains(&thickness) {
            return wrong("the thickness of a frame is a number from 1 to 1000");
        }
        how["width"] = thickness.into();
    }
    step(picture, json!({ "frame": how }))
}

/// Left, top, right, bottom.
fn sides(area: &Dynamic) -> Fallible<Value> {
    let value = convert::to_json(area, Use::Plain).or_else(wrong)?;
    let sides = match &value {
        Value::Array(items) => items.clone(),
        map => ["xmin", "ymin", "xmax", "ymax"]
            .map(|side| map[side].clone())
            .to_vec(),
    };
    if sides.len() == 4 && sides.iter().all(Value::is_number) {
        return Ok(sides.into());
    }
    wrong(format!(
        "{} is no area; write [left, top, right, bottom] in pixels",
        fenced::shown(area, 100).0
    ))
}
