//! The origin that requests go to, checked before any socket is opened.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use super::Mode;
use crate::error::{Error, Result, foreign};
use crate::options::API_BASE_URL;
use crate::pace::{LIVE, Rates, SANDBOX, UNLIMITED};

/// Scheme, host and port of the API.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    url: Url,
    text: String,
}

impl Origin {
    /// The origin that an `api_base_url` names, for a key of that mode.
    ///
    /// `https://host` and `https://host:port` are allowed, and `http://` if the host is this machine (`localhost`,
    /// 127.0.0.0/8, `::1`). A key that is not a test key goes only to `https://api.stripe.com`.
    ///
    /// # Errors
    /// `Class::Usage` for a text that is not such an origin; the message names the option and says what to write
    /// instead.
    pub fn parse(api_base_url: &str, mode: Mode) -> Result<Self> {
        let refused = |why: &str| Error::usage(format!("api_base_url {why}, for example {API_BASE_URL}"));
        // The address itself is never repeated: it may hold a password.
        let url = Url::parse(api_base_url.trim())
            .map_err(|_| refused("is not an address: write scheme and host, and a port if it is not the usual one"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("must not hold a user or a password: write scheme and host only"));
        }
        if url.query().is_some() || url.fragment().is_some() || !matches!(url.path(), "" | "/") {
            return Err(refused("must not hold a path, '?' or '#': write scheme and host only"));
        }
        match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => {}
            ("http", Some(host)) if is_loopback(host) => {}
            ("http", _) => return Err(refused("may be http:// on this machine only: write https://")),
            _ => return Err(refused("must begin with https://")),
        }
        let text = url.origin().ascii_serialization();
        let origin = Self { url, text };
        origin.check(mode)?;
        Ok(origin)
    }

    /// Checks whether a key of that mode may go there. This is checked again when key and origin meet in a client,
    /// because the mode given to [`Origin::parse`] need not have been that key's.
    pub(super) fn check(&self, mode: Mode) -> Result<()> {
        if mode == Mode::Test || self.text == API_BASE_URL {
            return Ok(());
        }
        Err(Error::usage(format!(
            "a live key goes to {API_BASE_URL} only, not to {}: leave out api_base_url, or use a test key",
            foreign(&self.text)
        )))
    }

    /// Scheme, host and, if it is not the scheme's own, port, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether requests go there without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The usual rates there, with a key of that mode.
    #[must_use]
    pub fn usual_rates(&self, mode: Mode) -> Rates {
        match mode {
            _ if self.url.host_str().is_some_and(is_loopback) => UNLIMITED,
            Mode::Live => LIVE,
            Mode::Test => SANDBOX,
        }
    }

    /// The address of a path and query there.
    pub(super) fn address(&self, path: &str, query: &[(&'static str, String)]) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Origin").field(&self.text).finish()
    }
}

/// `host` is as `Url` writes it: lower case, IPv4 in four decimals however it was written, IPv6 in brackets.
fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn limits_follow_from_the_key_and_there_are_none_on_this_machine() {
        let limits = |text: &str, mode: Mode| Origin::parse(text, mode).unwrap().usual_rates(mode);
        assert_eq!(limits(API_BASE_URL, Mode::Live), LIVE);
        assert_eq!(limits(API_BASE_URL, Mode::Test), SANDBOX);
        assert_eq!(limits("http://127.0.0.1:1", Mode::Test), UNLIMITED);
    }

    #[test]
    fn origins_are_normalised() {
        for (text, origin) in [
            ("https://api.stripe.com", "https://api.stripe.com"),
            (" HTTPS://API.Stripe.com:443/ ", "https://api.stripe.com"),
            ("https://stripe.example:8443", "https://stripe.example:8443"),
            ("http://127.0.0.1:12111", "http://127.0.0.1:12111"),
            ("http://127.1.2.3/", "http://127.1.2.3"),
            ("http://localhost:80/", "http://localhost"),
            ("http://[::1]:9/", "http://[::1]:9"),
        ] {
            assert_eq!(Origin::parse(text, Mode::Test).unwrap().as_str(), origin, "{text}");
        }
    }

    #[test]
    fn anything_but_an_origin_is_refused_without_being_repeated() {
        for (text, said) in [
            ("", "not an address"),
            ("api.stripe.com", "not an address"),
            ("https://", "not an address"),
            ("ftp://api.stripe.com", "https://"),
            ("file:///v1", "path"),
            ("data:,x", "path"),
            ("http://api.stripe.com", "this machine only"),
            ("http://10.0.0.1", "this machine only"),
            ("http://localhost.example", "this machine only"),
            ("http://[::ffff:127.0.0.1]", "this machine only"),
            ("https://CANARY@api.stripe.com", "password"),
            ("https://api.stripe.com@evil.example", "password"),
            ("https://u:CANARY@127.0.0.1", "password"),
            ("https://api.stripe.com/v1", "path"),
            ("https://api.stripe.com\\@evil.example", "path"),
            ("https://api.stripe.com?CANARY", "'?'"),
            ("https://api.stripe.com/?", "'?'"),
            ("https://api.stripe.com#CANARY", "'#'"),
        ] {
            let error = Origin::parse(text, Mode::Test).unwrap_err();
            assert_eq!(error.class, Class::Usage);
            assert!(error.message.starts_with("api_base_url ") && error.message.contains(said), "{text}: {error}");
            assert!(!error.message.to_lowercase().contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_live_key_goes_to_stripe_only() {
        assert!(Origin::parse("https://api.stripe.com:443/", Mode::Live).is_ok());
        for elsewhere in [
            "http://127.0.0.1:12111",
            "https://localhost",
            "https://api.stripe.com.",
            "https://api.stripe.com:444",
            "https://api.stripe.com.evil.example",
            "https://eu.api.stripe.com",
        ] {
            let error = Origin::parse(elsewhere, Mode::Live).unwrap_err();
            assert!(error.message.starts_with("a live key goes to https://api.stripe.com only"), "{error}");
        }
    }

    #[test]
    fn a_query_is_percent_encoded_and_cannot_leave_its_place() {
        let origin = Origin::parse("https://api.stripe.com", Mode::Live).unwrap();
        let query = [("created[gte]", "1".to_owned()), ("starting_after", "ch_1&limit=2#/../é ".to_owned())];
        assert_eq!(
            origin.address("/v1/charges", &query).as_str(),
            "https://api.stripe.com/v1/charges?created%5Bgte%5D=1&starting_after=ch_1%26limit%3D2%23%2F..%2F%C3%A9+"
        );
        assert_eq!(origin.address("/v1/account", &[]).as_str(), "https://api.stripe.com/v1/account");
    }
}
