//! Reading: a page is requested, gets its place in a chain, becomes rows and an event, and is committed with others.

use crate::attempt::{Circumstances, Fetched, Open};
use crate::coverage::{Chain, Range, aim};
use crate::job::Stop;
use crate::lake::{Facts, PageCommitted, Source};
use crate::plan::Planned;
use crate::rules::{Fault, Variant};
use crate::world::{Answer, Gone, Id, Item, World};

impl Circumstances<'_> {
    /// Reads a page of any open chain.
    pub(crate) fn read_page(&mut self) -> Result<(), Stop> {
        let count = self.open.len() as u64;
        let at = usize::try_from(self.job.chance.below(count)).expect("few");
        self.split(at);
        let window = self.open[at].window;
        let (chain, answer) = self.ask(self.open[at]);
        let kept: Vec<Item> =
            answer.data.iter().copied().filter(|item| Some(item.created) >= chain.range.gte).collect();
        let edge = answer.data.last().map(|item| item.created);
        let goes_on = answer.has_more && kept.len() == answer.data.len();
        let mut cursor = answer.data.last().map(|item| item.id).filter(|_| goes_on);
        let (mut bottom, mut jump) = (chain.range.gte, None);
        let mut read_out = bottom;
        if cursor.is_some() {
            // The rest of the second may be on the next page.
            let is_out = self.job.rules.variant == Variant::EdgeReadOut;
            read_out = edge.map(|edge| if is_out { edge } else { edge + 1 });
            if let Some(planned) = &self.plan.windows[window].planned {
                let aimed = aim(Chain { cursor, edge, ..chain }, planned);
                if aimed.is_none_or(|next| next.cursor.is_none()) {
                    cursor = None;
                    jump = aimed;
                    if self.job.rules.variant != Variant::JumpWithoutBottom {
                        bottom = edge.map(|edge| edge + 1);
                    }
                }
            }
        }
        let range = Range { gte: bottom, lt: chain.range.lt };
        let facts = self.facts(Some(range), chain.cursor, cursor, answer.date);
        let newest_seen = answer.data.iter().map(|item| item.created).filter(|created| *created <= answer.date).max();
        let page = PageCommitted { run: self.started.run, facts, edge, newest_seen };
        let mut fetched = Fetched { rows: Vec::new(), page, unchanged: Vec::new() };
        for item in kept {
            if window == 0 || self.plan.work.contains_key(&item.id) {
                self.land(item, Source::List, &mut fetched);
            }
        }
        let was_read = Range { gte: read_out, lt: chain.newest().map(|newest| newest + 1) };
        self.take_the_gone(window, was_read, &mut fetched);
        if cursor.is_some() {
            self.open[at].chain = Chain { cursor, edge, ..chain };
        } else {
            self.open.remove(at);
            self.job.tally.jumps += usize::from(jump.is_some());
            self.open.extend(jump.map(|chain| Open { window, chain }));
        }
        self.push(fetched)
    }

    /// A part of the unread tail becomes a chain of its own, now and then.
    fn split(&mut self, at: usize) {
        let Open { window, chain } = self.open[at];
        let (Some(bottom), Some(newest)) = (chain.range.gte, chain.newest()) else { return };
        if newest - bottom <= 2 || !self.job.chance.percent(30) {
            return;
        }
        let second = self.job.chance.between(bottom + 1, newest);
        let child = Chain::unread(Some(bottom), Some(second));
        let child = match &self.plan.windows[window].planned {
            Some(planned) => aim(child, planned),
            None => Some(child),
        };
        self.job.tally.splits += 1;
        self.open[at].chain.range.gte = Some(second);
        self.open.extend(child.map(|chain| Open { window, chain }));
    }

    /// Each request has the lower bound of its window. If the cursor has vanished, the chain begins again at the top of
    /// the second in which it ended.
    fn ask(&mut self, Open { window, chain }: Open) -> (Chain, Answer) {
        let gte = self.plan.windows[window].range.gte;
        let list = self.list;
        let ask = |world: &mut World, chain: Chain| {
            let range = Range { gte, lt: chain.range.lt };
            world.list(list, range, chain.cursor).map(|answer| (chain, answer))
        };
        ask(&mut self.job.world, chain).unwrap_or_else(|Gone| {
            self.job.tally.vanished += 1;
            ask(&mut self.job.world, chain.again()).unwrap_or_else(|Gone| unreachable!("there is no cursor"))
        })
    }

    /// Objects of the work list whose second is read out and that were not there: their newest event is their row.
    fn take_the_gone(&mut self, window: usize, was_read: Range, fetched: &mut Fetched) {
        let range = self.plan.windows[window].range;
        let is_gone = |(id, planned): &(&Id, &Planned)| {
            !self.known.contains(id) && was_read.holds(planned.created) && range.holds(planned.created)
        };
        let gone: Vec<Planned> = self.plan.work.iter().filter(is_gone).map(|(_, planned)| *planned).collect();
        for planned in gone {
            let about = planned.event.and_then(|event| event.about);
            if about.is_some_and(|about| self.job.world.is_listed(about.object)) {
                self.job.faults.push(Fault::TakenForGone);
            }
            self.land_body(planned, fetched);
        }
    }

    pub(crate) fn facts(
        &mut self,
        range: Option<Range>,
        starting_after: Option<Id>,
        next_cursor: Option<Id>,
        answered_at: i64,
    ) -> Facts {
        self.next_page += 1;
        Facts { number: self.next_page - 1, range, starting_after, next_cursor, answered_at }
    }

    /// Adds a page to the group. A page without rows ends its group: its event is its only trace.
    pub(crate) fn push(&mut self, fetched: Fetched) -> Result<(), Stop> {
        let ends = fetched.rows.is_empty();
        self.group.push(fetched);
        if ends || self.job.chance.percent(40) { self.flush() } else { Ok(()) }
    }

    /// Appends the rows of the group, then its events.
    pub(crate) fn flush(&mut self) -> Result<(), Stop> {
        let group = std::mem::take(&mut self.group);
        let (run, list) = (self.started.run, self.list);
        self.job.step()?;
        let tables = self.job.lake.of_mut(list);
        for fetched in &group {
            tables.rows.extend(&fetched.rows);
            if !fetched.rows.is_empty() {
                tables.unchanged.extend(fetched.unchanged.iter().map(|(id, version)| ((run, *id), *version)));
            }
        }
        self.job.step()?;
        let tables = self.job.lake.of_mut(list);
        for fetched in group {
            tables.pages.push(fetched.page);
            tables.unchanged.extend(fetched.unchanged.iter().map(|(id, version)| ((run, *id), *version)));
        }
        self.job.step()
    }
}
