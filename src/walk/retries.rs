//! Requests that were sent again, by the reason.

use crate::error::Class;

/// What can be tried again; any other refusal that Stripe itself wants tried again counts as the last one.
const REASONS: [Class; 5] = [Class::RateLimit, Class::Server, Class::Connection, Class::Answer, Class::Request];

/// Numbers of requests that were sent again, by the class of the error that they would have been without another try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retries([u64; REASONS.len()]);

impl Retries {
    /// Counts one.
    pub(super) fn count(&mut self, reason: Class) {
        let at = REASONS.iter().position(|class| *class == reason).unwrap_or(REASONS.len() - 1);
        self.0[at] += 1;
    }

    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.0.iter().sum()
    }

    /// Those of each reason that there was.
    pub fn by_reason(self) -> impl Iterator<Item = (Class, u64)> {
        REASONS.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// Those of two runs together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(ours, theirs)| *ours += theirs);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_counted_by_reason_and_a_reason_of_no_list_is_a_request() {
        let mut first = Retries::default();
        for reason in [Class::RateLimit, Class::Server, Class::RateLimit, Class::Permission] {
            first.count(reason);
        }
        let mut second = Retries::default();
        second.count(Class::Connection);
        let both = first.and(second);
        assert_eq!(both.total(), 5);
        assert_eq!(
            both.by_reason().collect::<Vec<_>>(),
            [(Class::RateLimit, 2), (Class::Server, 1), (Class::Connection, 1), (Class::Request, 1)]
        );
    }
}
