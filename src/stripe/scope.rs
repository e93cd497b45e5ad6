//! A list together with its account.

use super::entities::Entity;

/// One list of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The list.
    pub entity: &'static Entity,
    /// Connected account (`Stripe-Account`); `None` for the key's own.
    pub account: Option<String>,
}
