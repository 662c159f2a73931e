//! One number of EXIF: how a picture is to be turned. The rest is nobody's business here.

/// The orientation, 1 to 8, when it is said.
pub(super) fn orientation(exif: &[u8]) -> Option<u8> {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let two = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match is_little {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    };
    let four: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let first = match is_little {
        true => u32::from_le_bytes(four),
        false => u32::from_be_bytes(four),
    };
    let first = usize::try_from(first).ok()?;
    let count = usize::from(two(first)?);
    // Twelve bytes for each entry: tag, type, count, value.
    let entry = (0..count)
        .filter_map(|index| first.checked_add(2 + index * 12))
        .find(|at| two(*at) == Some(0x0112))?;
    let value = two(entry.checked_add(8)?)?;
    u8::try_from(value)
        .ok()
        .filter(|value| (1..=8).contains(value))
}

#[cfg(test)]
mod tests {
    use super::orientation;

    #[test]
    fn the_orientation_is_found_in_both_byte_orders_and_garbage_has_none() {
        let little = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
        assert_eq!(orientation(little), Some(6));
        assert_eq!(orientation(big), Some(8));
        for length in 0..little.len() - 3 {
            assert_eq!(orientation(&little[..length]), None, "{length}");
        }
        assert_eq!(orientation(b"II*\0\xff\xff\xff\xff"), None);
        assert_eq!(orientation(b""), None);
    }
}
