//! The two tables: what they hold, what they take, and the faults that they may not have.

use super::{ACCOUNT, ACCOUNTS, Event, Kind, NOTHING, OBJECTS, Page, Row, State, Step, Variant, Version, Violation};

impl State {
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().take_while(|event| event.kind != Kind::Absent)
    }

    pub(super) fn pages(&self, account: u8, run: u8) -> impl Iterator<Item = &Page> {
        let is_of_run = move |event: &&Event| {
            event.kind == Kind::Committed && (event.page.account, event.page.run) == (account, run)
        };
        self.events().filter(is_of_run).map(|event| &event.page)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().take_while(|row| row.version != 0)
    }

    /// The unfinished run of an account, by the epoch that began it.
    pub(super) fn open_run(&self, account: u8) -> Option<u8> {
        let of = |kind: Kind| self.events().filter(move |event| event.kind == kind && event.page.account == account);
        let run = of(Kind::Started).map(|event| event.page.run).max()?;
        (!self.is_over(account, run)).then_some(run)
    }

    pub(super) fn is_over(&self, account: u8, run: u8) -> bool {
        self.events().any(|event| {
            matches!(event.kind, Kind::Completed | Kind::GivenUp)
                && (event.page.account, event.page.run) == (account, run)
        })
    }

    /// Whether the attempt of that version has started the run, and the run has not had its end since.
    fn is_claimed(&self, version: Version, page: Page) -> bool {
        let has = |kind: Kind| {
            self.events().any(|event| {
                event.kind == kind
                    && (event.page.account, event.page.run) == (page.account, page.run)
                    && event.version >> 4 == version >> 4
            })
        };
        has(Kind::Started) && !has(Kind::Failed) && !self.is_over(page.account, page.run)
    }

    /// One past the content of each object's newest row.
    pub(super) fn known(&self) -> [u8; OBJECTS] {
        let mut known = [0; OBJECTS];
        for row in self.rows() {
            known[usize::from(row.page.object)] = row.page.content + 1;
        }
        known
    }

    /// Whether an append with that version is taken.
    pub(super) fn takes(stored: &mut Version, version: Version, variant: Variant) -> bool {
        if variant == Variant::NoFence {
            return true;
        }
        let is_newer = version > *stored;
        *stored = (*stored).max(version);
        is_newer
    }

    pub(super) fn append_rows(
        &mut self,
        pages: &[Page],
        version: Version,
        variant: Variant,
    ) -> Result<bool, Violation> {
        if !Self::takes(&mut self.rows_version, version, variant) {
            return Ok(false);
        }
        for page in pages.iter().filter(|page| page.has_row) {
            let same_run =
                |row: &&Row| (row.page.run, row.page.account, row.page.object) == (page.run, page.account, page.object);
            if self.rows().any(|row| same_run(&row)) {
                return Err(Violation::Duplicate);
            }
            if self.known()[usize::from(page.object)] == page.content + 1 {
                return Err(Violation::Repeat);
            }
            if !self.is_claimed(version, *page) {
                return Err(Violation::Unclaimed);
            }
            let free = self.rows.iter().position(|row| row.version == 0).expect("a free place for the row");
            self.rows[free] = Row { version, page: *page };
        }
        Ok(true)
    }

    /// Appends events; `is_recovered` if their pages were listed by an earlier attempt.
    pub(super) fn append_events(
        &mut self,
        events: &[Event],
        version: Version,
        variant: Variant,
        is_recovered: bool,
    ) -> Result<bool, Violation> {
        if !Self::takes(&mut self.events_version, version, variant) {
            return Ok(false);
        }
        for event in events {
            let Page { account, run, object, content, .. } = event.page;
            let is_listed = event.kind == Kind::Committed && object != NOTHING;
            if is_listed && !is_recovered && self.known()[usize::from(object)] != content + 1 {
                return Err(if event.page.has_row { Violation::Lie } else { Violation::Stale });
            }
            let is_end = matches!(event.kind, Kind::Completed | Kind::GivenUp | Kind::Failed);
            if is_end && self.is_over(account, run) {
                return Err(Violation::TwoEnds);
            }
            if event.kind != Kind::Started && !self.is_claimed(version, event.page) {
                return Err(Violation::Unclaimed);
            }
            if event.kind == Kind::Started && self.open_run(account).is_some_and(|open| open != run) {
                return Err(Violation::TwoRuns);
            }
            let free =
                self.events.iter().position(|other| other.kind == Kind::Absent).expect("a free place for the event");
            self.events[free] = *event;
            if event.kind == Kind::Completed {
                let is_unread = |object: &usize| {
                    ACCOUNT[*object] == usize::from(account)
                        && self.alive & (1 << object) != 0
                        && !self.pages(account, run).any(|page| usize::from(page.object) == *object)
                };
                if (0..OBJECTS).any(|object| is_unread(&object)) {
                    return Err(Violation::Loss);
                }
            }
        }
        Ok(true)
    }

    /// Whether no process is under way.
    pub(super) fn at_rest(&self) -> bool {
        self.processes.iter().all(|process| matches!(process.step, Step::NotStarted | Step::Gone))
    }

    pub(super) fn fault(&self) -> Option<Violation> {
        let is_row_of = |row: &&Row, page: &Page| {
            (row.page.run, row.page.account, row.page.object) == (page.run, page.account, page.object)
        };
        for event in self.events().filter(|event| event.kind == Kind::Committed && event.page.has_row) {
            if !self.rows().any(|row| is_row_of(&row, &event.page)) {
                return Some(Violation::Lie);
            }
        }
        let is_open = |account: u8| self.open_run(account).is_some();
        if !self.at_rest() || (0..ACCOUNTS).any(|account| is_open(u8::try_from(account).expect("few"))) {
            return None;
        }
        for (at, event) in self.events().enumerate().filter(|(_, event)| event.kind == Kind::Committed) {
            let Page { account, run, object, .. } = event.page;
            let earlier = self.events().take(at).filter(|other| other.kind == Kind::Committed);
            if object != NOTHING
                && earlier
                    .map(|other| other.page)
                    .any(|page| (page.account, page.run, page.object) == (account, run, object))
            {
                return Some(Violation::CountedTwice);
            }
        }
        let is_counted = |row: &Row| {
            self.pages(row.page.account, row.page.run).any(|page| page.has_row && page.object == row.page.object)
        };
        (!self.rows().all(is_counted)).then_some(Violation::Audit)
    }
}
