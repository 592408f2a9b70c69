//! Recorded markets in the run file: what orders are matched with instead of bars.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cryptobot_data::TouchedFile;
use cryptobot_data::messages::Recording;
use cryptobot_engine::{BarBlock, DepthConfig, Matching, QueueModel};
use cryptobot_model::{Instrument, Timeframe, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::error::RunError;
use crate::execution::Execution;

/// What orders are matched with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fills {
    /// Stored bars.
    #[default]
    Bars,
    /// The trades of a recording; the queue before resting orders is not known.
    Trades,
    /// The order book and the trades of a recording.
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

/// The recordings of a run by (venue, symbol).
pub(crate) struct Recordings {
    by_instrument: BTreeMap<(String, String), (PathBuf, Recording)>,
}

/// One instrument of a recording.
pub(crate) struct RecordedSeries {
    pub(crate) bars: BarBlock,
    pub(crate) timeframe: Timeframe,
    pub(crate) recording: Recording,
}

impl Recordings {
    /// Reads the recordings of the instruments.
    pub(crate) fn read(
        execution: &Execution,
        keys: impl Iterator<Item = (String, String)>,
        instruments: &[Instrument],
    ) -> Result<Self, RunError> {
        let mut by_instrument = BTreeMap::new();
        for (key, instrument) in keys.zip(instruments) {
            let path = path_of(execution, &key)?;
            let recording = Recording::read(path, instrument.tick, instrument.lot)
                .map_err(|error| RunError::Recording(Box::new(error)))?;
            by_instrument.insert(key, (path.to_owned(), recording));
        }
        Ok(Self { by_instrument })
    }

    /// The series of all instruments, in their order, over the part of the period that all of them have.
    pub(crate) fn series(
        &self,
        config: &RunConfig,
        timeframes: &[Timeframe],
    ) -> Result<Vec<RecordedSeries>, RunError> {
        let stated = (config.period.from.map(|from| from.0), config.period.to.map(|to| to.0));
        let mut blocks = Vec::with_capacity(timeframes.len());
        let (mut from, mut to) =
            (stated.0.unwrap_or(Timestamp(i64::MIN)), stated.1.unwrap_or(Timestamp(i64::MAX)));
        for ((_, recording), timeframe) in self.by_instrument.values().zip(timeframes) {
            let block = recording.bars(*timeframe);
            let ends = |open: i64| Timestamp::from_millis(open).plus(timeframe.nanos());
            from = from.max(block.open_ms.first().map_or(from, |open| Timestamp::from_millis(*open)));
            to = to.min(block.open_ms.last().map_or(to, |open| ends(*open)));
            blocks.push(block);
        }
        let mut series = Vec::with_capacity(blocks.len());
        for (((key, (path, recording)), block), timeframe) in
            self.by_instrument.iter().zip(blocks).zip(timeframes)
        {
            let bars = within(&block, from, to.plus(-timeframe.nanos()));
            if bars.is_empty() {
                let problem = format!("{} has no whole bar of {timeframe} in the period", path.display());
                return Err(RunError::config(format!("execution.recordings.{}", key.1), problem));
            }
            series.push(RecordedSeries { bars, timeframe: *timeframe, recording: recording.clone() });
        }
        Ok(series)
    }

    /// The files, for the hash of the data.
    pub(crate) fn touched(&self) -> Result<Vec<TouchedFile>, RunError> {
        let file = |((venue, symbol), (path, _)): (&(String, String), &(PathBuf, Recording))| {
            Ok(TouchedFile::outside(format!("{venue}/{symbol}/recording"), path)?)
        };
        self.by_instrument.iter().map(file).collect()
    }

    /// What a report says about them.
    pub(crate) fn warnings(&self, warnings: &mut Vec<String>) {
        for ((venue, symbol), (_, recording)) in &self.by_instrument {
            let tape = recording.tape();
            if tape.trades_before_book() > 0 {
                let count = tape.trades_before_book();
                warnings
                    .push(format!("{venue} {symbol}: {count} trades before the first book were left out"));
            }
        }
        let symbols: Vec<&str> = self.by_instrument.keys().map(|(_, symbol)| symbol.as_str()).collect();
        warnings.push(format!(
            "stops and liquidation watch the last price of {}: recordings have no mark prices",
            symbols.join(", ")
        ));
    }
}

impl RecordedSeries {
    pub(crate) fn from(&self) -> Timestamp {
        Timestamp::from_millis(self.bars.open_ms.first().copied().unwrap_or(0))
    }

    pub(crate) fn to(&self) -> Timestamp {
        let last = self.bars.open_ms.last().copied().unwrap_or(0);
        Timestamp::from_millis(last).plus(self.timeframe.nanos())
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

fn path_of<'a>(execution: &'a Execution, (venue, symbol): &(String, String)) -> Result<&'a Path, RunError> {
    let recordings = &execution.recordings;
    let path = recordings.get(&format!("{venue}/{symbol}")).or_else(|| recordings.get(symbol));
    path.map(PathBuf::as_path).ok_or_else(|| {
        let problem =
            format!("there is none of {venue} {symbol}; add `{symbol}: FILE` or --recording {symbol}=FILE");
        RunError::config("execution.recordings", problem)
    })
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
