//! The whole of a download: what is asked for, by how many workers, and what became of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cryptobot_data::store::{Appended, CatalogWriter};
use cryptobot_data::{Catalog, InstrumentTerms, RecordedInstruments, record_instruments};
use cryptobot_model::Timestamp;
use serde::Serialize;

use crate::clock::{Clock, now};
use crate::error::DownloadError;
use crate::fetch::{Fetcher, Request};
use crate::http::{Http, Timeouts};
use crate::pages::Series;
use crate::plan::{Estimate, Job, PoolEstimate, SeriesEstimate, holes};
use crate::venue::{Listing, Venue};

/// Symbols that a message about an unknown one names.
const SUGGESTED: usize = 5;
/// Time from a request to its answer that an estimate assumes, ms.
const ROUND_TRIP_MS: u64 = 150;

/// What is downloaded, and how.
pub struct Options<'a> {
    /// From where.
    pub venue: &'static Venue,
    /// Symbols as the exchange writes them.
    pub symbols: Vec<String>,
    /// Kinds as the catalog names them.
    pub kinds: Vec<String>,
    /// The first time, inclusive.
    pub from: Timestamp,
    /// The end, exclusive; `None` = now.
    pub to: Option<Timestamp>,
    /// Root of the catalog, which is made where it is missing.
    pub data: PathBuf,
    /// Where the venue answers, if elsewhere than usual: scheme, host, port, path.
    pub base_url: Option<String>,
    /// Requests under way at once.
    pub jobs: usize,
    /// How often a request is tried.
    pub attempts: u32,
    /// Seed of the pauses after failures.
    pub seed: u64,
    /// Whether differing terms in `instruments.json` are replaced by the exchange's.
    pub update_instruments: bool,
    /// How long requests may take.
    pub timeouts: Timeouts,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Set to end early: what came until then is stored.
    pub stop: &'a AtomicBool,
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Requests that are behind it, of `total`.
    pub done: u64,
    /// Requests by the estimate.
    pub total: u64,
    /// Rows that came.
    pub rows: u64,
    /// Requests that failed and were repeated.
    pub retries: u64,
    /// Weight used of the present window of the first pool, and what of it is the download's share.
    pub weight: (u32, u32),
}

/// What became of a download.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The venue.
    pub venue: &'static str,
    /// The period.
    pub from: String,
    /// Its end, exclusive.
    pub to: String,
    /// What became of each series, in the order of symbols and kinds.
    pub series: Vec<SeriesReport>,
    /// What was written into `instruments.json`.
    pub instruments: RecordedInstruments,
    /// Requests that were sent.
    pub requests: u64,
    /// How many of them repeated failed ones.
    pub retries: u64,
    /// Series that are not complete.
    pub failed: Vec<Failed>,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

/// What became of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesReport {
    /// The symbol.
    pub symbol: String,
    /// The kind.
    pub kind: String,
    /// What was stored.
    pub stored: Appended,
    /// Where the exchange's memory begins, where that is later than was asked for.
    pub begins: Option<String>,
    /// Ranges of the period that the exchange has nothing of. They stay holes.
    pub missing: Vec<Shortage>,
}

/// A range of time without rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shortage {
    /// The first missing time.
    pub from: String,
    /// The end, exclusive.
    pub to: String,
    /// Missing rows.
    pub rows: u64,
}

/// A series that could not be completed.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// The symbol.
    pub symbol: String,
    /// The kind.
    pub kind: String,
    /// Why, in one line.
    pub error: String,
}

/// Says what a download would ask for, from the catalog alone.
pub fn estimate(options: &Options<'_>) -> Result<Estimate, DownloadError> {
    let now = now(options.clock);
    let to = options.check(now)?;
    let jobs = options.plan(to, now)?;
    let venue = options.venue;
    let mut weights = vec![0_u64; venue.pools.len()];
    weights[0] +=
        u64::from(venue.instruments.weight) + venue.time.as_ref().map_or(0, |time| u64::from(time.weight));
    let mut requests = 1 + u64::from(venue.time.is_some());
    let mut series = Vec::with_capacity(jobs.len());
    for job in &jobs {
        requests += job.requests();
        weights[job.endpoint.pool] += job.requests() * u64::from(job.endpoint.weight);
        series.push(SeriesEstimate {
            symbol: job.series.symbol.clone(),
            kind: job.series.kind.to_string(),
            rows: job.rows(),
            requests: job.requests(),
            begins: job.cut.map(|_| text(job.period.start)),
        });
    }
    let by_weight = venue
        .pools
        .iter()
        .zip(&weights)
        .map(|(pool, weight)| (weight / u64::from(pool.share())).saturating_mul(pool.window_ms as u64));
    let by_time = (requests * ROUND_TRIP_MS).div_ceil(options.jobs.max(1) as u64);
    let seconds = by_weight.max().unwrap_or(0).max(by_time).div_ceil(1_000);
    let pools = venue.pools.iter().zip(weights).filter(|(_, weight)| *weight > 0);
    let weights = pools
        .map(|(pool, weight)| PoolEstimate {
            pool: pool.name,
            weight,
            share: pool.share(),
            window_s: pool.window_ms as u64 / 1_000,
        })
        .collect();
    let (from, to) = (options.from.to_string(), to.to_string());
    Ok(Estimate { venue: venue.name.to_owned(), from, to, series, requests, weights, seconds })
}

/// Downloads. The report tells which series could not be completed; an error ends all of it.
pub fn download(
    options: &Options<'_>,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Report, DownloadError> {
    options.check(now(options.clock))?;
    let venue = options.venue;
    let base_url = base_url(options.base_url.as_deref().unwrap_or(venue.base_url))?;
    let fetcher = Fetcher::new(
        (Http::new(options.timeouts)?, base_url),
        venue.pools,
        (options.clock, options.stop),
        (options.attempts.max(1), options.seed),
    );
    let now = match &venue.time {
        Some(time) => Timestamp::from_millis(list(&fetcher, time)?),
        None => now(options.clock),
    };
    let to = options.check(now)?;
    let terms = chosen(venue, &options.symbols, list(&fetcher, &venue.instruments)?)?;
    let instruments = record_instruments(&options.data, venue.name, &terms, options.update_instruments)?;
    let mut jobs = options.plan(to, now)?;
    if let Some(listing) = &venue.ids {
        let ids = list(&fetcher, listing)?;
        for job in &mut jobs {
            if let Some(id) = ids.get(&job.series.symbol) {
                job.id.clone_from(id);
            }
        }
    }
    let writer = CatalogWriter::open(&options.data)?;
    let outcomes =
        Workers::new(&jobs, &fetcher, &writer, progress).run(options.jobs.clamp(1, jobs.len().max(1)))?;
    let (requests, retries) = fetcher.sent();
    let mut report = Report {
        venue: venue.name,
        from: options.from.to_string(),
        to: to.to_string(),
        series: Vec::with_capacity(jobs.len()),
        instruments,
        requests,
        retries,
        failed: Vec::new(),
        interrupted: options.stop.load(Ordering::Relaxed),
    };
    let catalog = Catalog::at(&options.data);
    for (job, (stored, outcome)) in jobs.iter().zip(outcomes) {
        let complete = outcome.is_ok();
        match outcome {
            Ok(()) => {}
            Err(DownloadError::Interrupted) => report.interrupted = true,
            Err(error) => report.failed.push(Failed {
                symbol: job.series.symbol.clone(),
                kind: job.series.kind.to_string(),
                error: error.to_string(),
            }),
        }
        report.series.push(SeriesReport {
            symbol: job.series.symbol.clone(),
            kind: job.series.kind.to_string(),
            stored,
            begins: job.cut.map(|_| text(job.period.start)),
            missing: if complete { missing(&catalog, job)? } else { Vec::new() },
        });
    }
    Ok(report)
}

impl Options<'_> {
    /// The end of the period; refuses what can be refused without a network.
    fn check(&self, now: Timestamp) -> Result<Timestamp, DownloadError> {
        if self.symbols.is_empty() {
            return Err(DownloadError::Nothing("symbol"));
        }
        if self.kinds.is_empty() {
            return Err(DownloadError::Nothing("kind"));
        }
        for kind in &self.kinds {
            self.venue.endpoint(kind)?;
        }
        let to = self.to.unwrap_or(now).min(now);
        if self.from >= to {
            return Err(DownloadError::EmptyPeriod { from: self.from, to: self.to.unwrap_or(now) });
        }
        Ok(to)
    }

    fn plan(&self, to: Timestamp, now: Timestamp) -> Result<Vec<Job>, DownloadError> {
        let catalog = Catalog::at(&self.data);
        let mut jobs = Vec::new();
        for (index, symbol) in self.symbols.iter().enumerate() {
            for (place, kind) in self.kinds.iter().enumerate() {
                // What is named twice is fetched once.
                if !self.symbols[..index].contains(symbol) && !self.kinds[..place].contains(kind) {
                    jobs.push(Job::plan(&catalog, self.venue, (symbol, kind), (self.from, to, now))?);
                }
            }
        }
        Ok(jobs)
    }
}

/// Workers that take jobs from one list.
struct Workers<'a> {
    jobs: &'a [Job],
    fetcher: &'a Fetcher<'a>,
    writer: &'a CatalogWriter,
    progress: &'a (dyn Fn(&Progress) + Sync),
    total: u64,
    done: AtomicU64,
    rows: AtomicU64,
    next: AtomicUsize,
    /// Set where what failed for one series would fail for all.
    halted: AtomicBool,
}

/// What became of a job.
type Outcome = (Appended, Result<(), DownloadError>);

impl<'a> Workers<'a> {
    fn new(
        jobs: &'a [Job],
        fetcher: &'a Fetcher<'a>,
        writer: &'a CatalogWriter,
        progress: &'a (dyn Fn(&Progress) + Sync),
    ) -> Self {
        Self {
            jobs,
            fetcher,
            writer,
            progress,
            total: jobs.iter().map(Job::requests).sum(),
            done: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            halted: AtomicBool::new(false),
        }
    }

    fn run(&self, workers: usize) -> Result<Vec<Outcome>, DownloadError> {
        let outcomes: Vec<Mutex<Option<Outcome>>> = self.jobs.iter().map(|_| Mutex::new(None)).collect();
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| self.work(&outcomes));
            }
        });
        let outcome =
            |slot: Mutex<Option<Outcome>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.into_iter().map(|slot| outcome(slot).ok_or(DownloadError::Thread)).collect()
    }

    fn work(&self, outcomes: &[Mutex<Option<Outcome>>]) {
        let advance = |requests: u64, rows: u64| {
            let done = self.done.fetch_add(requests, Ordering::Relaxed) + requests;
            let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
            self.report(done, rows);
        };
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let (Some(job), Some(slot)) = (self.jobs.get(index), outcomes.get(index)) else { return };
            let outcome = if self.halted.load(Ordering::Relaxed) {
                (Appended::default(), Err(DownloadError::Interrupted))
            } else {
                Series::new(job, self.fetcher, self.writer, &advance).download()
            };
            if let Err(
                DownloadError::Banned { .. } | DownloadError::Unreachable { .. } | DownloadError::Interrupted,
            ) = outcome.1
            {
                self.halted.store(true, Ordering::Relaxed);
            }
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        }
    }

    fn report(&self, done: u64, rows: u64) {
        let budget = &self.fetcher.budgets[0];
        let used = budget.used(self.fetcher.clock.now_ms());
        let (_, retries) = self.fetcher.sent();
        let weight = (used, budget.pool().share());
        (self.progress)(&Progress { done, total: self.total, rows, retries, weight });
    }
}

/// A list of the venue.
pub(crate) fn list<T>(fetcher: &Fetcher<'_>, listing: &Listing<T>) -> Result<T, DownloadError> {
    let (target, weight) = (listing.target.to_owned(), listing.weight);
    fetcher.get(&Request { target, pool: 0, weight, symbol: String::new() }, listing.read)
}

/// The terms of the symbols; refuses a symbol that the venue does not trade.
pub(crate) fn chosen(
    venue: &'static Venue,
    symbols: &[String],
    all: Vec<InstrumentTerms>,
) -> Result<Vec<InstrumentTerms>, DownloadError> {
    let unknown = symbols.iter().find(|symbol| !all.iter().any(|terms| terms.symbol == **symbol));
    if let Some(symbol) = unknown {
        let plain =
            |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
        let wanted = plain(symbol);
        let beginning: String = wanted.chars().take(3).collect();
        let near = |terms: &&InstrumentTerms| plain(&terms.symbol).starts_with(&beginning);
        let mut known: Vec<String> = all.iter().filter(near).map(|terms| terms.symbol.clone()).collect();
        known.sort_by_key(|name| (plain(name) != wanted, name.len(), name.clone()));
        known.truncate(SUGGESTED);
        return Err(DownloadError::UnknownSymbol { venue: venue.name, symbol: symbol.clone(), known });
    }
    Ok(all.into_iter().filter(|terms| symbols.contains(&terms.symbol)).collect())
}

/// What is not there of a series after all of it was asked for.
fn missing(catalog: &Catalog, job: &Job) -> Result<Vec<Shortage>, DownloadError> {
    let Some(grid) = job.series.kind.grid() else { return Ok(Vec::new()) };
    let times = catalog.stored_times(&job.series, job.period.start, job.period.end)?;
    let shortage = |hole: std::ops::Range<i64>| Shortage {
        from: text(hole.start),
        to: text(hole.end),
        rows: ((hole.end - hole.start) / grid.millis()) as u64,
    };
    Ok(holes(&times, grid.millis(), &job.period).into_iter().map(shortage).collect())
}

/// An address without a slash at its end.
pub(crate) fn base_url(url: &str) -> Result<String, DownloadError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', ' ']) => {
            Ok(url.trim_end_matches('/').to_owned())
        }
        _ => Err(DownloadError::BaseUrl { url: url.to_owned() }),
    }
}

fn text(time_ms: i64) -> String {
    Timestamp::from_millis(time_ms).to_string()
}
