//! The lists that single objects have: objects show three items at most, items come, change and go, and processes are
//! killed anywhere. When the world stands still, each list is whole: in its object, or in the rows of a run.

mod stories;

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use stripe_raw_rs::checkpoint::{Event, History, Kind};
use stripe_raw_rs::options::Changes;
use stripe_raw_rs::run::audit::Audit;

use super::{DAY, Job, LOOKBACK, VERSION};
use stripe_raw_rs::stripe::children::Parent;
use stripe_raw_rs::stripe::facts::PageFacts;

use crate::world::{Engine, Item, Landed, Object, Process, World};

/// Most items that an object shows.
const SHOWN: usize = 3;

/// What a job does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Events,
    Parents,
    Lists,
}

const PARTS: [Part; 3] = [Part::Events, Part::Parents, Part::Lists];

/// An account whose objects have lists, and a lake.
struct Lists {
    job: Job,
    children: World,
    born: usize,
}

impl Lists {
    fn new(parents: &str, children: &str, seed: u64, changes: Changes) -> Self {
        let engine = if seed.is_multiple_of(2) { Engine::Refuses } else { Engine::Skips };
        let mut job = Job::of(parents, seed, changes, VERSION);
        job.is_late = seed.is_multiple_of(3);
        // Two pages are a list.
        job.options.page_size = 4;
        Self { job, children: World::new(children, seed, engine), born: 0 }
    }

    fn parent(&self) -> &'static Parent {
        self.children.entity.parent.as_ref().unwrap()
    }

    /// The object shows its list as it is now, if it shows any.
    fn show(&mut self, object: &Object) {
        let items = &self.children.lists[&object.id];
        let shown: Vec<String> = items.iter().take(SHOWN).map(|item| self.children.item(item)).collect();
        let (kind, Object { id, created, state, .. }) = (self.job.objects.entity.object, object);
        let list = if self.parent().is_shown {
            let has_more = items.len() > SHOWN;
            format!(r#""{}":{{"data":[{}],"has_more":{has_more}}},"#, self.parent().member, shown.join(","))
        } else {
            String::new()
        };
        let text = format!(r#"{{"id":"{id}","object":"{kind}",{list}"created":{created},"state":{state}}}"#);
        self.job.objects.texts.insert(id.clone(), text);
    }

    fn item(&mut self) -> Item {
        self.born += 1;
        Item { id: format!("il_{}", self.born % 12), state: 0 }
    }

    fn create(&mut self) {
        let count = self.job.objects.chance.below(7);
        self.create_with(count);
    }

    fn create_each(&mut self, counts: &[u64]) {
        for count in counts {
            self.create_with(*count);
        }
    }

    fn create_with(&mut self, count: u64) {
        let id = self.job.objects.create(0);
        let items: Vec<Item> = (0..count).map(|_| self.item()).collect();
        self.children.lists.insert(id.clone(), items);
        let object = self.job.objects.list.iter().find(|object| object.id == id).unwrap().clone();
        self.show(&object);
        self.job.tell(self.job.types().created, &object);
    }

    /// An event tells of a change in an object's list: one of the item, if there is such a type.
    fn tell(&mut self, object: &Object) {
        match self.parent().events.first() {
            Some(kind) => {
                let body = format!(r#"{{"id":"il_1","object":"item","{}":"{}"}}"#, self.parent().named_by, object.id);
                self.job.tell_of(kind, &body);
            }
            None => self.job.tell(self.job.types().updated, object),
        }
    }

    /// Something happens, or only time passes.
    fn stir(&mut self) {
        let count = self.job.objects.list.len() as u64;
        let (what, at) = (self.job.objects.chance.below(9), self.job.objects.chance.below(count.max(1)));
        if count == 0 || what == 0 {
            self.create();
        } else if what < 7 {
            let at = usize::try_from(at).unwrap();
            // Some objects do not show their list, and change with it.
            let tells_itself = self.parent().is_reported && !self.parent().is_shown && self.parent().events.is_empty();
            if what == 1 || tells_itself {
                self.job.objects.change(at);
            }
            let object = self.job.objects.list[at].clone();
            let mut items = std::mem::take(self.children.lists.get_mut(&object.id).unwrap());
            let place = usize::try_from(self.children.chance.below(items.len() as u64 + 1)).unwrap();
            let is_change = items.get(place).is_some_and(|_| what == 4);
            match what {
                2 | 3 if items.len() < 11 => {
                    let item = self.item();
                    if items.iter().all(|other| other.id != item.id) {
                        items.insert(place, item);
                    }
                }
                4 if is_change => items[place].state += 1,
                5 if place < items.len() => drop(items.remove(place)),
                _ => {}
            }
            self.children.lists.insert(object.id.clone(), items);
            self.show(&object);
            if what == 1 {
                self.job.tell(self.job.types().updated, &object);
            } else {
                self.tell(&object);
            }
        } else if what == 7 && self.job.objects.chance.one_in(3) && self.job.types().deleted.is_some() {
            let id = self.job.objects.list[usize::try_from(at).unwrap()].id.clone();
            self.job.delete(usize::try_from(at).unwrap());
            self.children.lists.remove(&id);
        }
        let seconds = i64::try_from(self.job.objects.chance.below(3) * self.job.objects.chance.below(40)).unwrap();
        self.pass(seconds);
    }

    fn pass(&mut self, seconds: i64) {
        self.job.events.clock = self.job.events.clock.max(self.children.clock);
        self.job.pass(seconds);
        self.children.clock = self.job.objects.clock;
    }

    fn landed(&self) -> Landed {
        let mut history = History::default();
        history.extend(Job::checkpoints(&self.job.objects));
        Landed { parents: history.parent_rows(), rows: self.job.objects.raw.batches.clone() }
    }

    fn process(&self, part: Part) -> Process {
        match part {
            Part::Events => self.job.process(true),
            Part::Parents if self.parent().is_shown => self.job.process(false),
            Part::Parents => self.job.process(false).with_asked_lists(),
            Part::Lists => Process::new("job", &self.job.options).asking(self.job.width).of_parents(self.landed()),
        }
    }

    /// Does a part of the job once, for so many steps at most. Returns whether it came to its end.
    fn run(&mut self, part: Part, steps: usize, stirs: bool) -> bool {
        let (mut process, mut rival) = (self.process(part), None);
        for _ in 0..steps {
            process.step(match part {
                Part::Events => &mut self.job.events,
                Part::Parents => &mut self.job.objects,
                Part::Lists => &mut self.children,
            });
            self.pass(0);
            if let Some(outcome) = process.outcome() {
                assert!(stirs || *outcome == Ok(()), "{outcome:?}");
                return true;
            }
            if stirs && self.children.chance.one_in(4) {
                self.stir();
            }
            if stirs && self.job.has_rivals && self.children.chance.one_in(8) {
                // Another process takes over, and this one goes on without knowing it.
                let other = rival.take().unwrap_or_else(|| self.process(part));
                rival = Some(std::mem::replace(&mut process, other));
            }
        }
        false
    }

    fn go(&mut self) {
        for part in PARTS {
            assert!(self.run(part, 100_000, false));
        }
    }

    /// The newest run that has read a list to its end, and the attempt at the parents up to whose rows it went.
    fn read_out(&self, parent: &str) -> Option<(String, i64)> {
        let pages = Job::checkpoints(&self.children);
        let of_parent = pages.iter().filter(|event| {
            let is_end = |facts: &PageFacts| facts.parent.as_deref() == Some(parent) && facts.closes();
            event.kind.page().is_some_and(|page| is_end(&page.facts))
        });
        let newest = of_parent.max_by_key(|event| event.commit_version())?;
        Some((newest.run_id.clone(), newest.source.to.unwrap().epoch))
    }

    /// The rows of a list in that run.
    fn rows_of(&self, parent: &str) -> Option<Vec<String>> {
        let (run, _) = self.read_out(parent)?;
        let mut rows = Vec::new();
        for batch in &self.children.raw.batches {
            let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>();
            let is_ours = |at: &usize| {
                (text("_ingest_run_id").value(*at), text("_parent_id").value(*at)) == (run.as_str(), parent)
            };
            rows.extend((0..batch.num_rows()).filter(is_ours).map(|at| text("_raw_json").value(at).to_owned()));
        }
        rows.sort();
        Some(rows)
    }

    /// Checks the promises when the world stands still.
    fn check(&self) {
        let newest = self.job.newest();
        for object in &self.job.objects.list {
            let row = newest.get(&object.id).unwrap_or_else(|| panic!("{object:?} has not landed"));
            let items = &self.children.lists[&object.id];
            let mut whole: Vec<String> = items.iter().map(|item| self.children.item(item)).collect();
            let shows_all = self.parent().is_shown && !row.json.contains(r#""has_more":true"#);
            if shows_all && self.read_out(&object.id).is_none_or(|(_, epoch)| epoch < row.version >> 32) {
                let inline = format!(r#""data":[{}],"#, whole.join(","));
                assert!(row.json.contains(&inline), "{object:?} shows {}, and has {whole:?}", row.json);
                continue;
            }
            whole.sort();
            let found = self.rows_of(&object.id);
            assert_eq!(found.as_ref(), Some(&whole), "the list of {object:?}, whose newest row is {row:?}");
        }
        self.check_once();
        self.check_planned();
        let mut audit = Audit::new(self.children.entity.name);
        self.job.objects.raw.batches.iter().for_each(|batch| audit.add_parents(batch).unwrap());
        self.children.checkpoints.batches.iter().for_each(|batch| audit.add_events(batch).unwrap());
        self.children.raw.batches.iter().for_each(|batch| audit.add_rows(batch).unwrap());
        assert_eq!(audit.finish(), []);
    }

    /// No run asks an object that showed its whole list when the run began, or was deleted.
    fn check_planned(&self) {
        let rows = self.job.rows();
        let events = Job::checkpoints(&self.children);
        for event in &events {
            let Some(parent) = event.kind.page().and_then(|page| page.facts.parent.clone()) else { continue };
            let started = |other: &&Event| other.run_id == event.run_id && matches!(other.kind, Kind::Started { .. });
            let mut refused = events.iter().filter(started).filter_map(|other| other.carried.as_ref());
            if refused.any(|carried| carried.refused_parents.contains(&parent.to_string())) {
                // It was refused before.
                continue;
            }
            let span = event.source.parents().unwrap();
            let is_source = |row: &&super::Row| span.from < row.version >> 32 && row.version >> 32 <= span.to;
            let newest = rows[&*parent].iter().rfind(is_source).unwrap();
            assert!(!newest.is_deletion, "{parent} was asked, and is {newest:?}");
            let is_cut = newest.json.contains(r#""has_more":true"#);
            let is_wanted = is_cut || !self.parent().is_shown || event.source.relands;
            assert!(is_wanted, "{parent} was asked, and is {newest:?}");
        }
    }

    /// No item has two rows in the list of an object in one run.
    fn check_once(&self) {
        let mut seen = HashSet::new();
        for batch in &self.children.raw.batches {
            let text =
                |name: &str, at: usize| batch.column_by_name(name).unwrap().as_string::<i32>().value(at).to_owned();
            for at in 0..batch.num_rows() {
                let key = (text("_ingest_run_id", at), text("_parent_id", at), text("_stripe_id", at));
                assert!(seen.insert(key.clone()), "{key:?} is there twice");
            }
        }
    }
}

/// The lists of parents, and whether these show them.
const KINDS: [(&str, &str); 5] = [
    ("invoices", "invoices_lines"),
    ("subscriptions", "subscription_items"),
    ("customers", "customers_balance_transactions"),
    ("products", "products_features"),
    ("customers", "customers_tax_ids"),
];

#[test]
fn each_list_is_whole_whatever_happens_and_whoever_is_killed() {
    for seed in 0..600_u64 {
        let (parents, children) = KINDS[usize::try_from(seed).unwrap() % KINDS.len()];
        let changes = if seed.is_multiple_of(5) { Changes::Events } else { Changes::Read };
        let mut lists = Lists::new(parents, children, seed, changes);
        lists.job.width = 1 + usize::try_from(seed % 3).unwrap();
        lists.job.has_rivals = seed.is_multiple_of(7);
        for _ in 0..4 {
            lists.stir();
        }
        for _ in 0..6 {
            for part in PARTS {
                let is_killed = lists.children.chance.one_in(3);
                let steps = usize::try_from(lists.children.chance.below(40)).unwrap();
                lists.run(part, if is_killed { steps } else { 100_000 }, true);
                lists.stir();
            }
        }
        lists.pass(2 * LOOKBACK);
        lists.go();
        lists.pass(2 * LOOKBACK);
        lists.go();
        if !lists.parent().is_reported {
            // What no row shows is asked again each week.
            lists.pass(8 * DAY);
            lists.go();
        }
        lists.check();
    }
}
