//! The overlap of a window with those of earlier runs: its objects are listed again, and only those that have changed
//! become rows.

use arrow_array::RecordBatch;

use super::{Condition, Run, Stage, Value};
use crate::checkpoint::LandedCommit;
use crate::columns::Columns;
use crate::error::{Error, Result};
use crate::options::Repeats;

/// The columns that [`Run::compare`] reads.
pub const OVERLAP_COLUMNS: [&str; 5] =
    ["_stripe_id", "_payload_sha256", "_content_sha256", "_commit_version", "_ingest_run_id"];

impl Run {
    /// The read of the raw table that shows the objects which may be listed again; `None` if there can be none, or if
    /// they are to land again.
    ///
    /// It is to be read after the events: for a new run after those that it was planned by, else after the fences.
    #[must_use]
    pub fn overlap(&mut self) -> Option<Vec<Condition>> {
        let is_reading = !self.gives_up() && !self.recovery.is_complete && self.stage < Stage::Reading;
        if !is_reading || self.context.options.repeats == Repeats::Land {
            return None;
        }
        self.plan.landed_before.as_ref()?;
        self.adopt_filters_of_rows();
        let account = Value::Text(self.context.scope.account.clone());
        let mut rows = vec![
            ("_stripe_account", "=", account),
            // The run's own rows are where its cursors have been.
            ("_ingest_run_id", "<>", Value::Text(Some(self.plan.run_id.clone()))),
        ];
        if self.context.scope.entity.window.has_start()
            && let Some(start) = self.plan.start_created_gte
        {
            rows.push(("_stripe_created_at", ">=", Value::Timestamp(start.saturating_mul(1_000_000))));
        }
        Some(rows)
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
        for row in 0..batch.num_rows() {
            let content = columns.text("_content_sha256", row)?;
            let sha256 = content.map_or_else(|| columns.required_text("_payload_sha256", row), Ok)?;
            let version = columns.required_long("_commit_version", row)?;
            self.overlap.add(columns.required_text("_stripe_id", row)?, version, sha256);
            // The run relies on these rows, even on those of a run that was given up: later runs look whether they stay.
            if self.landed.as_ref().is_none_or(|landed| landed.version < version) {
                let run_id = Some(columns.required_text("_ingest_run_id", row)?.to_owned());
                self.landed = Some(LandedCommit { run_id, version });
            }
        }
        Ok(())
    }
}
