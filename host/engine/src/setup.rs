//! What a run is made of.

use cryptobot_model::{FundingRate, Instrument, Money, Timeframe, Wants};

use crate::source::BarSource;
use crate::strategy::Strategy;
use crate::version::Origin;

/// An instrument with its base bars: the finest ones of the run, on which orders are matched.
pub struct InstrumentSetup {
    /// Grid and costs.
    pub instrument: Instrument,
    /// Length of the base bars.
    pub timeframe: Timeframe,
    /// The base bars.
    pub source: Box<dyn BarSource>,
    /// Mark prices as bars of the same length; without them, and where they have holes, the last price stands in.
    pub mark: Option<Box<dyn BarSource>>,
    /// Funding rates in order of time.
    pub funding: Vec<FundingRate>,
}

impl InstrumentSetup {
    /// An instrument without mark prices and funding.
    pub fn new(instrument: Instrument, timeframe: Timeframe, source: Box<dyn BarSource>) -> Self {
        Self { instrument, timeframe, source, mark: None, funding: Vec::new() }
    }
}

/// A strategy with its virtual sub-account. Its series are those of its desk: any timeframe that the instrument's
/// base timeframe divides.
pub struct StrategySetup {
    /// The strategy; its desk was made for the same instruments, in the same order.
    pub strategy: Box<dyn Strategy>,
    /// What it was made of; without it nothing can take over from it, after a fault or in a swap.
    pub origin: Option<Origin>,
    /// Events it asked for.
    pub wants: Wants,
    /// Balance of its sub-account at the start.
    pub balance: Money,
    /// Largest notional per unit of equity.
    pub leverage: f64,
    /// Orders it may have open at once.
    pub max_open_orders: usize,
}

/// Why a run cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A series' timeframe cannot be built from the base bars.
    #[error("{symbol}: bars of {wanted} cannot be built from bars of {base}")]
    Timeframe {
        /// The instrument.
        symbol: String,
        /// The series' timeframe.
        wanted: Timeframe,
        /// The instrument's base timeframe.
        base: Timeframe,
    },
}
