//! Synthetic markets: scenarios made from nothing but a seed, and stress put on stored bars.
//!
//! The model has three layers. [`Regime`] says how volatile, liquid and correlated a market is, and when another one
//! begins. The prices behind everything follow GARCH(1,1) with jumps, a time of day and a factor that all pairs share. In
//! each minute quotes and trades surround these prices; bars are the sums of the trades, the order book stands around the
//! quotes, mark prices and funding follow from a premium. So all series of a pair are consistent with each other, and which
//! of them are written changes none.
//!
//! Everything is computed with `libm` from seeded streams, one per pair and purpose: the same request gives the same rows
//! on every machine, whatever is generated beside it.

mod bars;
mod book;
mod draw;
mod error;
mod folder;
mod latent;
mod market;
mod overlay;
mod pairs;
mod premium;
mod recording;
mod regime;
mod series;
mod shock;
#[cfg(test)]
mod tests;
mod trades;

use std::path::{Path, PathBuf};

use cryptobot_model::{Timeframe, Timestamp};

use crate::sample::{VENUE, in_parallel, instruments_json, write_json};
use crate::store::{CatalogWriter, SeriesKind};

pub use error::{SyntheticError, UnknownScenario, UnknownStress};
pub use overlay::{Overlaid, OverlayRequest, Stress, overlay};
pub use pairs::{PAIRS, Pair};
pub use regime::{Regime, Scenario};
pub use shock::FlashCrash;

/// Folder of the recordings below that of the generated data: order book and trades, one file per symbol.
pub const RECORDINGS: &str = "recordings";
/// Shortest period of a scenario.
const SHORTEST_MS: i64 = 3_600_000;
/// Longest period, days, and that of scenarios with a trend, whose prices would leave what a price can be.
const LONGEST_DAYS: i64 = 3_653;
const LONGEST_TREND_DAYS: i64 = 400;
const DAY_MS: i64 = 86_400_000;

/// What is to be generated.
#[derive(Clone, Debug)]
pub struct ScenarioRequest {
    /// The market.
    pub scenario: Scenario,
    /// Names of [`PAIRS`].
    pub symbols: Vec<String>,
    /// Beginning, inclusive, and end, exclusive, UTC; on the grid of all bars.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
    /// Bars of trades, mark and index prices of any length, funding, trades and book.
    pub kinds: Vec<SeriesKind>,
    /// Seed of all randomness.
    pub seed: u64,
    /// Correlation of any two pairs, from 0 to 1, in place of the scenario's.
    pub correlation: Option<f64>,
}

/// What was generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// What everything that shows the data says about them.
    pub label: String,
    /// The files, by their paths below the folder, sorted.
    pub files: Vec<String>,
    /// Recordings of order book and trades among them, by symbol.
    pub recordings: Vec<(String, PathBuf)>,
}

impl ScenarioRequest {
    fn minutes(&self) -> usize {
        ((self.to.millis() - self.from.millis()) / Timeframe::MINUTE.millis()) as usize
    }

    fn check(&self) -> Result<Vec<Pair>, SyntheticError> {
        let mut pairs = Vec::new();
        for symbol in &self.symbols {
            let pair = Pair::named(symbol)?;
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        if let Some(value) = self.correlation
            && !(0.0..=1.0).contains(&value)
        {
            return Err(SyntheticError::Range { name: "correlation", value, range: "from 0 to 1" });
        }
        for kind in &self.kinds {
            let made = matches!(kind, SeriesKind::Bars(_) | SeriesKind::Mark(_) | SeriesKind::Index(_))
                || matches!(kind, SeriesKind::Funding | SeriesKind::AggTrades | SeriesKind::Depth);
            if !made {
                return Err(SyntheticError::Kind(kind.to_string()));
            }
        }
        self.check_period()?;
        Ok(pairs)
    }

    fn check_period(&self) -> Result<(), SyntheticError> {
        let wrong = |problem: String| SyntheticError::Period { from: self.from, to: self.to, problem };
        let length = self.to.millis().saturating_sub(self.from.millis());
        if length < SHORTEST_MS {
            return Err(wrong("is too short: give an hour at least".to_owned()));
        }
        let has_trend = self.scenario.regime().is_some_and(|regime| regime.drift_per_day != 0.0);
        let longest = if has_trend { LONGEST_TREND_DAYS } else { LONGEST_DAYS };
        if length > longest * DAY_MS {
            return Err(wrong(format!("is too long: {} has {longest} days at most", self.scenario)));
        }
        let grids = self.kinds.iter().filter_map(|kind| kind.grid()).chain([Timeframe::MINUTE]);
        for grid in grids {
            if [self.from, self.to].into_iter().any(|at| grid.open_of(at) != at) {
                return Err(wrong(format!("does not begin and end with a bar of {grid}")));
            }
        }
        Ok(())
    }
}

/// Generates a scenario into a folder that becomes a catalog: venue [`VENUE`], with `instruments.json`. Where `depth` is
/// asked for, the folder [`RECORDINGS`] has the book and the trades of each symbol as a file that runs are matched with.
///
/// The folder appears when everything is in it. It may be there already if it is empty or holds nothing but unchanged
/// generated data; then it is replaced.
pub fn generate(request: &ScenarioRequest, out: &Path) -> Result<Generated, SyntheticError> {
    let pairs = request.check()?;
    let label = format!("synthetic {}: generated, not market data", request.scenario);
    let source = format!("synthetic {}, seed {}", request.scenario, request.seed);
    let make = |folder: &Path| {
        let writer = CatalogWriter::open(folder)?;
        in_parallel(&pairs, |pair| market::write_pair(&writer, folder, request, pair, &source))?;
        let path = folder.join(VENUE).join("instruments.json");
        let entry = |pair: &Pair| (pair.symbol, pair.price_places, pair.lot_places, pair.min_notional);
        write_json(&path, &instruments_json(&label, pairs.iter().map(entry)))?;
        Ok(())
    };
    let ((), files) = folder::put(out, &label, make)?;
    let recorded = request.kinds.contains(&SeriesKind::Depth);
    let recording = |pair: &Pair| {
        let path = out.join(RECORDINGS).join(format!("{}.gz", pair.symbol));
        recorded.then(|| (pair.symbol.to_owned(), path))
    };
    Ok(Generated { label, files, recordings: pairs.iter().filter_map(recording).collect() })
}
