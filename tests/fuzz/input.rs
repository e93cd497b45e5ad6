//! Bytes read as choices. Reads behind their end give zeros, so every input is a whole one.

/// The bytes of an input that are not read yet.
pub(super) struct Input<'data>(pub(super) &'data [u8]);

impl Input<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of some values; the first when the input has ended.
    pub(super) fn choice<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    pub(super) fn long(&mut self) -> i64 {
        let bytes: [u8; 8] = std::array::from_fn(|_| self.byte());
        i64::from_le_bytes(bytes)
    }
}
