//! The keys that this process was given, so that no message shows one of any form, as it is or in base64.
//!
//! No key is kept for that: only the length and the SHA-256 of each form that a key can have in a text. A key is long
//! and random, so nobody can find it by its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

/// The pieces to look for in a text.
struct Traces {
    /// The beginnings of such pieces, which show at most the kind of a key: few other pieces need to be hashed.
    heads: BTreeSet<[u8; HEAD]>,
    /// Their hashes, by length.
    hashes: BTreeMap<usize, BTreeSet<[u8; 32]>>,
}

static TRACES: RwLock<Traces> = RwLock::new(Traces { heads: BTreeSet::new(), hashes: BTreeMap::new() });

/// Number of characters at the beginning of a piece that follow from `rk_` or `sk_` alone, also in base64.
const HEAD: usize = 3;
/// A shorter piece of text may be the same by chance.
const SHORTEST: usize = 16;

/// From now on the key is masked wherever it is.
pub fn remember(key: &str) {
    let mut traces = TRACES.write().unwrap_or_else(PoisonError::into_inner);
    traces.add(key.bytes());
    for lead in 0..3 {
        traces.add(base64(key.as_bytes(), lead));
    }
}

/// Finds the next such piece from an offset on: where it begins and where it ends.
pub(super) fn finder(text: &str) -> impl Fn(usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    move |from| {
        let traces = TRACES.read().unwrap_or_else(PoisonError::into_inner);
        let (shortest, _) = traces.hashes.first_key_value()?;
        let mut at = from;
        while let Some(skipped) = bytes[at..].iter().position(|byte| is_base64(*byte)) {
            let begin = at + skipped;
            at = begin + bytes[begin..].iter().take_while(|byte| is_base64(**byte)).count();
            // Hardly any text has this many of these characters in a row.
            for start in begin..(at + 1).saturating_sub(*shortest) {
                if let Some(length) = traces.found(&bytes[start..at]) {
                    return Some((start, start + length));
                }
            }
        }
        None
    }
}

impl Traces {
    fn add(&mut self, piece: impl Iterator<Item = u8> + Clone) {
        let length = piece.clone().count();
        if length >= SHORTEST {
            let mut begin = piece.clone().map(in_one_alphabet);
            self.heads.insert(std::array::from_fn(|_| begin.next().unwrap_or_default()));
            self.hashes.entry(length).or_default().insert(hash(piece));
        }
    }

    /// The length of the longest piece that a text begins with.
    fn found(&self, text: &[u8]) -> Option<usize> {
        let head = text.first_chunk::<HEAD>()?.map(in_one_alphabet);
        if !self.heads.contains(&head) {
            return None;
        }
        let fits = |length: &usize| text.get(..*length);
        let mut longest_first = self.hashes.iter().rev().filter_map(|(length, hashes)| Some((fits(length)?, hashes)));
        longest_first
            .find(|(piece, hashes)| hashes.contains(&hash(piece.iter().copied())))
            .map(|(piece, _)| piece.len())
    }
}

/// Letters, digits, and the other characters of base64 and of keys.
const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Base64 has two alphabets; one of them is enough.
const fn in_one_alphabet(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

fn hash(text: impl Iterator<Item = u8>) -> [u8; 32] {
    let mut digest = Sha256::new();
    text.map(in_one_alphabet).for_each(|byte| digest.update([byte]));
    digest.finalize().into()
}

/// The part of a text's base64 that follows from the key alone, if the key is behind `lead` other bytes. The characters
/// at its ends depend on its neighbours.
fn base64(key: &[u8], lead: usize) -> impl Iterator<Item = u8> + Clone {
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
    fn base64_is_the_part_that_follows_from_the_key_alone() {
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
    fn a_text_too_short_to_be_a_key_is_not_looked_for() {
        remember("shortshortshort");
        assert_eq!(masked("a shortshortshort text"), "a shortshortshort text");
    }
}
