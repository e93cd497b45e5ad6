//! The content that events promise for a raw table, as questions to it: no run may continue on a table that has lost a
//! commit.

use std::cmp::Ordering;

use super::commit::{app_id, named_commit};
use super::{Condition, Value};
use crate::checkpoint::{Extent, History, Landed};

/// The rows of an account's objects of one second.
#[must_use]
pub fn rows_of_second(second: i64, account: Option<String>) -> Vec<Condition> {
    let created = Value::Timestamp(second.saturating_mul(1_000_000));
    vec![("_stripe_account", "=", Value::Text(account)), ("_stripe_created_at", "=", created)]
}

/// The content that events promise for one account in the raw table of one entity.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Application id of the raw table's transaction.
    pub app_id: String,
    landed: Landed,
    account: Option<String>,
}

impl Promise {
    /// The promise of that entity's and account's events; `None` if they describe no row.
    #[must_use]
    pub fn of(history: &History, extent: Extent, store_id: &str, entity: &str, account: Option<&str>) -> Option<Self> {
        let landed = history.landed(extent)?;
        Some(Self { app_id: app_id(store_id, entity, account), landed, account: account.map(str::to_owned) })
    }

    /// The lowest version that the transaction can have.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.landed.version
    }

    /// The rows that must be there: those of the newest commit, if it is known, else any of the account.
    #[must_use]
    pub fn newest_rows(&self) -> Vec<Condition> {
        self.landed.newest.as_ref().map_or_else(
            || self.any_rows(),
            |(run_id, version)| {
                vec![
                    ("_ingest_run_id", "=", Value::Text(Some(run_id.clone()))),
                    ("_commit_version", "=", Value::Long(*version)),
                ]
            },
        )
    }

    /// The rows of the account.
    #[must_use]
    pub fn any_rows(&self) -> Vec<Condition> {
        vec![("_stripe_account", "=", Value::Text(self.account.clone()))]
    }

    /// Whether the newest commit can have landed although the table has none of its rows any more. It goes by the user
    /// metadata of the table's commits, and by whether the table's creation is among them: for tables that do not give
    /// their transaction's version.
    ///
    /// An owner may erase rows, even the only row of a commit. Then the commit itself is still in the history. It is
    /// certainly lost only if the history reaches back beyond it, to the table's creation or to an older commit of the
    /// same run (its fence, at the latest), and still does not have that commit. A history that was cut off later
    /// proves nothing.
    #[must_use]
    pub fn may_be_among<'a>(&self, commits: impl IntoIterator<Item = &'a str>, from_creation: bool) -> bool {
        let Some((run_id, version)) = &self.landed.newest else { return false };
        let named = commits.into_iter().filter_map(named_commit);
        let seen: Vec<Ordering> = named.filter(|(run, _)| run == run_id).map(|(_, other)| other.cmp(version)).collect();
        let reaches_back = from_creation || seen.contains(&Ordering::Less);
        seen.contains(&Ordering::Equal) || !reaches_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(newest: Option<(&str, i64)>) -> Promise {
        let newest = newest.map(|(run_id, version)| (run_id.to_owned(), version));
        Promise { app_id: String::new(), landed: Landed { version: 0, newest }, account: None }
    }

    #[test]
    fn the_rows_of_an_account_are_found_by_its_id_or_by_none() {
        for account in [None, Some("acct_1".to_owned())] {
            let promise = Promise { account: account.clone(), ..promise(None) };
            assert_eq!(promise.any_rows(), [("_stripe_account", "=", Value::Text(account))]);
        }
    }

    #[test]
    fn a_commit_is_lost_if_the_history_reaches_back_beyond_it_and_does_not_have_it() {
        let commit = |run_id: &str, epoch: i64, sequence: i64| {
            format!(r#"{{"run_id":"{run_id}","epoch":{epoch},"sequence":{sequence},"nonce":"N"}}"#)
        };
        let (fence, ours, other) = (commit("RUN", 2, 0), commit("RUN", 2, 3), commit("OTHER", 1, 3));
        for (history, from_creation, expected) in [
            (vec![ours.as_str(), fence.as_str()], false, true),
            (vec![ours.as_str()], true, true),
            (vec![fence.as_str()], false, false),
            (vec![fence.as_str()], true, false),
            (vec![], true, false),
            (vec![], false, true),
            (vec![other.as_str(), "WRITE", "{}", ""], false, true),
            (vec![other.as_str(), "WRITE", "{}", ""], true, false),
            // A newer commit of the run does not reach back.
            (vec![commit("RUN", 3, 0).as_str()], false, true),
        ] {
            let found = promise(Some(("RUN", 2 << 32 | 3))).may_be_among(history.iter().copied(), from_creation);
            assert_eq!(found, expected, "{history:?}, {from_creation}");
        }
    }

    #[test]
    fn without_a_commit_to_look_for_the_rows_alone_count() {
        assert!(!promise(None).may_be_among([], false));
        assert_eq!(promise(None).newest_rows(), promise(None).any_rows());
    }
}
