//! Chance that a seed repeats, and the ways in which this model draws from it.

#[path = "../chance/mod.rs"]
mod shared;

pub(crate) use shared::Chance;

impl Chance {
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("few")]
    }

    /// A second from `low` up to, but not including, `high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(high.abs_diff(low))).expect("few seconds")
    }
}
