//! The registry of Stripe's top-level lists, one row each. (`children` has those of single objects.)
//!
//! Facts from Stripe's OpenAPI description of API version 2026-08-26.dahlia, and for the four lists that are newer from
//! the types of Stripe's own clients (2026-10-28.endive): every top-level v1 list that needs no parameter of a parent. To
//! add a list, add a row.

use super::entities::{Due, Entity};
use super::window::Window;

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
pub(crate) const MOST: Entity = Entity {
    name: "",
    path: "",
    object: "",
    table: "",
    time_field: Some("created"),
    window: Window::Created,
    has_pages: true,
    fixed_query: &[],
    volatile: &[],
    expandable: &[],
    can_vanish: false,
    due: None,
    parent: None,
    default: false,
    group: "core",
    product: "",
    permission: "",
    note: "",
};

/// A balance transaction becomes available.
const AVAILABLE: Due = Due { at: "available_on", state: "status", waiting: "pending" };

/// All lists, by name.
#[rustfmt::skip]
pub static ENTITIES: [Entity; 79] = [
    list!("accounts", "/v1/accounts", "account", expandable: &["external_accounts"], window: Window::Whole, group: "connect", product: "Connect", can_vanish: true, permission: "rak_connected_account_read", note: "connected accounts of a platform; old ones may have no created, so the list is read whole each run"),
    list!("apple_pay_domains", "/v1/apple_pay/domains", "apple_pay_domain", window: Window::Client, can_vanish: true),
    list!("application_fees", "/v1/application_fees", "application_fee", group: "connect", permission: "rak_application_fee_read"),
    list!("apps_installs", "/v1/apps/installs", "apps.install", group: "apps", product: "Stripe Apps"),
    list!("balance_transactions", "/v1/balance_transactions", "balance_transaction", default: true, due: Some(AVAILABLE), permission: "rak_balance_transaction_source_read", note: "status goes from pending to available after created"),
    list!("billing_alerts", "/v1/billing/alerts", "billing.alert", window: Window::Whole, time_field: None, group: "billing"),
    list!("billing_credit_balance_transactions", "/v1/billing/credit_balance_transactions", "billing.credit_balance_transaction", window: Window::Client, group: "billing"),
    list!("billing_credit_grants", "/v1/billing/credit_grants", "billing.credit_grant", window: Window::Client, group: "billing"),
    list!("billing_feedback_options", "/v1/billing/feedback_options", "billing.feedback_option", window: Window::Whole, time_field: None, group: "billing"),
    list!("billing_meters", "/v1/billing/meters", "billing.meter", window: Window::Client, group: "billing"),
    list!("billing_portal_configurations", "/v1/billing_portal/configurations", "billing_portal.configuration", window: Window::Client, group: "billing"),
    list!("charges", "/v1/charges", "charge", expandable: &["refunds"], default: true, volatile: &["receipt_url"], permission: "rak_charge_read"),
    list!("checkout_sessions", "/v1/checkout/sessions", "checkout.session", expandable: &["line_items"], group: "checkout", permission: "rak_checkout_session_read"),
    list!("climate_orders", "/v1/climate/orders", "climate.order", window: Window::Client, group: "climate", product: "Climate"),
    list!("climate_products", "/v1/climate/products", "climate.product", window: Window::Client, group: "climate", product: "Climate"),
    list!("climate_suppliers", "/v1/climate/suppliers", "climate.supplier", window: Window::Whole, time_field: None, group: "climate", product: "Climate"),
    list!("country_specs", "/v1/country_specs", "country_spec", window: Window::Whole, time_field: None, group: "connect", note: "the same for all accounts"),
    list!("coupons", "/v1/coupons", "coupon", group: "catalog", can_vanish: true, permission: "rak_coupon_read"),
    list!("credit_notes", "/v1/credit_notes", "credit_note", group: "billing", permission: "rak_credit_note_read"),
    list!("customers", "/v1/customers", "customer", expandable: &["sources", "subscriptions", "tax_ids"], can_vanish: true, permission: "rak_customer_read", note: "deleted customers leave the list"),
    list!("disputes", "/v1/disputes", "dispute", permission: "rak_dispute_read"),
    list!("entitlements_features", "/v1/entitlements/features", "entitlements.feature", window: Window::Whole, time_field: None, group: "catalog"),
    list!("events", "/v1/events", "event", can_vanish: true, volatile: &["receipt_url", "hosted_invoice_url", "invoice_pdf", "next_action"], permission: "rak_event_read", note: "Stripe keeps events for 30 days; a body has the API version of its time"),
    list!("exchange_rates", "/v1/exchange_rates", "exchange_rate", window: Window::Whole, time_field: None, note: "the same for all accounts; deprecated by Stripe"),
    list!("file_links", "/v1/file_links", "file_link", volatile: &["url"]),
    list!("files", "/v1/files", "file", expandable: &["links"], volatile: &["url"], permission: "rak_file_read"),
    list!("financial_connections_accounts", "/v1/financial_connections/accounts", "financial_connections.account", window: Window::Client, group: "financial_connections", product: "Financial Connections"),
    list!("forwarding_requests", "/v1/forwarding/requests", "forwarding.request", group: "forwarding", product: "Forwarding"),
    list!("identity_verification_reports", "/v1/identity/verification_reports", "identity.verification_report", group: "identity", product: "Identity"),
    list!("identity_verification_sessions", "/v1/identity/verification_sessions", "identity.verification_session", group: "identity", product: "Identity"),
    list!("invoice_payments", "/v1/invoice_payments", "invoice_payment", group: "billing"),
    list!("invoice_rendering_templates", "/v1/invoice_rendering_templates", "invoice_rendering_template", window: Window::Client, group: "billing"),
    list!("invoiceitems", "/v1/invoiceitems", "invoiceitem", time_field: Some("date"), group: "billing", can_vanish: true, note: "the time field is date, the filter is created"),
    list!("invoices", "/v1/invoices", "invoice", expandable: &["payments"], group: "billing", can_vanish: true, default: true, volatile: &["hosted_invoice_url", "invoice_pdf"], permission: "rak_invoice_read", note: "deleted drafts leave the list"),
    list!("issuing_authorizations", "/v1/issuing/authorizations", "issuing.authorization", group: "issuing", product: "Issuing"),
    list!("issuing_cardholders", "/v1/issuing/cardholders", "issuing.cardholder", group: "issuing", product: "Issuing"),
    list!("issuing_cards", "/v1/issuing/cards", "issuing.card", group: "issuing", product: "Issuing"),
    list!("issuing_disputes", "/v1/issuing/disputes", "issuing.dispute", group: "issuing", product: "Issuing"),
    list!("issuing_personalization_designs", "/v1/issuing/personalization_designs", "issuing.personalization_design", window: Window::Client, group: "issuing", product: "Issuing"),
    list!("issuing_physical_bundles", "/v1/issuing/physical_bundles", "issuing.physical_bundle", window: Window::Whole, time_field: None, group: "issuing", product: "Issuing"),
    list!("issuing_transactions", "/v1/issuing/transactions", "issuing.transaction", group: "issuing", product: "Issuing"),
    list!("payment_intents", "/v1/payment_intents", "payment_intent", default: true, volatile: &["next_action", "receipt_url"], permission: "rak_payment_intent_read"),
    list!("payment_links", "/v1/payment_links", "payment_link", expandable: &["line_items"], window: Window::Whole, time_field: None, group: "checkout"),
    list!("payment_method_configurations", "/v1/payment_method_configurations", "payment_method_configuration", window: Window::Whole, time_field: None),
    list!("payment_method_domains", "/v1/payment_method_domains", "payment_method_domain", window: Window::Client),
    list!("payment_methods", "/v1/payment_methods", "payment_method", window: Window::Client, note: "of all types but custom, attached or not"),
    list!("payment_records", "/v1/payment_records", "payment_record", window: Window::AfterBefore, note: "the filters are created_after and created_before"),
    list!("payouts", "/v1/payouts", "payout", permission: "rak_payout_read"),
    list!("plans", "/v1/plans", "plan", group: "catalog", can_vanish: true, permission: "rak_plan_read"),
    list!("prices", "/v1/prices", "price", expandable: &["currency_options", "tiers"], group: "catalog", permission: "rak_plan_read", can_vanish: true, note: "Stripe may list active prices only"),
    list!("product_catalog_trial_offers", "/v1/product_catalog/trial_offers", "product_catalog.trial_offer", window: Window::Whole, time_field: None, group: "catalog", product: "trial offers"),
    list!("products", "/v1/products", "product", group: "catalog", can_vanish: true, permission: "rak_product_read"),
    list!("promotion_codes", "/v1/promotion_codes", "promotion_code", group: "catalog"),
    list!("quotes", "/v1/quotes", "quote", expandable: &["line_items"], window: Window::Client, group: "billing"),
    list!("radar_early_fraud_warnings", "/v1/radar/early_fraud_warnings", "radar.early_fraud_warning", group: "radar"),
    list!("radar_value_lists", "/v1/radar/value_lists", "radar.value_list", group: "radar", can_vanish: true),
    list!("refunds", "/v1/refunds", "refund", default: true, permission: "rak_charge_read"),
    list!("reporting_report_runs", "/v1/reporting/report_runs", "reporting.report_run", group: "reporting"),
    list!("reporting_report_types", "/v1/reporting/report_types", "reporting.report_type", window: Window::Whole, time_field: None, has_pages: false, group: "reporting", note: "one page, which is not split further"),
    list!("reviews", "/v1/reviews", "review", group: "radar", can_vanish: true, note: "Stripe lists open reviews only"),
    list!("setup_intents", "/v1/setup_intents", "setup_intent", volatile: &["next_action"], permission: "rak_setup_intent_read"),
    list!("shipping_rates", "/v1/shipping_rates", "shipping_rate", group: "catalog"),
    list!("sigma_scheduled_query_runs", "/v1/sigma/scheduled_query_runs", "scheduled_query_run", window: Window::Client, group: "reporting", product: "Sigma (live mode only)"),
    list!("subscription_schedules", "/v1/subscription_schedules", "subscription_schedule", group: "billing"),
    list!("subscriptions", "/v1/subscriptions", "subscription", group: "billing", fixed_query: &[("status", "all")], permission: "rak_subscription_read", note: "listed with status=all, else canceled ones are left out"),
    list!("tax_codes", "/v1/tax_codes", "tax_code", window: Window::Whole, time_field: None, group: "tax", note: "the same for all accounts"),
    list!("tax_ids", "/v1/tax_ids", "tax_id", window: Window::Client, group: "tax", can_vanish: true),
    list!("tax_locations", "/v1/tax/locations", "tax.location", window: Window::Whole, time_field: None, group: "tax", product: "Tax", fixed_query: &[("type", "performance")], note: "listed with type=performance, the only one that there is"),
    list!("tax_rates", "/v1/tax_rates", "tax_rate", group: "tax"),
    list!("tax_registrations", "/v1/tax/registrations", "tax.registration", window: Window::Client, group: "tax"),
    list!("terminal_configurations", "/v1/terminal/configurations", "terminal.configuration", window: Window::Whole, time_field: None, group: "terminal", can_vanish: true),
    list!("terminal_locations", "/v1/terminal/locations", "terminal.location", window: Window::Whole, time_field: None, group: "terminal", can_vanish: true),
    list!("terminal_readers", "/v1/terminal/readers", "terminal.reader", window: Window::Whole, time_field: None, group: "terminal", can_vanish: true),
    list!("test_helpers_test_clocks", "/v1/test_helpers/test_clocks", "test_helpers.test_clock", window: Window::Client, group: "billing", product: "test clocks (test mode only)", can_vanish: true),
    list!("three_d_secure_authentications", "/v1/three_d_secure/authentications", "three_d_secure.authentication", product: "standalone 3D Secure"),
    list!("topups", "/v1/topups", "topup", group: "connect"),
    list!("transfers", "/v1/transfers", "transfer", group: "connect", permission: "rak_transfer_read"),
    list!("treasury_financial_accounts", "/v1/treasury/financial_accounts", "treasury.financial_account", group: "treasury", product: "Treasury"),
    list!("webhook_endpoints", "/v1/webhook_endpoints", "webhook_endpoint", window: Window::Client, can_vanish: true),
];
