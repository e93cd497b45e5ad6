//! The commits of a run, each with its version and app id: those that open and end an attempt, and what all have in
//! common.

use arrow_array::RecordBatch;

use super::claim::Claim;
use super::group::{Group, Joint};
use super::{Run, Stage};
use crate::checkpoint::{Carried, Event, GiveUp, Kind, PageEvent, Purpose, commit_version, to_batch};
use crate::error::{Class, Error, Result, foreign, one_line};
use crate::stripe::exchange::Now;

/// First part of every app id; changes only with the protocol.
const APP: &str = "stripe_raw_rs/1";

/// One Delta commit: what to append, and the transaction identifier that fences it.
#[derive(Debug, Clone)]
pub struct Commit {
    /// `stripe_raw_rs/1/<store>/<entity>`, the same on both tables.
    pub app_id: String,
    /// `epoch << 32 | sequence`.
    pub version: i64,
    /// Distinguishes this attempt's commits from those of any other attempt.
    pub nonce: String,
    /// The commit's user metadata, as JSON: run, epoch, sequence, nonce.
    pub metadata: String,
    /// The batches to append; none for a fence.
    pub batches: Vec<RecordBatch>,
    /// Whether it must be seen in the table before anything else is committed. If an engine silently drops a repeated
    /// transaction, the caller has to ask; if it refuses one, the caller knows already.
    ///
    /// True for the claim, the fence, a new run's first rows and the end, and for events of a page without rows that
    /// another page follows: nothing in the raw table shows such a page. If its event were dropped and the next page were
    /// appended before the rival's second fence, that next page would have no predecessor. It is also true once a minute,
    /// because a run that was taken over and does not know it asks Stripe in vain.
    pub must_be_seen: bool,
    /// Number of its PAGE_COMMITTED events, if it is a commit to the checkpoint table.
    pub pages: usize,
    /// Number of rows in those pages.
    pub rows: i64,
    /// `created` of the oldest object in them.
    pub reached: Option<i64>,
}

impl Commit {
    /// Takes in the part of another run with the same number.
    pub(super) fn take_in(&mut self, other: Self) {
        self.batches.extend(other.batches);
        self.must_be_seen |= other.must_be_seen;
        self.pages += other.pages;
        self.rows += other.rows;
        self.reached = [self.reached, other.reached].into_iter().flatten().min();
    }

    /// The commit is that of several runs.
    pub(super) fn name_runs(&mut self, count: usize) {
        if let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_str(&self.metadata) {
            fields.remove("run_id");
            fields.insert("runs".to_owned(), count.into());
            self.metadata = serde_json::Value::Object(fields).to_string();
        }
    }
}

impl Run {
    /// RUN_STARTED of an attempt that continues or ends an earlier run. Appending it with its transaction identifier
    /// fences the checkpoint table.
    ///
    /// # Errors
    /// It was called before, or the run is new.
    pub fn started(&mut self, now: Now) -> Result<Commit> {
        if self.is_new() {
            return Err(Error::usage("a new run begins with its first pair"));
        }
        self.step(Stage::Planned, Stage::Started)?;
        self.claim(vec![], now)
    }

    /// A commit of no rows. Appending it with its transaction identifier fences the raw table.
    ///
    /// # Errors
    /// It was called before [`Run::started`].
    pub fn fence(&mut self) -> Result<Commit> {
        self.step(Stage::Started, Stage::Fenced)?;
        self.claim = Claim::Made;
        Ok(Commit { must_be_seen: true, ..self.commit(Vec::new(), 0) })
    }

    /// The closing event: RUN_COMPLETED, or RUN_FAILED if the attempt gives up a run. No event if it came with the last
    /// group, or if the run turned out to be complete already.
    ///
    /// # Errors
    /// Something remains to be fetched or handed over, or an error ended the fetching.
    pub fn ended(&mut self, now: Now) -> Result<Commit> {
        if let Some(error) = self.walk.error() {
            return Err(error.clone());
        }
        if !self.is_finished() {
            return Err(Error::usage("the run is not at its end: iterate to the last pair first"));
        }
        if self.stage == Stage::Closed || self.stage == Stage::Confirmed {
            self.stage = Stage::Ended;
            let sequence = self.groups.numbering.sequence();
            return self.events(vec![], sequence, now);
        }
        self.step(Stage::Reading, Stage::Ended)?;
        let kinds = self.closing();
        if self.claim == Claim::None {
            return self.claim(kinds, now);
        }
        let sequence = self.groups.numbering.next_sequence();
        Ok(Commit { must_be_seen: true, ..self.events(kinds, sequence, now)? })
    }

    /// The event that ends a run of which nothing remains.
    pub(super) fn closing(&mut self) -> Vec<Kind> {
        match self.plan.purpose {
            // A reset counts even after a completion; a second completion or an abandonment would be untrue.
            Purpose::New | Purpose::Resume | Purpose::GiveUp(GiveUp::Restart) if self.recovery.is_over => vec![],
            Purpose::GiveUp(how) => {
                // Its rows no longer count.
                self.landed = self.plan.landed_before.clone().filter(|_| how == GiveUp::Restart);
                let message = format!("given up: {}", how.next_run());
                vec![Kind::Failed { class: how.class().name().to_owned(), message }]
            }
            Purpose::New | Purpose::Resume => vec![Kind::Completed],
        }
    }

    /// RUN_FAILED, with a masked line. For a new run without a claim, RUN_STARTED comes with it.
    ///
    /// # Errors
    /// The run has ended, or it is not known to have begun: a rival may have the number of this attempt.
    pub fn failed(&mut self, class: &str, message: &str, now: Now) -> Result<Commit> {
        let may_claim = self.is_new() && self.claim == Claim::None;
        if !self.may_fail() {
            return Err(Error::usage("RUN_FAILED follows RUN_STARTED, and nothing follows the end"));
        }
        let failed = |class: &str| Kind::Failed { class: foreign(class), message: one_line(message) };
        // Only the plan of an attempt gives a run up: a failure under such a name would end the run for good.
        let kind = Some(failed(class)).filter(|kind| !kind.gives_up());
        let kind = kind.unwrap_or_else(|| failed(Class::Internal.name()));
        // What is wrong in a wave is for the next attempt to say: its rows are to land after its claim.
        let is_said = !self.is_in_wave();
        self.stage = Stage::Failed;
        self.walk.discard();
        // It is unknown whether the rows that were handed over last have landed.
        self.landing = None;
        if may_claim && is_said {
            return self.claim(vec![kind], now);
        }
        let sequence = self.groups.numbering.next_sequence();
        self.events(is_said.then_some(kind).into_iter().collect(), sequence, now)
    }

    /// The same, as its part of a commit that it shares with other runs.
    pub(super) fn failure(&mut self, class: &str, message: &str, joint: Joint, now: Now) -> Result<Group> {
        self.join(joint);
        let checkpoint = self.failed(class, message, now)?;
        Ok(Group { rows: self.commit(Vec::new(), joint.sequence), checkpoint, fetched: 0 })
    }

    /// Whether RUN_FAILED can be said of it: it has not ended, and it is known whether it has begun.
    pub(super) fn may_fail(&self) -> bool {
        self.stage < Stage::Confirmed && (self.claim == Claim::Made || (self.is_new() && self.claim == Claim::None))
    }

    /// A commit to the raw table.
    pub(super) fn commit(&self, batches: Vec<RecordBatch>, sequence: i64) -> Commit {
        let Self { context, plan, .. } = self;
        let metadata = serde_json::json!({
            "stripe_raw_rs": context.library_version,
            "entity": context.scope.entity.name,
            "run_id": plan.run_id,
            "epoch": plan.epoch,
            "sequence": sequence,
            "nonce": context.nonce,
        });
        Commit {
            app_id: app_id(&context.store_id, context.scope.entity.name),
            version: commit_version(plan.epoch, sequence),
            nonce: context.nonce.clone(),
            metadata: metadata.to_string(),
            batches,
            must_be_seen: false,
            pages: 0,
            rows: 0,
            reached: None,
        }
    }

    /// A commit of no rows under the fence that the account alone had, if an earlier attempt at the run had one.
    pub(super) fn earlier_fence(&self) -> Option<Commit> {
        let account = self.context.scope.account.as_deref().filter(|_| self.plan.had_own_fence)?;
        let app_id = earlier_app_id(&self.context.store_id, self.entity().name, account);
        Some(Commit { app_id, must_be_seen: true, ..self.commit(Vec::new(), 0) })
    }

    /// A commit of events to the checkpoint table.
    pub(super) fn events(&mut self, kinds: Vec<Kind>, sequence: i64, now: Now) -> Result<Commit> {
        let first = self.groups.numbering.next_ordinal(sequence, kinds.len());
        let Self { context, plan, .. } = &*self;
        let pages: Vec<&PageEvent> = kinds.iter().filter_map(Kind::page).collect();
        let reached = pages.iter().filter_map(|page| page.min_created).min();
        let (count, rows) = (pages.len(), pages.iter().map(|page| page.row_count).sum());
        let events: Vec<Event> = kinds
            .into_iter()
            .enumerate()
            .map(|(ordinal, kind)| Event {
                event_id: format!("{}/{}/{sequence}/{}", plan.run_id, plan.epoch, first + ordinal),
                carried: Some(self.carried(&kind, now)),
                source: self.source(&kind),
                kind,
                at_micros: now.wall_micros,
                entity: context.scope.entity.name.to_owned(),
                account: context.scope.account.clone(),
                run_id: plan.run_id.clone(),
                epoch: plan.epoch,
                sequence,
                owner: context.owner.clone(),
                start_created_gte: plan.start_created_gte,
                max_created_seen: self.seen,
            })
            .collect();
        let batches = if events.is_empty() { vec![] } else { vec![to_batch(&events)?] };
        Ok(Commit { pages: count, rows, reached, ..self.commit(batches, sequence) })
    }
}

impl Run {
    /// The facts that an event carries on.
    pub(super) fn carried(&self, kind: &Kind, now: Now) -> Carried {
        let plan = &self.plan;
        let first_start = plan.first_start.unwrap_or(plan.start_created_gte);
        let has_all = match plan.source.parents() {
            Some(_) if self.entity().parent.is_some() => plan.source.is_of_all_parents(),
            _ => plan.start_created_gte == first_start,
        };
        let is_whole = *kind == Kind::Completed && has_all;
        Carried {
            // Events follow their rows.
            landed: self.landing.as_ref().or(self.landed.as_ref()).cloned(),
            first_start,
            whole_at_micros: if is_whole { Some(plan.began_at_micros) } else { plan.whole_before_micros },
            answered_at_micros: self.answered_micros(kind, now).max(plan.answered_before_micros),
            events_since_micros: self.events_since(*kind == Kind::Completed),
            cut_version: self.cut_version(),
            left_out_epoch: self.left_out_epoch(*kind == Kind::Completed),
            refused_parents: self.refused_parents(kind),
        }
    }
}

/// Application id of the commits of one list, of all accounts.
pub(super) fn app_id(store_id: &str, entity: &str) -> String {
    format!("{APP}/{store_id}/{entity}")
}

/// Application id of the commits of one connected account's list in version 0.1: each account had a fence of its own.
pub(super) fn earlier_app_id(store_id: &str, entity: &str, account: &str) -> String {
    format!("{APP}/{store_id}/{entity}/{account}")
}

/// The run and the version that a commit's user metadata names, if it is one of ours. The commit of several runs names
/// none of them.
pub(super) fn named_commit(metadata: &str) -> Option<(Option<String>, i64)> {
    let fields: serde_json::Value = serde_json::from_str(metadata).ok()?;
    let number = |name: &str| fields.get(name)?.as_i64();
    let version = commit_version(number("epoch")?, number("sequence")?);
    match fields.get("run_id").and_then(serde_json::Value::as_str) {
        Some(run_id) => Some((Some(run_id.to_owned()), version)),
        None => number("runs").map(|_| (None, version)),
    }
}
