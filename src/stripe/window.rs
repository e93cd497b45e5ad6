//! A span of `created`, and how it limits the reading of a list.

use std::ops::RangeInclusive;

/// Seconds since 1970 that an object's time can be: calendars, and so the tables' readers, can express each of them.
pub const TIMES: RangeInclusive<i64> = 0..=253_402_300_799;

/// 1 January 2011, when Stripe began: a list may reach this deep. Seconds since 1970.
pub const STRIPE_BEGAN: i64 = 1_293_840_000;

/// Seconds since 1970, half-open: `[gte, lt)`. `None` is an open end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Range {
    /// Oldest second inside; `None` reaches down to the oldest object.
    pub gte: Option<i64>,
    /// First second no longer inside; `None` reaches up to the newest object.
    pub lt: Option<i64>,
}

/// How a time window limits the reading of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Stripe filters by `created[gte]` and `created[lt]`.
    Created,
    /// Stripe filters by `created_after` and `created_before`. By their descriptions both leave out the second that they
    /// name; a run asks for one second more, so that the lower one may also have it.
    AfterBefore,
    /// Stripe does not filter, but lists the newest objects first: the reading ends below the window. From time to time
    /// the list is read whole.
    Client,
    /// Nothing limits it: each run reads the whole list. Its objects may have no time.
    Whole,
}

impl Window {
    /// Its name: `server`, `client` or `whole`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created | Self::AfterBefore => "server",
            Self::Client => "client",
            Self::Whole => "whole",
        }
    }

    /// Whether Stripe filters the list by time without leaving objects out. Then it can be read in parts.
    #[must_use]
    pub const fn is_filtered(self) -> bool {
        matches!(self, Self::Created | Self::AfterBefore)
    }

    /// Whether a run may begin at a second, and leave out what is older.
    #[must_use]
    pub const fn has_start(self) -> bool {
        !matches!(self, Self::Whole)
    }

    /// The query parameters that ask for a range.
    #[must_use]
    pub fn query(self, range: Range) -> Vec<(&'static str, String)> {
        let (gte, lt) = match self {
            Self::Created => (range.gte.map(|gte| ("created[gte]", gte)), range.lt.map(|lt| ("created[lt]", lt))),
            Self::AfterBefore => (
                range.gte.map(|_| "created_after").zip(self.asked_down_to(range)),
                range.lt.map(|lt| ("created_before", lt)),
            ),
            Self::Client | Self::Whole => (None, None),
        };
        [gte, lt].into_iter().flatten().map(|(name, second)| (name, second.to_string())).collect()
    }

    /// The lowest second whose objects may come if that range is asked for; `None` for any.
    #[must_use]
    pub fn asked_down_to(self, range: Range) -> Option<i64> {
        match self {
            Self::Created => range.gte,
            Self::AfterBefore => range.gte.map(|gte| gte.saturating_sub(1)),
            Self::Client | Self::Whole => None,
        }
    }
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
