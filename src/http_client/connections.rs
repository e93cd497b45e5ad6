//! Connections: how they are made, and whose certificates they trust.

use std::time::Duration;

use reqwest::redirect::Policy;

use super::{authorities, cause};
use crate::error::{Class, Error, Result};

/// Who asks, with a place to complain.
pub(super) const USER_AGENT: &str =
    concat!("stripe-raw-rs/", env!("CARGO_PKG_VERSION"), " (+https://github.com/stripe-raw-rs/stripe-raw-rs)");

/// Longest wait for a connection: where nobody answers in this time, nobody will.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Makes connections, of which none is open yet, and says in words whose certificate authorities they trust.
pub(super) fn open(ca_file: Option<&str>) -> Result<(reqwest::Client, String)> {
    let named = authorities::named(ca_file)?;
    // Fails where the process has a provider already, which then is the one to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let connections = reqwest::Client::builder()
        .tls_backend_rustls()
        .tls_certs_merge(ca_file.map(authorities::read).transpose()?.unwrap_or_default())
        .user_agent(USER_AGENT)
        // Followed across hosts, a redirect would take Stripe-Account along.
        .redirect(Policy::none())
        .no_proxy()
        // The library repeats requests that HTTP/2 turned down. Limiter and retry count must see each one sent.
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    match connections {
        Ok(connections) => Ok((connections, named)),
        Err(error) => {
            let line = cause::line(error);
            let what = format!("cannot set up TLS with the certificate authorities {named}: {line}");
            let advice = "; on Debian, apt-get install ca-certificates brings the machine's";
            Err(Error::new(Class::Connection, if named == authorities::MACHINE { what + advice } else { what }))
        }
    }
}
