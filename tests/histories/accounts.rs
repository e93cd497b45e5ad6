//! The machine with many accounts under one fence: processes that call for any of them, are killed, sleep, wake up and
//! take over from each other at any step.

mod caller;
mod check;
mod joins;
mod lake;
mod stories;

use std::time::Duration;

use proptest::prelude::*;
use stripe_raw_rs::checkpoint::GiveUp;
use stripe_raw_rs::options::Options;
use stripe_raw_rs::run::Bounds;

use caller::{Caller, Wish};
use check::check;
use lake::Lake;

use crate::world::{Account, Engine, Standing};

/// What differs between two histories.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether something happens")]
struct Case {
    entity: &'static str,
    seed: u64,
    engine: Engine,
    page_size: u32,
    interval: Duration,
    accounts: usize,
    /// Whether the key's own account is one of them.
    has_own: bool,
    bounds: Bounds,
    rounds: usize,
    width: usize,
    may_lack: bool,
    has_faults: bool,
    has_table_faults: bool,
    gives_up: bool,
}

/// A history under way: its processes, and the lake.
struct Story {
    case: Case,
    lake: Lake,
    names: Vec<Option<String>>,
    asleep: Vec<Caller>,
}

impl Story {
    fn new(case: Case) -> Self {
        let mut lake = Lake::new(case.entity, case.seed, case.engine);
        let own = case.has_own.then_some(None);
        let names = own.into_iter().chain((1..).map(|at| Some(format!("acct_{at:02}")))).take(case.accounts);
        let names: Vec<Option<String>> = names.collect();
        for name in &names {
            lake.world.accounts.insert(name.clone(), Account::default());
            let objects = if lake.world.chance.one_in(4) { 0 } else { lake.world.chance.below(7) };
            for _ in 0..objects {
                let age = i64::try_from(lake.world.chance.below(5)).unwrap() * 50;
                lake.world.create_in(name, age);
            }
        }
        Self { case, lake, names, asleep: Vec::new() }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.lake.world.chance.below(bound as u64)).unwrap()
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.lake.world.chance.one_in(bound)
    }

    fn any_name(&mut self) -> Option<String> {
        let at = self.below(self.names.len());
        self.names[at].clone()
    }

    /// Something happens at Stripe.
    fn stir(&mut self) {
        let name = self.any_name();
        let world = &mut self.lake.world;
        match world.chance.below(40) {
            0..4 => world.create_in(&name, 0),
            4..8 => {
                let list = &mut world.accounts.get_mut(&name).unwrap().list;
                let at = usize::try_from(world.chance.below(3)).unwrap();
                if let Some(object) = list.get_mut(at) {
                    object.state = (object.state + 1) % 3;
                }
            }
            8 => {
                let list = &mut world.accounts.get_mut(&name).unwrap().list;
                let at = usize::try_from(world.chance.below(list.len() as u64 + 1)).unwrap();
                if at < list.len() {
                    list.remove(at);
                }
            }
            9..11 => {
                let standings = [Standing::Refused, Standing::Refused, Standing::Revoked, Standing::Lacks];
                let lacks = !world.entity.product.is_empty();
                let at = world.chance.below(if lacks { 4 } else { 3 });
                world.stand(&name, standings[usize::try_from(at).unwrap()]);
            }
            11..13 => world.stand(&name, Standing::Readable),
            _ => {}
        }
    }

    fn options(&self) -> Options {
        Options {
            page_size: self.case.page_size,
            commit_interval: self.case.interval,
            max_retries: 1_000,
            lookback_seconds: 60,
            ..Options::default()
        }
    }

    /// A call for all accounts that nothing stops.
    fn whole_call(&mut self) -> Wish {
        Wish {
            options: self.options(),
            accounts: self.names.clone(),
            bounds: self.case.bounds,
            width: self.case.width,
            takes_over: !self.asleep.is_empty(),
            may_lack: self.case.may_lack,
            quota: None,
            gives_up: None,
            spreads: false,
        }
    }

    /// A call for some accounts, or for one.
    fn any_call(&mut self) -> Wish {
        let accounts = match self.below(4) {
            0 => vec![self.any_name()],
            1 => self.names.clone(),
            _ => {
                let share = 1 + self.lake.world.chance.below(4);
                let chance = &mut self.lake.world.chance;
                self.names.iter().filter(|_| chance.one_in(share)).cloned().collect()
            }
        };
        let max_retries = if self.one_in(4) { u32::try_from(self.below(3)).unwrap() } else { 1_000 };
        let how = if self.one_in(2) { GiveUp::Restart } else { GiveUp::Scratch };
        let gives_up = (self.case.gives_up && self.one_in(6)).then_some(how);
        Wish {
            options: Options { max_retries, ..self.options() },
            accounts,
            takes_over: !self.one_in(4),
            quota: self.one_in(8).then(|| self.below(30)),
            gives_up,
            spreads: self.one_in(3),
            ..self.whole_call()
        }
    }

    /// A process begins, or one wakes up. It goes on for a while; then it is killed, sleeps, or goes on to its end.
    fn round(&mut self) {
        let wakes = !self.asleep.is_empty() && (self.asleep.len() > 3 || self.one_in(2));
        let mut caller = if wakes {
            let at = self.below(self.asleep.len());
            self.asleep.swap_remove(at)
        } else {
            let wish = self.any_call();
            Caller::new(&mut self.lake, &wish)
        };
        let most = [4, 30, 100, 300][self.below(4)];
        for _ in 0..=self.below(most) {
            caller.step(&mut self.lake);
            self.stir();
        }
        match self.below(4) {
            0 => self.asleep.push(caller),
            1 => {
                if self.one_in(2) {
                    caller.interrupt();
                }
                let _ = caller.finish(&mut self.lake);
                self.lake.gone.push(caller.name);
            }
            // It is killed.
            _ => self.lake.gone.push(caller.name),
        }
        if self.one_in(4) {
            self.lake.world.clock += Duration::from_secs(1_000);
        }
    }

    /// Some processes work at once, in short bursts, so that each step of one meets each step of another.
    fn contend(&mut self, bursts: usize) {
        for _ in 0..bursts {
            while self.asleep.len() < 3 {
                let wish = self.any_call();
                let caller = Caller::new(&mut self.lake, &wish);
                self.asleep.push(caller);
            }
            let at = self.below(self.asleep.len());
            let mut caller = self.asleep.swap_remove(at);
            let most = [2, 6, 20][self.below(3)];
            for _ in 0..=self.below(most) {
                caller.step(&mut self.lake);
                self.stir();
            }
            let is_killed = self.one_in(12);
            if is_killed || caller.outcome().is_some() {
                self.lake.gone.push(caller.name);
            } else {
                self.asleep.push(caller);
            }
        }
    }

    /// All is well at last: what cannot be read now never will be.
    fn heal(&mut self) {
        (self.lake.world.faults, self.lake.table_faults) = (0, 0);
        for name in self.names.clone() {
            if matches!(self.lake.world.accounts[&name].standing, Standing::Refused | Standing::Silent) {
                self.lake.world.stand(&name, Standing::Readable);
            }
        }
    }

    /// All is well, and a last call is made. Those that were asleep wake up when all is done: what they had begun is
    /// fenced.
    fn end(&mut self) {
        self.heal();
        self.conclude();
        for mut caller in std::mem::take(&mut self.asleep) {
            let _ = caller.finish(&mut self.lake);
            self.lake.gone.push(caller.name);
        }
        self.conclude();
    }

    /// A last call, after which all promises hold.
    fn conclude(&mut self) {
        let wish = Wish { spreads: self.one_in(4), ..self.whole_call() };
        let mut last = Caller::new(&mut self.lake, &wish);
        let outcome = last.finish(&mut self.lake);
        self.lake.gone.push(last.name.clone());
        check(&self.lake, &last, &outcome, !self.case.gives_up);
    }
}

/// How many times as many histories are tried.
#[expect(clippy::disallowed_methods, reason = "tests have no other options")]
fn scale() -> u32 {
    std::env::var("HISTORIES_SCALE").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

fn any_case() -> impl Strategy<Value = Case> {
    let accounts = prop_oneof![3 => 2usize..6, 3 => 6usize..20, 1 => 20usize..41];
    let new_runs = prop_oneof![2 => 1usize..8, 1 => Just(512)];
    let reading = prop_oneof![2 => 1usize..5, 1 => Just(64)];
    let joint_bytes = prop_oneof![2 => 30_000usize..400_000, 1 => Just(20 << 20)];
    let bounds = (new_runs, reading, joint_bytes).prop_map(|(new_runs, reading, joint_bytes)| Bounds {
        new_runs,
        reading,
        joint_bytes,
    });
    let interval = prop::sample::select(vec![0, 400, 3_000]).prop_map(Duration::from_millis);
    let happens = any::<(bool, bool, bool, bool, bool)>();
    (
        (prop::sample::select(vec!["issuing_cards", "issuing_cards", "charges", "quotes"]), any::<u64>()),
        prop::sample::select(vec![Engine::Refuses, Engine::Skips]),
        (1u32..5, interval, accounts, bounds),
        (1usize..12, 1usize..8),
        happens,
        any::<u8>(),
    )
        .prop_map(
            |((entity, seed), engine, (page_size, interval, accounts, bounds), (rounds, width), happens, rare)| {
                let (has_own, may_lack, has_faults, has_table_faults, _) = happens;
                Case {
                    entity,
                    seed,
                    engine,
                    page_size,
                    interval,
                    accounts,
                    has_own,
                    bounds,
                    rounds,
                    width,
                    may_lack,
                    has_faults,
                    has_table_faults,
                    gives_up: rare < 40,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200 * scale(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_many_accounts_ends_whole(case in any_case()) {
        let mut story = Story::new(case.clone());
        story.lake.world.faults = if case.has_faults { 12 } else { 0 };
        story.lake.table_faults = if case.has_table_faults { 30 } else { 0 };
        for _ in 0..case.rounds {
            story.round();
        }
        story.end();
    }

    #[test]
    fn any_interleaving_of_rivals_at_few_accounts_ends_whole(
        case in any_case(),
        (accounts, reading, new_runs) in (2usize..5, 1usize..4, 1usize..4),
    ) {
        let bounds = Bounds { reading, new_runs, ..case.bounds };
        let mut story = Story::new(Case { accounts, bounds, ..case.clone() });
        story.lake.world.faults = if case.has_faults { 12 } else { 0 };
        story.contend(20 + 10 * case.rounds);
        story.end();
    }
}
