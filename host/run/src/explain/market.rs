//! The bar that a fill happened in, read again from the data of the run.

use std::path::Path;

use cryptobot_data::{Catalog, SeriesRequest, file_sha256};
use cryptobot_engine::BarBlock;
use cryptobot_journal::JournalEntry;
use cryptobot_model::{Bar, Fill, FillRule, MarketMatch, Side, Timeframe, Timestamp, TradeSeen};
use serde::Serialize;

use super::RunFacts;

/// What the data say about the time of a fill.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum MarketData {
    /// The bar, from a file that is as it was.
    Known(ShownBar),
    /// What a recorded market had, as the journal keeps it.
    Recorded(ShownMatch),
    /// Why there is nothing to show.
    Unknown {
        /// In words.
        problem: String,
    },
}

/// A bar with its origin.
#[derive(Clone, Debug, Serialize)]
pub struct ShownBar {
    /// Path below the data folder.
    pub file: String,
    /// Its SHA-256, the same as in the run.
    pub sha256: String,
    /// Length of the bar.
    pub timeframe: String,
    /// Begin of the bar.
    pub open_ts: String,
    /// End of the bar.
    pub close_ts: String,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded amount in base units.
    pub volume: f64,
    #[serde(skip)]
    pub(super) began: Timestamp,
    #[serde(skip)]
    pub(super) length: i64,
}

/// What a recorded market had for a fill. Exact numbers are texts.
#[derive(Clone, Debug, Serialize)]
pub struct ShownMatch {
    /// What was published at the price of the fill just before; absent where the book is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Estimated amount before the order when it joined its level; absent for one that took, and where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_behind: Option<f64>,
    /// The same just before the fill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<f64>,
    /// The trade that filled it, where it was one: side that took, quantity and price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trade: Option<[String; 3]>,
}

impl From<&MarketMatch> for ShownMatch {
    fn from(seen: &MarketMatch) -> Self {
        let known = |ahead: f64| Some(ahead).filter(|ahead| ahead.is_finite());
        let side = |side| if side == Side::Buy { "buy" } else { "sell" };
        let trade = |trade: TradeSeen| {
            [side(trade.aggressor).to_owned(), trade.quantity.to_string(), trade.price.to_string()]
        };
        Self {
            level: (!seen.level.is_zero()).then(|| seen.level.to_string()),
            joined_behind: known(seen.joined),
            ahead: known(seen.ahead),
            trade: seen.trade.map(trade),
        }
    }
}

impl MarketData {
    /// What the journal says of the market right after a fill.
    pub(super) fn recorded(life: &[JournalEntry], fill: &Fill) -> Option<Self> {
        let at = life.iter().position(|entry| matches!(entry, JournalEntry::Fill(found) if found == fill))?;
        match life.get(at + 1)? {
            JournalEntry::Market(seen) => Some(Self::Recorded(seen.into())),
            _ => None,
        }
    }

    pub(super) fn seen(&self) -> Option<&ShownMatch> {
        match self {
            Self::Recorded(seen) => Some(seen),
            Self::Known(_) | Self::Unknown { .. } => None,
        }
    }

    /// Reads the bar of a fill from the data folder `root`.
    pub(super) fn read(root: &Path, facts: &RunFacts, fill: &Fill) -> Self {
        match read(root, facts, fill) {
            Ok(bar) => Self::Known(bar),
            Err(problem) => Self::Unknown { problem },
        }
    }

    pub(super) fn bar(&self) -> Option<&ShownBar> {
        match self {
            Self::Known(bar) => Some(bar),
            Self::Recorded(_) | Self::Unknown { .. } => None,
        }
    }
}

/// The open time of the bar that a fill belongs to. What happens on a bar's path is stamped with the end of a leg, the
/// last of which is the close.
fn open_of(fill: &Fill, timeframe: Timeframe) -> Timestamp {
    let by_the_end = match fill.rule {
        FillRule::LimitThrough
        | FillRule::StopOnPath
        | FillRule::TakeProfitOnPath
        | FillRule::CloseAfterArrival
        | FillRule::Liquidation => true,
        FillRule::Open
        | FillRule::OpenLate
        | FillRule::StopGap
        | FillRule::LimitGap
        | FillRule::TakeProfitGap
        | FillRule::BookWalk
        | FillRule::Queue
        | FillRule::Trade => false,
    };
    timeframe.open_of(if by_the_end { fill.ts.plus(-1) } else { fill.ts })
}

fn read(root: &Path, facts: &RunFacts, fill: &Fill) -> Result<ShownBar, String> {
    let index = fill.instrument.index();
    let (Some(instrument), Some(timeframe)) =
        (facts.instruments.get(index), facts.fill_timeframes.get(index))
    else {
        return Err("summary.json does not say which bars were read: it is of an older version".to_owned());
    };
    let timeframe: Timeframe = timeframe.parse().map_err(|error| format!("summary.json: {error}"))?;
    let (venue, symbol) = instrument.split_once('/').unwrap_or_default();
    let open_ts = open_of(fill, timeframe);
    let gone = |error: cryptobot_data::DataError| format!("the data of the run are not there: {error}");
    let mut reader = Catalog::open(root)
        .and_then(|catalog| {
            catalog.series(&SeriesRequest {
                venue: venue.to_owned(),
                symbol: symbol.to_owned(),
                timeframe,
                from: Some(open_ts),
                to: Some(open_ts.plus(timeframe.nanos())),
                allow_gaps: true,
            })
        })
        .map_err(gone)?;
    let (mut origin, mut sha256) = (String::new(), String::new());
    for touched in reader.touched() {
        let now = file_sha256(&root.join(&touched.relative)).map_err(gone)?;
        match facts.data_files.get(&touched.relative) {
            Some(then) if *then == now => (origin, sha256) = (touched.relative, now),
            Some(then) => {
                let name = touched.relative;
                return Err(format!("{name} has changed since the run: its SHA-256 was {then} and is {now}"));
            }
            None => {
                return Err(format!("{} was not read by the run: the data have changed", touched.relative));
            }
        }
    }
    let mut block = BarBlock::default();
    reader.read(&mut block).map_err(gone)?;
    let bar = bar_at(&block, open_ts, timeframe).ok_or_else(|| format!("there is no bar at {open_ts}"))?;
    Ok(ShownBar {
        file: origin,
        sha256,
        timeframe: timeframe.to_string(),
        open_ts: open_ts.to_string(),
        close_ts: bar.ts.to_string(),
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
        began: open_ts,
        length: timeframe.nanos(),
    })
}

fn bar_at(block: &BarBlock, open_ts: Timestamp, timeframe: Timeframe) -> Option<Bar> {
    let row = block.open_ms.iter().position(|open| *open == open_ts.millis())?;
    Some(Bar {
        ts: open_ts.plus(timeframe.nanos()),
        open: block.open[row],
        high: block.high[row],
        low: block.low[row],
        close: block.close[row],
        volume: block.volume[row],
    })
}
