//! Randomness, from the operating system: jitter and identifiers.
//!
//! A machine that cannot give 16 random bytes cannot open a TLS connection either, so there is no error to return.

/// A number from 0 (inclusive) to 1 (exclusive), in steps of 2⁻³²: this is fine enough to spread waits.
///
/// # Panics
/// If the operating system has no randomness.
#[must_use]
pub fn random_unit() -> f64 {
    const STEPS: f64 = 4_294_967_296.0;
    f64::from(getrandom::u32().expect("the operating system gives random bytes")) / STEPS
}

/// 128 random bits, for identifiers that were never used before.
///
/// # Panics
/// If the operating system has no randomness.
#[must_use]
pub fn random_u128() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u128::from_ne_bytes(bytes)
}

/// A new ULID: 26 characters that sort by time and were never used before.
///
/// # Panics
/// If the operating system has no randomness.
#[must_use]
pub fn new_ulid() -> String {
    let milliseconds = u64::try_from(super::now().wall_micros / 1_000).unwrap_or(0);
    ulid::Ulid::from_parts(milliseconds, random_u128()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_fill_the_unit_interval() {
        let drawn: Vec<f64> = (0..1_000).map(|_| random_unit()).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        // Each of these fails by chance once in 2^150 runs.
        assert!(drawn.iter().any(|number| *number < 0.1) && drawn.iter().any(|number| *number >= 0.9));
    }

    #[test]
    fn random_identifiers_differ_in_both_halves() {
        let (left, right) = (random_u128(), random_u128());
        assert_ne!(left >> 64, right >> 64);
        assert_ne!(left << 64, right << 64);
    }
}
