//! The keys that this process was given, so that no message shows one, in whatever words and also as base64.
//!
//! No key is kept for that: of each there are length and SHA-256 of what would stand in a text. A key is long and drawn by
//! chance, so that nobody finds it by its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

/// By length, the hashes of the texts to look for.
type Traces = BTreeMap<usize, BTreeSet<[u8; 32]>>;

static TRACES: RwLock<Traces> = RwLock::new(BTreeMap::new());

/// Shorter than that, a piece of text may be the same by chance.
const SHORTEST: usize = 16;

/// From now on the key is masked wherever it stands.
pub fn remember(key: &str) {
    let mut traces = TRACES.write().unwrap_or_else(PoisonError::into_inner);
    let mut add = |length: usize, text: &mut dyn Iterator<Item = u8>| {
        if length >= SHORTEST {
            traces.entry(length).or_default().insert(hash(text));
        }
    };
    add(key.len(), &mut key.bytes());
    for lead in 0..3 {
        add(base64(key.as_bytes(), lead).count(), &mut base64(key.as_bytes(), lead));
    }
}

/// Finds the next such text from an offset on: where it begins and where it ends.
pub(super) fn finder(text: &str) -> impl Fn(usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    move |from| {
        let traces = TRACES.read().unwrap_or_else(PoisonError::into_inner);
        let (shortest, _) = traces.first_key_value()?;
        let mut at = from;
        // Hardly any text has so many of these characters in a row, so that hardly anything is hashed.
        while let Some(begin) = bytes[at..].iter().position(|byte| is_base64(*byte)).map(|skipped| at + skipped) {
            at = begin + bytes[begin..].iter().take_while(|byte| is_base64(**byte)).count();
            for start in begin..=at.saturating_sub(*shortest) {
                let found = traces.iter().rev().find(|(length, hashes)| {
                    start + **length <= at
                        && hashes.contains(&hash(&mut bytes[start..start + **length].iter().copied()))
                });
                if let Some((length, _)) = found {
                    return Some((start, start + length));
                }
            }
        }
        None
    }
}

/// Letters, digits, and what stands beside them in base64 and in keys.
const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Base64 has two alphabets, of which one hash is enough.
fn hash(text: &mut dyn Iterator<Item = u8>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for byte in text {
        digest.update([match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        }]);
    }
    digest.finalize().into()
}

/// What of the base64 of a text follows from the key alone, where the key stands behind `lead` other bytes. What the
/// characters at its ends are depends on its neighbours.
fn base64(key: &[u8], lead: usize) -> impl Iterator<Item = u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ((lead * 8).div_ceil(6)..(lead + key.len()) * 8 / 6).map(move |place| {
        let bit = place * 6 - lead * 8;
        let next = key.get(bit / 8 + 1).copied().unwrap_or_default();
        let both = u16::from_be_bytes([key[bit / 8], next]);
        ALPHABET[usize::from(both >> (10 - bit % 8) & 63)]
    })
}

#[cfg(test)]
mod tests {
    use super::super::masked;
    use super::*;

    fn text(key: &str, lead: usize) -> String {
        base64(key.as_bytes(), lead).map(char::from).collect()
    }

    #[test]
    fn base64_is_what_follows_from_the_key_alone() {
        // Of "foobar", "?foobar" and "??foobar".
        assert_eq!(text("foobar", 0), "Zm9vYmFy");
        assert_eq!(text("foobar", 1), "Zvb2Jhc"); // P2Zvb2Jhcg==
        assert_eq!(text("foobar", 2), "mb29iYX"); // Pz9mb29iYXI=
    }

    #[test]
    fn a_known_key_is_masked_whole_and_in_base64_but_not_in_part() {
        let key = "KNOWNknown0123456789_KNOWN";
        let sides = |lead| format!("ab-{}/cd", text(key, lead));
        assert_eq!(masked(key), key);
        remember(key);
        assert_eq!(masked(&format!("x{key}y {key}")), "x***y ***");
        for lead in 0..3 {
            assert_eq!(masked(&sides(lead)), "ab-***/cd");
            assert_eq!(masked(&sides(lead).replace('/', "_")), "ab-***_cd");
        }
        assert_eq!(masked(&key[1..]), &key[1..]);
    }

    #[test]
    fn what_is_too_short_to_be_a_key_is_not_looked_for() {
        remember("shortshortshort");
        assert_eq!(masked("a shortshortshort text"), "a shortshortshort text");
    }
}
