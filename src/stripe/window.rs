//! A span of `created`, as Stripe filters it.

/// Seconds since 1970, half-open: `[gte, lt)`. `None` is an open end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Range {
    /// Oldest second inside; `None` reaches down to the oldest object.
    pub gte: Option<i64>,
    /// First second no longer inside; `None` reaches up to the newest object.
    pub lt: Option<i64>,
}

impl Range {
    /// Whether no second is inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!((self.gte, self.lt), (Some(gte), Some(lt)) if gte >= lt)
    }

    /// Whether none of its seconds is outside of that one.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.gte >= other.gte && other.lt.is_none_or(|top| self.lt.is_some_and(|lt| lt <= top))
    }
}
