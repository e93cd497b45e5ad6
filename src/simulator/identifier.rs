//! Ids of the objects: they look like Stripe's, and hold the serial number, so that no map from id to object is needed.

use super::chance::{join, mix, of_name, unmix};
use crate::stripe::entities::{Entity, all};

/// Length of the part after the prefix, as in `ch_3MmlLrLkdIwHu7ix0uPVpEm2`.
const TAIL: usize = 24;
/// Characters that hold the 64-bit code.
const CODE: usize = 11;
/// Characters that all ids of one account share, as Stripe's do.
const ACCOUNT: usize = 10;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Prefix of each entity's ids, in the order of the registry. Coupons, plans, prices and products can have ids that the
/// user chose; coupons represent them, with characters that a URL must escape.
static PREFIXES: [(&str, &str); 79] = [
    ("accounts", "acct_"),
    ("apple_pay_domains", "apwc_"),
    ("application_fees", "fee_"),
    ("apps_installs", "appinst_"),
    ("balance_transactions", "txn_"),
    ("billing_alerts", "alrt_"),
    ("billing_credit_balance_transactions", "cbtxn_"),
    ("billing_credit_grants", "credgr_"),
    ("billing_feedback_options", "fbopt_"),
    ("billing_meters", "mtr_"),
    ("billing_portal_configurations", "bpc_"),
    ("charges", "ch_"),
    ("checkout_sessions", "cs_test_"),
    ("climate_orders", "climorder_"),
    ("climate_products", "climsku_"),
    ("climate_suppliers", "climsup_"),
    ("country_specs", "US_"),
    ("coupons", "25% off & more/"),
    ("credit_notes", "cn_"),
    ("customers", "cus_"),
    ("disputes", "du_"),
    ("entitlements_features", "feat_"),
    ("events", "evt_"),
    ("exchange_rates", "usd_"),
    ("file_links", "link_"),
    ("files", "file_"),
    ("financial_connections_accounts", "fca_"),
    ("forwarding_requests", "fwdreq_"),
    ("identity_verification_reports", "vr_"),
    ("identity_verification_sessions", "vs_"),
    ("invoice_payments", "inpay_"),
    ("invoice_rendering_templates", "inrtem_"),
    ("invoiceitems", "ii_"),
    ("invoices", "in_"),
    ("issuing_authorizations", "iauth_"),
    ("issuing_cardholders", "ich_"),
    ("issuing_cards", "ic_"),
    ("issuing_disputes", "idp_"),
    ("issuing_personalization_designs", "ipd_"),
    ("issuing_physical_bundles", "ics_"),
    ("issuing_transactions", "ipi_"),
    ("payment_intents", "pi_"),
    ("payment_links", "plink_"),
    ("payment_method_configurations", "pmc_"),
    ("payment_method_domains", "pmd_"),
    ("payment_methods", "pm_"),
    ("payment_records", "pr_"),
    ("payouts", "po_"),
    ("plans", "plan_"),
    ("prices", "price_"),
    ("product_catalog_trial_offers", "troff_"),
    ("products", "prod_"),
    ("promotion_codes", "promo_"),
    ("quotes", "qt_"),
    ("radar_early_fraud_warnings", "issfr_"),
    ("radar_value_lists", "rsl_"),
    ("refunds", "re_"),
    ("reporting_report_runs", "frr_"),
    ("reporting_report_types", "report.type."),
    ("reviews", "prv_"),
    ("setup_intents", "seti_"),
    ("shipping_rates", "shr_"),
    ("sigma_scheduled_query_runs", "sqr_"),
    ("subscription_schedules", "sub_sched_"),
    ("subscriptions", "sub_"),
    ("tax_codes", "txcd_"),
    ("tax_ids", "txi_"),
    ("tax_locations", "taxloc_"),
    ("tax_rates", "txr_"),
    ("tax_registrations", "taxreg_"),
    ("terminal_configurations", "tmc_"),
    ("terminal_locations", "tml_"),
    ("terminal_readers", "tmr_"),
    ("test_helpers_test_clocks", "clock_"),
    ("three_d_secure_authentications", "tdsa_"),
    ("topups", "tu_"),
    ("transfers", "tr_"),
    ("treasury_financial_accounts", "fa_"),
    ("webhook_endpoints", "we_"),
];

/// Place of the entity in the registry: those of the account first.
pub(super) fn index_of(entity: &Entity) -> usize {
    all().position(|other| other.name == entity.name).unwrap_or_default()
}

/// Makes the ids of one list.
#[derive(Debug, Clone)]
pub(super) struct Identifiers {
    prefix: &'static str,
    /// Number of the list's name.
    name: u64,
    /// It is added to the serial before mixing: equal serials of two lists or two seeds have different ids.
    key: u64,
    account: [u8; ACCOUNT],
    seed: u64,
}

impl Identifiers {
    pub(super) fn new(seed: u64, entity: &'static Entity) -> Self {
        // An entity that is not in the table above yet still has usable ids.
        let prefix = PREFIXES.iter().find(|row| row.0 == entity.name).map_or("obj_", |row| row.1);
        let name = of_name(entity.name);
        Self { prefix, name, key: join(seed, name), account: account_part(seed), seed }
    }

    /// The same for another list of the same account.
    pub(super) fn sibling(&self, entity: &'static Entity) -> Self {
        Self::new(self.seed, entity)
    }

    /// Those of the same list as `other`, in this account.
    pub(super) const fn beside(&self, other: &Self) -> Self {
        let key = join(self.seed, other.name);
        Self { prefix: other.prefix, name: other.name, key, account: self.account, seed: self.seed }
    }

    /// Length of an id, in bytes: the same for all ids of the list.
    pub(super) const fn width(&self) -> usize {
        self.prefix.len() + TAIL
    }

    /// Writes the id of that serial; `place` is [`Self::width`] long.
    pub(super) fn write(&self, serial: u32, place: &mut [u8]) {
        let (prefix, tail) = place.split_at_mut(self.prefix.len());
        prefix.copy_from_slice(self.prefix.as_bytes());
        let code = mix(self.key.wrapping_add(u64::from(serial)));
        let digits: [u8; CODE] = base62(code);
        tail[0] = b'3';
        tail[1..7].copy_from_slice(&digits[..6]);
        tail[7..17].copy_from_slice(&self.account);
        tail[17] = b'0';
        tail[18..23].copy_from_slice(&digits[6..]);
        tail[23] = base62::<1>(mix(code))[0];
    }

    /// The id of that serial.
    pub(super) fn id(&self, serial: u32) -> String {
        let mut bytes = vec![0; self.width()];
        self.write(serial, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The serial in an id; `None` for text that is not an id of this list.
    pub(super) fn serial(&self, id: &str) -> Option<u32> {
        let tail = id.strip_prefix(self.prefix)?.as_bytes();
        if tail.len() != TAIL {
            return None;
        }
        let mut code: u64 = 0;
        for digit in tail[1..7].iter().chain(&tail[18..23]) {
            let value = DIGITS.iter().position(|other| other == digit)?;
            code = code.checked_mul(62)?.checked_add(u64::try_from(value).ok()?)?;
        }
        let serial = u32::try_from(unmix(code).wrapping_sub(self.key)).ok()?;
        // Making the id again compares the parts that hold no code.
        (self.id(serial) == id).then_some(serial)
    }
}

/// Id of the account itself, e.g. `acct_1PgafTB7WZ01zgkW`: it ends with the characters that all its objects' ids share.
pub(super) fn account_id(seed: u64) -> String {
    let head: [u8; 5] = base62(join(seed, 1));
    format!("acct_1{}{}", String::from_utf8_lossy(&head), String::from_utf8_lossy(&account_part(seed)))
}

/// Value of `Request-Id` of the request with that number.
pub(super) fn request_id(seed: u64, number: u64) -> String {
    let code = join(join(seed, 2), number);
    let (head, tail): ([u8; 7], [u8; 7]) = (base62(code), base62(mix(code)));
    format!("req_{}{}", String::from_utf8_lossy(&head), String::from_utf8_lossy(&tail))
}

fn account_part(seed: u64) -> [u8; ACCOUNT] {
    base62(join(seed, 3))
}

/// The last `N` digits of a number, to base 62.
fn base62<const N: usize>(mut number: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(number % 62).unwrap_or_default()];
        number /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::ENTITIES;

    #[test]
    fn every_entity_has_its_own_prefix() {
        for (entity, row) in ENTITIES.iter().zip(&PREFIXES) {
            assert_eq!(entity.name, row.0);
        }
    }

    #[test]
    fn an_id_leads_back_to_its_serial_and_a_forged_one_nowhere() {
        for entity in &ENTITIES {
            let identifiers = Identifiers::new(7, entity);
            for serial in [0, 1, 999_999, u32::MAX] {
                let id = identifiers.id(serial);
                assert_eq!(identifiers.serial(&id), Some(serial), "{id}");
                assert_eq!(identifiers.serial(&id[..id.len() - 1]), None);
                assert_eq!(identifiers.serial(&format!("{}!", &id[..id.len() - 1])), None);
            }
        }
        let charges = Identifiers::new(7, &ENTITIES[3]);
        assert!(charges.serial("ch_x").is_none() && charges.serial("").is_none());
        assert!(Identifiers::new(8, &ENTITIES[3]).serial(&charges.id(5)).is_none(), "another seed, another account");
    }

    #[test]
    fn ids_do_not_sort_by_time() {
        let charges = Identifiers::new(7, &ENTITIES[3]);
        let ids: Vec<String> = (0..100).map(|serial| charges.id(serial)).collect();
        assert!(!ids.is_sorted() && !ids.iter().rev().is_sorted());
    }
}
