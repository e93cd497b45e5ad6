//! The lists inside of objects that Stripe cuts after ten items, one row each.
//!
//! Facts from Stripe's OpenAPI description (2026-08-26.dahlia): those that an object always has. Sub-lists that come
//! only if they are expanded are not among them.

use super::entities::Entity;

/// Most items that an object shows of one of its sub-lists.
pub const MOST_ITEMS: usize = 10;

/// A list inside of each object of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct SubList {
    /// Name of the list whose objects have it.
    pub entity: &'static str,
    /// The object's member that holds it.
    pub member: &'static str,
    /// Value of `object` in each item.
    pub object: &'static str,
    /// Path of the whole list, with a placeholder for the object's id if that is in it.
    pub path: &'static str,
    /// The query parameter that names the object; empty if the path has its id.
    pub parameter: &'static str,
}

impl SubList {
    /// The address of the whole list of one object, as the object gives it. The ids of such objects have no character
    /// that a URL must escape.
    #[must_use]
    pub fn url(&self, id: &str) -> String {
        match (self.path.split_once("{id}"), self.parameter) {
            (Some((before, after)), _) => format!("{before}{id}{after}"),
            (None, parameter) => format!("{}?{parameter}={id}", self.path),
        }
    }
}

/// The sub-list that the objects of a list have.
#[must_use]
pub fn of(entity: &Entity) -> Option<&'static SubList> {
    SUBLISTS.iter().find(|row| row.entity == entity.name)
}

/// All sub-lists, in the order of the registry.
#[rustfmt::skip]
pub static SUBLISTS: [SubList; 6] = [
    SubList { entity: "application_fees", member: "refunds", object: "fee_refund", path: "/v1/application_fees/{id}/refunds", parameter: "" },
    SubList { entity: "credit_notes", member: "lines", object: "credit_note_line_item", path: "/v1/credit_notes/{id}/lines", parameter: "" },
    SubList { entity: "invoices", member: "lines", object: "line_item", path: "/v1/invoices/{id}/lines", parameter: "" },
    SubList { entity: "radar_value_lists", member: "list_items", object: "radar.value_list_item", path: "/v1/radar/value_list_items", parameter: "value_list" },
    SubList { entity: "subscriptions", member: "items", object: "subscription_item", path: "/v1/subscription_items", parameter: "subscription" },
    SubList { entity: "transfers", member: "reversals", object: "transfer_reversal", path: "/v1/transfers/{id}/reversals", parameter: "" },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;

    #[test]
    fn each_belongs_to_a_list_and_its_address_names_one_object() {
        assert!(SUBLISTS.is_sorted_by_key(|row| row.entity));
        for row in &SUBLISTS {
            let entity = by_name(row.entity).unwrap();
            assert_eq!(of(entity), Some(row));
            assert_eq!(row.path.contains("{id}"), row.parameter.is_empty(), "{}", row.entity);
            assert!(row.parameter.is_empty() || entity.object.ends_with(row.parameter), "{}", row.entity);
            assert_eq!(row.url("x_1").matches("x_1").count(), 1);
        }
        assert_eq!(of(by_name("charges").unwrap()), None);
    }
}
