//! The one HTTP client, built at the first request.
//!
//! It takes the system's root certificates once. A box without any still speaks plain http, and is
//! told what is missing when it tries https; a host that refused to start would help nobody.

use std::sync::Arc;
use std::time::Duration;

/// A device that does not take a connection within this is not there.
const CONNECT: Duration = Duration::from_secs(10);

/// Small devices close idle connections soon and without a word.
const IDLE: Duration = Duration::from_secs(15);

/// Two kept connections per host: a lane uses one, a question beside it another.
const IDLE_PER_HOST: usize = 2;

/// Builds the client; takes a few milliseconds, most of them for the certificates.
pub(super) fn build() -> Result<reqwest::Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!(
            ignored,
            "no root certificates found, https will fail; install the package ca-certificates"
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("Porchlight/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .build()
        .map_err(|error| format!("the HTTP client cannot be set up: {error}"))
}
