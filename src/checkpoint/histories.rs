//! The events of one list over all accounts, which share the numbers of attempts.

use std::collections::BTreeMap;

use super::{Event, History, State};
use crate::stripe::exchange::Now;

/// The histories of one list, by account.
#[derive(Debug, Clone, Default)]
pub struct Histories {
    by_account: BTreeMap<Option<String>, History>,
    /// The largest number of an attempt that is known of, beside those of the events at hand.
    newest: i64,
    /// The newest attempt before this call.
    before: i64,
}

impl Histories {
    /// The history of one account alone.
    #[must_use]
    pub fn of_one(account: Option<String>, history: History) -> Self {
        Self { by_account: BTreeMap::from([(account, history)]), ..Self::default() }
    }

    /// Takes in more events, in any order.
    pub fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.by_account.entry(event.account.clone()).or_default().extend([event]);
        }
    }

    /// Takes in that there is an attempt with that number, whose events may not be at hand.
    pub fn know(&mut self, epoch: i64) {
        self.newest = self.newest.max(epoch);
    }

    /// Takes in that the attempts up to that number were made before this call.
    pub const fn were_before(&mut self, epoch: i64) {
        self.before = epoch;
    }

    /// Whether an attempt of this call, or one beside it, has completed a run of the account, and none is open.
    #[must_use]
    pub fn has_completed_since(&self, account: Option<&str>) -> bool {
        let completed = self.of(account).filter(|history| history.state() == State::Complete);
        completed.and_then(History::completed).is_some_and(|event| event.epoch > self.before)
    }

    /// The history of one account.
    #[must_use]
    pub fn of(&self, account: Option<&str>) -> Option<&History> {
        self.by_account.get(&account.map(str::to_owned))
    }

    /// The accounts that have events.
    pub fn accounts(&self) -> impl Iterator<Item = Option<&str>> {
        self.by_account.keys().map(Option::as_deref)
    }

    /// The number of the newest attempt, over all accounts; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.by_account.values().map(History::epoch).max().unwrap_or(0).max(self.newest)
    }

    /// The accounts whose run nobody has ended since the newest attempt began it or went on with it: as long as there is
    /// one, that attempt may still begin runs.
    pub fn under_way(&self) -> impl Iterator<Item = Option<&str>> {
        let epoch = self.epoch();
        let is_under_way = move |history: &History| history.epoch() == epoch && history.state() == State::Unfinished;
        self.by_account.iter().filter(move |(_, history)| is_under_way(history)).map(|(account, _)| account.as_deref())
    }

    /// The process that is presumed to work on the list, and its last sign of life (microseconds since 1970).
    #[must_use]
    pub fn holder(&self, now: Now) -> Option<(&str, i64)> {
        let epoch = self.epoch();
        let newest = || self.by_account.values().filter(|history| history.epoch() == epoch);
        let of_attempt = newest().filter_map(History::newest).max_by_key(|(_, at_micros)| *at_micros);
        let is_under_way = self.under_way().next().is_some();
        of_attempt.filter(|(_, at_micros)| is_under_way && super::plan::is_recent(*at_micros, now))
    }

    /// The processes that have begun a run which has no end.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        let open = self.by_account.values().filter(|history| history.state() == State::Unfinished);
        open.filter_map(|history| history.newest().map(|(owner, _)| owner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Kind;
    use super::super::samples::{NOW, event, started};
    use super::*;

    fn of(account: &str, run_id: &str, epoch: i64, kind: Kind) -> Event {
        Event { account: Some(account.to_owned()), ..event(run_id, epoch, kind, None, None) }
    }

    fn histories(events: Vec<Event>) -> Histories {
        let mut histories = Histories::default();
        histories.extend(events);
        histories
    }

    #[test]
    fn the_newest_attempt_is_that_of_any_account_and_is_under_way_while_one_of_its_runs_is() {
        let mut events = vec![of("acct_a", "A", 1, started()), of("acct_b", "B", 2, started())];
        let under_way = |events: &[Event]| {
            let found = histories(events.to_vec());
            (found.epoch(), found.under_way().map(|account| account.unwrap_or("").to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(under_way(&events), (2, vec!["acct_b".to_owned()]), "an older attempt is over: it is fenced");
        events.push(of("acct_b", "B", 2, Kind::Completed));
        assert_eq!(under_way(&events), (2, vec![]));
        let mut known = histories(events);
        known.know(7);
        assert_eq!((known.epoch(), known.under_way().count()), (7, 0));
    }

    #[test]
    fn a_run_counts_as_one_of_this_call_only_if_an_attempt_since_has_completed_it() {
        let mut known = histories(vec![
            of("acct_a", "A", 3, started()),
            of("acct_a", "A", 3, Kind::Completed),
            of("acct_b", "B", 4, started()),
            of("acct_b", "B", 4, Kind::Completed),
            of("acct_c", "C", 4, started()),
        ]);
        let mut since = |epoch| {
            known.were_before(epoch);
            ["acct_a", "acct_b", "acct_c", "acct_d"].map(|account| known.has_completed_since(Some(account)))
        };
        assert_eq!(since(0), [true, true, false, false]);
        assert_eq!(since(3), [false, true, false, false]);
        assert_eq!(since(4), [false; 4]);
    }

    #[test]
    fn the_holder_is_that_of_the_newest_attempt_whichever_of_its_accounts_was_heard_of_last() {
        let now = Now { monotonic: Duration::ZERO, wall_micros: NOW };
        let old = Event { at_micros: NOW - 3_600_000_000, ..of("acct_a", "A", 3, started()) };
        let young = Event { at_micros: NOW - 1, ..of("acct_b", "B", 3, Kind::Completed) };
        assert_eq!(histories(vec![old.clone()]).holder(now), None);
        let holder = histories(vec![old, young.clone()]);
        assert_eq!(holder.holder(now).map(|(_, at)| at), Some(young.at_micros));
        assert_eq!(holder.owners().count(), 1);
    }
}
