//! The content that events promise for a raw table, as questions to it: no run may continue on a table that has lost a
//! commit.

use std::cmp::Ordering;

use super::commit::{app_id, earlier_app_id, named_commit};
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
    /// Application ids that the raw table's transaction may have: that of the list, and that of version 0.1, which had one
    /// for each connected account.
    pub app_ids: Vec<String>,
    landed: Landed,
    account: Option<String>,
    /// Whether the transaction's version is no proof by itself: another account has made later commits, and the table may
    /// have been made again before them.
    needs_rows: bool,
    /// When a run of the account has last had its rows in their place.
    landed_at_micros: Option<i64>,
}

impl Promise {
    /// The promise of that entity's and account's events; `None` if they describe no row.
    #[must_use]
    pub fn of(history: &History, extent: Extent, store_id: &str, entity: &str, account: Option<&str>) -> Option<Self> {
        let landed = history.landed(extent)?;
        let earlier = account.map(|account| earlier_app_id(store_id, entity, account));
        let app_ids = [app_id(store_id, entity)].into_iter().chain(earlier).collect();
        let landed_at_micros = history.landed_at_micros();
        Some(Self { app_ids, landed, account: account.map(str::to_owned), needs_rows: true, landed_at_micros })
    }

    /// The same, of the newest commit of all accounts.
    #[must_use]
    pub fn of_newest(self) -> Self {
        Self { needs_rows: false, ..self }
    }

    /// Whether the account must have a row, whatever the transaction's version is.
    #[must_use]
    pub const fn needs_rows(&self) -> bool {
        self.needs_rows
    }

    /// Whether a table that was created then had the account's rows. If it has none of them now, their owner has erased
    /// them.
    #[must_use]
    pub fn is_of_table(&self, created_at_micros: Option<i64>) -> bool {
        created_at_micros.zip(self.landed_at_micros).is_some_and(|(created, landed)| created < landed)
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
        let is_of_run = |run: &Option<String>| run.as_ref().is_none_or(|run| run == run_id);
        let seen: Vec<Ordering> =
            named.filter(|(run, _)| is_of_run(run)).map(|(_, other)| other.cmp(version)).collect();
        let reaches_back = from_creation || seen.contains(&Ordering::Less);
        seen.contains(&Ordering::Equal) || !reaches_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(newest: Option<(&str, i64)>) -> Promise {
        let newest = newest.map(|(run_id, version)| (run_id.to_owned(), version));
        let landed = Landed { version: 0, newest };
        Promise { app_ids: vec![], landed, account: None, needs_rows: false, landed_at_micros: Some(50) }
    }

    #[test]
    fn a_table_that_was_made_after_the_rows_had_landed_is_another_one() {
        let of_table = |created| promise(None).is_of_table(created);
        assert_eq!([Some(49), Some(50), None].map(of_table), [true, false, false]);
        assert!(!Promise { landed_at_micros: None, ..promise(None) }.is_of_table(Some(49)));
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
