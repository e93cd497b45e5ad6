//! CPU time per page of the compiled half, beside a floor: the same pages received with the same client and hashed, and
//! thrown away. The time above the floor is the cost of parsing, paging and Arrow.
//!
//! The ways take turns over several rounds, so that the other work of the machine falls on each of them alike. The
//! simulator is a process of its own, so that its time is not counted. Linux only: times are read from `/proc`.

#![expect(clippy::disallowed_methods, reason = "a program of its own, which reads its command line")]

use std::env;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stripe_raw_rs::checkpoint::{Circumstances, History, plan};
use stripe_raw_rs::http_client::{ApiKey, ByteBudget, Driver, HttpClient, Mode, Origin, Quota, Resources, Slots, now};
use stripe_raw_rs::options::Options;
use stripe_raw_rs::pace::{Limits, UNLIMITED};
use stripe_raw_rs::page::{self, Decoder, Decoders, Page, TextPool};
use stripe_raw_rs::run::{Attempt, Run, RunContext};
use stripe_raw_rs::simulator::{Settings, StripeSimulator};
use stripe_raw_rs::stripe::entities::{Entity, by_name};
use stripe_raw_rs::stripe::exchange::{Outcome, Request};
use stripe_raw_rs::stripe::scope::Scope;
use tokio::runtime::{Builder, Runtime};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Full pages in the account's list of charges.
const PAGES: u32 = 200;
/// Argument that makes this program the simulator.
const SIMULATE: &str = "simulate";
/// Argument that makes the simulator compress, as Stripe does.
const GZIP: &str = "gzip";

fn main() -> Result<()> {
    match env::args().nth(1).as_deref() {
        Some(SIMULATE) => simulate(env::args().any(|argument| argument == GZIP)),
        Some("--bench") => compare(7, 10, false).and_then(|()| compare(7, 5, true)),
        // `cargo test` leaves the argument out, and only wants to see that it works.
        _ => compare(1, 1, false),
    }
}

/// Serves the account until the process that started this one is gone.
fn simulate(gzip: bool) -> Result<()> {
    let counts = [("charges".to_owned(), u64::from(PAGES) * 100)].into();
    let simulator = StripeSimulator::start(Settings { objects: 0, counts, gzip, ..Settings::default() })?;
    println!("{}", simulator.url());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A simulator in a process of its own. Dropping it ends the process.
struct Simulator {
    process: Child,
    url: String,
}

impl Simulator {
    fn start(gzip: bool) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(SIMULATE).args(gzip.then_some(GZIP));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut url = String::new();
        BufReader::new(process.stdout.take().ok_or("the simulator says nothing")?).read_line(&mut url)?;
        Ok(Self { process, url: url.trim().to_owned() })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It ends with its input; if it does not, nobody could be informed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The whole list, received once, and the means to receive it again.
struct Bench {
    runtime: Runtime,
    client: HttpClient,
    texts: TextPool,
    options: Options,
    entity: &'static Entity,
    bodies: Vec<Vec<u8>>,
    pages: Arc<Vec<Page>>,
}

/// A name, and the work done with the whole list.
type Way = (&'static str, fn(&Bench) -> Result<()>);

const WAYS: [Way; 5] = [
    ("receive", receive_all),
    ("hash", |bench| {
        bench.pages.iter().for_each(hash);
        Ok(())
    }),
    ("decode, which hashes too", decode_all),
    ("floor: receive and hash", floor),
    ("ours: receive, decode, Arrow", ours),
];
const FLOOR: usize = 3;
const OURS: usize = 4;

impl Bench {
    fn new(url: &str) -> Result<Self> {
        let options = Options { api_base_url: url.to_owned(), max_concurrent_requests: 1, ..Options::default() };
        let origin = Origin::parse(url, Mode::Test)?;
        let client = HttpClient::new(&ApiKey::parse("rk_test_bench")?, origin, &options)?;
        let entity = by_name("charges").ok_or("charges are not an entity")?;
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let texts = TextPool::default();
        let mut bench = Self { runtime, client, texts, options, entity, bodies: Vec::new(), pages: Arc::default() };
        let mut pages: Vec<Page> = Vec::new();
        for _ in 0..PAGES {
            let body = bench.runtime.block_on(receive(&bench.client, &bench.request(pages.last())))?;
            pages.push(page::decode(&body, entity)?);
            bench.bodies.push(body);
        }
        bench.pages = Arc::new(pages);
        Ok(bench)
    }

    /// The request that follows a page.
    fn request(&self, after: Option<&Page>) -> Request {
        let mut query = vec![("limit", "100".to_owned())];
        let last = after.and_then(|page| page.rows().next_back());
        query.extend(last.map(|row| ("starting_after", row.id.to_owned())));
        Request::to(self.entity.path, query, self.options.stripe_version.clone(), None)
    }

    /// Receives the list, one page after the other, in a task as the driver does.
    fn receive(&self, look: fn(&Page)) -> Result<()> {
        let before = std::iter::once(None).chain(self.pages.iter().map(Some));
        let requests: Vec<Request> = before.take(self.pages.len()).map(|page| self.request(page)).collect();
        let (client, pages) = (self.client.clone(), Arc::clone(&self.pages));
        self.runtime.block_on(self.runtime.spawn(async move {
            for (request, page) in requests.iter().zip(pages.iter()) {
                client.reuse(black_box(receive(&client, request).await?));
                look(page);
            }
            Ok(())
        }))?
    }
}

async fn receive(client: &HttpClient, request: &Request) -> Result<Vec<u8>> {
    match client.send(request).await {
        Outcome::Answered(response) if response.status == 200 => Ok(response.body),
        other => Err(format!("no page but {other:?}").into()),
    }
}

/// Hashes the JSON of the page's rows.
fn hash(page: &Page) {
    for row in page.rows() {
        black_box(Sha256::digest(row.json));
    }
}

fn receive_all(bench: &Bench) -> Result<()> {
    bench.receive(|_| ())
}

fn decode_all(bench: &Bench) -> Result<()> {
    let mut decoder = Decoder::default();
    for body in &bench.bodies {
        black_box(decoder.decode(body, bench.entity, 100)?);
    }
    Ok(())
}

fn floor(bench: &Bench) -> Result<()> {
    bench.receive(hash)
}

/// One whole run that writes nothing.
fn ours(bench: &Bench) -> Result<()> {
    let attempt = Circumstances {
        now: now(),
        owner: "bench".to_owned(),
        holder_is_dead: false,
        take_over: false,
        give_up: None,
        start: None,
        new_run_id: "run".to_owned(),
        follows: false,
        reported: None,
        parents: None,
    };
    let plan = plan(bench.entity, &History::default(), &bench.options, &attempt)?;
    let run = Run::new(
        plan,
        RunContext {
            scope: Scope { entity: bench.entity, account: None },
            livemode: Some(false),
            options: bench.options.clone(),
            store_id: "store".to_owned(),
            owner: "bench".to_owned(),
            nonce: "nonce".to_owned(),
            settings: "{}".to_owned(),
            library_version: "bench".to_owned(),
            has_asked_lists: false,
            may_lack: false,
        },
    );
    let driver = Driver::new(Attempt::of(run));
    let slots = Slots::new(Limits::of(&bench.options, UNLIMITED));
    let resources = Resources {
        client: bench.client.clone(),
        buffers: ByteBudget::default(),
        decoders: Decoders::new(bench.texts.clone()),
        slots,
        quota: Quota::new(0),
    };
    let _inside = bench.runtime.enter();
    driver.begin(&resources)?;
    let mut rows = 0;
    while let Some(group) = bench.runtime.block_on(driver.next_group())? {
        rows += group.rows.batches.iter().map(|batch| black_box(batch).num_rows()).sum::<usize>();
    }
    let all: usize = bench.pages.iter().map(Page::len).sum();
    if rows == all { Ok(()) } else { Err(format!("{rows} rows of {all}").into()) }
}

/// CPU time of this process so far, all its threads, in microseconds.
fn cpu_micros() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // Fields 14 and 15, in hundredths of a second, are behind the program's name, which is in parentheses.
    let fields = stat.rsplit_once(')').ok_or("no times in /proc/self/stat")?.1.split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<u32>).sum::<std::result::Result<u32, _>>()?;
    Ok(f64::from(ticks) * 10_000.0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a benchmark are far from 2^52")]
fn compare(rounds: usize, walks: u32, gzip: bool) -> Result<()> {
    let simulator = Simulator::start(gzip)?;
    let bench = Bench::new(&simulator.url)?;
    let mut measured = Vec::new();
    // The first round warms up.
    for _ in 0..=rounds {
        let mut round = [0.0; WAYS.len()];
        for (spent, (_, way)) in round.iter_mut().zip(WAYS) {
            let before = cpu_micros()?;
            for _ in 0..walks {
                way(&bench)?;
            }
            *spent = (cpu_micros()? - before) / f64::from(walks * PAGES);
        }
        measured.push(round);
    }
    measured.remove(0);
    let kilobytes = |bytes: usize| bytes as f64 / f64::from(PAGES) / 1e3;
    let body = kilobytes(bench.bodies.iter().map(Vec::len).sum());
    let compact = kilobytes(bench.pages.iter().map(|page| page.json.value_data().len()).sum());
    let sent = if gzip { "sent with gzip" } else { "sent as they are" };
    println!(
        "pages of 100 charges, {body:.0} kB, {sent}, without whitespace {compact:.0} kB; medians of {rounds} rounds\n"
    );
    println!("| {:<28} | CPU µs per page | body MB per CPU s | ÷ floor |", "");
    println!("|{:-<30}|----------------:|------------------:|--------:|", "");
    for (at, (name, _)) in WAYS.iter().enumerate() {
        let micros = median(measured.iter().map(|round| round[at]));
        let ratio = median(measured.iter().map(|round| round[at] / round[FLOOR]));
        println!("| {name:<28} | {micros:>15.0} | {:>17.0} | {ratio:>7.2} |", body * 1e3 / micros);
    }
    let ratios: Vec<f64> = measured.iter().map(|round| round[OURS] / round[FLOOR]).collect();
    let (least, most) =
        ratios.iter().fold((f64::MAX, f64::MIN), |(least, most), &ratio| (least.min(ratio), most.max(ratio)));
    println!("\nours ÷ floor: {:.2} ({least:.2} to {most:.2})\n", median(ratios.into_iter()));
    Ok(())
}
