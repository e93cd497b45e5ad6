//! Repeatable chance: everything that looks random is a pure function of the seed and a few numbers.

/// A bijection on 64 bits whose output looks random (the finaliser of splitmix64).
pub(super) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The inverse of [`mix`]: with it, an id can hold its object's serial number and still look random.
pub(super) const fn unmix(value: u64) -> u64 {
    let value = (value ^ (value >> 31) ^ (value >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    let value = (value ^ (value >> 27) ^ (value >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    value ^ (value >> 30) ^ (value >> 60)
}

/// One number from two; their order matters.
pub(super) const fn join(left: u64, right: u64) -> u64 {
    mix(mix(left ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(right))
}

/// A number from a name.
pub(super) fn of_name(name: &str) -> u64 {
    name.bytes().fold(0, |so_far, byte| join(so_far, u64::from(byte)))
}

/// Scales a random number to `0..below`.
pub(super) const fn below(random: u64, below: u64) -> u64 {
    // The high half of the product is uniform to within below / 2^64, and cannot exceed `below`.
    ((random as u128 * below as u128) >> 64) as u64
}

/// Scales a random number to `0.0..1.0`.
#[expect(clippy::cast_precision_loss, reason = "a double holds 53 bits, and no more are kept")]
pub(super) fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// A stream of random numbers.
pub(super) struct Stream {
    state: u64,
}

impl Stream {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    pub(super) const fn below(&mut self, limit: u64) -> u64 {
        below(self.next(), limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_can_be_undone() {
        for value in [0, 1, 2, 12_345, u64::MAX, 1 << 63] {
            assert_eq!(unmix(mix(value)), value);
            assert_eq!(mix(unmix(value)), value);
        }
    }

    #[test]
    fn scaled_numbers_stay_below_their_limit() {
        assert_eq!((below(u64::MAX, 10), below(0, 10)), (9, 0));
        assert!(unit(u64::MAX) < 1.0);
    }
}
