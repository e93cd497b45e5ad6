//! Checkpoint tables: with any events and rows in them, an attempt is refused in one line, or it has a plan that leaves
//! out nothing and reads nothing twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, TimestampSecondArray,
    new_null_array,
};
use arrow_schema::{Field, Schema};
use stripe_raw_rs::changes::EventIndex;
use stripe_raw_rs::checkpoint::{
    Carried, Circumstances, Event, GiveUp, History, Kind, LandedCommit, PageEvent, Plan, Position, Purpose, Source,
    events_of, filters, plan, to_batch,
};
use stripe_raw_rs::error::{Class, Error};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::raw::RECOVERY_COLUMNS;
use stripe_raw_rs::run::audit::Audit;
use stripe_raw_rs::run::{Run, RunContext};
use stripe_raw_rs::stripe::entities::by_name;
use stripe_raw_rs::stripe::exchange::Now;
use stripe_raw_rs::stripe::facts::PageFacts;
use stripe_raw_rs::stripe::scope::Scope;
use stripe_raw_rs::stripe::window::Range;
use stripe_raw_rs::walk::coverage::{Chain, Link, parted, remaining};

use super::input::Input;

const NOW: Now = Now { monotonic: Duration::from_secs(5), wall_micros: 1_800_000_000_000_000 };
/// Requests sent to see how a run reads its gaps: it splits them as long as requests are asked for.
const REQUESTS: usize = 12;

impl Input<'_> {
    /// A whole number as the tables hold it: mostly a small one, but any number may have been written there.
    fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..=249 => i64::from(small),
            250 => -1,
            251 => i64::MIN,
            252 => i64::MAX,
            253 => i64::from(u32::MAX),
            254 => i64::from(i32::MAX),
            255 => self.long(),
        }
    }

    fn maybe_number(&mut self) -> Option<i64> {
        (!self.byte().is_multiple_of(4)).then(|| self.number())
    }

    fn maybe_text(&mut self) -> Option<String> {
        self.choice(&[None, Some("a"), Some("b"), Some("c"), Some("d"), Some("")]).map(str::to_owned)
    }

    fn truth(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn page(&mut self) -> PageEvent {
        // The values are taken from the bytes in this order, and the corpus depends on it.
        let (page_number, row_count) = (self.number(), self.number());
        let facts = PageFacts {
            range: Range { gte: self.maybe_number(), lt: self.maybe_number() },
            starting_after: self.maybe_text(),
            next_cursor: self.maybe_text(),
            has_more: self.truth(),
            http_status: 200,
            ..PageFacts::default()
        };
        let (min_created, max_created) = (self.maybe_number(), self.maybe_number());
        let rows_digest = self.maybe_text().unwrap_or_default();
        let recovered = self.truth();
        let facts = PageFacts { api_version: self.maybe_text(), ..facts };
        // It follows from other values, so that the corpus keeps its meaning.
        let unchanged_count = row_count / 3;
        PageEvent { page_number, row_count, unchanged_count, facts, min_created, max_created, rows_digest, recovered }
    }

    fn event(&mut self) -> Event {
        let kind = match self.byte() % 8 {
            0 => Kind::Started {
                settings: self.choice(&["{}", r#"{"stripe_version":"2020-01-01"}"#, "[", "null"]).to_owned(),
                library_version: "1".to_owned(),
            },
            1 => Kind::Completed,
            2 => {
                let class = self.choice(&[Class::Server, Class::Abandoned, Class::Reset]);
                Kind::Failed { class: class.name().to_owned(), message: "no".to_owned() }
            }
            _ => Kind::Page(self.page()),
        };
        let mut event = Event {
            event_id: "e".to_owned(),
            kind,
            at_micros: if self.truth() { NOW.wall_micros.saturating_sub(self.number()) } else { self.long() },
            entity: "charges".to_owned(),
            account: None,
            run_id: self.choice(&["run-1", "run-2", "run-3"]).to_owned(),
            epoch: self.number(),
            sequence: self.number(),
            owner: self.choice(&["there", "here"]).to_owned(),
            start_created_gte: self.maybe_number(),
            max_created_seen: self.maybe_number(),
            source: Source::default(),
            carried: None,
        };
        // This follows from other values, too.
        event.carried = (event.sequence % 3 == 1).then(|| Carried {
            landed: event
                .max_created_seen
                .map(|version| LandedCommit { run_id: Some(event.run_id.clone()), version: version.max(1) }),
            first_start: event.start_created_gte,
            whole_at_micros: Some(event.at_micros),
            answered_at_micros: event.max_created_seen,
            events_since_micros: event.start_created_gte,
            cut_version: event.max_created_seen,
            left_out_epoch: 0,
            refused_parents: Vec::new(),
        });
        let position = |epoch: i64| Position { epoch, at_micros: event.at_micros };
        event.source = Source {
            from: (event.sequence % 5 == 1).then(|| position(event.epoch)),
            to: (event.sequence % 5 < 3).then(|| position(event.sequence)),
            relands: event.sequence % 5 < 3 && event.sequence % 7 == 1,
        };
        event
    }

    /// A column as no writer of ours makes it.
    fn column(&mut self, rows: usize, before: &ArrayRef) -> ArrayRef {
        let kind = self.byte() % 6;
        let mut longs = || (0..rows).map(|_| self.maybe_number()).collect::<Vec<_>>();
        match kind {
            0 => new_null_array(before.data_type(), rows),
            1 => Arc::new(Int64Array::from(longs())),
            2 => Arc::new(TimestampSecondArray::from(longs()).with_timezone("UTC")),
            3 => Arc::new(TimestampMicrosecondArray::from(longs())),
            4 => Arc::new(BooleanArray::from(vec![self.truth(); rows])),
            _ => Arc::new(StringArray::from((0..rows).map(|_| self.maybe_text()).collect::<Vec<_>>())),
        }
    }

    /// Mostly the batch as it is; else one of its columns is changed or gone.
    fn damaged(&mut self, batch: RecordBatch) -> (RecordBatch, bool) {
        if self.byte() % 4 != 1 {
            return (batch, false);
        }
        let at = usize::from(self.byte()) % batch.num_columns();
        let mut columns = batch.columns().to_vec();
        let mut names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        if self.byte() % 8 == 7 {
            columns.remove(at);
            names.remove(at);
        } else {
            columns[at] = self.column(batch.num_rows(), &columns[at]);
        }
        (batch_of(names, columns), true)
    }

    /// Rows of the raw table, as the recovery reads them.
    fn rows(&mut self) -> RecordBatch {
        let count = usize::from(self.byte() % 5);
        let columns = RECOVERY_COLUMNS.map(|name| -> ArrayRef {
            let mut longs = || (0..count).map(|_| self.number()).collect::<Vec<_>>();
            match name {
                "_stripe_created_at" | "_ingested_at" => {
                    Arc::new(TimestampMicrosecondArray::from(longs()).with_timezone("UTC"))
                }
                "_range_gte" | "_range_lt" => {
                    Arc::new(Int64Array::from((0..count).map(|_| self.maybe_number()).collect::<Vec<_>>()))
                }
                "_page_number" | "_page_row" | "_http_status" | "_commit_version" => {
                    Arc::new(Int64Array::from(longs()))
                }
                "_has_more" => Arc::new(BooleanArray::from(vec![true; count])),
                "_ingest_run_id" => {
                    let run = self.choice(&["run-1", "run-2", "run-3"]);
                    Arc::new(StringArray::from(vec![run; count]))
                }
                "_request_cursor" | "_next_cursor" | "_request_id" | "_api_version" => {
                    Arc::new(StringArray::from((0..count).map(|_| self.maybe_text()).collect::<Vec<_>>()))
                }
                _ => Arc::new(StringArray::from(
                    (0..count).map(|_| self.choice(&["a", "b", "c", "d"])).collect::<Vec<_>>(),
                )),
            }
        });
        batch_of(RECOVERY_COLUMNS.map(str::to_owned).to_vec(), columns.to_vec())
    }
}

fn batch_of(names: Vec<String>, columns: Vec<ArrayRef>) -> RecordBatch {
    let field = |(name, column): (String, &ArrayRef)| Field::new(name, column.data_type().clone(), true);
    let fields: Vec<_> = names.into_iter().zip(&columns).map(field).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of one length")
}

/// A refusal is one line.
fn refused(error: &Error) {
    assert!(!error.message.is_empty() && !error.message.contains(char::is_control), "{error:?}");
}

/// Reads any events, folds them, plans by them, and goes on from them.
pub(crate) fn checkpoint(data: &[u8]) {
    let mut input = Input(data);
    let attempt = Circumstances {
        now: NOW,
        owner: "here".to_owned(),
        holder_is_dead: input.truth(),
        take_over: input.byte() % 4 != 0,
        give_up: input.choice(&[None, None, None, Some(GiveUp::Restart), Some(GiveUp::Scratch)]),
        start: input.maybe_number(),
        new_run_id: "run-new".to_owned(),
        follows: true,
        reported: None,
        parents: None,
    };
    let entity = by_name(input.choice(&["charges", "charges", "accounts"])).expect("a list of Stripe's");
    let rows = input.rows();
    let (rows, _) = input.damaged(rows);
    let damage = input.0;
    let mut events = Vec::new();
    input.0 = input.0.get(3..).unwrap_or_default();
    while !input.is_empty() && events.len() < 24 {
        events.push(input.event());
    }
    let (batch, is_damaged) = Input(damage).damaged(to_batch(&events).expect("columns that fit"));
    let mut audit = Audit::new("charges");
    let read = match (events_of(&batch), audit.add_events(&batch)) {
        (Ok(read), Ok(())) => read,
        (Err(error), Err(_)) => return refused(&error),
        (read, added) => panic!("read as {read:?}, audited as {added:?}"),
    };
    assert!(is_damaged || read == events, "{events:?} became {read:?}");
    let _ = audit.finish();
    let mut history = History::default();
    history.extend(read.iter().cloned());
    assert!(!history.next_run(entity, &Options::default(), NOW).is_empty());
    let _ = history.failure();
    let plan = match plan(entity, &history, &Options::default(), &attempt) {
        Ok(plan) => plan,
        Err(error) => return refused(&error),
    };
    assert!(read.iter().all(|event| event.epoch < plan.epoch), "{plan:?}");
    if let Err(error) = go_on(&plan, &batch, &rows, &read) {
        refused(&error);
    }
}

fn go_on(plan: &Plan, events: &RecordBatch, rows: &RecordBatch, read: &[Event]) -> Result<(), Error> {
    let setting = RunContext {
        scope: Scope { entity: by_name("charges").expect("a list of Stripe's"), account: None },
        livemode: None,
        options: Options::default(),
        store_id: "store".to_owned(),
        owner: "here".to_owned(),
        nonce: "nonce".to_owned(),
        settings: "{}".to_owned(),
        library_version: "1".to_owned(),
        has_asked_lists: false,
        may_lack: false,
    };
    let mut run = Run::new(plan.clone(), setting);
    if run.follows() {
        run.follow(&EventIndex::default())?;
    }
    if !run.is_new() {
        run.started(NOW)?;
        run.fence()?;
        run.recover_events(std::slice::from_ref(events))?;
        run.recover_rows(std::slice::from_ref(rows))?;
    }
    if !run.overlap().is_empty() {
        run.compare(rows)?;
    }
    run.begin(NOW)?;
    let _ = run.poll_group(NOW)?;
    for _ in 0..REQUESTS {
        let _ = (run.walk().wants(NOW), run.progress());
        let Some((_, request)) = run.walk_mut().poll_request(NOW) else { break };
        assert!(!request.query.is_empty());
    }
    let mine: Vec<&Event> = read.iter().filter(|event| event.run_id == plan.run_id).collect();
    if matches!(plan.purpose, Purpose::GiveUp(_)) || mine.iter().any(|event| event.kind == Kind::Completed) {
        return Ok(());
    }
    let start = filters(mine.iter().copied()).map_or(plan.start_created_gte, |filters| filters.start_created_gte);
    let links = mine.iter().filter_map(|event| event.kind.page()).map(Link::from);
    let (_, links) = parted(links, start);
    if let Ok(gaps) = remaining(Range { gte: start, lt: None }, links.clone()) {
        check(start, &links, &gaps);
    }
    Ok(())
}

/// Gaps are in falling order inside the window, and apart. Each second of the window is in a gap, or a chain has read it;
/// no second that a finished chain has read is in a gap.
fn check(start: Option<i64>, links: &[Link<'_>], gaps: &[Chain]) {
    for gap in gaps {
        assert!(gap.range.gte >= start, "below {start:?}: {gap:?}");
        assert!(gap.range.lt.is_none_or(|top| gap.range.gte.is_none_or(|bottom| bottom < top)), "empty: {gap:?}");
    }
    for pair in gaps.windows(2) {
        assert!(pair[1].range.lt.is_some() && pair[1].range.lt <= pair[0].range.gte, "not apart: {pair:?}");
    }
    let mut chains: HashMap<Option<i64>, (Range, bool, Option<i64>)> = HashMap::new();
    let mut ordered: Vec<&Link<'_>> = links.iter().collect();
    ordered.sort_by_key(|link| link.page_number);
    for link in ordered {
        let (facts, top) = (link.facts, link.facts.range.lt);
        let before = chains.get(&top).filter(|_| facts.starting_after.is_some()).and_then(|chain| chain.2);
        chains.insert(top, (facts.range, facts.closes(), link.min_created.or(before)));
    }
    let ends = chains.values().flat_map(|(range, _, last)| [range.gte, range.lt, *last]);
    let seconds = ends.chain([start, Some(i64::MIN), Some(i64::MAX)]).flatten();
    for second in seconds.flat_map(|end| [end.saturating_sub(1), end, end.saturating_add(1)]) {
        // An open top has no last second.
        if Some(second) < start || second == i64::MAX {
            continue;
        }
        let inside = |range: Range| Some(second) >= range.gte && range.lt.is_none_or(|top| second < top);
        let remains = gaps.iter().any(|gap| inside(gap.range));
        let finished = chains.values().any(|(range, closed, _)| *closed && inside(*range));
        let begun = chains.values().any(|(range, _, last)| inside(*range) && last.is_some_and(|last| second > last));
        assert!(remains || finished || begun, "{second} is left out of {gaps:?}");
        assert!(!(remains && finished), "{second} is read twice by {gaps:?}");
    }
}
