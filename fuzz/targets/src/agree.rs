//! The four who look at a delivery have to agree, and none of them may tell a secret.

use bytes::Bytes;
use porchlight_core::{Secret, Timestamp};
use porchlight_verify::encoding::Encoding;
use porchlight_verify::{Delivery, Rejected, Scheme, Verified, explain, precheck, verify};

/// The clock of every try, except where the time itself is tried.
pub const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Verifies, and holds the early check and the explanation against the outcome.
pub fn agreed(
    scheme: &Scheme,
    secrets: &[Secret],
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Verified, Rejected> {
    let outcome = verify(scheme, "fuzz", secrets, delivery.clone(), now);
    let head = Delivery {
        body: Bytes::new(),
        ..delivery.clone()
    };
    let early = precheck(scheme, secrets, &head, now);
    assert!(
        outcome.is_err() || early.is_ok(),
        "refused before the body was read, and right: {early:?}"
    );
    let told = explain(scheme, secrets, &[], delivery.clone(), now);
    assert_eq!(outcome.is_ok(), told.outcome.is_ok(), "{told:?}");
    if let (Ok(verified), Ok(secret)) = (&outcome, &told.outcome) {
        assert_eq!(&verified.proof().secret, secret);
        assert!(!scheme.covers_body() || verified.proof().body);
    }
    let said = format!("{told:?}");
    for secret in secrets {
        let text = String::from_utf8_lossy(secret.expose());
        let hidden = [
            text.into_owned(),
            Encoding::Hex.encode(secret.expose()),
            Encoding::Base64.encode(secret.expose()),
        ];
        for hidden in hidden.iter().filter(|text| text.len() >= 8) {
            assert!(!said.contains(hidden.as_str()), "a secret is told");
        }
    }
    outcome
}
