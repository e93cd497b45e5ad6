//! Hashes in the form that the tables hold.

use sha2::{Digest, Sha256};

/// Lower-case hex of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex([u8; 64]);

impl Hex {
    /// The hex of this hash.
    #[must_use]
    pub fn new(hash: &[u8; 32]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(hash) {
            *pair = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        }
        Self(digits)
    }
}

impl AsRef<str> for Hex {
    fn as_ref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

/// The digest of a page: SHA-256, as hex, over its rows' payload hashes (hex) in row order.
#[must_use]
pub fn rows_digest(hashes: impl IntoIterator<Item: AsRef<str>>) -> String {
    let mut digest = Sha256::new();
    for hash in hashes {
        digest.update(hash.as_ref());
    }
    Hex::new(&digest.finalize().into()).as_ref().to_owned()
}
