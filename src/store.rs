//! The owner of a lake: one account, one mode, one server. They are kept as properties of its checkpoint table.

use std::collections::BTreeMap;

use crate::error::{Error, Remedy, Result, foreign};

/// Version of the tables' layout: a lake with a newer one is refused, and one with an older one is upgraded.
pub const LAYOUT_VERSION: &str = "2";
/// Versions that a run upgrades: it adds the columns that they lack.
const EARLIER_LAYOUTS: [&str; 1] = ["1"];
/// Property of every table: the lake's id.
pub const STORE_ID: &str = "stripe_raw.store_id";
/// Property of every table: version of its columns.
pub const LAYOUT: &str = "stripe_raw.layout_version";
const ORIGIN: &str = "stripe_raw.origin";
const MODE: &str = "stripe_raw.mode";
const ACCOUNT: &str = "stripe_raw.account";

/// The owner of the objects that a process is about to land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The API's base URL.
    pub origin: String,
    /// `test` or `live`.
    pub mode: &'static str,
    /// The key's account, if the key may read it.
    pub account: Option<String>,
}

impl Identity {
    /// Properties of a new lake's checkpoint table.
    #[must_use]
    pub fn properties(&self, store_id: &str) -> BTreeMap<String, String> {
        let mut properties = BTreeMap::from([
            (STORE_ID.to_owned(), store_id.to_owned()),
            (LAYOUT.to_owned(), LAYOUT_VERSION.to_owned()),
            (ORIGIN.to_owned(), self.origin.clone()),
            (MODE.to_owned(), self.mode.to_owned()),
        ]);
        properties.extend(self.account.clone().map(|account| (ACCOUNT.to_owned(), account)));
        properties
    }

    /// Properties that this identity knows and the lake does not hold yet: the account, if no answer named it before.
    #[must_use]
    pub fn missing(&self, properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let account = self.account.clone().filter(|_| text_of(properties, ACCOUNT).is_none());
        account.into_iter().map(|account| (ACCOUNT.to_owned(), account)).collect()
    }

    /// Properties that make a lake of ours this identity's, if it is another's: only for a lake that has no rows yet.
    /// An account that is not known becomes an empty text, since properties are only ever added.
    #[must_use]
    pub fn rebinding(&self, properties: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
        let ours = self.properties(properties.get(STORE_ID)?);
        let account = (ACCOUNT.to_owned(), self.account.clone().unwrap_or_default());
        (is_known_layout(layout_of(properties)) && self.check(properties, "").is_err())
            .then(|| ours.into_iter().chain([account]).collect())
    }

    /// Checks that the lake at `place` is this identity's.
    ///
    /// # Errors
    /// The property that differs, with both sides.
    pub fn check(&self, properties: &BTreeMap<String, String>, place: &str) -> Result<()> {
        let place = foreign(place);
        if !properties.contains_key(STORE_ID) {
            return Err(Error::usage(format!(
                "the checkpoint table at {place} was not made by stripe-raw: choose another lake or checkpoint table"
            )));
        }
        let layout = layout_of(properties);
        if !is_known_layout(layout) {
            return Err(Error::usage(format!(
                "the lake at {place} has layout {}, but this version writes layout {LAYOUT_VERSION}: use the version \
                 that made it",
                foreign(layout)
            )));
        }
        let account = self.account.as_deref();
        let ours = [
            ("server", ORIGIN, Some(self.origin.as_str())),
            ("mode", MODE, Some(self.mode)),
            ("account", ACCOUNT, account),
        ];
        for (what, property, ours) in ours {
            let Some((theirs, ours)) = text_of(properties, property).zip(ours) else { continue };
            if theirs != ours {
                return Err(Error::usage(format!(
                    "the lake at {place} belongs to {what} {}, but this key and address belong to {what} {}: choose \
                     another lake",
                    foreign(theirs),
                    foreign(ours)
                )));
            }
        }
        Ok(())
    }
}

fn layout_of(properties: &BTreeMap<String, String>) -> &str {
    properties.get(LAYOUT).map_or("none", String::as_str)
}

fn is_known_layout(layout: &str) -> bool {
    layout == LAYOUT_VERSION || EARLIER_LAYOUTS.contains(&layout)
}

/// The text of a property, if it has one.
fn text_of<'a>(properties: &'a BTreeMap<String, String>, property: &str) -> Option<&'a str> {
    properties.get(property).map(String::as_str).filter(|text| !text.is_empty())
}

/// Longest name of an account, in bytes.
const LONGEST_ACCOUNT: usize = 255;

/// Checks the name of a connected account, which becomes a header: its id, or the path to it (`Stripe-Context`) from an
/// organisation or a platform, such as `acct_platform/acct_connected`.
///
/// # Errors
/// It is no such name.
pub fn check_account(account: &str) -> Result<()> {
    let is_id = |id: &str, prefix: &str| {
        id.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    let (parents, last) = account.rsplit_once('/').map_or((None, account), |(parents, last)| (Some(parents), last));
    let mut parents = parents.into_iter().flat_map(|parents| parents.split('/'));
    let fits = is_id(last, "acct_") && parents.all(|id| is_id(id, "acct_") || is_id(id, "org_"));
    if fits && account.len() <= LONGEST_ACCOUNT {
        Ok(())
    } else {
        Err(Error::usage(format!(
            "'{}' is not the id of a connected account: such an id begins with acct_",
            foreign(account)
        )))
    }
}

/// Checks that a raw table is one of the lake's.
///
/// # Errors
/// It belongs to another lake.
pub fn check_raw_table(properties: &BTreeMap<String, String>, store_id: &str, place: &str) -> Result<()> {
    let place = foreign(place);
    let theirs = properties.get(STORE_ID).map_or("none", String::as_str);
    if theirs != store_id {
        return Err(Error::new(
            crate::error::Class::Table,
            format!(
                "the raw table at {place} belongs to store {}, its checkpoint table to store {}: one of them was replaced",
                foreign(theirs),
                foreign(store_id)
            ),
        )
        .with(Remedy::NewRawTable));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { origin: "https://api.stripe.com".to_owned(), mode: "live", account: Some("acct_1".to_owned()) }
    }

    #[test]
    fn a_lake_belongs_to_its_maker() {
        assert_eq!(identity().check(&identity().properties("s"), "lake"), Ok(()));
    }

    #[test]
    fn another_account_mode_or_server_is_refused_and_both_sides_named() {
        let lake = identity().properties("s");
        let others = [
            (Identity { account: Some("acct_2".to_owned()), ..identity() }, "acct_1", "acct_2"),
            (Identity { mode: "test", ..identity() }, "live", "test"),
            (
                Identity { origin: "http://127.0.0.1:1".to_owned(), ..identity() },
                "https://api.stripe.com",
                "http://127.0.0.1:1",
            ),
        ];
        for (other, theirs, ours) in others {
            let message = other.check(&lake, "lake").unwrap_err().to_string();
            assert!(message.contains(theirs) && message.contains(ours), "{message}");
        }
    }

    #[test]
    fn an_account_that_cannot_be_read_is_not_held_against_the_key() {
        let unread = Identity { account: None, ..identity() };
        assert_eq!(unread.check(&identity().properties("s"), "lake"), Ok(()));
    }

    #[test]
    fn an_account_that_is_learnt_later_is_missing_in_the_lake() {
        let unread = Identity { account: None, ..identity() };
        let lake = unread.properties("s");
        assert_eq!(identity().missing(&lake), BTreeMap::from([(ACCOUNT.to_owned(), "acct_1".to_owned())]));
        assert!(identity().missing(&identity().properties("s")).is_empty() && unread.missing(&lake).is_empty());
    }

    #[test]
    fn the_lake_of_another_becomes_ours_by_its_properties() {
        let unread = Identity { account: None, ..identity() };
        let test = Identity { mode: "test", account: Some("acct_2".to_owned()), ..identity() };
        assert_eq!(identity().rebinding(&identity().properties("s")), None);
        assert_eq!(unread.rebinding(&identity().properties("s")), None);
        for (ours, theirs) in [(&test, &identity()), (&identity(), &test), (&unread, &test)] {
            let mut lake = theirs.properties("s");
            lake.extend(ours.rebinding(&lake).unwrap());
            assert_eq!(ours.check(&lake, "lake"), Ok(()));
            assert!(theirs.check(&lake, "lake").is_err() && lake.get(STORE_ID).unwrap() == "s");
        }
        let mut lake = test.properties("s");
        lake.extend(unread.rebinding(&lake).unwrap());
        assert_eq!(identity().missing(&lake), BTreeMap::from([(ACCOUNT.to_owned(), "acct_1".to_owned())]));
        for property in [STORE_ID, LAYOUT] {
            let mut lake = test.properties("s");
            lake.remove(property);
            assert_eq!(identity().rebinding(&lake), None, "a lake that is not ours is not taken over");
        }
    }

    #[test]
    fn an_account_is_letters_and_digits_behind_its_prefix() {
        for account in ["acct_1Abc", "acct_1/acct_2", "org_1/acct_2"] {
            assert!(check_account(account).is_ok(), "{account}");
        }
        for other in ["acct_", "acct_1/2", "acct_1/", "/acct_1", "acct_1/org_1", "acct_1\r\nX: y", "ac_1", ""] {
            assert!(check_account(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_raw_table_of_another_lake_is_refused() {
        let properties = BTreeMap::from([(STORE_ID.to_owned(), "a".to_owned())]);
        assert!(check_raw_table(&properties, "a", "t").is_ok());
        assert!(check_raw_table(&properties, "b", "t").is_err());
    }
}
