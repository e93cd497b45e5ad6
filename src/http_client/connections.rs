//! Makes connections, and decides which certificates they trust.

use std::time::Duration;

use reqwest::redirect::Policy;

use super::{authorities, cause};
use crate::error::{Class, Error, Result};

/// Names this program, with an address for complaints.
pub(super) const USER_AGENT: &str =
    concat!("stripe-raw-rs/", env!("CARGO_PKG_VERSION"), " (+https://github.com/stripe-raw-rs/stripe-raw-rs)");

/// Longest wait for a connection: a server that does not answer in this time will not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Prepares connections, with none open yet, and names in words the certificate authorities that they trust.
pub(super) fn open(ca_file: Option<&str>) -> Result<(reqwest::Client, String)> {
    let named = authorities::named(ca_file)?;
    // This fails if the process has a provider already; then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let connections = reqwest::Client::builder()
        .tls_backend_rustls()
        .tls_certs_merge(ca_file.map(authorities::read).transpose()?.unwrap_or_default())
        .user_agent(USER_AGENT)
        // A redirect that is followed to another host would take Stripe-Account along.
        .redirect(Policy::none())
        .no_proxy()
        // By default, the library repeats requests that HTTP/2 refused. The limiter and the retry count must see each
        // request sent.
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .build();
    match connections {
        Ok(connections) => Ok((connections, named)),
        Err(error) => {
            let line = cause::line(error);
            let what = format!("TLS cannot be set up with the certificate authorities {named}: {line}");
            let advice = "; on Debian, apt-get install ca-certificates installs the machine's";
            Err(Error::new(Class::Connection, if named == authorities::MACHINE { what + advice } else { what }))
        }
    }
}
