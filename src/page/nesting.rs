//! The place of a scan in a value.

/// The objects and arrays around a place in a value: one bit for each, the innermost lowest, set for arrays, and
/// another bit above them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Nesting(u128);

impl Nesting {
    /// Before the value.
    pub(super) const START: Self = Self(1);

    pub(super) const fn enter(self, is_array: bool) -> Self {
        Self(self.0 << 1 | is_array as u128)
    }

    pub(super) const fn leave(self) -> Self {
        Self(self.0 >> 1)
    }

    pub(super) const fn depth(self) -> u32 {
        self.0.ilog2()
    }

    pub(super) const fn is_in_array(self) -> bool {
        self.0 & 1 == 1
    }
}
