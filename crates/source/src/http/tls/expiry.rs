//! When a certificate ends: the one field of X.509 that we read ourselves.
//!
//! It walks the outermost five fields of the DER (RFC 5280, section 4.1) and looks at nothing
//! else, so that a whole X.509 reader isn't needed for a warning. Serial numbers are skipped
//! unread: negative ones and long ones exist.

use porchlight_core::Timestamp;
use std::time::Duration;

/// Enough time to mend a renewal that broke: certbot renews thirty days before the end.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// What to say about a certificate that ends at `expires`; nothing when that is far away.
pub(super) fn warning(expires: Timestamp, now: Timestamp) -> Option<String> {
    if expires <= now {
        let advice = "senders that check it are turning away; renew it";
        return Some(format!(
            "the certificate expired on {}; {advice}",
            day(expires)
        ));
    }
    let left = expires.since(now);
    let days = left.as_secs() / (24 * 3600);
    let days = match days {
        0 => "today or tomorrow".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    };
    (left < WARN_BEFORE).then(|| {
        format!(
            "the certificate expires {days}, on {}; see whether its renewal works",
            day(expires)
        )
    })
}

fn day(moment: Timestamp) -> String {
    moment.to_rfc3339().chars().take(10).collect()
}

/// The `notAfter` of a certificate in DER; `None` when it isn't one.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut rest, _) = expect(SEQUENCE, certificate)?;
    if let Some((_, after)) = expect(VERSION, rest) {
        rest = after;
    }
    // The serial number, the signature's algorithm and the issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = expect(tag, rest)?;
    }
    let (validity, _) = expect(SEQUENCE, rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, content, _) = element(rest)?;
    moment(tag, std::str::from_utf8(content).ok()?)
}

/// `491231235959Z` or `20491231235959Z`, which are the only forms that RFC 5280 allows.
fn moment(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let full = match (tag, digits.len()) {
        (UTC_TIME, 12) if digits < "50" => format!("20{digits}"),
        (UTC_TIME, 12) => format!("19{digits}"),
        (GENERALIZED_TIME, 14) => digits.to_owned(),
        _ => return None,
    };
    let (date, time) = full.split_at(8);
    Timestamp::parse_rfc3339(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    ))
}

/// The content of the first element, which must have this tag, and what follows it.
fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// The tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(first), bytes),
        // Four bytes of length are 4 GiB: no certificate.
        0x81..=0x83 => {
            let (digits, bytes) = bytes.split_at_checked(usize::from(first - 0x80))?;
            let length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, bytes)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn the_end_is_read_from_real_certificates_whatever_their_serial_number() {
        for (serial, end) in [(vec![7], 2031), (vec![0x7f; 20], 2049), (vec![1, 2], 2050)] {
            let mut parameters = rcgen::CertificateParams::new(["porch.example".into()]).unwrap();
            parameters.serial_number = Some(serial.into());
            parameters.not_after = rcgen::date_time_ymd(end, 3, 4);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            let expected = at(&format!("{end}-03-04T00:00:00Z"));
            assert_eq!(not_after(certificate.der()), Some(expected));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let key = rcgen::generate_simple_self_signed(["porch.example".into()]).unwrap();
        let der = key.cert.der();
        for length in 0..der.len() {
            assert_eq!(not_after(&der[..length]), None, "{length}");
        }
        assert_eq!(not_after(b"\x30\x84\xff\xff\xff\xff"), None);
    }

    #[test]
    fn a_warning_comes_fourteen_days_before_the_end_and_after_it() {
        let now = at("2030-06-01T00:00:00Z");
        for (end, said) in [
            ("2030-06-15T00:00:01Z", None),
            ("2030-06-14T23:00:00Z", Some("in 13 days, on 2030-06-14")),
            ("2030-06-02T01:00:00Z", Some("in 1 day")),
            ("2030-06-01T01:00:00Z", Some("today or tomorrow")),
            ("2030-05-31T00:00:00Z", Some("expired on 2030-05-31")),
        ] {
            let warning = warning(at(end), now);
            assert_eq!(warning.is_some(), said.is_some(), "{end}");
            assert!(
                warning.is_none_or(|text| text.contains(said.unwrap())),
                "{end}"
            );
        }
    }
}
