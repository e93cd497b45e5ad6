//! The lists that each object of another list has, one row each: its **parents** are those objects.
//!
//! Facts from Stripe's OpenAPI description (2026-08-26.dahlia): the lists whose path has an object's id, and those that
//! must be asked for the objects of one other object. Six lists of that kind are left out, since no list has their parents
//! or all the parameters that they need: `apps_secrets` (a scope), `billing_meters_event_summaries` (a customer and a
//! time), `financial_connections_accounts_owners` (an id inside of the account), and the lists of sources, of tax
//! calculations and of tax transactions. To add a list, add a row.

use super::entities::{Entity, by_name};
use super::registry::MOST;
use super::window::Window;

/// Most items that an object shows of one of its lists.
pub const MOST_SHOWN: usize = 10;

/// What a list is in the objects of another list.
#[derive(Debug, PartialEq, Eq)]
pub struct Parent {
    /// Name of the list of the parents.
    pub entity: &'static str,
    /// The query parameter that names the parent; empty if the path has its id.
    pub parameter: &'static str,
    /// Where a parent shows the first items, as the part of a JSON pointer behind its slash; empty if it shows none.
    pub member: &'static str,
    /// Whether each parent shows them without being asked. Then only parents whose list is cut off are asked for all.
    pub is_shown: bool,
    /// Whether a parent's row shows when its list has changed, as far as is known: events of the parent report it, and the
    /// parent shows its list, or changes with it. If not, all parents are asked again from time to time.
    pub is_reported: bool,
    /// Types of the events whose `data.object` is an item of the list, or a summary of it, sorted. They report a change of
    /// the list, and the parent has no event then.
    pub events: &'static [&'static str],
    /// The member of that object that has the parent's id.
    pub named_by: &'static str,
}

impl Parent {
    /// The list of the parents.
    ///
    /// # Panics
    /// Never: a test looks at each row.
    #[must_use]
    pub fn list(&self) -> &'static Entity {
        by_name(self.entity).expect("the parents of each list are a list")
    }
}

/// A row of the table below: name, path, object, name of the parents' list, and the differences from most lists.
macro_rules! child {
    ($name:literal, $path:literal, $object:literal, of: $parent:literal
        $(, $fact:ident: $known:expr)* $(; $field:ident: $value:expr)* $(,)?) => {
        Entity {
            name: $name,
            path: $path,
            object: $object,
            table: concat!("stripe_", $name, "_raw"),
            window: Window::Whole,
            parent: Some({
                #[allow(unused_mut)]
                let mut parent = Parent { entity: $parent, ..USUAL };
                $(parent.$fact = $known;)*
                parent
            }),
            $($field: $value,)*
            ..MOST
        }
    };
}

const USUAL: Parent =
    Parent { entity: "", parameter: "", member: "", is_shown: false, is_reported: false, events: &[], named_by: "" };

/// The events of cards, bank accounts and sources.
const OF_SOURCES: &[&str] =
    &["customer.source.created", "customer.source.deleted", "customer.source.expiring", "customer.source.updated"];

/// All lists of that kind, by name.
#[rustfmt::skip]
pub static CHILDREN: [Entity; 38] = [
    child!("accounts_capabilities", "/v1/accounts/{id}/capabilities", "capability", of: "accounts"; time_field: None; has_pages: false; group: "connect"; product: "Connect"),
    child!("accounts_external_accounts", "/v1/accounts/{id}/external_accounts", "bank_account|card", of: "accounts", member: "external_accounts"; time_field: None; group: "connect"; product: "Connect"; can_vanish: true),
    child!("accounts_persons", "/v1/accounts/{id}/persons", "person", of: "accounts"; group: "connect"; product: "Connect"; can_vanish: true),
    child!("application_fees_refunds", "/v1/application_fees/{id}/refunds", "fee_refund", of: "application_fees", member: "refunds", is_shown: true, is_reported: true, events: &["application_fee.refund.updated"], named_by: "fee"; group: "connect"),
    child!("charges_refunds", "/v1/charges/{id}/refunds", "refund", of: "charges", member: "refunds"; note: "the list refunds has the same objects"),
    child!("checkout_sessions_line_items", "/v1/checkout/sessions/{id}/line_items", "item", of: "checkout_sessions", member: "line_items", is_reported: true; time_field: None; group: "checkout"),
    child!("credit_notes_lines", "/v1/credit_notes/{id}/lines", "credit_note_line_item", of: "credit_notes", member: "lines", is_shown: true, is_reported: true; time_field: None; group: "billing"),
    child!("customers_balance_transactions", "/v1/customers/{id}/balance_transactions", "customer_balance_transaction", of: "customers", is_reported: true),
    child!("customers_bank_accounts", "/v1/customers/{id}/bank_accounts", "bank_account", of: "customers", is_reported: true, events: OF_SOURCES, named_by: "customer"; time_field: None; can_vanish: true),
    child!("customers_cards", "/v1/customers/{id}/cards", "card", of: "customers", is_reported: true, events: OF_SOURCES, named_by: "customer"; time_field: None; can_vanish: true),
    child!("customers_cash_balance_transactions", "/v1/customers/{id}/cash_balance_transactions", "customer_cash_balance_transaction", of: "customers", is_reported: true, events: &["customer_cash_balance_transaction.created"], named_by: "customer"),
    child!("customers_payment_methods", "/v1/customers/{id}/payment_methods", "payment_method", of: "customers"; can_vanish: true),
    child!("customers_sources", "/v1/customers/{id}/sources", "bank_account|card|source", of: "customers", member: "sources", is_reported: true, events: OF_SOURCES, named_by: "customer"; time_field: None; can_vanish: true),
    child!("customers_subscriptions", "/v1/customers/{id}/subscriptions", "subscription", of: "customers", member: "subscriptions"; can_vanish: true; note: "the list subscriptions has the same objects, and the canceled ones"),
    child!("customers_tax_ids", "/v1/customers/{id}/tax_ids", "tax_id", of: "customers", member: "tax_ids", is_reported: true, events: &["customer.tax_id.created", "customer.tax_id.deleted", "customer.tax_id.updated"], named_by: "customer"; can_vanish: true),
    child!("entitlements_active_entitlements", "/v1/entitlements/active_entitlements", "entitlements.active_entitlement", of: "customers", parameter: "customer", is_reported: true, events: &["entitlements.active_entitlement_summary.updated"], named_by: "customer"; time_field: None; group: "catalog"; can_vanish: true),
    child!("financial_connections_transactions", "/v1/financial_connections/transactions", "financial_connections.transaction", of: "financial_connections_accounts", parameter: "account"; time_field: Some("transacted_at"); group: "financial_connections"; product: "Financial Connections"),
    child!("invoices_lines", "/v1/invoices/{id}/lines", "line_item", of: "invoices", member: "lines", is_shown: true, is_reported: true; time_field: None; group: "billing"; can_vanish: true),
    child!("issuing_tokens", "/v1/issuing/tokens", "issuing.token", of: "issuing_cards", parameter: "card", is_reported: true, events: &["issuing_token.created", "issuing_token.updated"], named_by: "card"; group: "issuing"; product: "Issuing"),
    child!("payment_attempt_records", "/v1/payment_attempt_records", "payment_attempt_record", of: "payment_records", parameter: "payment_record"),
    child!("payment_intents_amount_details_line_items", "/v1/payment_intents/{id}/amount_details_line_items", "payment_intent_amount_details_line_item", of: "payment_intents", member: "amount_details/line_items"; time_field: None),
    child!("payment_links_line_items", "/v1/payment_links/{id}/line_items", "item", of: "payment_links", member: "line_items"; time_field: None; group: "checkout"),
    child!("products_features", "/v1/products/{id}/features", "product_feature", of: "products"; time_field: None; group: "catalog"; can_vanish: true),
    child!("quotes_computed_upfront_line_items", "/v1/quotes/{id}/computed_upfront_line_items", "item", of: "quotes", member: "computed/upfront/line_items", is_reported: true; time_field: None; group: "billing"),
    child!("quotes_line_items", "/v1/quotes/{id}/line_items", "item", of: "quotes", member: "line_items", is_reported: true; time_field: None; group: "billing"),
    child!("radar_value_list_items", "/v1/radar/value_list_items", "radar.value_list_item", of: "radar_value_lists", parameter: "value_list", member: "list_items", is_shown: true; group: "radar"; can_vanish: true),
    child!("setup_attempts", "/v1/setup_attempts", "setup_attempt", of: "setup_intents", parameter: "setup_intent"),
    child!("subscription_items", "/v1/subscription_items", "subscription_item", of: "subscriptions", parameter: "subscription", member: "items", is_shown: true, is_reported: true; group: "billing"; can_vanish: true),
    child!("transfers_reversals", "/v1/transfers/{id}/reversals", "transfer_reversal", of: "transfers", member: "reversals", is_shown: true, is_reported: true; group: "connect"),
    child!("treasury_credit_reversals", "/v1/treasury/credit_reversals", "treasury.credit_reversal", of: "treasury_financial_accounts", parameter: "financial_account", events: &["treasury.credit_reversal.created", "treasury.credit_reversal.posted"], named_by: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_debit_reversals", "/v1/treasury/debit_reversals", "treasury.debit_reversal", of: "treasury_financial_accounts", parameter: "financial_account", events: &["treasury.debit_reversal.completed", "treasury.debit_reversal.created", "treasury.debit_reversal.initial_credit_granted"], named_by: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_inbound_transfers", "/v1/treasury/inbound_transfers", "treasury.inbound_transfer", of: "treasury_financial_accounts", parameter: "financial_account", events: &["treasury.inbound_transfer.canceled", "treasury.inbound_transfer.created", "treasury.inbound_transfer.failed", "treasury.inbound_transfer.succeeded"], named_by: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_outbound_payments", "/v1/treasury/outbound_payments", "treasury.outbound_payment", of: "treasury_financial_accounts", parameter: "financial_account", events: &["treasury.outbound_payment.canceled", "treasury.outbound_payment.created", "treasury.outbound_payment.expected_arrival_date_updated", "treasury.outbound_payment.failed", "treasury.outbound_payment.posted", "treasury.outbound_payment.returned", "treasury.outbound_payment.tracking_details_updated"], named_by: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_outbound_transfers", "/v1/treasury/outbound_transfers", "treasury.outbound_transfer", of: "treasury_financial_accounts", parameter: "financial_account", events: &["treasury.outbound_transfer.canceled", "treasury.outbound_transfer.created", "treasury.outbound_transfer.expected_arrival_date_updated", "treasury.outbound_transfer.failed", "treasury.outbound_transfer.posted", "treasury.outbound_transfer.returned", "treasury.outbound_transfer.tracking_details_updated"], named_by: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_received_credits", "/v1/treasury/received_credits", "treasury.received_credit", of: "treasury_financial_accounts", parameter: "financial_account", events: &["treasury.received_credit.created", "treasury.received_credit.failed", "treasury.received_credit.succeeded"], named_by: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_received_debits", "/v1/treasury/received_debits", "treasury.received_debit", of: "treasury_financial_accounts", parameter: "financial_account", events: &["treasury.received_debit.created"], named_by: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_transaction_entries", "/v1/treasury/transaction_entries", "treasury.transaction_entry", of: "treasury_financial_accounts", parameter: "financial_account"; group: "treasury"; product: "Treasury"),
    child!("treasury_transactions", "/v1/treasury/transactions", "treasury.transaction", of: "treasury_financial_accounts", parameter: "financial_account"; group: "treasury"; product: "Treasury"),
];

/// The lists that each object of that list has.
pub fn of(entity: &Entity) -> impl Iterator<Item = &'static Entity> {
    CHILDREN.iter().filter(|child| child.parent.as_ref().is_some_and(|parent| parent.entity == entity.name))
}

/// What the events of a type report on, if their objects are items of such lists: the lists of one kind of parents.
pub fn of_event(event_type: &str) -> impl Iterator<Item = &'static Parent> {
    let parents = CHILDREN.iter().filter_map(|child| child.parent.as_ref());
    parents.filter(move |parent| parent.events.binary_search(&event_type).is_ok())
}

/// Those of them that each object shows without being asked.
pub fn shown_by(entity: &Entity) -> impl Iterator<Item = &'static Entity> {
    of(entity).filter(|child| child.parent.as_ref().is_some_and(|parent| parent.is_shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::ENTITIES;

    #[test]
    fn each_belongs_to_a_list_and_is_asked_for_one_of_its_objects() {
        assert!(CHILDREN.is_sorted_by_key(|child| child.name));
        for child in &CHILDREN {
            let parent = child.parent.as_ref().unwrap();
            assert!(ENTITIES.contains(parent.list()), "{}", child.name);
            assert_eq!(child.path.matches("{id}").count(), usize::from(parent.parameter.is_empty()), "{}", child.name);
            assert!(!(parent.is_shown && parent.member.is_empty()), "{}", child.name);
            assert!(of(parent.list()).any(|other| other == child));
            assert_eq!((child.group, child.product.is_empty()), (child.group, parent.list().product.is_empty()));
            assert!(!child.default && by_name(child.name) == Some(child));
        }
    }

    #[test]
    fn the_items_of_an_event_name_the_parents_of_one_list() {
        for child in &CHILDREN {
            let parent = child.parent.as_ref().unwrap();
            assert!(parent.events.is_sorted());
            assert_eq!(parent.events.is_empty(), parent.named_by.is_empty(), "{}", child.name);
            for kind in parent.events {
                let names: Vec<_> = of_event(kind).map(|parent| (parent.entity, parent.named_by)).collect();
                assert!(names.iter().all(|name| *name == (parent.entity, parent.named_by)), "{kind}");
            }
        }
        assert_eq!(of_event("customer.source.updated").count(), 3);
        assert_eq!(of_event("charge.updated").count(), 0);
    }

    #[test]
    fn six_are_shown_by_each_parent() {
        let shown: Vec<_> = ENTITIES.iter().flat_map(shown_by).map(|child| child.name).collect();
        let names = ["application_fees_refunds", "credit_notes_lines", "invoices_lines", "radar_value_list_items"];
        assert_eq!(shown, [&names[..], &["subscription_items", "transfers_reversals"]].concat());
    }
}
