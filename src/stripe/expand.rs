//! Members of objects that Stripe sends only if a request asks for them: `expand[]`.

use super::entities::{ENTITIES, Entity, by_name};
use crate::error::{Error, Result, foreign};

/// The word for everything that can be expanded.
const ALL: &str = "all";

/// Members that are never asked for, whatever a user writes: what they hold must not be in a lake.
const NEVER: [&str; 2] = ["number", "cvc"];

/// The members of an entity's objects that a choice expands: `all`, or names like `checkout_sessions.line_items` separated
/// by commas; empty means none.
///
/// # Errors
/// A name that no entity has. The error lists those that there are.
pub fn members(choice: &str, entity: &Entity) -> Result<Vec<&'static str>> {
    let mut chosen = Vec::new();
    for name in choice.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name == ALL {
            chosen.extend(entity.expandable);
            continue;
        }
        let (owner, member) = known(name)?;
        if owner.name == entity.name {
            chosen.push(member);
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// The same for a choice that a run has recorded; names that only a newer version knows count as not chosen.
#[must_use]
pub fn recorded(choice: &str, entity: &Entity) -> Vec<&'static str> {
    let mut chosen: Vec<_> = choice.split(',').flat_map(|name| members(name, entity).unwrap_or_default()).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// An entity's members as a choice names them.
#[must_use]
pub fn choice(entity: &Entity, members: &[&str]) -> String {
    names(entity, members).collect::<Vec<_>>().join(",")
}

/// Checks a choice as a whole, for all entities.
///
/// # Errors
/// As [`members`].
pub fn check(choice: &str) -> Result<()> {
    members(choice, &ENTITIES[0]).map(|_| ())
}

fn known(name: &str) -> Result<(&'static Entity, &'static str)> {
    let unknown = || {
        let names: Vec<String> = ENTITIES.iter().flat_map(|entity| names(entity, entity.expandable)).collect();
        let reason = if name.rsplit('.').next().is_some_and(|member| NEVER.contains(&member)) {
            "card numbers and verification codes are never landed"
        } else {
            "Stripe does not send it on request, or sends it in any case"
        };
        Error::usage(format!(
            "expand cannot be '{}': {reason}; it can be {ALL}, or {}",
            foreign(name),
            names.join(", ")
        ))
    };
    let (owner, member) = name.split_once('.').ok_or_else(unknown)?;
    let owner = by_name(&owner.replace('-', "_")).ok_or_else(unknown)?;
    let member = owner.expandable.iter().find(|known| **known == member).ok_or_else(unknown)?;
    Ok((owner, member))
}

/// Members of an entity's objects, as a user writes them.
fn names(entity: &Entity, members: &[&str]) -> impl Iterator<Item = String> {
    members.iter().map(|member| format!("{}.{member}", entity.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(choice: &str, entity: &str) -> Result<Vec<&'static str>> {
        members(choice, by_name(entity).unwrap())
    }

    #[test]
    fn a_choice_names_members_of_single_entities_or_all() {
        for (choice, entity, expected) in [
            ("", "customers", &[][..]),
            ("customers.tax_ids", "customers", &["tax_ids"]),
            ("customers.tax_ids", "charges", &[]),
            (" prices.tiers , customers.tax_ids,customers.tax_ids", "customers", &["tax_ids"]),
            ("checkout-sessions.line_items", "checkout_sessions", &["line_items"]),
            ("all", "prices", &["currency_options", "tiers"]),
            ("all,prices.tiers", "prices", &["currency_options", "tiers"]),
            ("all", "disputes", &[]),
        ] {
            assert_eq!(of(choice, entity).unwrap(), expected, "{choice} of {entity}");
        }
    }

    #[test]
    fn a_recorded_choice_is_read_again_without_the_names_that_are_not_known() {
        let prices = by_name("prices").unwrap();
        assert_eq!(choice(prices, &["currency_options", "tiers"]), "prices.currency_options,prices.tiers");
        assert_eq!(
            recorded("prices.tiers,prices.from_the_future,prices.currency_options", prices),
            ["currency_options", "tiers"]
        );
        assert!(recorded("", prices).is_empty());
    }

    #[test]
    fn what_cannot_be_expanded_is_refused_with_the_names_that_can() {
        for choice in ["customers", "customers.phone_number", "nobody.tax_ids", "customers.tax_ids,x", "customers."] {
            let message = check(choice).unwrap_err().message;
            assert!(message.starts_with("expand cannot be '") && message.contains("customers.tax_ids"), "{message}");
        }
    }

    #[test]
    fn card_numbers_and_codes_are_refused() {
        for choice in ["issuing_cards.number", "issuing_cards.cvc", "all,issuing-cards.cvc"] {
            let message = check(choice).unwrap_err().message;
            assert!(message.contains("card numbers and verification codes are never landed"), "{message}");
        }
        for entity in &ENTITIES {
            assert!(!entity.expandable.iter().any(|member| NEVER.contains(member)), "{}", entity.name);
        }
    }
}
