//! The texts of a request that could be a MAC, wherever they stand.

use crate::Delivery;
use crate::encoding::Encoding;
use crate::locator::Place;
use std::borrow::Cow;

/// As many are looked at.
const MAX_TEXTS: usize = 64;

/// A text of the request that could be a MAC, decoded, and where it stands.
pub(super) struct Text {
    pub place: Place,
    pub encoding: Encoding,
    pub bytes: Vec<u8>,
}

/// Everything in headers and query that decodes to the length of a MAC.
pub(super) fn texts(delivery: &Delivery) -> Vec<Text> {
    let mut found = Vec::new();
    let headers = delivery.headers.iter().filter_map(|(name, value)| {
        Some((
            Place::Header(name.clone()),
            Cow::Borrowed(value.to_str().ok()?),
        ))
    });
    let query = form_urlencoded::parse(delivery.query.as_bytes())
        .map(|(name, value)| (Place::Query(name.into_owned()), value));
    for (place, value) in headers.chain(query) {
        for item in value.split([' ', ',', ';', '|']) {
            // Whole, and without what stands before `=` or `,` as in `sha256=…`.
            let after = item.split_once('=').map(|(_, after)| after);
            for text in std::iter::once(item).chain(after) {
                for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64url] {
                    let bytes = encoding.decode(text.trim());
                    let bytes = bytes.filter(|bytes| matches!(bytes.len(), 20 | 32 | 48 | 64));
                    if let Some(bytes) = bytes {
                        let place = place.clone();
                        found.push(Text {
                            place,
                            encoding,
                            bytes,
                        });
                    }
                }
                if found.len() >= MAX_TEXTS {
                    return found;
                }
            }
        }
    }
    found
}
