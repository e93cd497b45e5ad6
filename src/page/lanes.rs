//! Looks at sixteen bytes together, because one at a time would cost more than hashing them.
//!
//! It uses SSE2 if the target has it (every x86-64 machine does, so a wheel detects nothing at run time), else 64-bit
//! words.

#[cfg(target_feature = "sse2")]
pub(super) use vectors::Lanes;
#[cfg(not(target_feature = "sse2"))]
pub(super) use words::Lanes;

/// Number of bytes in [`Lanes`]. Its masks have one bit for each, the first byte's lowest.
pub(super) const LANES: usize = 16;

#[cfg(target_feature = "sse2")]
mod vectors {
    use safe_arch::{
        bitor_m128i, cmp_eq_mask_i8_m128i, cmp_lt_mask_i8_m128i, load_unaligned_m128i, m128i, min_u8_m128i,
        move_mask_i8_m128i, set_splat_i8_m128i, store_unaligned_m128i, sub_i8_m128i,
    };

    use super::LANES;

    /// Sixteen bytes.
    #[derive(Debug, Clone, Copy)]
    pub(in super::super) struct Lanes(m128i);

    impl Lanes {
        #[inline]
        pub(in super::super) fn load(bytes: &[u8; LANES]) -> Self {
            Self(load_unaligned_m128i(bytes))
        }

        #[inline]
        pub(in super::super) fn store(self, bytes: &mut [u8; LANES]) {
            store_unaligned_m128i(bytes, self.0);
        }

        /// Quotes.
        #[inline]
        pub(in super::super) fn quote(self) -> u32 {
            mask(cmp_eq_mask_i8_m128i(self.0, set_splat_i8_m128i(0x22)))
        }

        /// Backslashes and control characters.
        #[inline]
        pub(in super::super) fn unplain(self) -> u32 {
            let control = cmp_eq_mask_i8_m128i(min_u8_m128i(self.0, set_splat_i8_m128i(0x1f)), self.0);
            mask(bitor_m128i(control, cmp_eq_mask_i8_m128i(self.0, set_splat_i8_m128i(0x5c))))
        }

        /// Spaces and newlines.
        #[inline]
        pub(in super::super) fn blank(self) -> u32 {
            let space = cmp_eq_mask_i8_m128i(self.0, set_splat_i8_m128i(0x20));
            mask(bitor_m128i(space, cmp_eq_mask_i8_m128i(self.0, set_splat_i8_m128i(0x0a))))
        }

        /// Digits. Moved so that `0` is the lowest signed value, they are below one bound.
        #[inline]
        pub(in super::super) fn digit(self) -> u32 {
            let moved = sub_i8_m128i(self.0, set_splat_i8_m128i(-0x50));
            mask(cmp_lt_mask_i8_m128i(moved, set_splat_i8_m128i(i8::MIN + 10)))
        }
    }

    #[inline]
    fn mask(lanes: m128i) -> u32 {
        move_mask_i8_m128i(lanes).cast_unsigned()
    }
}

#[cfg(any(test, not(target_feature = "sse2")))]
mod words {
    use super::LANES;

    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;

    /// Sixteen bytes.
    #[derive(Debug, Clone, Copy)]
    pub(in super::super) struct Lanes([u64; 2]);

    impl Lanes {
        #[inline]
        pub(in super::super) fn load(bytes: &[u8; LANES]) -> Self {
            let both = u128::from_le_bytes(*bytes);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
            Self([both as u64, (both >> 64) as u64])
        }

        #[inline]
        pub(in super::super) fn store(self, bytes: &mut [u8; LANES]) {
            let [low, high] = self.0.map(u128::from);
            *bytes = (low | high << 64).to_le_bytes();
        }

        /// Quotes.
        #[inline]
        pub(in super::super) fn quote(self) -> u32 {
            self.mask(|word| !above(word ^ (0x22 * ONES), 0))
        }

        /// Backslashes and control characters.
        #[inline]
        pub(in super::super) fn unplain(self) -> u32 {
            self.mask(|word| !(above(word, 0x1f) & above(word ^ (0x5c * ONES), 0)))
        }

        /// Spaces and newlines.
        #[inline]
        pub(in super::super) fn blank(self) -> u32 {
            self.mask(|word| !(above(word ^ (0x20 * ONES), 0) & above(word ^ (0x0a * ONES), 0)))
        }

        /// Digits, which are the bytes that differ from `0` by nothing above nine.
        #[inline]
        pub(in super::super) fn digit(self) -> u32 {
            self.mask(|word| !above(word ^ (0x30 * ONES), 9))
        }

        /// The high bits that `find` sets. The product gathers those of one word in its top byte.
        fn mask(self, find: impl Fn(u64) -> u64) -> u32 {
            let [low, high] = self.0.map(|word| {
                let bits = (find(word) & HIGH) >> 7;
                bits.wrapping_mul(0x0102_0408_1020_4080) >> 56
            });
            u32::from(low.to_le_bytes()[0]) | u32::from(high.to_le_bytes()[0]) << 8
        }
    }

    /// High bits of the bytes above `bound`, which is below 128.
    const fn above(word: u64, bound: u64) -> u64 {
        ((word & !HIGH) + (0x7f - bound) * ONES) | word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(bytes: &[u8; LANES], is_one: impl Fn(u8) -> bool) -> u32 {
        bytes.iter().enumerate().map(|(at, byte)| u32::from(is_one(*byte)) << at).sum()
    }

    #[test]
    fn every_byte_is_found_in_every_place() {
        for byte in 0..=u8::MAX {
            for at in 0..LANES {
                let mut bytes = *b"0a\x80 \"\n\\\x1f9/:!#\x7f\xff\xa2";
                bytes[at] = byte;
                let masks = [
                    expected(&bytes, |byte| byte < 0x20 || byte == b'\\'),
                    expected(&bytes, |byte| byte == b'"'),
                    expected(&bytes, |byte| matches!(byte, b' ' | b'\n')),
                    expected(&bytes, |byte| byte.is_ascii_digit()),
                ];
                let (lanes, words) = (Lanes::load(&bytes), words::Lanes::load(&bytes));
                let lanes = [lanes.unplain(), lanes.quote(), lanes.blank(), lanes.digit()];
                let words = [words.unplain(), words.quote(), words.blank(), words.digit()];
                assert_eq!([lanes, words], [masks; 2], "{bytes:?}");
            }
        }
    }

    #[test]
    fn loaded_bytes_are_stored() {
        let bytes = *b"0123456789abcdef";
        let mut stored = [[0; LANES]; 2];
        Lanes::load(&bytes).store(&mut stored[0]);
        words::Lanes::load(&bytes).store(&mut stored[1]);
        assert_eq!(stored, [bytes; 2]);
    }
}
