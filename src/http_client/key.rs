//! The key: read once, judged by its prefix, and never shown.

use std::fmt::{self, Write as _};
use std::path::Path;

use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::small_file;
use crate::error::{Class, Error, Remedy, Result, foreign};
use crate::secrets::remember;
use crate::text::is_unseen;

/// The environment variable that holds the key, if the user names no other source.
pub const KEY_VARIABLE: &str = "STRIPE_API_KEY";

/// The kind of data that a key reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Test data: the key begins with `sk_test_` or `rk_test_`.
    Test,
    /// Anything else. A key whose prefix does not show its mode counts as the one that could do harm.
    Live,
}

impl Mode {
    /// Its name in tables and Python.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

/// Prefixes of the keys that can read, longest first, each with the mode that is assumed for it, and with the
/// `livemode` of the objects that it can read if the prefix shows it for certain.
const PREFIXES: [(&str, Mode, Option<bool>); 6] = [
    ("sk_test_", Mode::Test, Some(false)),
    ("rk_test_", Mode::Test, Some(false)),
    ("sk_live_", Mode::Live, Some(true)),
    ("rk_live_", Mode::Live, Some(true)),
    ("sk_", Mode::Live, None),
    ("rk_", Mode::Live, None),
];

/// Characters that people and programs put around a text.
const QUOTES: [char; 9] = ['"', '\'', '`', '“', '”', '‘', '’', '«', '»'];
/// Longest key, in bytes. Stripe's are about 107 and may grow to this.
const LONGEST: usize = 255;
/// Largest file that may hold a key, in bytes.
const LARGEST_FILE: usize = 4_096;

/// A Stripe API key that can read. It cannot be printed, compared or copied, and is wiped when dropped.
pub struct ApiKey {
    secret: SecretString,
    mode: Mode,
    livemode: Option<bool>,
}

impl ApiKey {
    /// The key in a text as people paste it: white space and invisible characters around it are dropped.
    ///
    /// After this, no message of this process shows it.
    ///
    /// # Errors
    /// `Class::Usage` for a text that is empty, that is another kind of Stripe secret, or that cannot be a key. No
    /// message holds any part of the text except a well-known prefix.
    pub fn parse(text: &str) -> Result<Self> {
        let key = text.trim_matches(|character: char| character.is_whitespace() || is_unseen(character));
        let (mode, livemode) = judge(key).map_err(Error::usage)?;
        remember(key);
        Ok(Self { secret: SecretString::from(key), mode, livemode })
    }

    /// The key in `STRIPE_API_KEY`.
    ///
    /// # Errors
    /// `Class::Usage` if there is none, and as [`ApiKey::parse`].
    pub fn from_environment() -> Result<Self> {
        let text = Zeroizing::new(std::env::var_os(KEY_VARIABLE).unwrap_or_default().into_encoded_bytes());
        if text.trim_ascii().is_empty() {
            return Err(Error::usage("there is no key").with(Remedy::Key));
        }
        // Bytes that are not text count as characters that no key has.
        let parsed = Self::parse(std::str::from_utf8(&text).unwrap_or("rk_?"));
        parsed.map_err(|error| Error::usage(format!("{KEY_VARIABLE}: {}", error.message)))
    }

    /// The key in a file that holds nothing else.
    ///
    /// # Errors
    /// `Class::Usage` if it cannot be read, and as [`ApiKey::parse`].
    pub fn from_file(path: &Path) -> Result<Self> {
        let refused = |why: &str| Error::usage(format!("the key file '{}' {why}", foreign(&path.to_string_lossy())));
        let bytes = small_file::read(path, LARGEST_FILE).map_err(|why| refused(&why))?;
        let text = decoded(&bytes).ok_or_else(|| refused("cannot be read: it is not a text"))?;
        Self::parse(&text).map_err(|error| refused(&format!("does not hold a key: {}", error.message)))
    }

    /// Whether the key reads test data or live data.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the key may only do things that it was given permission for.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.secret.expose_secret().starts_with("rk_")
    }

    /// The text of the key, for a copy of it in another process. Whoever takes it answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// Whether the key is an organisation's: it reads its members' accounts, and each request names one.
    pub(super) fn is_of_organisation(&self) -> bool {
        self.secret.expose_secret().starts_with("sk_org_")
    }

    /// The `livemode` of each object that the key can read; `None` if its prefix does not show it.
    #[must_use]
    pub const fn livemode(&self) -> Option<bool> {
        self.livemode
    }

    /// Value of the `Authorization` header, marked so that neither `Debug` nor HTTP/2's header table keeps it.
    pub(super) fn authorization(&self) -> Result<HeaderValue> {
        // It has room for the whole text at once: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(LONGEST + 16));
        let _ = write!(text, "Bearer {}", self.secret.expose_secret());
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

/// The text of a file: UTF-8, or the encoding that Windows calls Unicode, which begins with a byte order mark.
fn decoded(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned())),
    };
    let (pairs, odd) = bytes.as_chunks();
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(character.ok()?);
    }
    odd.is_empty().then_some(text)
}

/// The mode and `livemode` of a key, or the reason why the text is not a key.
fn judge(key: &str) -> std::result::Result<(Mode, Option<bool>), &'static str> {
    if key.is_empty() {
        return Err("the key is empty: give a restricted key (rk_...) that may read");
    }
    if key.starts_with(QUOTES) || key.ends_with(QUOTES) {
        return Err("the key stands in quotes: write it without them");
    }
    if key.starts_with("pk_") {
        return Err("a publishable key (pk_...) cannot read: use a restricted key (rk_...) or a secret key (sk_...)");
    }
    if key.starts_with("whsec_") {
        return Err(
            "a webhook signing secret (whsec_...) is not an API key: use a restricted key (rk_...) or a secret key (sk_...)",
        );
    }
    let row = PREFIXES.iter().find_map(|(prefix, mode, livemode)| Some((key.strip_prefix(prefix)?, *mode, *livemode)));
    let Some((rest, mode, livemode)) = row else {
        if PREFIXES.iter().any(|(prefix, ..)| prefix.len() > 3 && key.contains(prefix)) {
            return Err("there is more than the key: write the key alone, without a name or 'Bearer' before it");
        }
        return Err("this is not a Stripe API key: one begins with rk_ (restricted, better) or sk_ (secret)");
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
    fn the_prefix_shows_the_mode_and_in_doubt_it_is_live() {
        for (key, mode, livemode) in [
            ("sk_test_ab12", Mode::Test, Some(false)),
            ("rk_test_ab12", Mode::Test, Some(false)),
            ("sk_live_ab12", Mode::Live, Some(true)),
            ("rk_live_ab12", Mode::Live, Some(true)),
            ("sk_org_test_ab12", Mode::Live, None),
            ("rk_ab12", Mode::Live, None),
            ("sk_testab12", Mode::Live, None),
            ("  sk_test_ab12\r\n", Mode::Test, Some(false)),
            ("\u{feff}sk_test_ab12\u{200b}", Mode::Test, Some(false)),
        ] {
            let parsed = ApiKey::parse(key).unwrap();
            assert_eq!((parsed.mode(), parsed.livemode()), (mode, livemode), "{key}");
            assert_eq!(parsed.is_restricted(), key.starts_with("rk_"), "{key}");
        }
    }

    #[test]
    fn a_text_that_cannot_read_is_refused_with_advice() {
        let too_long = format!("sk_test_{}", "a".repeat(248));
        for (text, said) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("pk_live_CANARY", "publishable"),
            ("whsec_CANARY", "webhook"),
            ("CANARY", "rk_"),
            ("\"sk_test_CANARY\"", "in quotes"),
            ("'sk_test_CANARY", "in quotes"),
            ("sk_test_CANARY’", "in quotes"),
            ("Bearer sk_test_CANARY", "more than the key"),
            ("STRIPE_API_KEY=rk_live_CANARY", "more than the key"),
            ("SK_TEST_CANARY", "rk_"),
            ("sk_test_", "prefix"),
            ("rk_", "prefix"),
            ("sk_test_CANARY CANARY", "characters"),
            ("sk_test_CANARY\r\nX: y", "characters"),
            ("sk_test_CANARYé", "characters"),
            (too_long.as_str(), "255"),
        ] {
            let error = ApiKey::parse(text).unwrap_err();
            assert_eq!(error.class, Class::Usage);
            assert!(error.message.contains(said), "{error}");
            assert!(!format!("{error:?}").contains("CANARY") && !error.message.contains("aaaa"), "{error:?}");
        }
        assert!(ApiKey::parse(&too_long[..255]).is_ok());
    }

    #[test]
    fn neither_the_key_nor_its_header_shows_when_printed() {
        let key = ApiKey::parse("rk_test_CANARY").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey { mode: Test, .. }");
        let header = key.authorization().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer rk_test_CANARY");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[test]
    fn a_file_of_any_common_encoding_is_a_text() {
        let wide = |order: fn(u16) -> [u8; 2]| "\u{feff}sk_1\r\n".encode_utf16().flat_map(order).collect::<Vec<u8>>();
        for bytes in [b"\xef\xbb\xbfsk_1\r\n".to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            assert_eq!(decoded(&bytes).unwrap().trim_start_matches('\u{feff}'), "sk_1\r\n");
        }
        for bytes in [&b"\xff\xfe\xff"[..], b"\xff\xfe\x00\xd8", b"\xe9"] {
            assert!(decoded(bytes).is_none(), "{bytes:?}");
        }
    }
}
