//! The opening of an attempt: its claim and its fence, and the reads that its runs need before they begin.

use std::collections::HashMap;

use arrow_array::RecordBatch;

use super::{Attempt, JointGroup, Member};
use crate::changes::EventIndex;
use crate::checkpoint::events_of;
use crate::columns::{Columns, by_account};
use crate::error::{Class, Error, Result};
use crate::run::commit::Commit;
use crate::run::condition::{Condition, Value, holds, hull};
use crate::run::group::Joint;
use crate::run::{Group, Run};
use crate::stripe::exchange::Now;

/// The reads of a table that runs have asked for, by account.
#[derive(Debug, Default)]
pub struct Asked(HashMap<Option<String>, (Member, Vec<Vec<Condition>>)>);

impl Attempt {
    /// Whether all of its runs are new: nothing can have landed of them.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.endings.iter().any(|ending| ending.is_continued)
    }

    /// The runs that go on with an earlier attempt's, or give one up.
    fn continued(&self) -> Vec<Member> {
        self.endings.iter().enumerate().filter(|(_, ending)| ending.is_continued).map(|(member, _)| member).collect()
    }

    /// The runs that have not begun to read.
    pub fn begins(&self) -> impl Iterator<Item = &Run> {
        self.waiting.iter().filter_map(|member| self.run(*member))
    }

    /// Gives the runs that have not begun the events of their accounts.
    ///
    /// # Errors
    /// As for [`Run::follow`].
    pub fn follow(&mut self, events: &HashMap<Option<String>, EventIndex>) -> Result<()> {
        let none = EventIndex::default();
        for member in self.waiting.clone() {
            if let Some(run) = self.run_mut(member) {
                let account = run.scope().account.clone();
                run.follow(events.get(&account).unwrap_or(&none))?;
            }
        }
        Ok(())
    }

    /// The reads of the checkpoint table that show all events of the runs that are continued.
    #[must_use]
    pub fn continued_runs(&self) -> Vec<Vec<Condition>> {
        let of = |run: &Run| {
            vec![
                ("entity", "=", Value::Text(Some(self.entity.name.to_owned()))),
                ("epoch", ">=", Value::Long(run.plan().first_epoch)),
                ("stripe_account", "=", Value::Text(run.scope().account.clone())),
                ("run_id", "=", Value::Text(Some(run.plan().run_id.clone()))),
            ]
        };
        hull(self.continued().into_iter().filter_map(|member| self.run(member)).map(of).collect())
    }

    /// Whether the runs that it was to go on with turned out to be over.
    #[must_use]
    pub fn has_nothing_to_continue(&self) -> bool {
        !self.is_new() && self.continued().into_iter().filter_map(|member| self.run(member)).all(Run::is_over_already)
    }

    /// RUN_STARTED of all runs that are continued or given up. Appending it with its transaction identifier fences the
    /// checkpoint table.
    ///
    /// # Errors
    /// It was called before, or all runs are new.
    pub fn started(&mut self, now: Now) -> Result<Commit> {
        if let Some(run) = self.alone_mut() {
            return run.started(now);
        }
        let mut groups = Vec::new();
        for member in self.continued() {
            let Some(run) = self.run_mut(member) else { continue };
            run.join(Joint { sequence: 0, may_end: false });
            let checkpoint = run.started(now)?;
            groups.push((member, Group { rows: run.commit(vec![], 0), checkpoint, fetched: 0 }));
        }
        self.sequence = Some(0);
        // Until the fence is asked for, nobody knows whether this commit has landed: a rival may have its number.
        self.handed = groups.iter().map(|(member, _)| *member).collect();
        Ok(JointGroup::merged(groups)?.checkpoint)
    }

    /// A commit of no rows. Appending it with its transaction identifier fences the raw table.
    ///
    /// # Errors
    /// It was called before [`Attempt::started`].
    pub fn fence(&mut self) -> Result<Commit> {
        let mut fences = Vec::new();
        for member in self.continued() {
            if let Some(run) = self.run_mut(member) {
                let rows = run.fence()?;
                fences.push((member, Group { checkpoint: rows.clone(), rows, fetched: 0 }));
            }
        }
        self.handed.clear();
        if fences.is_empty() {
            return Err(Error::usage("a new run needs no fence: it begins with its first pair"));
        }
        Ok(JointGroup::merged(fences)?.rows)
    }

    /// Commits of no rows, to both tables: they fence attempts of version 0.1 at the runs that are continued, which had a
    /// fence for each connected account.
    #[must_use]
    pub fn earlier_fences(&self) -> Vec<Commit> {
        let runs = self.continued().into_iter().filter_map(|member| self.run(member));
        runs.filter_map(Run::earlier_fence).collect()
    }

    /// Takes in all events of its continued runs, read after both fences. Returns the reads of the raw table that they
    /// need.
    ///
    /// # Errors
    /// Events that this protocol does not write, or a newer attempt took over.
    pub fn recover_events(&mut self, batches: &[RecordBatch]) -> Result<Vec<Vec<Condition>>> {
        let mut by_run = HashMap::new();
        for batch in batches {
            for event in events_of(batch)? {
                by_run.entry(event.run_id.clone()).or_insert_with(Vec::new).push(event);
            }
        }
        let mut reads = Vec::new();
        let is_alone = self.alone().is_some();
        let members = if self.runs.len() == 1 { vec![0] } else { self.continued() };
        for member in members {
            let Some(run) = self.run_mut(member) else { continue };
            let events = by_run.remove(&run.plan().run_id).unwrap_or_default();
            match run.recover(events) {
                Ok(wanted) => reads.extend(wanted),
                // Its walk has failed with it, and so it ends by itself.
                Err(error) if error.class == Class::Table && !is_alone => {}
                Err(error) => return Err(error),
            }
        }
        Ok(hull(reads))
    }

    /// Takes in the rows of one of those reads, with the columns [`RECOVERY_COLUMNS`](crate::raw::RECOVERY_COLUMNS); reads
    /// may overlap.
    ///
    /// # Errors
    /// Rows that this protocol does not write.
    pub fn recover_rows(&mut self, batches: &[RecordBatch]) -> Result<()> {
        if let Some(run) = self.alone_mut() {
            return run.recover_rows(batches);
        }
        let run_id = |member: Member| Some((self.run(member)?.plan().run_id.clone(), member));
        let by_run: HashMap<String, Member> = self.continued().into_iter().filter_map(run_id).collect();
        for batch in batches {
            for row in 0..batch.num_rows() {
                let member = by_run.get(Columns(batch).required_text("_ingest_run_id", row)?);
                let Some(run) = member.and_then(|member| self.run_mut(*member)) else { continue };
                match run.recover_rows(&[batch.slice(row, 1)]) {
                    // Rows that other hands changed concern their account.
                    Err(error) if error.class == Class::Table => run.walk_mut().fail(error),
                    taken => taken?,
                }
            }
        }
        Ok(())
    }

    /// The reads of a table that the runs which have not begun ask for, or, of many runs, one read that has all rows of
    /// them.
    pub fn reads(&mut self, of: impl Fn(&mut Run) -> Vec<Vec<Condition>>) -> Vec<Vec<Condition>> {
        let mut reads = Vec::new();
        for member in self.waiting.clone() {
            reads.extend(self.run_mut(member).map(&of).unwrap_or_default());
        }
        hull(reads)
    }

    /// What the runs that have not begun ask for, by account.
    pub fn asked(&mut self, of: impl Fn(&mut Run) -> Vec<Vec<Condition>>) -> Asked {
        let mut asked = HashMap::new();
        for member in self.waiting.clone() {
            let Some(run) = self.run_mut(member) else { continue };
            let reads = of(run);
            if !reads.is_empty() {
                asked.insert(run.scope().account.clone(), (member, reads));
            }
        }
        Asked(asked)
    }

    /// Gives each row of a read to the run of its account, if that has asked for it.
    ///
    /// # Errors
    /// Columns that this project does not write.
    pub fn give(
        &mut self,
        batch: &RecordBatch,
        asked: &Asked,
        take: impl Fn(&mut Run, &RecordBatch) -> Result<()>,
    ) -> Result<()> {
        if let Some(run) = self.alone_mut() {
            return take(run, batch);
        }
        for (account, rows) in by_account(batch)? {
            let Some((member, reads)) = asked.0.get(&account) else { continue };
            for row in 0..rows.num_rows() {
                let met = reads.iter().map(|read| holds(read, Columns(&rows), row)).collect::<Result<Vec<_>>>()?;
                if let Some(run) = self.run_mut(*member).filter(|_| met.contains(&true)) {
                    take(run, &rows.slice(row, 1))?;
                }
            }
        }
        Ok(())
    }
}
