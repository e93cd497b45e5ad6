//! Rows that no event describes: the pages that an attempt landed last, before it was killed.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::recover::Recovery;
use super::{Run, Stage};
use crate::checkpoint::PageEvent;
use crate::columns::counted;
use crate::digest::rows_digest;
use crate::error::{Class, Error, Result};
use crate::raw;
use crate::walk::Place;

/// A row that no event describes.
#[derive(Debug)]
pub(super) struct Orphan {
    pub(super) created: Option<i64>,
    sha256: String,
    pub(super) page: PageEvent,
    pub(super) commit_version: i64,
    pub(super) ingested_at: i64,
}

impl Run {
    /// Takes in the rows of one of those reads, with the columns [`raw::RECOVERY_COLUMNS`]; reads may overlap.
    ///
    /// # Errors
    /// Rows that this protocol does not write.
    pub fn recover_rows(&mut self, batches: &[RecordBatch]) -> Result<()> {
        if self.stage != Stage::EventsRead {
            return self.step(Stage::EventsRead, Stage::EventsRead);
        }
        for row in batches.iter().flat_map(raw::rows) {
            let row = row?;
            if row.run_id == self.plan.run_id {
                self.recover_row(&row)?;
            }
        }
        Ok(())
    }

    fn recover_row(&mut self, row: &raw::Row<'_>) -> Result<()> {
        let created = row.created()?;
        let second = if self.context.scope.entity.window.is_filtered() { created } else { None };
        let is_orphan = Some(row.commit_version) > self.recovery.newest_version;
        let parent = row.parent()?.filter(|_| self.context.scope.entity.parent.is_some());
        let may_come_again = match parent {
            Some(parent) => self.recovery.open_lists.contains(parent),
            None => second.is_none_or(|second| self.recovery.edges.contains(&second)),
        };
        if is_orphan || may_come_again {
            let place = Place { parent: parent.map(Arc::from), second };
            self.recovery.ids.entry(place).or_default().insert(row.id.to_owned());
        }
        if self.changed_ids.contains(row.id) {
            self.recovery.changed.insert(row.id.to_owned());
        }
        if !is_orphan {
            return Ok(());
        }
        let page_number = counted("_page_number", row.page_number)?;
        let orphan = Orphan {
            created,
            sha256: row.sha256.to_owned(),
            commit_version: row.commit_version,
            ingested_at: row.ingested_at_micros()?,
            page: PageEvent {
                page_number,
                row_count: 0,
                unchanged_count: 0,
                facts: row.facts()?,
                min_created: None,
                max_created: None,
                rows_digest: String::new(),
                recovered: true,
            },
        };
        let position = counted("_page_row", row.position)?;
        self.recovery.orphans.entry(page_number).or_default().insert(position, orphan);
        Ok(())
    }

    /// These pages, as the events that describe them.
    pub(super) fn orphan_pages(&self, recovery: &Recovery) -> Result<Vec<PageEvent>> {
        let page = |(number, rows): (&i64, &BTreeMap<i64, Orphan>)| -> Result<PageEvent> {
            let whole = rows.keys().copied().eq(0..i64::try_from(rows.len()).unwrap_or(i64::MAX));
            let Some(first) = rows.values().next().filter(|_| whole) else {
                let message = format!(
                    "{}: page {number} of run {} has holes in the raw table: rows were removed by other hands; run verify",
                    self.context.scope.entity.name, self.plan.run_id
                );
                return Err(Error::new(Class::Table, message));
            };
            Ok(PageEvent {
                row_count: i64::try_from(rows.len()).unwrap_or(i64::MAX),
                min_created: rows.values().filter_map(|row| row.created).min(),
                max_created: rows.values().filter_map(|row| row.created).max(),
                rows_digest: rows_digest(rows.values().map(|row| &row.sha256)),
                ..first.page.clone()
            })
        };
        recovery.orphans.iter().map(page).collect()
    }
}
