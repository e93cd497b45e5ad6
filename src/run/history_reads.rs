//! The reads of the checkpoint table that a plan needs: the newest events of a list, of all accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::hull;
use super::{Condition, Value};

/// The newest attempts of one list, by account.
#[derive(Debug, Clone, Default)]
pub struct NewestAttempts {
    /// The newest that ended with a RUN_COMPLETED which carries what older runs say.
    pub completed: BTreeMap<Option<String>, i64>,
    /// The newest of those accounts that have none such; `None` if nobody has asked.
    pub started: BTreeMap<Option<String>, i64>,
}

impl NewestAttempts {
    /// The reads that show all that the plan of an attempt at these accounts needs.
    ///
    /// Everything from the newest completed attempt on is read, of all accounts: it shows whether an attempt is under
    /// way. Accounts that are behind are read from their own newest completed attempt on; one that never completed a run is
    /// read as a whole. So accounts that never complete cost their own events, and not those of the others.
    #[must_use]
    pub fn reads(&self, entity: &str, accounts: &[Option<String>]) -> Vec<Vec<Condition>> {
        let list = || ("entity", "=", Value::Text(Some(entity.to_owned())));
        let since = |epoch: i64| ("epoch", ">=", Value::Long(epoch));
        let Some(newest) = self.completed.values().copied().max() else { return vec![vec![list()]] };
        let accounts: BTreeSet<&Option<String>> = accounts.iter().collect();
        let behind = accounts.into_iter().filter_map(|account| {
            let of = ("stripe_account", "=", Value::Text(account.clone()));
            match (self.completed.get(account), self.started.get(account)) {
                (Some(epoch), _) if *epoch >= newest => None,
                (Some(epoch), _) => Some(vec![list(), since(*epoch), of]),
                (None, Some(_)) => Some(vec![list(), of]),
                // It never ran.
                (None, None) => None,
            }
        });
        [vec![vec![list(), since(newest)]], hull(behind.collect())].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(account: &str) -> String {
        account.to_owned()
    }

    fn list() -> Condition {
        ("entity", "=", Value::Text(Some(text("charges"))))
    }

    fn since(epoch: i64) -> Condition {
        ("epoch", ">=", Value::Long(epoch))
    }

    #[test]
    fn a_list_that_never_completed_a_run_is_read_as_a_whole() {
        assert_eq!(NewestAttempts::default().reads("charges", &[None]), [[list()]]);
    }

    #[test]
    fn accounts_that_are_behind_are_read_by_themselves() {
        let newest = NewestAttempts {
            completed: BTreeMap::from([(None, 9), (Some(text("acct_a")), 9), (Some(text("acct_b")), 4)]),
            started: BTreeMap::from([(Some(text("acct_c")), 3)]),
        };
        let of = |account: &str| ("stripe_account", "=", Value::Text(Some(text(account))));
        assert_eq!(
            newest.reads("charges", &[None, Some(text("acct_a")), Some(text("acct_new"))]),
            [[list(), since(9)]]
        );
        assert_eq!(
            newest.reads("charges", &[None, Some(text("acct_b")), Some(text("acct_c"))]),
            [vec![list(), since(9)], vec![list(), since(4), of("acct_b")], vec![list(), of("acct_c")]]
        );
    }

    #[test]
    fn however_many_are_behind_nothing_is_read_of_accounts_that_are_not() {
        let account = |at: i64| Some(format!("acct_{at:03}"));
        let completed: BTreeMap<_, _> = (0..100).map(|at| (account(at), 500 + at)).collect();
        let started: BTreeMap<_, _> = (100..200).map(|at| (account(at), at)).collect();
        let newest = NewestAttempts { completed, started };
        let accounts: Vec<_> = (0..200).map(account).collect();
        let among = |from, to| ("stripe_account", "in", Value::Texts((from..to).filter_map(account).collect()));
        let mut reads = newest.reads("charges", &accounts);
        reads[1..].sort();
        assert_eq!(
            reads,
            [vec![list(), since(599)], vec![list(), since(500), among(0, 99)], vec![list(), among(100, 200)]]
        );
    }
}
