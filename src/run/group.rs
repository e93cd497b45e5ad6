//! The commits of a run: groups of pages, and the events around them, each with its commit's version and app id.

use std::time::Duration;

use arrow_array::RecordBatch;

use super::{Run, Stage, page_bytes};
use crate::checkpoint::{Event, GiveUp, Kind, PageEvent, Purpose, commit_version, to_batch};
use crate::digest::rows_digest;
use crate::error::{Class, Error, Result, foreign, one_line};
use crate::page::Refused;
use crate::stripe::exchange::Now;
use crate::walk::Fetched;

/// Bytes of payload after which a group is committed and gathers no longer.
const GROUP_BYTES: usize = 32 << 20;
/// A run that was taken over without notice learns of it after this time, and leaves Stripe's limits to the new
/// process.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// First part of every app id; changes only with the protocol.
const APP: &str = "stripe_raw_rs/1";

/// One Delta commit: what to append, and the transaction identifier that fences it.
#[derive(Debug, Clone)]
pub struct Commit {
    /// `stripe_raw_rs/1/<store>/<entity>[/<account>]`, the same on both tables.
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
    /// True for the fences and the end, and for events of a page without rows that another page follows: nothing in the
    /// raw table shows such a page. If its event were dropped and the next page were appended before the rival's second
    /// fence, that next page would have no predecessor. It is also true once a minute, because a run that was taken
    /// over and does not know it asks Stripe in vain.
    pub must_be_seen: bool,
    /// Number of its PAGE_COMMITTED events, if it is a commit to the checkpoint table.
    pub pages: usize,
    /// Number of rows in those pages.
    pub rows: i64,
    /// `created` of the oldest object in them.
    pub reached: Option<i64>,
}

/// Rows and the events that describe them. The rows are appended first, then the events.
#[derive(Debug, Clone)]
pub struct Group {
    /// For the raw table.
    pub rows: Commit,
    /// For the checkpoint table.
    pub checkpoint: Commit,
    /// Pages in it that this run fetched, in contrast to recovered ones.
    pub fetched: usize,
}

impl Run {
    /// RUN_STARTED. Appending it with its transaction identifier fences the checkpoint table.
    ///
    /// # Errors
    /// It was called before.
    pub fn started(&mut self, now: Now) -> Result<Commit> {
        self.step(Stage::Planned, Stage::Started)?;
        let kind = Kind::Started {
            settings: self.context.settings.clone(),
            library_version: self.context.library_version.clone(),
        };
        Ok(Commit { must_be_seen: true, ..self.events(vec![kind], 0, now)? })
    }

    /// A commit of no rows. Appending it with its transaction identifier fences the raw table.
    ///
    /// # Errors
    /// It was called before [`Run::started`].
    pub fn fence(&mut self) -> Result<Commit> {
        self.step(Stage::Started, Stage::Fenced)?;
        Ok(Commit { must_be_seen: true, ..self.commit(Vec::new(), 0) })
    }

    /// The next group, if one is due. A further call means that the group before has been committed.
    ///
    /// # Errors
    /// A page that does not fit its columns.
    pub fn poll_group(&mut self, now: Now) -> Result<Option<Group>> {
        if let Some(recovered) = self.recovered.take() {
            self.sequence += 1;
            let kinds = recovered.into_iter().map(Kind::Page).collect();
            let checkpoint = self.events(kinds, self.sequence, now)?;
            return Ok(Some(Group { rows: self.commit(Vec::new(), self.sequence), checkpoint, fetched: 0 }));
        }
        let Some(count) = self.due(now) else { return Ok(None) };
        if let Some(refusals) = self.refusals(count, now)? {
            return Ok(Some(refusals));
        }
        self.last_commit = now.monotonic;
        self.is_flushing = false;
        self.sequence += 1;
        let version = commit_version(self.plan.epoch, self.sequence);
        let mut batches = Vec::with_capacity(count);
        let mut kinds = Vec::with_capacity(count);
        let group = self.walk.take_pages(count);
        let must_be_seen = now.monotonic >= self.last_look + LOOK_EVERY || group.iter().any(leaves_only_its_event);
        if must_be_seen {
            self.last_look = now.monotonic;
        }
        for fetched in group {
            self.seen = self.seen.max(fetched.seen);
            let page_number = self.next_page_number;
            self.next_page_number += 1;
            kinds.push(Kind::Page(page_event(&fetched, page_number)));
            if !fetched.page.is_empty() {
                batches.push(self.batch(fetched, page_number, version)?);
            }
        }
        let checkpoint = Commit { must_be_seen, ..self.events(kinds, self.sequence, now)? };
        Ok(Some(Group { rows: self.commit(batches, self.sequence), checkpoint, fetched: count }))
    }

    /// The events of the objects refused in the pages of the group that is due, as a group of their own. They come
    /// first: once a page's rows are in the table, no other attempt reads it again, and the rows do not show which
    /// objects are not among them.
    fn refusals(&mut self, count: usize, now: Now) -> Result<Option<Group>> {
        let entity = self.context.scope.entity.name;
        let mut kinds = Vec::new();
        for (page_number, fetched) in (self.next_page_number..).zip(self.walk.first_pages(count)) {
            let request_id = fetched.facts.request_id.as_deref();
            for refused in std::mem::take(&mut fetched.page.refused) {
                let message = refused_line(entity, page_number, &refused, request_id);
                self.first_refused.get_or_insert_with(|| message.clone());
                kinds.push(Kind::Refused { page_number, request_id: request_id.map(str::to_owned), message });
            }
        }
        if kinds.is_empty() {
            return Ok(None);
        }
        self.sequence += 1;
        // If it were silently dropped, the page's rows could still land before a rival's second fence.
        let checkpoint = Commit { must_be_seen: true, ..self.events(kinds, self.sequence, now)? };
        Ok(Some(Group { rows: self.commit(Vec::new(), self.sequence), checkpoint, fetched: 0 }))
    }

    /// Whether a caller that waits for a group should look again: one is due, or the first page of one has come.
    #[must_use]
    pub fn has_news(&self, now: Now) -> bool {
        self.walk.pages().len() == 1 || self.due(now).is_some() || self.has_read_all()
    }

    /// Number of pages in the group that is due now.
    fn due(&self, now: Now) -> Option<usize> {
        let interval = self.context.options.commit_interval;
        if self.walk.pages().is_empty() {
            return None;
        }
        if interval.is_zero() {
            return Some(1);
        }
        let mut bytes = 0;
        for (at, fetched) in self.walk.pages().iter().enumerate() {
            bytes += page_bytes(fetched.page.json.value_data().len());
            // Such a page ends its group: if the next page of its chain followed it, a recovered group would hide it.
            if bytes >= GROUP_BYTES || (leaves_only_its_event(fetched) && at + 1 < self.walk.pages().len()) {
                return Some(at + 1);
            }
        }
        let gathered = now.monotonic >= self.last_commit + interval;
        (gathered || self.is_flushing || self.has_read_all()).then_some(self.walk.pages().len())
    }

    /// The closing event: RUN_COMPLETED, or RUN_FAILED if the attempt gives up a run. No event if the run turned out to
    /// be complete already.
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
        self.step(Stage::Reading, Stage::Ended)?;
        self.sequence += 1;
        let kinds = match self.plan.purpose {
            // A reset counts even after a completion; a second completion or an abandonment would be untrue.
            Purpose::New | Purpose::Resume | Purpose::GiveUp(GiveUp::Restart) if self.complete_already => vec![],
            Purpose::GiveUp(how) => {
                let message = format!("given up: {}", how.next_run());
                vec![Kind::Failed { class: how.class().name().to_owned(), message }]
            }
            Purpose::New | Purpose::Resume => vec![Kind::Completed],
        };
        Ok(Commit { must_be_seen: true, ..self.events(kinds, self.sequence, now)? })
    }

    /// RUN_FAILED, with a masked line.
    ///
    /// # Errors
    /// The run has ended, or never began; or the class is one of a run that is given up, which would end it for good.
    pub fn failed(&mut self, class: &str, message: &str, now: Now) -> Result<Commit> {
        if self.stage == Stage::Planned || self.stage == Stage::Ended {
            return Err(Error::usage("RUN_FAILED follows RUN_STARTED, and nothing follows the end"));
        }
        if [Class::Abandoned, Class::Reset].iter().any(|given_up| given_up.name() == class) {
            return Err(Error::usage(format!(
                "a run is given up by the plan of an attempt, not by the class '{class}'"
            )));
        }
        self.stage = Stage::Ended;
        self.walk.discard();
        self.sequence += 1;
        let kind = Kind::Failed { class: foreign(class), message: one_line(message) };
        self.events(vec![kind], self.sequence, now)
    }

    fn commit(&self, batches: Vec<RecordBatch>, sequence: i64) -> Commit {
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
            app_id: app_id(&context.store_id, context.scope.entity.name, context.scope.account.as_deref()),
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

    fn events(&self, kinds: Vec<Kind>, sequence: i64, now: Now) -> Result<Commit> {
        let Self { context, plan, .. } = self;
        let pages: Vec<&PageEvent> = kinds.iter().filter_map(Kind::page).collect();
        let reached = pages.iter().filter_map(|page| page.min_created).min();
        let (count, rows) = (pages.len(), pages.iter().map(|page| page.row_count).sum());
        let events: Vec<Event> = kinds
            .into_iter()
            .enumerate()
            .map(|(ordinal, kind)| Event {
                event_id: format!("{}/{}/{sequence}/{ordinal}", plan.run_id, plan.epoch),
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

/// Whether only its event leads to the next page of its chain. If a page has no rows and no next page, a lost event is
/// a gap that is read again; if it has no rows but a next page, it is a missing link.
fn leaves_only_its_event(fetched: &Fetched) -> bool {
    fetched.page.is_empty() && !fetched.facts.closes()
}

fn refused_line(entity: &str, page_number: i64, refused: &Refused, request_id: Option<&str>) -> String {
    let id = refused.id.as_deref().map(|id| format!(" ({})", foreign(id))).unwrap_or_default();
    format!(
        "{entity}: object {}{id} of page {page_number} cannot be a row and did not land: {} [request {}]; \
         ask Stripe's support about that request",
        refused.position + 1,
        refused.fault,
        request_id.unwrap_or("without id")
    )
}

/// Application id of the commits of one entity and account.
pub(super) fn app_id(store_id: &str, entity: &str, account: Option<&str>) -> String {
    let account = account.map(|account| format!("/{account}")).unwrap_or_default();
    format!("{APP}/{store_id}/{entity}{account}")
}

/// The run and the version that a commit's user metadata names, if it is one of ours.
pub(super) fn named_commit(metadata: &str) -> Option<(String, i64)> {
    let fields: serde_json::Value = serde_json::from_str(metadata).ok()?;
    let number = |name: &str| fields.get(name)?.as_i64();
    let run_id = fields.get("run_id")?.as_str()?.to_owned();
    Some((run_id, commit_version(number("epoch")?, number("sequence")?)))
}

fn page_event(fetched: &Fetched, page_number: i64) -> PageEvent {
    let created = || fetched.page.created.iter().flatten().copied();
    PageEvent {
        page_number,
        row_count: i64::try_from(fetched.page.len()).unwrap_or(i64::MAX),
        facts: fetched.facts.clone(),
        min_created: created().min(),
        max_created: created().max(),
        rows_digest: rows_digest(fetched.page.sha256.iter().flatten()),
        recovered: false,
    }
}
