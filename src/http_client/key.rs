//! The key: read once, judged by its prefix, shown to nobody.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Class, Error, Result};

/// Whose data a key reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Test data: the key begins with `sk_test_` or `rk_test_`.
    Test,
    /// Anything else. A key whose prefix does not say is taken for the one that could do harm.
    Live,
}

/// Prefixes of the keys that can read, longest first, each with the mode it is taken for, and with the `livemode` of the
/// objects that it can read where it tells for certain.
const PREFIXES: [(&str, Mode, Option<bool>); 6] = [
    ("sk_test_", Mode::Test, Some(false)),
    ("rk_test_", Mode::Test, Some(false)),
    ("sk_live_", Mode::Live, Some(true)),
    ("rk_live_", Mode::Live, Some(true)),
    ("sk_", Mode::Live, None),
    ("rk_", Mode::Live, None),
];

/// Longest key, in bytes. Stripe's are about 107 and may grow to this.
const LONGEST: usize = 255;

/// A Stripe API key that can read. It cannot be printed, compared or copied, and is wiped when dropped.
pub struct ApiKey {
    secret: SecretString,
    mode: Mode,
    livemode: Option<bool>,
}

impl ApiKey {
    /// The key in a text as people paste it: whitespace around it is dropped.
    ///
    /// # Errors
    /// `Class::Usage` for a text that is empty, that is another kind of Stripe's secrets, or that cannot be a key.
    /// No message holds any part of the text but a well-known prefix.
    pub fn parse(text: String) -> Result<Self> {
        // Wrapped before it is looked at, so that the text given is wiped too, whatever comes of it.
        let given = SecretString::from(text);
        let key = given.expose_secret().trim();
        let (mode, livemode) = judge(key).map_err(Error::usage)?;
        Ok(Self { secret: SecretString::from(key), mode, livemode })
    }

    /// Whether the key reads test data or live data.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What `livemode` says of each object that the key can read; `None` where its prefix does not tell.
    #[must_use]
    pub const fn livemode(&self) -> Option<bool> {
        self.livemode
    }

    /// Value of the `Authorization` header, marked so that neither `Debug` nor HTTP/2's header table keeps it.
    pub(super) fn authorization(&self) -> Result<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", self.secret.expose_secret()));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::new(Class::Usage, "the key cannot be sent: it has characters no Stripe key has"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ApiKey").field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// The mode and `livemode` of a key, or why the text is not one.
fn judge(key: &str) -> std::result::Result<(Mode, Option<bool>), &'static str> {
    if key.is_empty() {
        return Err("STRIPE_API_KEY is not set or empty: set it to a restricted key (rk_...) that may read");
    }
    if key.starts_with("pk_") {
        return Err("a publishable key (pk_...) cannot read: use a restricted key (rk_...) or a secret key (sk_...)");
    }
    if key.starts_with("whsec_") {
        return Err(
            "a webhook signing secret (whsec_...) is no API key: use a restricted key (rk_...) or a secret key (sk_...)",
        );
    }
    let row = PREFIXES.iter().find_map(|(prefix, mode, livemode)| Some((key.strip_prefix(prefix)?, *mode, *livemode)));
    let Some((rest, mode, livemode)) = row else {
        return Err("this is no Stripe API key: one begins with rk_ (restricted, better) or sk_ (secret)");
    };
    if rest.is_empty() {
        return Err("the key ends right after its prefix: copy all of it");
    }
    if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err("the key has characters no Stripe key has: only letters, digits and underscores, without quotes \
                    or spaces; copy it again");
    }
    if key.len() > LONGEST {
        return Err("the key is longer than 255 characters: more than a key was copied");
    }
    Ok((mode, livemode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_tells_the_mode_and_in_doubt_it_is_live() {
        for (key, mode, livemode) in [
            ("sk_test_ab12", Mode::Test, Some(false)),
            ("rk_test_ab12", Mode::Test, Some(false)),
            ("sk_live_ab12", Mode::Live, Some(true)),
            ("rk_live_ab12", Mode::Live, Some(true)),
            ("sk_org_test_ab12", Mode::Live, None),
            ("rk_ab12", Mode::Live, None),
            ("sk_testab12", Mode::Live, None),
            ("  sk_test_ab12\r\n", Mode::Test, Some(false)),
        ] {
            let parsed = ApiKey::parse(key.to_owned()).unwrap();
            assert_eq!((parsed.mode(), parsed.livemode()), (mode, livemode), "{key}");
        }
    }

    #[test]
    fn what_cannot_read_is_refused_with_what_to_do() {
        let too_long = format!("sk_test_{}", "a".repeat(248));
        for (text, said) in [
            ("", "STRIPE_API_KEY"),
            (" \n", "STRIPE_API_KEY"),
            ("pk_live_CANARY", "publishable"),
            ("whsec_CANARY", "webhook"),
            ("CANARY", "rk_"),
            ("\"sk_test_CANARY\"", "rk_"),
            ("SK_TEST_CANARY", "rk_"),
            ("sk_test_", "prefix"),
            ("rk_", "prefix"),
            ("sk_test_CANARY CANARY", "characters"),
            ("sk_test_CANARY\r\nX: y", "characters"),
            ("sk_test_CANARYé", "characters"),
            (too_long.as_str(), "255"),
        ] {
            let error = ApiKey::parse(text.to_owned()).unwrap_err();
            assert_eq!(error.class, Class::Usage);
            assert!(error.message.contains(said), "{error}");
            assert!(!format!("{error:?}").contains("CANARY") && !error.message.contains("aaaa"), "{error:?}");
        }
        assert!(ApiKey::parse(too_long[..255].to_owned()).is_ok());
    }

    #[test]
    fn neither_the_key_nor_its_header_shows_when_printed() {
        let key = ApiKey::parse("rk_test_CANARY".to_owned()).unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey { mode: Test, .. }");
        let header = key.authorization().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer rk_test_CANARY");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
