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
    /// What happens after a fault.
    pub faults: FaultPolicy,
}

/// What happens after a fault of a strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultPolicy {
    /// What becomes of its orders and positions.
    pub on_fault: OnFault,
    /// Whether and when a fresh instance takes over.
    pub restart: Option<Restart>,
}

/// What the host does with the orders and positions of a strategy that it stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFault {
    /// Cancels its orders and closes its positions at the market.
    #[default]
    Flatten,
    /// Cancels its orders and leaves its positions as they are.
    CancelAndHold,
    /// Cancels what could open or enlarge a position and leaves what can only reduce one.
    KeepStops,
}

/// When a fresh instance takes over after a fault. All times are event time, so that a run can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Restarts within the window; the fault after the last one is final.
    pub max: u32,
    /// Time within which restarts are counted, ns.
    pub window_ns: i64,
    /// From a fault to the restart, ns; twice that after the next fault within the window, and so on.
    pub backoff_ns: i64,
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
