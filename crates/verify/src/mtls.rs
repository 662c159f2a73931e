//! The client certificate of the connection: who issued it, for whom, and which one it is.
//!
//! The listener made sure that the client holds the certificate's key, and believes nothing else
//! about it; all that is judged here. A name alone proves nothing, because anybody can write one
//! into a certificate of their own: there has to be an issuer (`ca`) or a fingerprint beside it.

use crate::rejected::{Rejected, Step};
use crate::source::Source;
use crate::verify::Proved;
use porchlight_core::Timestamp;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sha2::{Digest, Sha256};
use std::time::Duration;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// `proof = "mtls"`.
///
/// ```toml
/// proof = "mtls"
/// ca_file = "rhombus-ca.pem"                      # in the configuration; here the PEM text, `ca`
/// common_name = "webhook-client.rhombus.com"      # one of these
/// san = ["gate.example", "ops@gate.example"]      # DNS name, e-mail address, URI or IP address
/// fingerprint = "3b:8e:…"                         # SHA-256 of the certificate
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MtlsScheme {
    anchors: Vec<TrustAnchor<'static>>,
    common_names: Vec<String>,
    sans: Vec<String>,
    fingerprints: Vec<[u8; 32]>,
}

impl MtlsScheme {
    pub(crate) fn new(
        ca: Option<&str>,
        common_names: Vec<String>,
        sans: Vec<String>,
        fingerprints: Vec<String>,
    ) -> Result<Self, String> {
        let anchors = ca.map_or(Ok(Vec::new()), anchors)?;
        if anchors.is_empty() && fingerprints.is_empty() {
            return Err("proof = \"mtls\" needs `ca_file` (who issues the certificates) or `fingerprint`: anybody can write any name into a certificate".to_owned());
        }
        let fingerprints: Result<Vec<[u8; 32]>, String> =
            fingerprints.iter().map(|text| fingerprint(text)).collect();
        Ok(Self {
            anchors,
            common_names,
            sans,
            fingerprints: fingerprints?,
        })
    }

    /// The rules in words.
    pub(crate) fn describe(&self) -> String {
        let mut rules = Vec::new();
        if !self.anchors.is_empty() {
            rules.push("of the configured issuer".to_owned());
        }
        if !self.common_names.is_empty() {
            rules.push(format!("for {}", self.common_names.join(" or ")));
        }
        if !self.sans.is_empty() {
            rules.push(format!("for {}", self.sans.join(" or ")));
        }
        if !self.fingerprints.is_empty() {
            rules.push("with the configured fingerprint".to_owned());
        }
        rules.join(", ")
    }

    fn check_issuer(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), Rejected> {
        let refuse = |error: webpki::Error| {
            let what = match error {
                webpki::Error::UnknownIssuer => {
                    "the client certificate was not issued by the configured authority".to_owned()
                }
                webpki::Error::CertExpired { .. } => {
                    "the client certificate has expired".to_owned()
                }
                webpki::Error::CertNotValidYet { .. } => {
                    "the client certificate is not valid yet; is this machine's clock right?"
                        .to_owned()
                }
                webpki::Error::CaUsedAsEndEntity => {
                    "the client certificate is self-signed; name its `fingerprint` instead of `ca_file`".to_owned()
                }
                other => format!("the client certificate is not acceptable: {other}"),
            };
            Rejected::new(Step::Mismatch, what)
        };
        let [leaf, between @ ..] = chain else {
            return Err(no_certificate());
        };
        let leaf = webpki::EndEntityCert::try_from(leaf).map_err(refuse)?;
        let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &self.anchors,
            between,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .map(drop)
        .map_err(refuse)
    }

    fn check_names(&self, certificate: &X509Certificate<'_>) -> Result<(), Rejected> {
        let is_one_of = |name: &str, list: &[String]| {
            list.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        if !self.common_names.is_empty() {
            let mut names = certificate.subject().iter_common_name();
            // A second name would leave it open which one the issuer looked at.
            let (Some(name), None) = (names.next(), names.next()) else {
                return Err(Rejected::new(
                    Step::Mismatch,
                    "the client certificate has not exactly one common name",
                ));
            };
            if !is_one_of(name.as_str().unwrap_or_default(), &self.common_names) {
                return Err(Rejected::new(
                    Step::Mismatch,
                    "the client certificate's common name is not the one that the scheme names",
                ));
            }
        }
        if !self.sans.is_empty() {
            let names = certificate.subject_alternative_name().ok().flatten();
            let found = names.is_some_and(|names| {
                let mut names = names.value.general_names.iter();
                names.any(|name| san(name).is_some_and(|name| is_one_of(&name, &self.sans)))
            });
            if !found {
                return Err(Rejected::new(
                    Step::Mismatch,
                    "none of the client certificate's alternative names is one that the scheme names",
                ));
            }
        }
        Ok(())
    }
}

pub(crate) fn prove(
    scheme: &MtlsScheme,
    source: &Source<'_>,
    now: Timestamp,
) -> Result<Proved, Rejected> {
    let chain: Vec<CertificateDer<'_>> = source
        .delivery
        .certificates
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let leaf = chain.first().ok_or_else(no_certificate)?;
    let (_, certificate) = X509Certificate::from_der(leaf).map_err(|error| {
        Rejected::new(
            Step::Malformed,
            format!("the client certificate cannot be read: {error}"),
        )
    })?;
    let subject = certificate.subject().to_string();
    source.note("certificate", || {
        format!("{subject}, issued by {}", certificate.issuer())
    });
    if !scheme.anchors.is_empty() {
        scheme.check_issuer(&chain, now)?;
    }
    if !scheme.fingerprints.is_empty() {
        let computed: [u8; 32] = Sha256::digest(leaf).into();
        if !scheme.fingerprints.contains(&computed) {
            return Err(Rejected::new(
                Step::Mismatch,
                "the client certificate does not have the fingerprint that the scheme names",
            ));
        }
        let valid = ASN1Time::from_timestamp(now.as_seconds())
            .is_ok_and(|now| certificate.validity().is_valid_at(now));
        if !valid {
            return Err(Rejected::new(
                Step::Stale,
                "the client certificate is not valid at this time; has it expired, or is this machine's clock wrong?",
            ));
        }
    }
    scheme.check_names(&certificate)?;
    Ok(Proved {
        certificate: Some(subject),
        ..Proved::default()
    })
}

fn no_certificate() -> Rejected {
    Rejected::new(
        Step::Missing,
        "the client showed no certificate; it comes with TLS only, and a reverse proxy in front takes it away",
    )
}

fn anchors(pem: &str) -> Result<Vec<TrustAnchor<'static>>, String> {
    let mut anchors = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate =
            certificate.map_err(|_| "the authority's PEM cannot be read".to_owned())?;
        let anchor = webpki::anchor_from_trusted_cert(&certificate)
            .map_err(|error| format!("the authority's certificate is not acceptable: {error}"))?;
        anchors.push(anchor.to_owned());
    }
    if anchors.is_empty() {
        return Err("the authority's file holds no certificate (BEGIN CERTIFICATE)".to_owned());
    }
    Ok(anchors)
}

fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let bytes = hex::decode(digits).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        "a `fingerprint` is the SHA-256 of the certificate: 64 hex digits, colons between them if you like".to_owned()
    })
}

fn san(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(std::net::IpAddr::from(four).to_string()),
            Err(_) => {
                let sixteen = <[u8; 16]>::try_from(*bytes).ok()?;
                Some(std::net::IpAddr::from(sixteen).to_string())
            }
        },
        _ => None,
    }
}
