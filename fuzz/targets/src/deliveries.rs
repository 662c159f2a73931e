//! Whole deliveries: any request against every scheme, and a signed one with something changed.

use crate::agree::{NOW, agreed};
use crate::input::Input;
use crate::schemes;
use bytes::Bytes;
use http::HeaderValue;
use porchlight_source::request;
use porchlight_verify::{Delivery, sign_delivery};

/// The number of a scheme, then a captured request: taken only where it is one that was signed.
pub fn delivery(data: &[u8]) {
    let mut input = Input(data);
    let numbers: Vec<usize> = (0..schemes::all().len()).collect();
    let known = &schemes::all()[input.pick(&numbers)];
    let Ok(captured) = request::read(input.0) else {
        return;
    };
    let delivery = Delivery {
        method: captured.method.clone(),
        url: format!("https://porch.example{}", captured.path_and_query()),
        query: captured.query().to_owned(),
        headers: captured.headers,
        body: captured.body,
        max_inflated: 1 << 16,
        ..Delivery::default()
    };
    drop(agreed(&known.scheme, &known.secrets, &delivery, NOW));
    known.is_genuine(&delivery);
}

/// The number of a scheme, where to change something and to what, then a body that is signed:
/// whatever is changed, what passes is still what was signed.
pub fn changed(data: &[u8]) {
    let mut input = Input(data);
    let numbers: Vec<usize> = (0..schemes::all().len()).collect();
    let known = &schemes::all()[input.pick(&numbers)];
    let (part, place, bits) = (
        input.byte(),
        input.byte() * 256 + input.byte(),
        input.byte(),
    );
    let mut honest = known.genuine[0].clone();
    let kind = known.genuine[0].headers["content-type"].clone();
    honest.headers = http::HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind)]);
    honest.body = Bytes::copy_from_slice(input.0);
    let private = std::slice::from_ref(&known.private);
    // A body may have no place for the proof, or hold a time of its own.
    if sign_delivery(&known.scheme, private, &mut honest, "msg_1", NOW).is_err() {
        return;
    }
    let Ok(verified) = agreed(&known.scheme, &known.secrets, &honest, NOW) else {
        return;
    };
    let Some(changed) = change(&honest, part, place, bits) else {
        return;
    };
    let Ok(forged) = agreed(&known.scheme, &known.secrets, &changed, NOW) else {
        return;
    };
    assert_eq!(forged.proof(), verified.proof());
    assert_eq!(forged.signed_id(), verified.signed_id());
    if known.scheme.is_mac() {
        assert_eq!(
            forged.signed_hash(),
            verified.signed_hash(),
            "{}",
            known.name
        );
    }
    if verified.proof().body && !verified.is_canonical() {
        assert_eq!(
            forged.delivery().body,
            verified.delivery().body,
            "{}",
            known.name
        );
    }
}

/// The delivery with one byte changed, in the body or in one of the headers, or cut there.
fn change(honest: &Delivery, part: usize, place: usize, bits: usize) -> Option<Delivery> {
    let mut changed = honest.clone();
    let alter = |bytes: &[u8]| -> Option<Vec<u8>> {
        let mut bytes = bytes.to_vec();
        let at = place.checked_rem(bytes.len())?;
        match bits {
            0 => bytes.truncate(at),
            _ => bytes[at] ^= u8::try_from(bits).ok()?,
        }
        Some(bytes)
    };
    let names: Vec<_> = honest.headers.keys().cloned().collect();
    match part.checked_rem(names.len() + 3)? {
        0 => changed.body = alter(&honest.body)?.into(),
        1 => {
            changed.query = String::from_utf8(alter(honest.query.as_bytes())?).ok()?;
            let path = honest.url.split('?').next()?;
            changed.url = format!("{path}?{}", changed.query);
        }
        2 => changed.url = String::from_utf8(alter(honest.url.as_bytes())?).ok()?,
        number => {
            let name = &names[number - 3];
            let value = alter(honest.headers.get(name)?.as_bytes())?;
            let value = HeaderValue::from_bytes(&value).ok()?;
            changed.headers.insert(name, value);
        }
    }
    Some(changed)
}
