//! The overlap of a window with those of earlier runs: its objects are listed again, and only those that have changed
//! become rows.

use arrow_array::RecordBatch;

use super::{Condition, Run, Stage, Value};
use crate::checkpoint::LandedCommit;
use crate::columns::Columns;
use crate::error::{Error, Result};
use crate::raw::EVENT;
use crate::stripe::events;
use crate::walk::State;

/// The columns that [`Run::compare`] reads.
pub const OVERLAP_COLUMNS: [&str; 9] = [
    "_stripe_id",
    "_stripe_created_at",
    "_payload_sha256",
    "_content_sha256",
    "_commit_version",
    "_ingest_run_id",
    "_source",
    "_event_type",
    "_due_at",
];
/// The columns that [`Run::add_due`] reads.
pub const DUE_COLUMNS: [&str; 4] = ["_stripe_id", "_stripe_created_at", "_due_at", "_ingest_run_id"];

impl Run {
    /// The reads of the raw table that show the objects which may be listed again, or have changed; none if there can be
    /// no such rows, or if all objects are to land again.
    ///
    /// They are to be read after the events: for a new run after those that it was planned by, else after the fences.
    #[must_use]
    pub fn overlap(&mut self) -> Vec<Vec<Condition>> {
        let is_reading = !self.gives_up() && !self.recovery.is_over && self.stage < Stage::Reading;
        // Of the lists of parents each run has all: readers take the newest.
        if !is_reading || self.plan.landed_before.is_none() || self.entity().parent.is_some() {
            return vec![];
        }
        self.adopt_filters_of_rows();
        let account = Value::Text(self.context.scope.account.clone());
        let earlier = [
            ("_stripe_account", "=", account),
            // The run's own rows are where its cursors have been.
            ("_ingest_run_id", "<>", Value::Text(Some(self.plan.run_id.clone()))),
        ];
        let of_changes = self.rows_of_changes().into_iter().map(|part| [earlier.to_vec(), part].concat());
        if self.lands_all() {
            return of_changes.collect();
        }
        let mut rows = earlier.to_vec();
        if self.context.scope.entity.window.has_start()
            && let Some(start) = self.plan.start_created_gte
        {
            rows.push(("_stripe_created_at", ">=", Value::Timestamp(start.saturating_mul(1_000_000))));
        }
        [rows].into_iter().chain(of_changes).collect()
    }

    /// Takes in rows of that read, with the columns [`OVERLAP_COLUMNS`].
    ///
    /// # Errors
    /// Rows that this protocol does not write, or the reading has begun.
    pub fn compare(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.stage >= Stage::Reading {
            return Err(Error::usage("rows are compared before the first pair"));
        }
        let columns = Columns(batch);
        let deletion = events::of(self.entity()).deleted;
        let floor = self.plan.start_created_gte.filter(|_| self.entity().window.has_start());
        let lands_all = self.lands_all();
        for row in 0..batch.num_rows() {
            let content = columns.text("_content_sha256", row)?;
            let sha256 = content.map_or_else(|| columns.required_text("_payload_sha256", row), Ok)?;
            let version = columns.required_long("_commit_version", row)?;
            let id = columns.required_text("_stripe_id", row)?;
            let created = columns.seconds("_stripe_created_at", row)?;
            let is_listed = created.is_none_or(|created| Some(created) >= floor);
            if (!lands_all && is_listed) || self.changed_ids.contains(id) {
                self.overlap.add(State {
                    id,
                    commit_version: version,
                    sha256,
                    is_of_event: columns.text("_source", row)? == Some(EVENT),
                    is_deletion: deletion.is_some() && columns.text("_event_type", row)? == deletion,
                    is_due: columns.micros("_due_at", row)?.is_some(),
                    created,
                });
            }
            // The run relies on these rows, even on those of a run that was given up: later runs look whether they stay.
            if self.landed.as_ref().is_none_or(|landed| landed.version < version) {
                let run_id = Some(columns.required_text("_ingest_run_id", row)?.to_owned());
                self.landed = Some(LandedCommit { run_id, version });
            }
        }
        Ok(())
    }
}
