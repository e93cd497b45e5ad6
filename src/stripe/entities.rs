//! Stripe's lists, and how a selection names them.

pub use super::children::Parent;
use super::children::{CHILDREN, shown_by};
pub use super::registry::ENTITIES;
use super::window::Window;
use crate::error::{self, Error, Result, foreign};

/// One Stripe list.
#[derive(Debug, PartialEq, Eq)]
pub struct Entity {
    /// Name in options, tables and events, e.g. `charges`.
    pub name: &'static str,
    /// Path of the list, e.g. `/v1/charges`; with `{id}` where that of a parent belongs.
    pub path: &'static str,
    /// Value of `object` in each element, e.g. `charge`; several values have a bar between them.
    pub object: &'static str,
    /// Name of the raw table, e.g. `stripe_charges_raw`.
    pub table: &'static str,
    /// The field that dates an object, in whole seconds since 1970; `None` if objects have none.
    pub time_field: Option<&'static str>,
    /// How a time window limits the reading of the list.
    pub window: Window,
    /// Whether Stripe answers in pages. If not, the list is one answer, and no request may ask for a number of objects.
    pub has_pages: bool,
    /// Query parameters that every request carries, so that Stripe leaves nothing out.
    pub fixed_query: &'static [(&'static str, &'static str)],
    /// The keys, at any depth, whose values have links that Stripe makes anew for each answer: such a link alone is no
    /// change of the object. (Read at receipts, whose links carry the time of the answer; the others are presumed.)
    pub volatile: &'static [&'static str],
    /// The members of an object that Stripe sends only if they are asked for, and that are worth it.
    pub expandable: &'static [&'static str],
    /// Whether listed objects can be deleted or age out.
    pub can_vanish: bool,
    /// The change that its objects announce themselves; `None` if events report all that can be known.
    pub due: Option<Due>,
    /// The objects that have the list; `None` if the account has it.
    pub parent: Option<Parent>,
    /// Whether a run lands it if no entities are named.
    pub default: bool,
    /// The group that a selection may name instead: the section of Stripe's reference that describes the list.
    pub group: &'static str,
    /// What an account must have switched on to have the list; empty if each account has it.
    pub product: &'static str,
    /// Name of the permission that lets a restricted key read the list, as Stripe's refusals and the address of its
    /// form for keys spell it; empty if it is not known for certain: then Stripe's refusal names it.
    pub permission: &'static str,
    /// A remark about the list; empty if nothing is special.
    pub note: &'static str,
}

/// A change that comes at a time which the object gives, and that no event reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The field that has the time, in whole seconds since 1970.
    pub at: &'static str,
    /// The field that says whether the change is still to come.
    pub state: &'static str,
    /// Its value until then.
    pub waiting: &'static str,
}

impl Entity {
    /// The query parameter that asks for so many objects; `None` if the list cannot be asked for a number.
    #[must_use]
    pub fn limit(&self, objects: usize) -> Option<(&'static str, String)> {
        self.has_pages.then(|| ("limit", objects.to_string()))
    }

    /// Whether its objects are the events that report what becomes of others.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.object == "event"
    }

    /// Whether an element with that value of `object` is one of the list.
    #[must_use]
    pub fn has_object(&self, object: &str) -> bool {
        self.object == object || self.object.split('|').any(|one| one == object)
    }

    /// The path of the list of one parent, and the query parameter that names the parent, if the path does not.
    #[must_use]
    pub fn address(&self, parent: &str) -> (String, Option<(&'static str, String)>) {
        let parameter = self.parent.as_ref().map_or("", |parent| parent.parameter);
        let path = self.path.replace("{id}", &path_segment(parent));
        (path, (!parameter.is_empty()).then(|| (parameter, parent.to_owned())))
    }

    /// The query parameters that every request carries.
    pub fn fixed(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.fixed_query.iter().map(|(name, value)| (*name, (*value).to_owned()))
    }

    /// The most objects that an answer may have if so many are asked for. A list without pages cannot be asked for a
    /// number.
    #[must_use]
    pub const fn most_objects(&self, asked: usize) -> usize {
        if self.has_pages { asked } else { usize::MAX }
    }

    /// Name of the field that dates an object; empty if objects have none.
    #[must_use]
    pub const fn dated_by(&self) -> &'static str {
        match self.time_field {
            Some(field) => field,
            None => "",
        }
    }
}

/// All lists that can be landed: those of the account, then those of single objects.
pub fn all() -> impl Iterator<Item = &'static Entity> {
    ENTITIES.iter().chain(&CHILDREN)
}

/// The entity of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Entity> {
    all().find(|entity| entity.name == name)
}

/// The lists that a selection lands: those that it names, and the lists that their objects show the beginning of. Of
/// these nothing is asked unless an object shows less than the whole.
///
/// # Errors
/// As [`select`].
pub fn to_land(selection: &str) -> Result<Vec<&'static Entity>> {
    let mut selected = select(selection)?;
    for child in selected.clone().into_iter().flat_map(shown_by) {
        if !selected.contains(&child) {
            selected.push(child);
        }
    }
    Ok(selected)
}

/// The entities that a selection names: `all`, or names of entities and groups separated by commas; empty means the
/// default ones.
///
/// # Errors
/// A name that is neither an entity's nor a group's; the error gives the nearest one.
pub fn select(selection: &str) -> Result<Vec<&'static Entity>> {
    let words: Vec<String> = names(selection).collect();
    if words.is_empty() {
        return Ok(ENTITIES.iter().filter(|entity| entity.default).collect());
    }
    let mut selected: Vec<&'static Entity> = Vec::new();
    for name in words {
        let is_meant = |entity: &&Entity| {
            entity.name == name || (entity.parent.is_none() && (entity.group == name || name == "all"))
        };
        let named: Vec<&'static Entity> = all().filter(is_meant).collect();
        if named.is_empty() {
            return Err(Error::usage(format!(
                "unknown entity '{}': did you mean '{}'? `stripe-raw entities` lists them all",
                foreign(&name),
                nearest(&name)
            )));
        }
        for entity in named {
            if !selected.contains(&entity) {
                selected.push(entity);
            }
        }
    }
    Ok(selected)
}

/// Whether a selection names that entity itself, or it is one of the default ones: then the account must have it.
#[must_use]
pub fn is_named(selection: &str, entity: &Entity) -> bool {
    let mut names = names(selection).peekable();
    if names.peek().is_none() { entity.default } else { names.any(|name| name == entity.name) }
}

fn names(selection: &str) -> impl Iterator<Item = String> {
    selection.split(',').map(|name| name.trim().replace(['-', '/'], "_")).filter(|name| !name.is_empty())
}

/// An id as a segment of a path. Most ids need no escape; but the owner of a product may choose any. (One of dots alone
/// cannot be written in an address: Stripe refuses that list.)
fn path_segment(id: &str) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default().to_ascii_uppercase();
    let mut escaped = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    escaped
}

fn nearest(name: &str) -> &'static str {
    error::nearest(name, all().flat_map(|entity| [entity.name, entity.group])).unwrap_or("charges")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lists_are_the_default() {
        let names: Vec<_> = select("").unwrap().iter().map(|entity| entity.name).collect();
        assert_eq!(names, ["balance_transactions", "charges", "invoices", "payment_intents", "refunds"]);
    }

    #[test]
    fn names_and_tables_follow_from_the_path() {
        for entity in all() {
            let name = entity.path.strip_prefix("/v1/").unwrap().replace("/{id}", "").replace('/', "_");
            assert_eq!((entity.name, entity.table), (name.as_str(), format!("stripe_{name}_raw").as_str()));
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let message = select("charges,refund").unwrap_err().to_string();
        assert!(message.contains("unknown entity 'refund'") && message.contains("'refunds'"), "{message}");
    }

    #[test]
    fn hyphens_repeats_groups_and_all_are_understood() {
        assert_eq!(select("payment-intents,charges,charges").unwrap().len(), 2);
        assert_eq!(select("issuing,issuing_cards,charges").unwrap().len(), 8);
        assert_eq!(select("all").unwrap().len(), ENTITIES.len());
        assert_eq!(select("all,customers/tax_ids,charges").unwrap().len(), ENTITIES.len() + 1);
        assert!(select("all,nonsense").is_err());
    }

    #[test]
    fn a_group_is_not_the_name_of_a_list() {
        for entity in &ENTITIES {
            assert_eq!(by_name(entity.group), None);
        }
    }

    #[test]
    fn the_list_of_an_object_is_named_by_its_path_and_comes_with_its_parents_if_they_show_it() {
        let names = |selected: Result<Vec<&'static Entity>>| -> Vec<&str> {
            selected.unwrap().into_iter().map(|entity| entity.name).collect()
        };
        assert_eq!(names(select("customers/balance-transactions")), ["customers_balance_transactions"]);
        assert_eq!(names(select("customers")), ["customers"]);
        assert_eq!(names(to_land("invoices,customers")), ["invoices", "customers", "invoices_lines"]);
        assert_eq!(names(to_land("invoices_lines,invoices")), ["invoices_lines", "invoices"]);
        assert_eq!((to_land("").unwrap().len(), to_land("all").unwrap().len()), (6, ENTITIES.len() + 6));
    }

    #[test]
    fn the_address_of_a_list_names_one_parent_and_nothing_else() {
        let of = |name: &str, id: &str| by_name(name).unwrap().address(id);
        assert_eq!(of("invoices_lines", "in_1"), ("/v1/invoices/in_1/lines".to_owned(), None));
        assert_eq!(of("products_features", "../a b?"), ("/v1/products/..%2Fa%20b%3F/features".to_owned(), None));
        let named = Some(("customer", "cus_1".to_owned()));
        assert_eq!(
            of("entitlements_active_entitlements", "cus_1"),
            ("/v1/entitlements/active_entitlements".to_owned(), named)
        );
        assert!(by_name("customers_sources").unwrap().has_object("card"));
        assert!(!by_name("charges").unwrap().has_object("card"));
    }

    #[test]
    fn an_entity_is_named_by_its_own_name_or_as_a_default_one() {
        for (selection, name, expected) in [
            ("", "charges", true),
            (" , ", "charges", true),
            ("", "payouts", false),
            ("all", "charges", false),
            ("issuing", "issuing_cards", false),
            ("issuing,issuing-cards", "issuing_cards", true),
            ("charges", "issuing_cards", false),
        ] {
            assert_eq!(is_named(selection, by_name(name).unwrap()), expected, "{name} in '{selection}'");
        }
    }
}
