//! The registry: which Stripe lists can be landed, one row each.
//!
//! Facts from Stripe's OpenAPI description of API version 2026-08-26.dahlia: every top-level v1 list that pages
//! by cursor, filters on `created` and needs no parameter. To add a list, add a row.

use crate::error::{Error, Result};

/// Where an object says when it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Every object carries this field, in whole seconds since 1970.
    Always(&'static str),
    /// Some objects lack the field, so no time window can cut the list: it is walked whole each run.
    Optional(&'static str),
}

impl Time {
    /// Name of the field.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Always(field) | Self::Optional(field) => field,
        }
    }
}

/// One Stripe list.
#[derive(Debug, PartialEq, Eq)]
pub struct Entity {
    /// Name in options, tables and events, e.g. `charges`.
    pub name: &'static str,
    /// Path of the list, e.g. `/v1/charges`.
    pub path: &'static str,
    /// What `object` says in each element, e.g. `charge`.
    pub object: &'static str,
    /// Name of the raw table, e.g. `stripe_charges_raw`.
    pub table: &'static str,
    /// The field that dates an object.
    pub time: Time,
    /// Query parameters that every request carries, so that Stripe leaves nothing out.
    pub fixed_query: &'static [(&'static str, &'static str)],
    /// Whether listed objects can be deleted or age out.
    pub can_vanish: bool,
    /// Whether a run lands it when no entities are named.
    pub default: bool,
    /// Name of the permission that lets a restricted key read the list, as Stripe's refusals and the address of its form
    /// for keys spell it; empty where it is not known for certain: Stripe's refusal says it then.
    pub permission: &'static str,
    /// What to know about the list; empty where nothing is special.
    pub note: &'static str,
}

impl Entity {
    /// Whether runs may cut the list by `created`.
    #[must_use]
    pub const fn has_window(&self) -> bool {
        matches!(self.time, Time::Always(_))
    }
}

#[expect(clippy::too_many_arguments, reason = "a row of the table below, in its column order")]
const fn row(
    name: &'static str,
    path: &'static str,
    object: &'static str,
    table: &'static str,
    time: Time,
    fixed_query: &'static [(&'static str, &'static str)],
    can_vanish: bool,
    default: bool,
    permission: &'static str,
    note: &'static str,
) -> Entity {
    Entity { name, path, object, table, time, fixed_query, can_vanish, default, permission, note }
}

/// All lists, by name. Columns: name, path, object, table, time field, fixed query, can vanish, default, permission,
/// note.
#[rustfmt::skip]
pub static ENTITIES: [Entity; 42] = [
    row("accounts", "/v1/accounts", "account", "stripe_accounts_raw", Time::Optional("created"), &[], true, false, "rak_connected_account_read", "connected accounts of a platform; old ones may have no created, so the list is walked whole each run"),
    row("application_fees", "/v1/application_fees", "application_fee", "stripe_application_fees_raw", Time::Always("created"), &[], false, false, "rak_application_fee_read", ""),
    row("balance_transactions", "/v1/balance_transactions", "balance_transaction", "stripe_balance_transactions_raw", Time::Always("created"), &[], false, true, "rak_balance_transaction_source_read", "status goes from pending to available after created"),
    row("charges", "/v1/charges", "charge", "stripe_charges_raw", Time::Always("created"), &[], false, true, "rak_charge_read", ""),
    row("checkout_sessions", "/v1/checkout/sessions", "checkout.session", "stripe_checkout_sessions_raw", Time::Always("created"), &[], false, false, "rak_checkout_session_read", ""),
    row("coupons", "/v1/coupons", "coupon", "stripe_coupons_raw", Time::Always("created"), &[], true, false, "rak_coupon_read", ""),
    row("credit_notes", "/v1/credit_notes", "credit_note", "stripe_credit_notes_raw", Time::Always("created"), &[], false, false, "rak_credit_note_read", ""),
    row("customers", "/v1/customers", "customer", "stripe_customers_raw", Time::Always("created"), &[], true, false, "rak_customer_read", "deleted customers leave the list"),
    row("disputes", "/v1/disputes", "dispute", "stripe_disputes_raw", Time::Always("created"), &[], false, false, "rak_dispute_read", ""),
    row("events", "/v1/events", "event", "stripe_events_raw", Time::Always("created"), &[], true, false, "rak_event_read", "Stripe keeps events for 30 days; a body has the API version of its time"),
    row("file_links", "/v1/file_links", "file_link", "stripe_file_links_raw", Time::Always("created"), &[], false, false, "", ""),
    row("files", "/v1/files", "file", "stripe_files_raw", Time::Always("created"), &[], false, false, "rak_file_read", ""),
    row("forwarding_requests", "/v1/forwarding/requests", "forwarding.request", "stripe_forwarding_requests_raw", Time::Always("created"), &[], false, false, "", "needs Forwarding"),
    row("identity_verification_reports", "/v1/identity/verification_reports", "identity.verification_report", "stripe_identity_verification_reports_raw", Time::Always("created"), &[], false, false, "", "needs Identity"),
    row("identity_verification_sessions", "/v1/identity/verification_sessions", "identity.verification_session", "stripe_identity_verification_sessions_raw", Time::Always("created"), &[], false, false, "", "needs Identity"),
    row("invoice_payments", "/v1/invoice_payments", "invoice_payment", "stripe_invoice_payments_raw", Time::Always("created"), &[], false, false, "", ""),
    row("invoiceitems", "/v1/invoiceitems", "invoiceitem", "stripe_invoiceitems_raw", Time::Always("date"), &[], true, false, "", "the time field is date, the filter is created"),
    row("invoices", "/v1/invoices", "invoice", "stripe_invoices_raw", Time::Always("created"), &[], true, true, "rak_invoice_read", "deleted drafts leave the list"),
    row("issuing_authorizations", "/v1/issuing/authorizations", "issuing.authorization", "stripe_issuing_authorizations_raw", Time::Always("created"), &[], false, false, "", "needs Issuing"),
    row("issuing_cardholders", "/v1/issuing/cardholders", "issuing.cardholder", "stripe_issuing_cardholders_raw", Time::Always("created"), &[], false, false, "", "needs Issuing"),
    row("issuing_cards", "/v1/issuing/cards", "issuing.card", "stripe_issuing_cards_raw", Time::Always("created"), &[], false, false, "", "needs Issuing"),
    row("issuing_disputes", "/v1/issuing/disputes", "issuing.dispute", "stripe_issuing_disputes_raw", Time::Always("created"), &[], false, false, "", "needs Issuing"),
    row("issuing_transactions", "/v1/issuing/transactions", "issuing.transaction", "stripe_issuing_transactions_raw", Time::Always("created"), &[], false, false, "", "needs Issuing"),
    row("payment_intents", "/v1/payment_intents", "payment_intent", "stripe_payment_intents_raw", Time::Always("created"), &[], false, true, "rak_payment_intent_read", ""),
    row("payouts", "/v1/payouts", "payout", "stripe_payouts_raw", Time::Always("created"), &[], false, false, "rak_payout_read", ""),
    row("plans", "/v1/plans", "plan", "stripe_plans_raw", Time::Always("created"), &[], true, false, "rak_plan_read", ""),
    row("prices", "/v1/prices", "price", "stripe_prices_raw", Time::Always("created"), &[], false, false, "rak_plan_read", "Stripe may list active prices only"),
    row("products", "/v1/products", "product", "stripe_products_raw", Time::Always("created"), &[], true, false, "rak_product_read", ""),
    row("promotion_codes", "/v1/promotion_codes", "promotion_code", "stripe_promotion_codes_raw", Time::Always("created"), &[], false, false, "", ""),
    row("radar_early_fraud_warnings", "/v1/radar/early_fraud_warnings", "radar.early_fraud_warning", "stripe_radar_early_fraud_warnings_raw", Time::Always("created"), &[], false, false, "", ""),
    row("radar_value_lists", "/v1/radar/value_lists", "radar.value_list", "stripe_radar_value_lists_raw", Time::Always("created"), &[], true, false, "", ""),
    row("refunds", "/v1/refunds", "refund", "stripe_refunds_raw", Time::Always("created"), &[], false, true, "rak_charge_read", ""),
    row("reporting_report_runs", "/v1/reporting/report_runs", "reporting.report_run", "stripe_reporting_report_runs_raw", Time::Always("created"), &[], false, false, "", ""),
    row("reviews", "/v1/reviews", "review", "stripe_reviews_raw", Time::Always("created"), &[], false, false, "", "Stripe lists open reviews only"),
    row("setup_intents", "/v1/setup_intents", "setup_intent", "stripe_setup_intents_raw", Time::Always("created"), &[], false, false, "rak_setup_intent_read", ""),
    row("shipping_rates", "/v1/shipping_rates", "shipping_rate", "stripe_shipping_rates_raw", Time::Always("created"), &[], false, false, "", ""),
    row("subscription_schedules", "/v1/subscription_schedules", "subscription_schedule", "stripe_subscription_schedules_raw", Time::Always("created"), &[], false, false, "", ""),
    row("subscriptions", "/v1/subscriptions", "subscription", "stripe_subscriptions_raw", Time::Always("created"), &[("status", "all")], false, false, "rak_subscription_read", "listed with status=all, else canceled ones are left out"),
    row("tax_rates", "/v1/tax_rates", "tax_rate", "stripe_tax_rates_raw", Time::Always("created"), &[], false, false, "", ""),
    row("topups", "/v1/topups", "topup", "stripe_topups_raw", Time::Always("created"), &[], false, false, "", ""),
    row("transfers", "/v1/transfers", "transfer", "stripe_transfers_raw", Time::Always("created"), &[], false, false, "rak_transfer_read", ""),
    row("treasury_financial_accounts", "/v1/treasury/financial_accounts", "treasury.financial_account", "stripe_treasury_financial_accounts_raw", Time::Always("created"), &[], false, false, "", "needs Treasury"),
];

/// The entity of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Entity> {
    ENTITIES.iter().find(|entity| entity.name == name)
}

/// The entities a selection names: `all`, or names parted by commas; empty means the default ones.
///
/// # Errors
/// A name that is no entity, with the nearest one.
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
                "unknown entity '{name}': did you mean '{}'? `stripe-raw entities` lists them all",
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

/// Levenshtein distance: how many single-character edits part two words.
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
