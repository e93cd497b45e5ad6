//! Plans the next attempt, from the history alone: a new window, the unfinished run, or the end of that run by giving
//! it up.

use super::parent_rows::{child_source, is_idle};
use super::source::{MONTHS_SECONDS, due_span, has_news, new_source};
use super::window::{moment, window};
use super::{Extent, History, LandedCommit, ParentRows, Reported, Source, State, filters};
use crate::error::{Class, Error, Remedy, Result, counted, foreign};
use crate::options::{Changes, Options};
use crate::stripe::entities::Entity;
use crate::stripe::exchange::Now;
use crate::stripe::expand;

/// If the newest event of a run is younger than this, a process is presumed to work on the run.
const LEASE_MICROS: i64 = 10 * 60 * 1_000_000;

/// The setting of an attempt whose fence is that of all accounts of the list. In version 0.1 each account had its own.
pub const FENCE: &str = "fence";

/// How an unfinished run is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// The next window begins where the last completed run ended.
    Restart,
    /// The next window is open at the bottom.
    Scratch,
}

impl GiveUp {
    /// The way with that name: `restart` or `scratch`.
    ///
    /// # Errors
    /// Another name.
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "restart" => Ok(Self::Restart),
            "scratch" => Ok(Self::Scratch),
            other => Err(Error::usage(format!("give_up is 'restart' or 'scratch', not '{}'", foreign(other)))),
        }
    }

    /// Class of the RUN_FAILED that ends the run.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Restart => Class::Abandoned,
            Self::Scratch => Class::Reset,
        }
    }

    /// A clause that says what the next run does, for the message of that RUN_FAILED.
    #[must_use]
    pub const fn next_run(self) -> &'static str {
        match self {
            Self::Restart => "the next run reads its window again",
            Self::Scratch => "the next run begins at the beginning of the account",
        }
    }
}

/// The purpose of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A run of its own.
    New,
    /// It continues the unfinished run.
    Resume,
    /// It ends a run without finishing it.
    GiveUp(GiveUp),
}

/// The request for an attempt: its process, its time, and its wishes.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The moment.
    pub now: Now,
    /// The name of this process, or of its job.
    pub owner: String,
    /// Whether the process that holds the run is known to be gone.
    pub holder_is_dead: bool,
    /// Whether to take the run from a process that is presumed alive.
    pub take_over: bool,
    /// Whether to give up the unfinished run.
    pub give_up: Option<GiveUp>,
    /// Lower end that the user wishes for the first window, seconds since 1970.
    pub start: Option<i64>,
    /// Id for a new run.
    pub new_run_id: String,
    /// Whether the events of this call's lists are read, too: then a new run follows the changes that they report.
    pub follows: bool,
    /// What the runs of `events` have landed; `None` if none is complete.
    pub reported: Option<Reported>,
    /// What has landed of the parents, for a list that is not the account's own; `None` if none of their runs is complete.
    pub parents: Option<ParentRows>,
}

impl Circumstances {
    /// The request of that process for an attempt without any wishes.
    #[must_use]
    pub const fn new(now: Now, owner: String) -> Self {
        Self {
            now,
            owner,
            holder_is_dead: false,
            take_over: false,
            give_up: None,
            start: None,
            new_run_id: String::new(),
            follows: false,
            reported: None,
            parents: None,
        }
    }
}

/// The next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
pub struct Plan {
    /// Its purpose.
    pub purpose: Purpose,
    /// The run.
    pub run_id: String,
    /// Its number, over all runs.
    pub epoch: i64,
    /// The number of the first attempt at the run that is known of.
    pub first_epoch: i64,
    /// Its number among those at this run, from 1.
    pub attempt: usize,
    /// Lower end of the run's window.
    pub start_created_gte: Option<i64>,
    /// Largest `created` of the completed runs before.
    pub seen_before: Option<i64>,
    /// The newest commit with rows so far.
    pub landed: Option<LandedCommit>,
    /// The same, of the runs before this one.
    pub landed_before: Option<LandedCommit>,
    /// Lower end of the window of the first run since the last reset; `None` if that is this run.
    pub first_start: Option<Option<i64>>,
    /// Whether an earlier attempt has ever read anything of the list.
    pub was_ever_read: bool,
    /// When the run began, in microseconds since 1970.
    pub began_at_micros: i64,
    /// When the newest complete run before this one began that read the whole list, in microseconds since 1970.
    pub whole_before_micros: Option<i64>,
    /// `Stripe-Version` of its requests.
    pub stripe_version: String,
    /// Members of the objects that its requests ask for.
    pub expand: Vec<&'static str>,
    /// The events that it follows.
    pub source: Source,
    /// Whether no event has landed after those that were followed before.
    pub has_no_news: bool,
    /// Whether the lists of parents are read, and none of them has to be asked: then nothing need be done.
    pub is_idle: bool,
    /// Version of the newest commit before this attempt that may have an object which shows only the beginning of a list.
    pub cut_before: i64,
    /// The newest attempt before this one whose run left out objects that events report and that have not changed.
    pub left_out_before: i64,
    /// Whether it goes on with the run of an attempt that had a fence for its account alone.
    pub had_own_fence: bool,
    /// Whether an earlier attempt at this run has left such objects out.
    pub has_left_out: bool,
    /// The objects whose lists were refused in the run before.
    pub refused_before: Vec<String>,
    /// When it was planned first, in microseconds since 1970.
    pub planned_at_micros: i64,
    /// Objects that announce a change of their own from the first to the second of these moments are read again; `None`
    /// for none. In microseconds since 1970.
    pub due: Option<(i64, i64)>,
    /// How it comes to the changed objects.
    pub changes: Changes,
    /// The newest answer of the runs before, in microseconds since 1970.
    pub answered_before_micros: Option<i64>,
    /// Of `events`: since when all events have landed, in microseconds since 1970, if no run was too late.
    pub events_since_micros: Option<i64>,
    /// Lines for the user: things that are done in another way than asked, or that are unwise.
    pub warnings: Vec<String>,
    /// Lines for the user: the run that is continued.
    pub notices: Vec<String>,
}

/// Plans the next attempt.
///
/// # Errors
/// [`Class::Held`] if another process is presumed to work on the run, [`Class::Usage`] for a start in the future.
pub fn plan(entity: &Entity, history: &History, options: &Options, attempt: &Circumstances) -> Result<Plan> {
    if attempt.start.is_some_and(|start| start > attempt.now.wall_micros / 1_000_000) {
        return Err(Error::usage("start lies in the future: there is nothing to read yet"));
    }
    refuse_if_held(entity, history, attempt)?;
    let mut warnings = Vec::new();
    let mut notices = Vec::new();
    let mut today = window(entity, history, options, attempt.start, attempt.now, &mut warnings);
    let purpose = purpose(history, attempt, &mut warnings);
    let source = match (purpose, &entity.parent) {
        (Purpose::New, Some(parent)) => child_source(parent, history, options, attempt),
        (Purpose::New, None) => {
            let (reported, began_at) = (attempt.reported.as_ref(), attempt.now.wall_micros);
            new_source(entity, history, options, attempt.follows, reported, began_at, &mut warnings)
        }
        (Purpose::Resume | Purpose::GiveUp(_), _) => history.source(),
    };
    if source.relands && entity.parent.is_none() && history.completed().is_some() {
        today = history.first_start();
    }
    if matches!(purpose, Purpose::GiveUp(_)) {
        // It opens no window: warnings about a window are for the next attempt.
        warnings.clear();
    }
    let refused_before = history.refused_parents();
    let is_idle = purpose == Purpose::New
        && entity.parent.as_ref().is_some_and(|parent| {
            let asks_again = source.to.is_some() && !refused_before.is_empty();
            !asks_again && is_idle(parent, &source, attempt.parents.as_ref())
        });
    let unfinished = history.is_open().then(|| history.run_id()).flatten();
    let number = unfinished.map_or(0, |_| history.attempts()) + 1;
    let filters = filters(history.latest()).filter(|_| unfinished.is_some());
    let run_id = unfinished.map_or_else(|| attempt.new_run_id.clone(), str::to_owned);
    let chosen = expand::members(&options.expand, entity)?;
    let begun_with = || history.setting("expand").map(|choice| expand::recorded(&choice, entity));
    let expand = unfinished.and_then(|_| begun_with()).unwrap_or_else(|| chosen.clone());
    let begun_with = || Changes::by_word(&history.setting("changes")?);
    let changes = unfinished.and_then(|_| begun_with()).unwrap_or(options.changes);
    let begun_at = || history.setting("planned_at")?.parse().ok();
    let planned_at_micros = unfinished.and_then(|_| begun_at()).unwrap_or(attempt.now.wall_micros);
    let reads_due = entity.due.is_some() && source.to.is_some() && history.completed().is_some();
    let due = reads_due.then(|| due_span(source.from.map(|from| from.at_micros), planned_at_micros));
    if reads_due && source.from.is_none() {
        // Nobody knows which of the objects that landed before announce a change.
        let then = (planned_at_micros / 1_000_000).saturating_sub(MONTHS_SECONDS);
        today = today.map(|start| start.min(then)).max(history.first_start());
    }
    let (start_created_gte, stripe_version) = match filters {
        Some(filters) => {
            let version = filters.api_version.or_else(|| history.setting("stripe_version"));
            (filters.start_created_gte, version.unwrap_or_else(|| options.stripe_version.clone()))
        }
        None => (today, options.stripe_version.clone()),
    };
    if purpose == Purpose::Resume {
        let pages = counted(history.pages().count(), "page", "pages");
        notices.push(format!("goes on with run {run_id} (attempt {number}, {pages} committed)"));
        if stripe_version != options.stripe_version {
            notices.push(format!("the run began with Stripe-Version {stripe_version} and keeps it"));
        }
        if expand != chosen {
            let members = if expand.is_empty() { "nothing".to_owned() } else { expand.join(", ") };
            notices.push(format!("the run began with {members} expanded and keeps that"));
        }
    }
    Ok(Plan {
        purpose,
        run_id,
        epoch: history.epoch() + 1,
        first_epoch: unfinished.and_then(|_| history.latest().map(|event| event.epoch).min()).unwrap_or_default(),
        attempt: number,
        start_created_gte,
        seen_before: history.sound_watermark(options.lookback_seconds),
        landed: landed(history, Extent::Rows),
        landed_before: landed(history, if unfinished.is_some() { Extent::EarlierRows } else { Extent::Rows }),
        first_start: (!history.has_no_earlier_run()).then(|| history.first_start()),
        was_ever_read: history.was_ever_read(),
        began_at_micros: history.began_at_micros().filter(|_| unfinished.is_some()).unwrap_or(attempt.now.wall_micros),
        whole_before_micros: history.whole_at_micros(),
        stripe_version,
        expand,
        source,
        is_idle,
        cut_before: history.cut_version().or_else(|| Some(history.landed(Extent::Rows)?.version)).unwrap_or_default(),
        left_out_before: history.left_out_epoch(),
        had_own_fence: history.epoch() > 0 && !history.shares_fence(),
        has_left_out: unfinished.is_some() && history.has_left_out(),
        refused_before,
        planned_at_micros,
        due,
        has_no_news: purpose == Purpose::New && !has_news(&source, attempt.reported.as_ref()),
        changes,
        answered_before_micros: history.answered_before_micros(),
        events_since_micros: history.completed().and_then(|event| event.carried.as_ref()?.events_since_micros),
        warnings,
        notices,
    })
}

/// The newest commit with rows.
fn landed(history: &History, extent: Extent) -> Option<LandedCommit> {
    let landed = history.landed(extent)?;
    Some(match landed.newest {
        Some((run_id, version)) if version >= landed.version => LandedCommit { run_id: Some(run_id), version },
        _ => LandedCommit { run_id: None, version: landed.version },
    })
}

impl History {
    /// The process that is presumed to work on the latest run, and its last sign of life (microseconds since 1970): the
    /// run has no end, and has an event that is younger than the lease.
    #[must_use]
    pub fn holder(&self, now: Now) -> Option<(&str, i64)> {
        self.newest().filter(|(_, at_micros)| self.state() == State::Unfinished && is_recent(*at_micros, now))
    }
}

/// Whether an event of that moment is younger than the lease.
pub(super) const fn is_recent(at_micros: i64, now: Now) -> bool {
    now.wall_micros.saturating_sub(at_micros) < LEASE_MICROS
}

fn refuse_if_held(entity: &Entity, history: &History, attempt: &Circumstances) -> Result<()> {
    let Some((owner, at_micros)) = history.holder(attempt.now) else { return Ok(()) };
    if attempt.take_over || attempt.holder_is_dead || owner == attempt.owner {
        return Ok(());
    }
    Err(Error::new(
        Class::Held,
        format!(
            "{}: {owner} holds run {} (last sign of life {})",
            entity.name,
            history.run_id().unwrap_or_default(),
            moment(at_micros),
        ),
    )
    .with(Remedy::TakeOver))
}

fn purpose(history: &History, attempt: &Circumstances, warnings: &mut Vec<String>) -> Purpose {
    match attempt.give_up {
        Some(GiveUp::Scratch) if history.has_run() => Purpose::GiveUp(GiveUp::Scratch),
        Some(GiveUp::Restart) if history.is_open() => Purpose::GiveUp(GiveUp::Restart),
        Some(GiveUp::Restart) => {
            warnings.push("there is no unfinished run, so none is given up".to_owned());
            Purpose::New
        }
        _ if history.is_open() => Purpose::Resume,
        _ => Purpose::New,
    }
}

/// A setting of a RUN_STARTED that is text.
fn text_of(settings: &str, name: &str) -> Option<String> {
    let settings: serde_json::Value = serde_json::from_str(settings).ok()?;
    settings.get(name)?.as_str().map(str::to_owned)
}

impl History {
    /// Whether all attempts at the latest run have the fence of all accounts.
    #[must_use]
    pub fn shares_fence(&self) -> bool {
        let mut started = self.latest().filter_map(|event| event.kind.settings()).peekable();
        started.peek().is_some() && started.all(|settings| text_of(settings, FENCE).is_some())
    }

    /// A setting of the latest run that is text, as its newest attempt recorded it.
    fn setting(&self, name: &str) -> Option<String> {
        text_of(self.settings()?, name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, event, failed, page, started};
    use super::super::window::DAY;
    use super::super::{Carried, Event, Kind};
    use super::*;
    use crate::stripe::entities::by_name;
    use std::time::Duration;

    fn attempt() -> Circumstances {
        let now = Now { monotonic: Duration::ZERO, wall_micros: NOW };
        Circumstances { new_run_id: "NEW".to_owned(), ..Circumstances::new(now, "here/1".to_owned()) }
    }

    fn planned(events: Vec<Event>, attempt: &Circumstances) -> Result<Plan> {
        let mut history = History::default();
        history.extend(events);
        plan(by_name("charges").unwrap(), &history, &Options::default(), attempt)
    }

    #[test]
    fn a_start_may_be_now_and_not_later() {
        for (ahead, expected) in [(-1, true), (0, true), (1, false)] {
            let wish = Circumstances { start: Some(NOW / 1_000_000 + ahead), ..attempt() };
            assert_eq!(planned(vec![], &wish).is_ok(), expected, "{ahead}");
        }
    }

    #[test]
    fn the_first_run_is_open_at_the_bottom_or_begins_at_start() {
        assert_eq!(planned(vec![], &attempt()).unwrap().start_created_gte, None);
        let wish = Circumstances { start: Some(77), ..attempt() };
        let plan = planned(vec![], &wish).unwrap();
        assert_eq!((plan.start_created_gte, plan.epoch, plan.run_id.as_str()), (Some(77), 1, "NEW"));
    }

    #[test]
    fn a_run_of_which_any_attempt_had_a_fence_of_its_own_is_fenced_that_way_too() {
        let begun = |epoch: i64, settings: &str| {
            let kind = Kind::Started { settings: settings.to_owned(), library_version: "0".to_owned() };
            event("A", epoch, kind, None, None)
        };
        let (own, shared) = (r#"{"page_size":"100"}"#, r#"{"fence":"list"}"#);
        for (settings, expected) in
            [(vec![own], true), (vec![shared], false), (vec![own, shared], true), (vec![shared, shared], false)]
        {
            let events = (1..).zip(&settings).map(|(epoch, settings)| begun(epoch, settings)).collect();
            let plan = planned(events, &Circumstances { take_over: true, ..attempt() }).unwrap();
            assert_eq!(plan.had_own_fence, expected, "{settings:?}");
        }
    }

    #[test]
    fn a_completed_run_is_followed_by_a_window_that_looks_back() {
        let done = vec![event("A", 1, started(), None, None), event("A", 1, Kind::Completed, None, Some(10_000))];
        let plan = planned(done, &attempt()).unwrap();
        assert_eq!((plan.start_created_gte, plan.epoch, plan.seen_before), (Some(6_400), 2, Some(10_000)));
        assert_eq!(plan.attempt, 1, "each run counts its own");
    }

    #[test]
    fn no_window_begins_in_the_future() {
        const LOOKBACK: i64 = 3_600;
        let now = NOW / 1_000_000;
        for (watermark, completed_at, start, seen_before) in [
            (now, now, now - LOOKBACK, now),
            // An object of the future may be ahead by as much as an object may become visible late.
            (now + LOOKBACK, now, now, now + LOOKBACK),
            (now + 50 * 365 * 86_400, now - 500, now - 500 - LOOKBACK, now - 500),
            (i64::MAX, now - 500, now - 500 - LOOKBACK, now - 500),
            // This machine's clock was ahead when the run was complete, and with it a server's.
            (now + 90_000, now + 90_000, now, now + 90_000),
        ] {
            let completed = event("A", 1, Kind::Completed, None, Some(watermark));
            let completed = Event { at_micros: completed_at * 1_000_000, ..completed };
            let plan = planned(vec![event("A", 1, started(), None, None), completed], &attempt()).unwrap();
            assert_eq!((plan.start_created_gte, plan.seen_before), (Some(start), Some(seen_before)), "{watermark}");
            let warned = plan.warnings.iter().any(|warning| warning.contains("would begin in the future"));
            assert_eq!(warned, watermark - LOOKBACK > start, "{:?}", plan.warnings);
        }
    }

    #[test]
    fn no_later_window_reaches_below_the_first_start() {
        let done = vec![
            event("A", 1, started(), Some(9_000), None),
            event("A", 1, Kind::Completed, Some(9_000), Some(10_000)),
        ];
        assert_eq!(planned(done, &attempt()).unwrap().start_created_gte, Some(9_000));
    }

    #[test]
    fn a_window_may_list_days_again_down_to_the_first_start() {
        const DAYS: u32 = 3;
        let now = NOW / 1_000_000;
        let three_days_ago = now - 3 * DAY;
        for (days, first, seen, expected) in [
            (0, None, now - 10, now - 10 - 3_600),
            (DAYS, None, now - 10, three_days_ago),
            (DAYS, Some(three_days_ago + 5), now - 10, three_days_ago + 5),
            (DAYS, None, now - 9 * DAY, now - 9 * DAY - 3_600),
            (3_650, None, now - 10, now - 3_650 * DAY),
        ] {
            let mut history = History::default();
            let completed = event("A", 1, Kind::Completed, first, Some(seen));
            history.extend([event("A", 1, started(), first, None), completed]);
            let options = Options { relist_days: days, ..Options::default() };
            let plan = plan(by_name("charges").unwrap(), &history, &options, &attempt()).unwrap();
            assert_eq!(plan.start_created_gte, Some(expected), "{days} days");
            assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
        }
    }

    #[test]
    fn a_list_without_a_filter_is_read_whole_if_the_last_time_is_too_long_ago_or_in_the_future() {
        let (now, seen) = (NOW / 1_000_000, NOW / 1_000_000 - 10);
        let day = DAY * 1_000_000;
        for (entity, whole_at_micros, every_days, expected) in [
            ("quotes", Some(NOW - 6 * day), 7, Some(seen - 3_600)),
            ("quotes", Some(NOW - 7 * day), 7, None),
            ("quotes", Some(NOW + day), 7, None),
            ("quotes", None, 7, None),
            ("quotes", Some(NOW), 0, None),
            ("charges", None, 7, Some(seen - 3_600)),
        ] {
            let carried = Some(Carried { whole_at_micros, ..Carried::default() });
            let completed = Event { carried, ..event("A", 1, Kind::Completed, None, Some(seen)) };
            let mut history = History::default();
            history.extend([event("A", 1, started(), None, None), completed]);
            let options = Options { whole_every_days: every_days, ..Options::default() };
            let plan = plan(by_name(entity).unwrap(), &history, &options, &attempt()).unwrap();
            assert_eq!(plan.start_created_gte, expected, "{entity} {whole_at_micros:?} at {now}");
            assert_eq!(plan.whole_before_micros, whole_at_micros);
        }
    }

    #[test]
    fn a_later_start_is_ignored_with_a_notice() {
        let done = vec![event("A", 1, started(), None, None), event("A", 1, Kind::Completed, None, Some(10_000))];
        let plan = planned(done, &Circumstances { start: Some(5), ..attempt() }).unwrap();
        assert_eq!(plan.start_created_gte, Some(6_400));
        assert!(plan.warnings.iter().any(|warning| warning.starts_with("start ")), "{:?}", plan.warnings);
    }

    #[test]
    fn a_run_that_saw_nothing_leaves_the_window_where_it_was() {
        let done = vec![event("A", 1, started(), Some(50), None), event("A", 1, Kind::Completed, Some(50), None)];
        assert_eq!(planned(done, &attempt()).unwrap().start_created_gte, Some(50));
    }

    #[test]
    fn an_unfinished_run_goes_on_with_its_filters_and_version() {
        let begun = vec![event("A", 4, started(), Some(300), None), event("A", 4, page(), Some(300), Some(1_000))];
        let plan = planned(begun, &attempt()).unwrap();
        assert_eq!((plan.purpose, plan.run_id.as_str(), plan.epoch), (Purpose::Resume, "A", 5));
        assert_eq!(plan.attempt, 2);
        assert_eq!((plan.start_created_gte, plan.stripe_version.as_str()), (Some(300), "2020-01-01"));
    }

    #[test]
    fn an_unfinished_run_goes_on_with_what_it_has_expanded() {
        let settings = |expand: &str| Kind::Started {
            settings: format!(r#"{{"expand":"{expand}"}}"#),
            library_version: "1".to_owned(),
        };
        for (begun_with, has_page, chosen, expected, noticed) in [
            ("charges.refunds", true, "", &["refunds"][..], true),
            ("charges.refunds", true, "all", &["refunds"], false),
            ("", true, "charges.refunds", &[], true),
            ("charges.refunds", false, "", &["refunds"], true),
            // A newer version knew the other.
            ("charges.other,charges.refunds", true, "", &["refunds"], true),
        ] {
            let mut events = vec![event("A", 4, settings(begun_with), None, None)];
            events.extend(has_page.then(|| event("A", 4, page(), None, Some(1_000))));
            let mut history = History::default();
            history.extend(events);
            let options = Options { expand: chosen.to_owned(), ..Options::default() };
            let plan = plan(by_name("charges").unwrap(), &history, &options, &attempt()).unwrap();
            assert_eq!(plan.expand, expected, "{begun_with} then {chosen}");
            let is_noticed = plan.notices.iter().any(|notice| notice.contains("expanded and keeps that"));
            assert_eq!(is_noticed, noticed, "{:?}", plan.notices);
        }
    }

    #[test]
    fn an_unfinished_run_without_a_page_takes_todays_settings() {
        let begun = vec![event("A", 4, started(), Some(300), None)];
        let plan = planned(begun, &Circumstances { start: Some(7), ..attempt() }).unwrap();
        assert_eq!((plan.run_id.as_str(), plan.start_created_gte), ("A", Some(7)));
        assert_eq!(plan.stripe_version, Options::default().stripe_version);
    }

    #[test]
    fn an_abandoned_run_is_followed_by_one_from_the_last_completed() {
        let events = vec![
            event("A", 1, started(), None, None),
            event("A", 1, Kind::Completed, None, Some(10_000)),
            event("B", 2, started(), Some(6_400), None),
            event("B", 3, failed(Class::Abandoned), Some(6_400), Some(99_999)),
        ];
        let plan = planned(events, &attempt()).unwrap();
        assert_eq!((plan.purpose, plan.run_id.as_str(), plan.start_created_gte), (Purpose::New, "NEW", Some(6_400)));
        assert_eq!(plan.seen_before, Some(10_000));
    }

    #[test]
    fn after_a_reset_the_window_is_open_at_the_bottom_again() {
        let events = vec![
            event("A", 1, Kind::Completed, None, Some(10_000)),
            event("B", 2, failed(Class::Reset), None, Some(10_000)),
        ];
        let plan = planned(events, &attempt()).unwrap();
        assert_eq!((plan.start_created_gte, plan.seen_before, plan.epoch), (None, None, 3));
    }

    #[test]
    fn a_young_run_of_another_process_is_held_until_it_is_gone() {
        let young = || {
            let mut begun = event("A", 1, started(), None, None);
            begun.at_micros = NOW - 1_000_000;
            vec![begun]
        };
        let error = planned(young(), &attempt()).unwrap_err();
        assert_eq!(error.class, Class::Held);
        assert!(error.message.contains("there/2 holds run A"), "{error}");
        for free in [
            Circumstances { take_over: true, ..attempt() },
            Circumstances { holder_is_dead: true, ..attempt() },
            Circumstances { owner: "there/2".to_owned(), ..attempt() },
            Circumstances { now: Now { wall_micros: NOW + LEASE_MICROS, ..attempt().now }, ..attempt() },
        ] {
            assert_eq!(planned(young(), &free).unwrap().epoch, 2);
        }
    }

    #[test]
    fn a_run_whose_last_sign_of_life_is_beyond_all_times_is_old_or_young() {
        for (at_micros, is_held) in [(i64::MIN, false), (i64::MAX, true)] {
            let begun = Event { at_micros, ..event("A", 1, started(), None, None) };
            assert_eq!(planned(vec![begun], &attempt()).is_err(), is_held);
        }
    }

    #[test]
    fn a_failed_attempt_frees_the_run_at_once() {
        let mut failure = event("A", 1, failed(Class::Server), None, None);
        failure.at_micros = NOW;
        assert_eq!(planned(vec![event("A", 1, started(), None, None), failure], &attempt()).unwrap().epoch, 2);
    }

    #[test]
    fn a_run_is_held_for_ten_minutes_after_its_last_sign_of_life() {
        for (seconds, is_held) in [(599, true), (600, false)] {
            let begun = Event { at_micros: NOW - seconds * 1_000_000, ..event("A", 1, started(), None, None) };
            let held = planned(vec![begun], &attempt());
            assert_eq!(held.is_err(), is_held, "{seconds} s");
            if let Err(error) = held {
                assert!(error.message.contains("(last sign of life 2027-01-15 07:50:01 UTC)"), "{error}");
            }
        }
    }

    #[test]
    fn a_run_that_goes_on_says_so_and_which_version_it_keeps() {
        let begun = || vec![event("A", 4, started(), Some(300), None), event("A", 4, page(), Some(300), Some(1_000))];
        let notices = planned(begun(), &attempt()).unwrap().notices;
        assert_eq!(
            notices,
            [
                "goes on with run A (attempt 2, 1 page committed)",
                "the run began with Stripe-Version 2020-01-01 and keeps it"
            ]
        );
        let mut history = History::default();
        history.extend(begun());
        let options = Options { stripe_version: "2020-01-01".to_owned(), ..Options::default() };
        let plan = plan(by_name("charges").unwrap(), &history, &options, &attempt()).unwrap();
        assert_eq!(plan.notices.len(), 1, "{:?}", plan.notices);
        assert!(planned(vec![], &attempt()).unwrap().notices.is_empty());
    }

    #[test]
    fn only_what_is_there_is_given_up() {
        let give_up = |how: GiveUp| Circumstances { give_up: Some(how), ..attempt() };
        let begun = || vec![event("A", 1, started(), None, None)];
        let done = || vec![event("A", 1, started(), None, None), event("A", 1, Kind::Completed, None, Some(10_000))];
        for (how, events, purpose, warned) in [
            (GiveUp::Restart, vec![], Purpose::New, true),
            (GiveUp::Restart, begun(), Purpose::GiveUp(GiveUp::Restart), false),
            (GiveUp::Restart, done(), Purpose::New, true),
            (GiveUp::Scratch, vec![], Purpose::New, false),
            (GiveUp::Scratch, begun(), Purpose::GiveUp(GiveUp::Scratch), false),
            (GiveUp::Scratch, done(), Purpose::GiveUp(GiveUp::Scratch), false),
        ] {
            let plan = planned(events, &give_up(how)).unwrap();
            assert_eq!((plan.purpose, !plan.warnings.is_empty()), (purpose, warned), "{how:?}");
        }
    }

    #[test]
    fn a_lookback_under_ten_minutes_is_warned_of() {
        for (lookback_seconds, warned) in [(599, true), (600, false), (3_600, false)] {
            let options = Options { lookback_seconds, ..Options::default() };
            let plan = plan(by_name("charges").unwrap(), &History::default(), &options, &attempt()).unwrap();
            assert_eq!(!plan.warnings.is_empty(), warned, "{:?}", plan.warnings);
        }
    }
}
