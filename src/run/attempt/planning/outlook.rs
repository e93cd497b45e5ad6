//! What the next attempt at a list would do. Nothing begins.

use super::{Landed, Planner};
use crate::checkpoint::{GiveUp, Histories, History, Plan, Purpose, moment};
use crate::error::Result;
use crate::stripe::exchange::Now;

/// The runs that the next attempt would have.
#[derive(Debug, Clone, Default)]
pub struct Outlook {
    /// Runs that go on, or are given up first.
    pub continued: usize,
    /// New runs.
    pub new: usize,
    /// Accounts that get none, unless something happens in them: their events say so.
    pub without_news: usize,
    /// Accounts whose unfinished runs are given up.
    pub given_up: Vec<Option<String>>,
    /// The run of the account that was asked about; `None` if it gets none.
    pub one: Option<NextRun>,
}

/// What the next run of an account would do.
#[derive(Debug, Clone)]
pub struct NextRun {
    /// Its plan.
    pub plan: Plan,
    /// Lower end of its window, in seconds since 1970; `None` if it is open.
    pub start_created_gte: Option<i64>,
    /// Objects that it has landed already.
    pub landed: u64,
    /// In words.
    pub line: String,
}

impl Planner {
    /// What the attempt would do that begins now; `account` is the one to look at more closely.
    ///
    /// # Errors
    /// As for [`Planner::begin`].
    pub fn outlook(
        &self,
        histories: &Histories,
        landed: Landed<'_>,
        account: Option<&str>,
        now: Now,
    ) -> Result<Outlook> {
        self.refuse_if_held(histories, now)?;
        let mut outlook = Outlook::default();
        let none = History::default();
        for of in &self.accounts {
            let run = self.run(of.clone(), histories, landed, now, &mut String::new)?;
            let plan = run.plan();
            if plan.purpose == Purpose::New && self.is_without_news(&run, histories, landed, now) {
                outlook.without_news += 1;
                continue;
            }
            match plan.purpose {
                Purpose::New if plan.is_idle => {}
                Purpose::New => outlook.new += 1,
                Purpose::Resume | Purpose::GiveUp(_) => outlook.continued += 1,
            }
            if run.gives_up() {
                outlook.given_up.push(of.clone());
            }
            if of.as_deref() == account {
                outlook.one = Some(self.next_run(plan.clone(), histories.of(account).unwrap_or(&none)));
            }
        }
        Ok(outlook)
    }

    fn next_run(&self, plan: Plan, history: &History) -> NextRun {
        let start = match plan.purpose {
            Purpose::GiveUp(GiveUp::Scratch) => self.circumstances.start.filter(|_| self.entity.window.has_start()),
            Purpose::GiveUp(GiveUp::Restart) | Purpose::New | Purpose::Resume => plan.start_created_gte,
        };
        let landed: i64 = match plan.purpose {
            Purpose::Resume => history.pages().map(|(_, page)| page.row_count).sum(),
            Purpose::GiveUp(_) | Purpose::New => 0,
        };
        let line = match plan.purpose {
            Purpose::Resume => format!("goes on with run {}", plan.run_id),
            Purpose::GiveUp(how) => {
                format!("gives up run {}, and {}", history.run_id().unwrap_or_default(), how.next_run())
            }
            Purpose::New if self.entity.parent.is_some() => {
                "asks for the lists of objects that land until then and do not show the whole".to_owned()
            }
            Purpose::New => match start {
                Some(start) => format!("reads what was created since {}", moment(start.saturating_mul(1_000_000))),
                None if history.completed().is_some() => "reads the whole list again".to_owned(),
                None => "reads the whole list, newest first".to_owned(),
            },
        };
        NextRun { start_created_gte: start, landed: u64::try_from(landed).unwrap_or_default(), line, plan }
    }
}
