//! An exchange, a folder and a clock that runs faster than the wall's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cryptobot_data::Catalog;
use cryptobot_data::store::SeriesId;
use cryptobot_download::{Clock, DownloadError, Options, Report, Timeouts, Venue, download};
use cryptobot_model::Timestamp;
use cryptobot_model::random::Random;
use cryptobot_test_support::exchange::{Exchange, Fault, Faults, Now, Rules};
use tempfile::TempDir;

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// How much faster the clock of tests runs: a minute's window passes in 60 ms.
const FACTOR: i64 = 1_000;

/// A clock that begins at a moment and runs fast, or stands where `fast` is false.
#[derive(Clone)]
pub struct TestClock {
    begin_ms: i64,
    started: Instant,
    fast: bool,
}

impl TestClock {
    pub fn standing(at: &str) -> Self {
        Self { begin_ms: ms(at), started: Instant::now(), fast: false }
    }

    pub fn running(from: &str) -> Self {
        Self { fast: true, ..Self::standing(from) }
    }

    fn now(&self) -> Now {
        let clock = self.clone();
        Arc::new(move || clock.now_ms())
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        let passed = self.started.elapsed().as_micros() as i64 * FACTOR / 1_000;
        self.begin_ms + if self.fast { passed } else { 0 }
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time / FACTOR as u32);
    }
}

pub fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().millis()
}

pub struct Rig {
    pub exchange: Exchange,
    pub clock: TestClock,
    pub folder: TempDir,
    pub venue: &'static str,
    pub stop: Arc<AtomicBool>,
}

impl Rig {
    /// An exchange that listed everything at the beginning of 2024, with one change to its rules.
    pub fn new(venue: &'static str, clock: TestClock, change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = Rules::calm(clock.now(), ms("2024-01-01"));
        change(&mut rules);
        let exchange = Exchange::start(rules);
        let folder = tempfile::tempdir().unwrap();
        Self { exchange, clock, folder, venue, stop: Arc::default() }
    }

    pub fn options(&self, symbols: &str, kinds: &str, from: &str, to: Option<&str>) -> Options<'_> {
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        Options {
            venue: Venue::named(self.venue).unwrap(),
            symbols: list(symbols),
            kinds: list(kinds),
            from: from.parse().unwrap(),
            to: to.map(|to| to.parse().unwrap()),
            data: self.data(),
            base_url: Some(self.exchange.url()),
            jobs: 4,
            attempts: 6,
            seed: 1,
            update_instruments: false,
            timeouts: Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(10) },
            clock: &self.clock,
            stop: &self.stop,
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn run(
        &self,
        symbols: &str,
        kinds: &str,
        from: &str,
        to: Option<&str>,
    ) -> Result<Report, DownloadError> {
        download(&self.options(symbols, kinds, from, to), &|_| ())
    }

    /// Runs, with all of it there at the end.
    pub fn complete(&self, symbols: &str, kinds: &str, from: &str, to: Option<&str>) -> Report {
        let report = self.run(symbols, kinds, from, to).unwrap();
        assert!(report.failed.is_empty() && !report.interrupted, "{report:?}");
        report
    }

    pub fn times(&self, symbol: &str, kind: &str) -> Vec<i64> {
        let series = SeriesId::new(self.venue, symbol, kind.parse().unwrap()).unwrap();
        Catalog::at(self.data()).stored_times(&series, i64::MIN, i64::MAX).unwrap()
    }

    /// Requests whose target contains a text.
    pub fn asked(&self, text: &str) -> Vec<String> {
        self.exchange.requests().into_iter().filter(|target| target.contains(text)).collect()
    }
}

/// Every Parquet and JSON file below a folder, with its bytes.
pub fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "parquet" || end == "json") {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Faults drawn by the number of the request: one in `one_in`.
pub fn now_and_then(one_in: u64, draw: impl Fn(u64) -> Fault + Send + Sync + 'static) -> Faults {
    Arc::new(move |number, _| {
        let mut random = Random::new(number, 7);
        (random.next_u64().is_multiple_of(one_in)).then(|| draw(random.next_u64()))
    })
}
