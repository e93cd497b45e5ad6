//! A committed page as one batch of a raw table's columns.

use std::iter::repeat_n;
use std::sync::{Arc, LazyLock};

use arrow_array::{
    Array, ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{ArrowError, Schema};

use super::due::due_at;
use super::schema::schema;
use crate::changes::Report;
use crate::columns::without_comments;
use crate::error::{Class, Error, Result};
use crate::page::Page;
use crate::stripe::facts::PageFacts;
use crate::stripe::scope::Scope;

/// The facts that all rows of a page share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFacts {
    /// The list and its account.
    pub scope: Scope,
    /// The run.
    pub run_id: String,
    /// When the response was received, microseconds since 1970.
    pub ingested_at_micros: i64,
    /// Number of the page in the run.
    pub page_number: i64,
    /// The page's place in its list.
    pub page: PageFacts,
    /// Version of the commit that will hold the page.
    pub commit_version: i64,
    /// The events that the payloads of its last rows were in.
    pub origins: Vec<Arc<Report>>,
}

/// `_source` of an object that a list answered.
const LIST: &str = "list";
/// `_source` of an object that was in an event.
pub const EVENT: &str = "event";

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(without_comments(&schema())));

/// Makes batches of pages. Values that are the same in each row, and in page after page, become a column once, and the
/// batches share it: that is half of the columns.
#[derive(Debug, Default)]
pub struct Batches {
    entity: SharedColumn<&'static str>,
    account: SharedColumn<Option<String>>,
    run_id: SharedColumn<String>,
    page_row: SharedColumn<()>,
    range_gte: SharedColumn<Option<i64>>,
    range_lt: SharedColumn<Option<i64>>,
    has_more: SharedColumn<bool>,
    http_status: SharedColumn<i64>,
    api_version: SharedColumn<Option<String>>,
    commit_version: SharedColumn<i64>,
    source: SharedColumn<()>,
    nothing: SharedColumn<()>,
    never: SharedColumn<()>,
}

/// The column that was made last, and the value it was made of.
#[derive(Debug, Default)]
struct SharedColumn<T> {
    last: Option<(T, ArrayRef)>,
}

type Made = std::result::Result<ArrayRef, ArrowError>;

impl<T: PartialEq + Clone> SharedColumn<T> {
    fn column(&mut self, value: &T, rows: usize, make: impl FnOnce(&T) -> Made) -> Made {
        if let Some((last, column)) = &self.last
            && (last, column.len()) == (value, rows)
        {
            return Ok(Arc::clone(column));
        }
        let column = make(value)?;
        self.last = Some((value.clone(), Arc::clone(&column)));
        Ok(column)
    }
}

impl Batches {
    /// A page as a batch of [`schema`](super::schema()). Its columns share the page's own memory.
    ///
    /// # Errors
    /// Texts that are the same in each row are longer than 2 GiB together.
    pub fn batch(&mut self, page: &Page, facts: &RowFacts) -> Result<RecordBatch> {
        self.select(page, facts, &SCHEMA)
    }

    /// A page as a batch of some of the columns: of those that a schema has. No other is made.
    ///
    /// # Errors
    /// As [`Batches::batch`], or a column that raw tables do not have.
    pub fn select(&mut self, page: &Page, facts: &RowFacts, schema: &Arc<Schema>) -> Result<RecordBatch> {
        let columns = schema.fields().iter().map(|field| self.column(field.name(), page, facts));
        columns
            .collect::<std::result::Result<Vec<_>, _>>()
            .and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns))
            .map_err(|error| Error::new(Class::Table, format!("a page does not fit its columns: {error}")))
    }

    fn of_origins(&mut self, origins: &[Arc<Report>], rows: usize, value: for<'a> fn(&'a Report) -> &'a str) -> Made {
        if origins.is_empty() {
            return self.nothing.column(&(), rows, |()| repeated(None, rows));
        }
        Ok(mixed(origins, rows, None, |origin| Some(value(origin))))
    }

    fn column(&mut self, name: &str, page: &Page, facts: &RowFacts) -> Made {
        let rows = page.len();
        let seconds = |value: &Option<i64>| -> Made { Ok(Arc::new(repeat_n(*value, rows).collect::<Int64Array>())) };
        Ok(match name {
            "_stripe_id" => Arc::new(page.ids.clone()),
            "_stripe_created_at" => moments(page.created.iter().copied()),
            "_entity" => self.entity.column(&facts.scope.entity.name, rows, |entity| repeated(Some(entity), rows))?,
            "_stripe_account" => {
                self.account.column(&facts.scope.account, rows, |account| repeated(account.as_deref(), rows))?
            }
            "_ingest_run_id" => self.run_id.column(&facts.run_id, rows, |run_id| repeated(Some(run_id), rows))?,
            "_ingested_at" => {
                let ingested = TimestampMicrosecondArray::from_value(facts.ingested_at_micros, rows);
                Arc::new(ingested.with_timezone("UTC"))
            }
            "_page_number" => Arc::new(Int64Array::from_value(facts.page_number, rows)),
            "_page_row" => self.page_row.column(&(), rows, |()| positions(rows))?,
            "_range_gte" => self.range_gte.column(&facts.page.range.gte, rows, seconds)?,
            "_range_lt" => self.range_lt.column(&facts.page.range.lt, rows, seconds)?,
            "_request_cursor" => repeated(facts.page.starting_after.as_deref(), rows)?,
            "_next_cursor" => repeated(facts.page.next_cursor.as_deref(), rows)?,
            "_has_more" => self.has_more.column(&facts.page.has_more, rows, |has_more| {
                Ok(Arc::new(BooleanArray::from(vec![*has_more; rows])))
            })?,
            "_http_status" => self.http_status.column(&facts.page.http_status, rows, |status| {
                Ok(Arc::new(Int32Array::from_value(i32::try_from(*status).unwrap_or_default(), rows)))
            })?,
            "_request_id" => repeated(facts.page.request_id.as_deref(), rows)?,
            "_api_version" => match &facts.origins[..] {
                [] => self
                    .api_version
                    .column(&facts.page.api_version, rows, |version| repeated(version.as_deref(), rows))?,
                origins => mixed(origins, rows, facts.page.api_version.as_deref(), |it| it.api_version.as_deref()),
            },
            "_payload_sha256" => Arc::new(page.sha256.clone()),
            "_commit_version" => self
                .commit_version
                .column(&facts.commit_version, rows, |version| Ok(Arc::new(Int64Array::from_value(*version, rows))))?,
            "_content_sha256" => match &page.content_sha256 {
                None => self.nothing.column(&(), rows, |()| repeated(None, rows))?,
                Some(sha256) => Arc::new(sha256.clone()),
            },
            "_source" => match &facts.origins[..] {
                [] => self.source.column(&(), rows, |()| repeated(Some(LIST), rows))?,
                origins => mixed(origins, rows, Some(LIST), |_| Some(EVENT)),
            },
            "_event_id" => self.of_origins(&facts.origins, rows, |it| &it.event_id)?,
            "_event_type" => self.of_origins(&facts.origins, rows, |it| it.event_type)?,
            "_parent_id" => match facts.page.parent.as_deref() {
                None => self.nothing.column(&(), rows, |()| repeated(None, rows))?,
                parent => repeated(parent, rows)?,
            },
            "_due_at" => match facts.scope.entity.due {
                None => self.never.column(&(), rows, |()| Ok(moments(repeat_n(None, rows))))?,
                Some(due) => moments(page.json.iter().map(|json| due_at(json?, due))),
            },
            "_raw_json" => Arc::new(page.json.clone()),
            _ => return Err(ArrowError::SchemaError(format!("raw tables have no column '{name}'"))),
        })
    }
}

/// A column with one value for the rows of a list, and others for those behind them, whose payloads were in events.
fn mixed<'a>(
    origins: &'a [Arc<Report>],
    rows: usize,
    of_list: Option<&'a str>,
    of_event: impl Fn(&'a Report) -> Option<&'a str>,
) -> ArrayRef {
    let listed = repeat_n(of_list, rows.saturating_sub(origins.len()));
    Arc::new(listed.chain(origins.iter().map(|origin| of_event(origin))).collect::<StringArray>())
}

/// A column of seconds since 1970.
fn moments(seconds: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let micros = seconds.map(|seconds| seconds.map(|seconds| seconds.saturating_mul(1_000_000)));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn positions(rows: usize) -> Made {
    let rows = i32::try_from(rows).map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))?;
    Ok(Arc::new((0..rows).collect::<Int32Array>()))
}

fn repeated(value: Option<&str>, rows: usize) -> Made {
    let Some(value) = value else { return Ok(Arc::new(StringArray::new_null(rows))) };
    let offsets = OffsetBuffer::from_repeated_length(value.len(), rows);
    Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(value.repeat(rows).into_bytes()), None)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::decode;
    use crate::stripe::entities::by_name;
    use crate::stripe::window::Range;

    fn page(objects: usize) -> Page {
        let object = r#"{"id": "ch_1", "object": "charge", "created": 1}"#;
        let body = format!(r#"{{"object": "list", "data": [{}], "has_more": true}}"#, vec![object; objects].join(","));
        decode(body.as_bytes(), by_name("charges").unwrap()).unwrap()
    }

    fn facts() -> RowFacts {
        RowFacts {
            scope: Scope { entity: by_name("charges").unwrap(), account: None },
            run_id: "run".to_owned(),
            ingested_at_micros: 1,
            page_number: 1,
            page: PageFacts {
                range: Range { gte: None, lt: Some(5) },
                next_cursor: Some("ch_1".to_owned()),
                has_more: true,
                http_status: 200,
                request_id: Some("req_1".to_owned()),
                ..PageFacts::default()
            },
            commit_version: 1,
            origins: Vec::new(),
        }
    }

    fn shared(one: &RecordBatch, other: &RecordBatch) -> usize {
        one.columns().iter().zip(other.columns()).filter(|(one, other)| Arc::ptr_eq(one, other)).count()
    }

    #[test]
    fn pages_with_the_same_facts_share_their_columns() {
        let mut batches = Batches::default();
        let first = batches.batch(&page(3), &facts()).unwrap();
        let second = batches.batch(&page(3), &RowFacts { page_number: 2, ..facts() }).unwrap();
        assert_eq!(shared(&first, &second), 16);
        let longer = batches.batch(&page(4), &facts()).unwrap();
        assert_eq!(shared(&second, &longer), 0);
    }

    #[test]
    fn a_page_after_another_gives_the_same_batch_as_alone() {
        let of = |page: PageFacts| RowFacts { page, ..facts() };
        let page_facts = || facts().page;
        let others = [
            facts(),
            RowFacts {
                scope: Scope { entity: by_name("refunds").unwrap(), account: Some("acct_1".to_owned()) },
                ..facts()
            },
            RowFacts { run_id: "next".to_owned(), ingested_at_micros: 2, page_number: 2, ..facts() },
            of(PageFacts {
                range: Range { gte: Some(5), lt: None },
                starting_after: Some("ch_0".to_owned()),
                ..page_facts()
            }),
            of(PageFacts { next_cursor: None, has_more: false, http_status: 206, request_id: None, ..page_facts() }),
            RowFacts {
                commit_version: 2,
                ..of(PageFacts { api_version: Some("2026-11-18.endive".to_owned()), ..page_facts() })
            },
        ];
        let mut batches = Batches::default();
        for first in &others {
            for second in &others {
                for rows in [2, 3, 0] {
                    for facts in [first, second] {
                        let alone = Batches::default().batch(&page(rows), facts).unwrap();
                        assert_eq!(batches.batch(&page(rows), facts).unwrap(), alone);
                    }
                }
            }
        }
    }
}
