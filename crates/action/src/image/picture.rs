//! An unpacked picture, three bytes a pixel, and what can be done with it.

use serde_json::Value;
use std::fmt;

/// Rows of red, green, blue, from the top left.
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rgb: Vec<u8>,
}

/// A rectangle in pixels, as plate readers say it: left, top, right, bottom; the last two are the
/// first that are outside. It may lie beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area([f64; 4]);

impl Area {
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let area: [f64; 4] = serde_json::from_value(value.clone()).ok()?;
        area.iter()
            .all(|side| side.is_finite())
            .then_some(Self(area))
    }

    /// What of it lies in a picture of this size; none when that is nothing.
    fn within(&self, width: u32, height: u32) -> Option<[u32; 4]> {
        // Clamped to what fits, so nothing is lost by the conversion.
        let clamp = |side: f64, most: u32| side.clamp(0.0, f64::from(most)) as u32;
        let [left, top, right, bottom] = self.0;
        let area = [
            clamp(left.floor(), width),
            clamp(top.floor(), height),
            clamp(right.ceil(), width),
            clamp(bottom.ceil(), height),
        ];
        (area[0] < area[2] && area[1] < area[3]).then_some(area)
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, top, right, bottom] = self.0;
        write!(f, "[{left}, {top}, {right}, {bottom}]")
    }
}

impl Picture {
    fn row(&self, y: u32) -> &[u8] {
        let length = self.width as usize * 3;
        &self.rgb[y as usize * length..][..length]
    }

    pub(super) fn crop(&self, area: &Area) -> Option<Self> {
        let [left, top, right, bottom] = area.within(self.width, self.height)?;
        let mut rgb = Vec::with_capacity((right - left) as usize * (bottom - top) as usize * 3);
        for y in top..bottom {
            rgb.extend_from_slice(&self.row(y)[left as usize * 3..right as usize * 3]);
        }
        Some(Self {
            width: right - left,
            height: bottom - top,
            rgb,
        })
    }

    /// Made smaller until it fits. Each new pixel is the mean of those that it covers.
    pub(super) fn fit(self, width: u32, height: u32) -> Self {
        if self.width <= width && self.height <= height {
            return self;
        }
        let by = f64::min(
            f64::from(width) / f64::from(self.width),
            f64::from(height) / f64::from(self.height),
        );
        let scaled = |side: u32, most: u32| ((f64::from(side) * by).round() as u32).clamp(1, most);
        let (width, height) = (scaled(self.width, width), scaled(self.height, height));
        let span = |at: u32, new: u32, old: u32| {
            let (at, new, old) = (u64::from(at), u64::from(new), u64::from(old));
            let from = at * old / new;
            (from, ((at + 1) * old / new).max(from + 1))
        };
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for y in 0..height {
            let (top, bottom) = span(y, height, self.height);
            for x in 0..width {
                let (left, right) = span(x, width, self.width);
                let mut sums = [0_u64; 3];
                for row in top..bottom {
                    let row = self.row(row as u32);
                    for pixel in row[left as usize * 3..right as usize * 3].chunks_exact(3) {
                        for (sum, part) in sums.iter_mut().zip(pixel) {
                            *sum += u64::from(*part);
                        }
                    }
                }
                let count = (bottom - top) * (right - left);
                rgb.extend(sums.map(|sum| (sum / count) as u8));
            }
        }
        Self { width, height, rgb }
    }

    /// Draws a rectangle whose line lies inside the area; what is beyond the picture is not drawn.
    pub(super) fn frame(&mut self, area: &Area, color: [u8; 3], line: u32) {
        let Some([left, top, right, bottom]) = area.within(self.width, self.height) else {
            return;
        };
        for y in top..bottom {
            let is_line = y - top < line || bottom - 1 - y < line;
            for x in left..right {
                if is_line || x - left < line || right - 1 - x < line {
                    let at = (y as usize * self.width as usize + x as usize) * 3;
                    self.rgb[at..at + 3].copy_from_slice(&color);
                }
            }
        }
    }

    /// As EXIF's orientation (1 to 8) says it is to be looked at.
    pub(super) fn upright(self, orientation: u8) -> Self {
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let (old_width, old_height) = (self.width, self.height);
        let turned = orientation >= 5;
        let (width, height) = match turned {
            true => (old_height, old_width),
            false => (old_width, old_height),
        };
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for y in 0..height {
            for x in 0..width {
                let (right, low) = (old_width - 1, old_height - 1);
                let (from_x, from_y) = match orientation {
                    2 => (right - x, y),
                    3 => (right - x, low - y),
                    4 => (x, low - y),
                    5 => (y, x),
                    6 => (y, low - x),
                    7 => (right - y, low - x),
                    _ => (right - y, x),
                };
                rgb.extend_from_slice(&self.row(from_y)[from_x as usize * 3..][..3]);
            }
        }
        Self { width, height, rgb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Two rows of three pixels: 0 1 2 and 3 4 5.
    fn small() -> Picture {
        Picture {
            width: 3,
            height: 2,
            rgb: (0..6).flat_map(|n| [n; 3]).collect(),
        }
    }

    fn seen(picture: &Picture) -> (u32, Vec<u8>) {
        (
            picture.width,
            picture.rgb.iter().step_by(3).copied().collect(),
        )
    }

    #[test]
    fn a_box_is_cut_to_the_picture_and_an_empty_one_is_nothing() {
        for (area, expected) in [
            (json!([1, 0, 3, 2]), Some((2, vec![1, 2, 4, 5]))),
            (json!([-9, -9, 1, 99]), Some((1, vec![0, 3]))),
            (json!([0.4, 0.0, 1.2, 0.1]), Some((2, vec![0, 1]))),
            (json!([1, 1, 1, 2]), None),
            (json!([2, 1, 1, 2]), None),
            (json!([3, 0, 9, 9]), None),
            (json!([1e300, 0, 1e301, 9]), None),
        ] {
            let area = Area::parse(&area).expect("an area");
            assert_eq!(small().crop(&area).as_ref().map(seen), expected, "{area}");
        }
        assert_eq!(Area::parse(&json!([1, 2, 3])), None);
        assert_eq!(Area::parse(&json!(["1", 2, 3, 4])), None);
    }

    #[test]
    fn every_orientation_turns_the_picture_upright() {
        for (orientation, expected) in [
            (1, (3, vec![0, 1, 2, 3, 4, 5])),
            (2, (3, vec![2, 1, 0, 5, 4, 3])),
            (3, (3, vec![5, 4, 3, 2, 1, 0])),
            (4, (3, vec![3, 4, 5, 0, 1, 2])),
            (5, (2, vec![0, 3, 1, 4, 2, 5])),
            (6, (2, vec![3, 0, 4, 1, 5, 2])),
            (7, (2, vec![5, 2, 4, 1, 3, 0])),
            (8, (2, vec![2, 5, 1, 4, 0, 3])),
            (9, (3, vec![0, 1, 2, 3, 4, 5])),
        ] {
            assert_eq!(
                seen(&small().upright(orientation)),
                expected,
                "{orientation}"
            );
        }
    }

    #[test]
    fn a_smaller_picture_keeps_its_shape_and_none_becomes_larger() {
        let picture = small().fit(1, 9);
        assert_eq!(seen(&picture), (1, vec![2]));
        assert_eq!(seen(&small().fit(99, 99)), seen(&small()));
    }

    #[test]
    fn a_frame_is_a_line_inside_its_box() {
        let mut picture = small();
        picture.frame(&Area([0.0, 0.0, 9.0, 1.0]), [9; 3], 1);
        assert_eq!(seen(&picture), (3, vec![9, 9, 9, 3, 4, 5]));
    }
}
