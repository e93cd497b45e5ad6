//! A span of `created`, as Stripe filters it.

/// Seconds since 1970, half-open: `[gte, lt)`. `None` is an open end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Range {
    /// Oldest second inside; `None` reaches down to the oldest object.
    pub gte: Option<i64>,
    /// First second no longer inside; `None` reaches up to the newest object.
    pub lt: Option<i64>,
}
