//! The lakes that the stories begin with.

use super::{ACCOUNT, ACCOUNTS, EVENTS, Event, Kind, OBJECTS, PROCESSES, Page, Process, ROWS, Row, State, version};

impl State {
    /// A lake without rows; Stripe lists the `objects`, a bit each.
    pub(crate) fn fresh(objects: u8) -> Self {
        Self {
            alive: objects,
            contents: [0; OBJECTS],
            rows: [Row::default(); ROWS],
            rows_version: 0,
            events: [Event::default(); EVENTS],
            events_version: 0,
            processes: [Process::default(); PROCESSES],
            deletions: 0,
            changes: 0,
            failures: 0,
        }
    }

    /// A lake in which an earlier run of each account has landed all objects but the newest of account 0. Since then the
    /// oldest object of account 0 has changed, and the one in the middle has not.
    pub(crate) fn aged(objects: u8) -> Self {
        let mut state = Self::fresh(objects);
        let (mut rows, mut events) = (0, 0);
        for account in 0..ACCOUNTS {
            let of = |object: usize, number: u8| Page {
                account: u8::try_from(account).expect("few"),
                run: 1,
                number,
                object: u8::try_from(object).expect("few"),
                content: 0,
                has_row: true,
                closes: true,
            };
            let is_old = |object: &usize| objects & (1 << object) != 0 && ACCOUNT[*object] == account;
            let old: Vec<usize> = (1..OBJECTS).filter(is_old).collect();
            if old.is_empty() {
                continue;
            }
            let mut tell = |kind: Kind, sequence: u8, page: Page| {
                state.events[events] = Event { kind, version: version(1, sequence), owner: 9, page };
                events += 1;
            };
            tell(Kind::Started, 0, of(0, 0).of_run());
            for (number, object) in (1..).zip(&old) {
                state.rows[rows] = Row { version: version(1, 1), page: of(*object, number) };
                rows += 1;
                tell(Kind::Committed, 1, of(*object, number));
            }
            tell(Kind::Completed, 1, of(0, 0).of_run());
        }
        state.contents[2] = 1;
        (state.rows_version, state.events_version) = (version(1, 1), version(1, 1));
        state
    }
}
