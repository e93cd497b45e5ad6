//! Hashes as they stand in the tables.

use sha2::{Digest, Sha256};

/// Lower-case hex of a hash.
#[must_use]
pub fn hex(hash: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(64);
    for byte in hash {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
    }
    text
}

/// The digest of a page: SHA-256, as hex, over its rows' payload hashes (hex) in row order.
#[must_use]
pub fn rows_digest(hashes: &[impl AsRef<str>]) -> String {
    let mut digest = Sha256::new();
    for hash in hashes {
        digest.update(hash.as_ref());
    }
    hex(&digest.finalize().into())
}
