//! Recorded markets: what orders are matched with instead of bars, from files of messages or from the catalog.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cryptobot_data::books::{MarketRequest, StoredMarket};
use cryptobot_data::messages::{Detail, Recording};
use cryptobot_data::{Catalog, TouchedFile};
use cryptobot_engine::{BarBlock, DepthConfig, Matching, QueueModel};
use cryptobot_model::{Instrument, Timeframe, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::error::RunError;
use crate::execution::Execution;
use crate::supply::Supply;

/// What orders are matched with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fills {
    /// Stored bars.
    #[default]
    Bars,
    /// Recorded trades; the queue before resting orders is not known.
    Trades,
    /// The recorded order book and its trades.
    Depth,
}

/// Orders in a recorded book.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordedBook {
    /// Estimates the queue before resting orders.
    pub queue: Queue,
    /// Whether levels that orders took from stay smaller until the recording publishes them again.
    pub impact: bool,
}

impl Default for RecordedBook {
    fn default() -> Self {
        Self { queue: Queue::RiskAverse, impact: true }
    }
}

/// Estimates the queue before resting orders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Queue {
    /// Cancels are behind as long as anything is.
    RiskAverse,
    /// A cancelled lot was behind with probability `back^n / (back^n + front^n)`.
    Power {
        /// `n`, above 0. (YAML takes a key `n` for "no".)
        exponent: f64,
    },
    /// A cancelled lot was behind with probability `ln(1+back) / (ln(1+back) + ln(1+front))`.
    Log,
}

impl RecordedBook {
    const fn depth(self) -> DepthConfig {
        let queue = match self.queue {
            Queue::RiskAverse => QueueModel::RiskAverse,
            Queue::Power { exponent } => QueueModel::Power { n: exponent },
            Queue::Log => QueueModel::Log,
        };
        DepthConfig { queue, impact: self.impact }
    }
}

/// Checks what can be checked without files.
pub(crate) fn check(execution: &Execution) -> Result<(), RunError> {
    if let Queue::Power { exponent } = execution.book.queue
        && !(exponent > 0.0 && exponent <= 100.0)
    {
        let problem = format!("must be above 0 and at most 100, not {exponent}; 1 spreads cancels evenly");
        return Err(RunError::config("execution.book.queue.exponent", problem));
    }
    Ok(())
}

/// Checks that recordings which are stated are used, once flags have completed the file.
pub(crate) fn check_used(execution: &Execution) -> Result<(), RunError> {
    if execution.fills == Fills::Bars && !execution.recordings.is_empty() {
        let problem = "are used with `fills: trades` or `fills: depth` only; state one of them";
        return Err(RunError::config("execution.recordings", problem));
    }
    Ok(())
}

/// A recorded market.
enum Market {
    /// A file of messages.
    File { path: PathBuf, recording: Recording },
    /// Trades, and the book where it is wanted, of the catalog.
    Stored(Box<MarketRequest>),
}

/// The recorded markets of a run by (venue, symbol).
pub(crate) struct Recordings {
    catalog: Catalog,
    detail: Detail,
    /// In the order of the instruments, with the length of their bars.
    markets: Vec<((String, String), Timeframe, Market)>,
}

/// One instrument of them over the period of the run.
pub(crate) struct RecordedSeries {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) bars: u64,
    pub(crate) supply: Supply,
    pub(crate) touched: Vec<TouchedFile>,
}

impl Recordings {
    /// Reads the files that are stated; all other markets are those of the catalog.
    pub(crate) fn read(
        config: &RunConfig,
        catalog: &Catalog,
        timeframes: &BTreeMap<(String, String), Timeframe>,
        instruments: &[Instrument],
    ) -> Result<Self, RunError> {
        let execution = &config.execution;
        let detail = if execution.fills == Fills::Depth { Detail::Book } else { Detail::Trades };
        let mut markets = Vec::with_capacity(instruments.len());
        for ((key, timeframe), instrument) in timeframes.iter().zip(instruments) {
            let market = if let Some(path) = path_of(execution, key) {
                let recording = Recording::read(path, instrument.tick, instrument.lot)
                    .map_err(|error| RunError::Recording(Box::new(error)))?;
                Market::File { path: path.to_owned(), recording }
            } else {
                check_stored(catalog, key, detail)?;
                Market::Stored(Box::new(MarketRequest {
                    venue: key.0.clone(),
                    symbol: key.1.clone(),
                    tick: instrument.tick,
                    lot: instrument.lot,
                    timeframe: *timeframe,
                    detail,
                    from: config.period.from.map(|from| from.0),
                    to: config.period.to.map(|to| to.0),
                    allow_gaps: config.allow_gaps,
                }))
            };
            markets.push((key.clone(), *timeframe, market));
        }
        Ok(Self { catalog: catalog.clone(), detail, markets })
    }

    /// The series of all instruments, in their order, over the part of the period that all of them have.
    pub(crate) fn series(&self, config: &RunConfig) -> Result<Vec<RecordedSeries>, RunError> {
        let (mut from, mut to) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        let mut blocks = Vec::with_capacity(self.markets.len());
        for (_, timeframe, market) in &self.markets {
            let (block, begins, ends) = self.extent(*timeframe, market)?;
            (from, to) = (from.max(begins.unwrap_or(from)), to.min(ends.unwrap_or(to)));
            blocks.push(block);
        }
        let stated = (config.period.from.map(|from| from.0), config.period.to.map(|to| to.0));
        (from, to) = (from.max(stated.0.unwrap_or(from)), to.min(stated.1.unwrap_or(to)));
        let series = self.markets.iter().zip(blocks);
        series
            .map(|((key, timeframe, market), block)| match market {
                Market::File { path, recording } => {
                    let bars = within(&block, from, to.plus(-timeframe.nanos()));
                    RecordedSeries::of_file(key, path, recording, bars, *timeframe)
                }
                Market::Stored(request) => {
                    let request = MarketRequest { from: Some(from), to: Some(to), ..*request.clone() };
                    Ok(RecordedSeries::of_stored(StoredMarket::open(&self.catalog, &request)?))
                }
            })
            .collect()
    }

    /// All bars of a file, and when the bars of a market begin and end.
    fn extent(
        &self,
        timeframe: Timeframe,
        market: &Market,
    ) -> Result<(BarBlock, Option<Timestamp>, Option<Timestamp>), RunError> {
        match market {
            Market::File { recording, .. } => {
                let block = recording.bars(timeframe, self.detail);
                let open = |ms: &i64| Timestamp::from_millis(*ms);
                let begins = block.open_ms.first().map(open);
                let ends = block.open_ms.last().map(|last| open(last).plus(timeframe.nanos()));
                Ok((block, begins, ends))
            }
            Market::Stored(request) => {
                let stored = StoredMarket::open(&self.catalog, request)?;
                Ok((BarBlock::default(), Some(stored.first_open()), Some(stored.last_close())))
            }
        }
    }

    /// What a report says about them.
    pub(crate) fn warnings(&self, config: &RunConfig, series: &[RecordedSeries], warnings: &mut Vec<String>) {
        for (((venue, symbol), _, market), series) in self.markets.iter().zip(series) {
            if let Market::File { recording, .. } = market
                && self.detail == Detail::Book
                && recording.tape().trades_before_book() > 0
            {
                let count = recording.tape().trades_before_book();
                warnings.push(format!("{venue} {symbol}: {count} trades came before the first book"));
            }
            let begins_late = config.period.from.is_some_and(|from| series.from > from.0);
            let ends_early = config.period.to.is_some_and(|to| series.to < to.0);
            if begins_late || ends_early {
                let (from, to) = (series.from, series.to);
                warnings.push(format!(
                    "{venue} {symbol}: recorded are the bars from {from} to {to} of the period"
                ));
            }
        }
        let symbols: Vec<&str> = self.markets.iter().map(|((_, symbol), ..)| symbol.as_str()).collect();
        warnings.push(format!(
            "stops and liquidation watch the last price of {}: recordings have no mark prices",
            symbols.join(", ")
        ));
    }
}

impl RecordedSeries {
    fn of_file(
        (venue, symbol): &(String, String),
        path: &Path,
        recording: &Recording,
        bars: BarBlock,
        timeframe: Timeframe,
    ) -> Result<Self, RunError> {
        let (Some(first), Some(last)) = (bars.open_ms.first(), bars.open_ms.last()) else {
            let problem = format!("{} has no whole bar of {timeframe} in the period", path.display());
            return Err(RunError::config(format!("execution.recordings.{symbol}"), problem));
        };
        let (first, last) = (Timestamp::from_millis(*first), Timestamp::from_millis(*last));
        Ok(Self {
            from: first,
            to: last.plus(timeframe.nanos()),
            bars: bars.len() as u64,
            touched: vec![TouchedFile::outside(format!("{venue}/{symbol}/recording"), path)?],
            supply: Supply::Recorded { bars, timeframe, recording: recording.clone() },
        })
    }

    fn of_stored(market: StoredMarket) -> Self {
        Self {
            from: market.first_open(),
            to: market.last_close(),
            bars: market.expected_bars(),
            touched: market.touched().to_vec(),
            supply: Supply::Market(Box::new(market)),
        }
    }
}

/// How the simulated exchange matches; `None` with bars.
pub(crate) fn matching(execution: &Execution) -> Option<Matching> {
    match execution.fills {
        Fills::Bars => None,
        Fills::Trades => Some(Matching::Trades),
        Fills::Depth => Some(Matching::Depth(execution.book.depth())),
    }
}

fn path_of<'a>(execution: &'a Execution, (venue, symbol): &(String, String)) -> Option<&'a Path> {
    let recordings = &execution.recordings;
    let path = recordings.get(&format!("{venue}/{symbol}")).or_else(|| recordings.get(symbol));
    path.map(PathBuf::as_path)
}

/// Refuses a market of which neither a file is stated nor the kinds are stored.
fn check_stored(
    catalog: &Catalog,
    (venue, symbol): &(String, String),
    detail: Detail,
) -> Result<(), RunError> {
    let stored = catalog.kinds(venue, symbol).unwrap_or_default();
    let (wanted, fills): (&[_], _) = match detail {
        Detail::Trades => (&["aggtrades"], "trades"),
        Detail::Book => (&["depth", "aggtrades"], "depth"),
    };
    let missing: Vec<&str> =
        wanted.iter().filter(|kind| !stored.iter().any(|known| known == *kind)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "there is none of {venue} {symbol}, and the data folder has no {} of it, which `fills: {fills}` reads; add \
         `{symbol}: FILE` or --recording {symbol}=FILE, or store what is missing",
        missing.join(" and no ")
    );
    Err(RunError::config("execution.recordings", problem))
}

/// The rows whose open times lie in `[from, last]`.
fn within(block: &BarBlock, from: Timestamp, last: Timestamp) -> BarBlock {
    let begin = block.open_ms.partition_point(|open| Timestamp::from_millis(*open) < from);
    let end = block.open_ms.partition_point(|open| Timestamp::from_millis(*open) <= last).max(begin);
    let part = |column: &[f64]| column[begin..end].to_vec();
    BarBlock {
        open_ms: block.open_ms[begin..end].to_vec(),
        open: part(&block.open),
        high: part(&block.high),
        low: part(&block.low),
        close: part(&block.close),
        volume: part(&block.volume),
    }
}
