//! The reads of the checkpoint table that a plan needs: the newest events of a list, of all accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Condition, Value};

/// Most accounts of one list that are read by themselves, because they are behind the others.
const MOST_BEHIND: usize = 12;

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
    /// read as a whole.
    #[must_use]
    pub fn reads(&self, entity: &str, accounts: &[Option<String>]) -> Vec<Vec<Condition>> {
        let list = || ("entity", "=", Value::Text(Some(entity.to_owned())));
        let since = |epoch: i64| ("epoch", ">=", Value::Long(epoch));
        let of = |account: &Option<String>| ("stripe_account", "=", Value::Text(account.clone()));
        let Some(newest) = self.completed.values().copied().max() else { return vec![vec![list()]] };
        let accounts: BTreeSet<&Option<String>> = accounts.iter().collect();
        let mut behind: Vec<(i64, &Option<String>)> = Vec::new();
        for account in accounts {
            match (self.completed.get(account), self.started.get(account)) {
                (Some(epoch), _) if *epoch >= newest => {}
                (Some(epoch), _) => behind.push((*epoch, account)),
                (None, Some(_)) => behind.push((0, account)),
                // It never ran.
                (None, None) => {}
            }
        }
        behind.sort_unstable();
        let single = behind.len().min(MOST_BEHIND);
        let (alone, others) = behind.split_at(single);
        let from = others.first().map_or(newest, |(epoch, _)| *epoch);
        let alone = alone.iter().filter(|(epoch, _)| *epoch < from);
        let mut reads = vec![vec![list(), since(from)]];
        reads.extend(alone.map(|(epoch, account)| vec![list(), since(*epoch), of(account)]));
        reads
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
            [vec![list(), since(9)], vec![list(), since(0), of("acct_c")], vec![list(), since(4), of("acct_b")]]
        );
    }

    #[test]
    fn many_that_are_behind_are_read_together_and_the_furthest_behind_by_themselves() {
        let account = |at: i64| Some(format!("acct_{at:03}"));
        let completed: BTreeMap<_, _> = (0..100).map(|at| (account(at), at)).collect();
        let accounts: Vec<_> = completed.keys().cloned().collect();
        let reads = NewestAttempts { completed, ..NewestAttempts::default() }.reads("charges", &accounts);
        assert_eq!(reads.len(), 1 + MOST_BEHIND);
        assert_eq!(reads[0], [list(), since(i64::try_from(MOST_BEHIND).unwrap())]);
    }
}
