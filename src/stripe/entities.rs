//! The registry of Stripe lists that can be landed, one row each.
//!
//! Facts from Stripe's OpenAPI description of API version 2026-08-26.dahlia: every top-level v1 list that has pages by
//! cursor, filters on `created` and needs no parameter. To add a list, add a row.

use crate::error::{Error, Result, foreign};

/// One Stripe list.
#[derive(Debug, PartialEq, Eq)]
pub struct Entity {
    /// Name in options, tables and events, e.g. `charges`.
    pub name: &'static str,
    /// Path of the list, e.g. `/v1/charges`.
    pub path: &'static str,
    /// Value of `object` in each element, e.g. `charge`.
    pub object: &'static str,
    /// Name of the raw table, e.g. `stripe_charges_raw`.
    pub table: &'static str,
    /// The field that dates an object, in whole seconds since 1970; `None` if objects have none.
    pub time_field: Option<&'static str>,
    /// Whether Stripe filters the list by `created` without leaving objects out. If it does not, no time window can
    /// limit the list, and each run reads the whole list; its objects may lack the field.
    pub has_window: bool,
    /// Query parameters that every request carries, so that Stripe leaves nothing out.
    pub fixed_query: &'static [(&'static str, &'static str)],
    /// The keys, at any depth, whose values have links that Stripe makes anew for each answer: such a link alone is no
    /// change of the object. (Read at receipts, whose links carry the time of the answer; the others are presumed.)
    pub volatile: &'static [&'static str],
    /// Whether listed objects can be deleted or age out.
    pub can_vanish: bool,
    /// Whether a run lands it if no entities are named.
    pub default: bool,
    /// Name of the permission that lets a restricted key read the list, as Stripe's refusals and the address of its
    /// form for keys spell it; empty if it is not known for certain: then Stripe's refusal names it.
    pub permission: &'static str,
    /// A remark about the list; empty if nothing is special.
    pub note: &'static str,
}

impl Entity {
    /// Name of the field that dates an object; empty if objects have none.
    #[must_use]
    pub const fn dated_by(&self) -> &'static str {
        match self.time_field {
            Some(field) => field,
            None => "",
        }
    }
}

/// A row of the table below: name, path, object, and the differences from most lists.
macro_rules! list {
    ($name:literal, $path:literal, $object:literal $(, $field:ident: $value:expr)* $(,)?) => {
        Entity {
            name: $name,
            path: $path,
            object: $object,
            table: concat!("stripe_", $name, "_raw"),
            $($field: $value,)*
            ..MOST
        }
    };
}

/// The values of most lists.
const MOST: Entity = Entity {
    name: "",
    path: "",
    object: "",
    table: "",
    time_field: Some("created"),
    has_window: true,
    fixed_query: &[],
    volatile: &[],
    can_vanish: false,
    default: false,
    permission: "",
    note: "",
};

/// All lists, by name.
#[rustfmt::skip]
pub static ENTITIES: [Entity; 42] = [
    list!("accounts", "/v1/accounts", "account", has_window: false, can_vanish: true, permission: "rak_connected_account_read", note: "connected accounts of a platform; old ones may have no created, so the list is walked whole each run"),
    list!("application_fees", "/v1/application_fees", "application_fee", permission: "rak_application_fee_read"),
    list!("balance_transactions", "/v1/balance_transactions", "balance_transaction", default: true, permission: "rak_balance_transaction_source_read", note: "status goes from pending to available after created"),
    list!("charges", "/v1/charges", "charge", default: true, volatile: &["receipt_url"], permission: "rak_charge_read"),
    list!("checkout_sessions", "/v1/checkout/sessions", "checkout.session", permission: "rak_checkout_session_read"),
    list!("coupons", "/v1/coupons", "coupon", can_vanish: true, permission: "rak_coupon_read"),
    list!("credit_notes", "/v1/credit_notes", "credit_note", permission: "rak_credit_note_read"),
    list!("customers", "/v1/customers", "customer", can_vanish: true, permission: "rak_customer_read", note: "deleted customers leave the list"),
    list!("disputes", "/v1/disputes", "dispute", permission: "rak_dispute_read"),
    list!("events", "/v1/events", "event", can_vanish: true, volatile: &["receipt_url", "hosted_invoice_url", "invoice_pdf", "next_action"], permission: "rak_event_read", note: "Stripe keeps events for 30 days; a body has the API version of its time"),
    list!("file_links", "/v1/file_links", "file_link", volatile: &["url"]),
    list!("files", "/v1/files", "file", volatile: &["url"], permission: "rak_file_read"),
    list!("forwarding_requests", "/v1/forwarding/requests", "forwarding.request", note: "needs Forwarding"),
    list!("identity_verification_reports", "/v1/identity/verification_reports", "identity.verification_report", note: "needs Identity"),
    list!("identity_verification_sessions", "/v1/identity/verification_sessions", "identity.verification_session", note: "needs Identity"),
    list!("invoice_payments", "/v1/invoice_payments", "invoice_payment"),
    list!("invoiceitems", "/v1/invoiceitems", "invoiceitem", time_field: Some("date"), can_vanish: true, note: "the time field is date, the filter is created"),
    list!("invoices", "/v1/invoices", "invoice", can_vanish: true, default: true, volatile: &["hosted_invoice_url", "invoice_pdf"], permission: "rak_invoice_read", note: "deleted drafts leave the list"),
    list!("issuing_authorizations", "/v1/issuing/authorizations", "issuing.authorization", note: "needs Issuing"),
    list!("issuing_cardholders", "/v1/issuing/cardholders", "issuing.cardholder", note: "needs Issuing"),
    list!("issuing_cards", "/v1/issuing/cards", "issuing.card", note: "needs Issuing"),
    list!("issuing_disputes", "/v1/issuing/disputes", "issuing.dispute", note: "needs Issuing"),
    list!("issuing_transactions", "/v1/issuing/transactions", "issuing.transaction", note: "needs Issuing"),
    list!("payment_intents", "/v1/payment_intents", "payment_intent", default: true, volatile: &["next_action", "receipt_url"], permission: "rak_payment_intent_read"),
    list!("payouts", "/v1/payouts", "payout", permission: "rak_payout_read"),
    list!("plans", "/v1/plans", "plan", can_vanish: true, permission: "rak_plan_read"),
    list!("prices", "/v1/prices", "price", permission: "rak_plan_read", note: "Stripe may list active prices only"),
    list!("products", "/v1/products", "product", can_vanish: true, permission: "rak_product_read"),
    list!("promotion_codes", "/v1/promotion_codes", "promotion_code"),
    list!("radar_early_fraud_warnings", "/v1/radar/early_fraud_warnings", "radar.early_fraud_warning"),
    list!("radar_value_lists", "/v1/radar/value_lists", "radar.value_list", can_vanish: true),
    list!("refunds", "/v1/refunds", "refund", default: true, permission: "rak_charge_read"),
    list!("reporting_report_runs", "/v1/reporting/report_runs", "reporting.report_run"),
    list!("reviews", "/v1/reviews", "review", note: "Stripe lists open reviews only"),
    list!("setup_intents", "/v1/setup_intents", "setup_intent", volatile: &["next_action"], permission: "rak_setup_intent_read"),
    list!("shipping_rates", "/v1/shipping_rates", "shipping_rate"),
    list!("subscription_schedules", "/v1/subscription_schedules", "subscription_schedule"),
    list!("subscriptions", "/v1/subscriptions", "subscription", fixed_query: &[("status", "all")], permission: "rak_subscription_read", note: "listed with status=all, else canceled ones are left out"),
    list!("tax_rates", "/v1/tax_rates", "tax_rate"),
    list!("topups", "/v1/topups", "topup"),
    list!("transfers", "/v1/transfers", "transfer", permission: "rak_transfer_read"),
    list!("treasury_financial_accounts", "/v1/treasury/financial_accounts", "treasury.financial_account", note: "needs Treasury"),
];

/// The entity of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Entity> {
    ENTITIES.iter().find(|entity| entity.name == name)
}

/// The entities that a selection names: `all`, or names separated by commas; empty means the default ones.
///
/// # Errors
/// A name that is not an entity's; the error gives the nearest one.
pub fn select(selection: &str) -> Result<Vec<&'static Entity>> {
    let names: Vec<String> =
        selection.split(',').map(|name| name.trim().replace('-', "_")).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Ok(ENTITIES.iter().filter(|entity| entity.default).collect());
    }
    if names.iter().any(|name| name == "all") {
        return Ok(ENTITIES.iter().collect());
    }
    let mut selected: Vec<&'static Entity> = Vec::new();
    for name in names {
        let entity = by_name(&name).ok_or_else(|| {
            Error::usage(format!(
                "unknown entity '{}': did you mean '{}'? `stripe-raw entities` lists them all",
                foreign(&name),
                nearest(&name)
            ))
        })?;
        if !selected.contains(&entity) {
            selected.push(entity);
        }
    }
    Ok(selected)
}

fn nearest(name: &str) -> &'static str {
    ENTITIES.iter().map(|entity| entity.name).min_by_key(|candidate| distance(name, candidate)).unwrap_or("charges")
}

/// Levenshtein distance: the number of single-character edits between two words.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut costs: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.chars().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = row + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = costs[column + 1];
            costs[column + 1] = replaced.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    costs[right.len()]
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
        for entity in &ENTITIES {
            let name = entity.path.strip_prefix("/v1/").unwrap().replace('/', "_");
            assert_eq!((entity.name, entity.table), (name.as_str(), format!("stripe_{name}_raw").as_str()));
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let message = select("charges,refund").unwrap_err().to_string();
        assert!(message.contains("unknown entity 'refund'") && message.contains("'refunds'"), "{message}");
    }

    #[test]
    fn hyphens_repeats_and_all_are_understood() {
        assert_eq!(select("payment-intents,charges,charges").unwrap().len(), 2);
        assert_eq!(select("all").unwrap().len(), ENTITIES.len());
    }
}
