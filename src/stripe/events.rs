//! The events that report on a list's objects, one row for each list of the registry.
//!
//! Facts from Stripe's OpenAPI description and the types of Stripe's own clients (2026-11-18.endive): the types are the
//! 275 of snapshot events whose `data.object` is an object of the list. How much they report is a judgement from Stripe's
//! documentation and from what others have met. To add a list, add a row.

use super::entities::{ENTITIES, Entity};

/// How much of the changes of a list's objects Stripe's events report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Every change, as far as is known.
    Full,
    /// Some changes: of payment intents, say, each step, but no edit of the metadata.
    Partial,
    /// None: the list has no events, or they are about objects that it does not list. `account.updated` is about the
    /// account itself, which is none of its connected accounts; `customer.tax_id.*` about the tax ids of customers, and
    /// not about the account's own.
    None,
}

impl Coverage {
    /// Its name: `full`, `partial` or `none`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// The events of one list.
#[derive(Debug, PartialEq, Eq)]
pub struct ListEvents {
    /// Name of the list.
    pub entity: &'static str,
    /// How much the events report.
    pub coverage: Coverage,
    /// All types, sorted. `data.object` is an object of the list. Only that of `invoice.upcoming` is not in the list: it
    /// is a preview, and has no id.
    pub types: &'static [&'static str],
    /// The type that reports a new object; `None` if no type does.
    pub created: Option<&'static str>,
    /// A type that reports a change: the most general one. `None` if no type does.
    pub updated: Option<&'static str>,
    /// The type that reports that an object has left the list; `None` if no type does. A subscription that was deleted is
    /// a canceled one, and an app that was deleted an uninstalled one: both stay in their lists.
    pub deleted: Option<&'static str>,
    /// Whether Stripe answers a GET for a deleted object with its id and `"deleted": true`. If not, it answers 404.
    pub deleted_stub: bool,
}

/// The events of a list.
#[must_use]
pub fn of(entity: &Entity) -> &'static ListEvents {
    EVENTS.iter().find(|row| row.entity == entity.name).unwrap_or(&MOST)
}

/// The list whose objects the events of that type report on; `None` if the registry has no such list.
#[must_use]
pub fn list_of(event_type: &str) -> Option<&'static Entity> {
    let row = EVENTS.iter().find(|row| row.types.binary_search(&event_type).is_ok())?;
    ENTITIES.iter().find(|entity| entity.name == row.entity)
}

/// A row of the table below: name, coverage, types, and the differences from most lists.
macro_rules! list {
    ($name:literal, $coverage:ident, $types:expr $(, $field:ident: $value:expr)* $(,)?) => {
        ListEvents { entity: $name, coverage: Coverage::$coverage, types: &$types, $($field: $value,)* ..MOST }
    };
}

/// The values of most lists.
const MOST: ListEvents = ListEvents {
    entity: "",
    coverage: Coverage::None,
    types: &[],
    created: None,
    updated: None,
    deleted: None,
    deleted_stub: false,
};

/// All lists, in the order of the registry.
#[rustfmt::skip]
#[expect(clippy::needless_update, reason = "one row gives every value")]
pub static EVENTS: [ListEvents; 79] = [
    list!("accounts", None, ["account.updated"], updated: Some("account.updated")),
    list!("apple_pay_domains", None, []),
    list!("application_fees", Full, ["application_fee.created", "application_fee.refunded"], created: Some("application_fee.created"), updated: Some("application_fee.refunded")),
    list!("apps_installs", Full, ["apps.install.created", "apps.install.deleted", "apps.install.updated"], created: Some("apps.install.created"), updated: Some("apps.install.updated")),
    list!("balance_transactions", None, []),
    list!("billing_alerts", None, []),
    list!("billing_credit_balance_transactions", Partial, ["billing.credit_balance_transaction.created"], created: Some("billing.credit_balance_transaction.created")),
    list!("billing_credit_grants", Full, ["billing.credit_grant.created", "billing.credit_grant.updated"], created: Some("billing.credit_grant.created"), updated: Some("billing.credit_grant.updated")),
    list!("billing_feedback_options", None, []),
    list!("billing_meters", Full, ["billing.meter.created", "billing.meter.deactivated", "billing.meter.reactivated", "billing.meter.updated"], created: Some("billing.meter.created"), updated: Some("billing.meter.updated")),
    list!("billing_portal_configurations", Full, ["billing_portal.configuration.created", "billing_portal.configuration.updated"], created: Some("billing_portal.configuration.created"), updated: Some("billing_portal.configuration.updated")),
    list!("charges", Full, ["charge.captured", "charge.expired", "charge.failed", "charge.pending", "charge.refunded", "charge.succeeded", "charge.updated"], created: Some("charge.succeeded"), updated: Some("charge.updated")),
    list!("checkout_sessions", Partial, ["checkout.session.async_payment_failed", "checkout.session.async_payment_succeeded", "checkout.session.completed", "checkout.session.expired"], updated: Some("checkout.session.completed")),
    list!("climate_orders", Partial, ["climate.order.canceled", "climate.order.created", "climate.order.delayed", "climate.order.delivered", "climate.order.product_substituted"], created: Some("climate.order.created"), updated: Some("climate.order.delayed")),
    list!("climate_products", Partial, ["climate.product.created", "climate.product.pricing_updated"], created: Some("climate.product.created"), updated: Some("climate.product.pricing_updated")),
    list!("climate_suppliers", None, []),
    list!("country_specs", None, []),
    list!("coupons", Full, ["coupon.created", "coupon.deleted", "coupon.updated"], created: Some("coupon.created"), updated: Some("coupon.updated"), deleted: Some("coupon.deleted")),
    list!("credit_notes", Full, ["credit_note.created", "credit_note.updated", "credit_note.voided"], created: Some("credit_note.created"), updated: Some("credit_note.updated")),
    list!("customers", Full, ["customer.created", "customer.deleted", "customer.updated"], created: Some("customer.created"), updated: Some("customer.updated"), deleted: Some("customer.deleted"), deleted_stub: true),
    list!("disputes", Full, ["charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_reinstated", "charge.dispute.funds_withdrawn", "charge.dispute.updated"], created: Some("charge.dispute.created"), updated: Some("charge.dispute.updated")),
    list!("entitlements_features", None, []),
    list!("events", None, []),
    list!("exchange_rates", None, []),
    list!("file_links", None, []),
    list!("files", Partial, ["file.created"], created: Some("file.created")),
    list!("financial_connections_accounts", Partial, ["financial_connections.account.account_numbers_updated", "financial_connections.account.created", "financial_connections.account.deactivated", "financial_connections.account.disconnected", "financial_connections.account.expected_deactivation_date_updated", "financial_connections.account.reactivated", "financial_connections.account.refreshed_balance", "financial_connections.account.refreshed_ownership", "financial_connections.account.refreshed_transactions", "financial_connections.account.supported_payment_method_types_updated", "financial_connections.account.upcoming_account_number_expiry", "financial_connections.account.upcoming_deactivation"], created: Some("financial_connections.account.created"), updated: Some("financial_connections.account.refreshed_balance")),
    list!("forwarding_requests", None, []),
    list!("identity_verification_reports", None, []),
    list!("identity_verification_sessions", Partial, ["identity.verification_session.canceled", "identity.verification_session.created", "identity.verification_session.processing", "identity.verification_session.redacted", "identity.verification_session.requires_input", "identity.verification_session.verified"], created: Some("identity.verification_session.created"), updated: Some("identity.verification_session.verified")),
    list!("invoice_payments", Partial, ["invoice_payment.paid"], updated: Some("invoice_payment.paid")),
    list!("invoice_rendering_templates", None, []),
    list!("invoiceitems", Partial, ["invoiceitem.created", "invoiceitem.deleted"], created: Some("invoiceitem.created"), deleted: Some("invoiceitem.deleted")),
    list!("invoices", Full, ["invoice.created", "invoice.deleted", "invoice.finalization_failed", "invoice.finalized", "invoice.marked_uncollectible", "invoice.overdue", "invoice.overpaid", "invoice.paid", "invoice.payment_action_required", "invoice.payment_attempt_required", "invoice.payment_failed", "invoice.payment_succeeded", "invoice.sent", "invoice.upcoming", "invoice.updated", "invoice.voided", "invoice.will_be_due"], created: Some("invoice.created"), updated: Some("invoice.updated"), deleted: Some("invoice.deleted")),
    list!("issuing_authorizations", Full, ["issuing_authorization.created", "issuing_authorization.request", "issuing_authorization.updated"], created: Some("issuing_authorization.created"), updated: Some("issuing_authorization.updated")),
    list!("issuing_cardholders", Full, ["issuing_cardholder.created", "issuing_cardholder.updated"], created: Some("issuing_cardholder.created"), updated: Some("issuing_cardholder.updated")),
    list!("issuing_cards", Full, ["issuing_card.created", "issuing_card.updated"], created: Some("issuing_card.created"), updated: Some("issuing_card.updated")),
    list!("issuing_disputes", Full, ["issuing_dispute.closed", "issuing_dispute.created", "issuing_dispute.funds_reinstated", "issuing_dispute.funds_rescinded", "issuing_dispute.submitted", "issuing_dispute.updated"], created: Some("issuing_dispute.created"), updated: Some("issuing_dispute.updated")),
    list!("issuing_personalization_designs", Partial, ["issuing_personalization_design.activated", "issuing_personalization_design.deactivated", "issuing_personalization_design.rejected", "issuing_personalization_design.updated"], updated: Some("issuing_personalization_design.updated")),
    list!("issuing_physical_bundles", None, []),
    list!("issuing_transactions", Full, ["issuing_transaction.created", "issuing_transaction.purchase_details_receipt_updated", "issuing_transaction.updated"], created: Some("issuing_transaction.created"), updated: Some("issuing_transaction.updated")),
    list!("payment_intents", Partial, ["payment_intent.amount_capturable_updated", "payment_intent.canceled", "payment_intent.created", "payment_intent.partially_funded", "payment_intent.payment_failed", "payment_intent.processing", "payment_intent.requires_action", "payment_intent.succeeded"], created: Some("payment_intent.created"), updated: Some("payment_intent.succeeded")),
    list!("payment_links", Full, ["payment_link.created", "payment_link.updated"], created: Some("payment_link.created"), updated: Some("payment_link.updated")),
    list!("payment_method_configurations", None, []),
    list!("payment_method_domains", None, []),
    list!("payment_methods", Partial, ["payment_method.attached", "payment_method.automatically_updated", "payment_method.detached", "payment_method.updated"], created: Some("payment_method.attached"), updated: Some("payment_method.updated")),
    list!("payment_records", None, []),
    list!("payouts", Full, ["payout.canceled", "payout.created", "payout.failed", "payout.paid", "payout.reconciliation_completed", "payout.updated"], created: Some("payout.created"), updated: Some("payout.updated")),
    list!("plans", Full, ["plan.created", "plan.deleted", "plan.updated"], created: Some("plan.created"), updated: Some("plan.updated"), deleted: Some("plan.deleted")),
    list!("prices", Full, ["price.created", "price.deleted", "price.updated"], created: Some("price.created"), updated: Some("price.updated"), deleted: Some("price.deleted")),
    list!("product_catalog_trial_offers", None, []),
    list!("products", Full, ["product.created", "product.deleted", "product.updated"], created: Some("product.created"), updated: Some("product.updated"), deleted: Some("product.deleted")),
    list!("promotion_codes", Full, ["promotion_code.created", "promotion_code.updated"], created: Some("promotion_code.created"), updated: Some("promotion_code.updated")),
    list!("quotes", Partial, ["quote.accepted", "quote.canceled", "quote.created", "quote.finalized"], created: Some("quote.created"), updated: Some("quote.finalized")),
    list!("radar_early_fraud_warnings", Full, ["radar.early_fraud_warning.created", "radar.early_fraud_warning.updated"], created: Some("radar.early_fraud_warning.created"), updated: Some("radar.early_fraud_warning.updated")),
    list!("radar_value_lists", None, []),
    list!("refunds", Full, ["charge.refund.updated", "refund.created", "refund.failed", "refund.updated"], created: Some("refund.created"), updated: Some("refund.updated")),
    list!("reporting_report_runs", Partial, ["reporting.report_run.failed", "reporting.report_run.succeeded"], updated: Some("reporting.report_run.succeeded")),
    list!("reporting_report_types", Partial, ["reporting.report_type.updated"], updated: Some("reporting.report_type.updated")),
    list!("reviews", Partial, ["review.closed", "review.opened"], created: Some("review.opened"), deleted: Some("review.closed")),
    list!("setup_intents", Partial, ["setup_intent.canceled", "setup_intent.created", "setup_intent.requires_action", "setup_intent.setup_failed", "setup_intent.succeeded"], created: Some("setup_intent.created"), updated: Some("setup_intent.succeeded")),
    list!("shipping_rates", None, []),
    list!("sigma_scheduled_query_runs", Partial, ["sigma.scheduled_query_run.created"], created: Some("sigma.scheduled_query_run.created")),
    list!("subscription_schedules", Full, ["subscription_schedule.aborted", "subscription_schedule.canceled", "subscription_schedule.completed", "subscription_schedule.created", "subscription_schedule.expiring", "subscription_schedule.released", "subscription_schedule.updated"], created: Some("subscription_schedule.created"), updated: Some("subscription_schedule.updated")),
    list!("subscriptions", Full, ["customer.subscription.created", "customer.subscription.deleted", "customer.subscription.paused", "customer.subscription.pending_update_applied", "customer.subscription.pending_update_expired", "customer.subscription.resumed", "customer.subscription.trial_will_end", "customer.subscription.updated"], created: Some("customer.subscription.created"), updated: Some("customer.subscription.updated")),
    list!("tax_codes", None, []),
    list!("tax_ids", None, ["customer.tax_id.created", "customer.tax_id.deleted", "customer.tax_id.updated"], created: Some("customer.tax_id.created"), updated: Some("customer.tax_id.updated"), deleted: Some("customer.tax_id.deleted")),
    list!("tax_locations", None, []),
    list!("tax_rates", Full, ["tax_rate.created", "tax_rate.updated"], created: Some("tax_rate.created"), updated: Some("tax_rate.updated")),
    list!("tax_registrations", None, []),
    list!("terminal_configurations", None, [], deleted_stub: true),
    list!("terminal_locations", None, [], deleted_stub: true),
    list!("terminal_readers", Partial, ["terminal.reader.action_failed", "terminal.reader.action_succeeded", "terminal.reader.action_updated"], updated: Some("terminal.reader.action_updated"), deleted_stub: true),
    list!("test_helpers_test_clocks", Full, ["test_helpers.test_clock.advancing", "test_helpers.test_clock.created", "test_helpers.test_clock.deleted", "test_helpers.test_clock.internal_failure", "test_helpers.test_clock.ready"], created: Some("test_helpers.test_clock.created"), updated: Some("test_helpers.test_clock.ready"), deleted: Some("test_helpers.test_clock.deleted")),
    list!("three_d_secure_authentications", Partial, ["three_d_secure.authentication.canceled", "three_d_secure.authentication.challenge_started", "three_d_secure.authentication.errored", "three_d_secure.authentication.failed", "three_d_secure.authentication.requires_challenge", "three_d_secure.authentication.requires_submission", "three_d_secure.authentication.succeeded"], updated: Some("three_d_secure.authentication.succeeded")),
    list!("topups", Partial, ["topup.canceled", "topup.created", "topup.failed", "topup.reversed", "topup.succeeded"], created: Some("topup.created"), updated: Some("topup.succeeded")),
    list!("transfers", Full, ["transfer.created", "transfer.reversed", "transfer.updated"], created: Some("transfer.created"), updated: Some("transfer.updated")),
    list!("treasury_financial_accounts", Partial, ["treasury.financial_account.closed", "treasury.financial_account.created", "treasury.financial_account.features_status_updated"], created: Some("treasury.financial_account.created"), updated: Some("treasury.financial_account.features_status_updated")),
    list!("webhook_endpoints", None, []),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::stripe::entities::by_name;

    #[test]
    fn every_list_of_the_registry_has_its_row() {
        for (entity, row) in ENTITIES.iter().zip(&EVENTS) {
            assert_eq!((entity.name, of(entity)), (row.entity, row));
        }
    }

    #[test]
    fn types_are_sorted_and_each_reports_on_one_list() {
        let all: Vec<&str> = EVENTS.iter().flat_map(|row| row.types.iter().copied()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a type is in two rows");
        for row in &EVENTS {
            assert!(row.types.is_sorted(), "{}", row.entity);
            let is_about_others = ["accounts", "tax_ids"].contains(&row.entity);
            assert_eq!(row.types.is_empty() || is_about_others, row.coverage == Coverage::None, "{}", row.entity);
            assert!(row.types.iter().all(|kind| list_of(kind).is_some_and(|entity| entity.name == row.entity)));
        }
        assert_eq!(list_of("charge.dispute.created"), by_name("disputes"));
        assert_eq!((list_of("balance.available"), list_of("")), (None, None));
    }

    #[test]
    fn the_types_for_what_happens_are_types_of_the_list() {
        for row in &EVENTS {
            for kind in [row.created, row.updated, row.deleted].into_iter().flatten() {
                assert!(row.types.contains(&kind), "{kind} is not in the row of {}", row.entity);
            }
        }
    }

    #[test]
    fn only_objects_that_can_vanish_are_reported_as_gone() {
        for (entity, row) in ENTITIES.iter().zip(&EVENTS) {
            assert!(entity.can_vanish || (row.deleted.is_none() && !row.deleted_stub), "{}", row.entity);
        }
        assert_eq!(of(by_name("subscriptions").unwrap()).deleted, None);
    }
}
