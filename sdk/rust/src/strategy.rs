//! What an author writes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::params::Parameters;
use crate::{Bar, Host, OrderEvent, PositionClose, Series, SeriesSpec, Wants};

/// What one value of a strategy looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One symbol: the SDK makes a value per symbol of the run and brings each event to the right one.
    Symbol,
    /// All symbols of the run together.
    Portfolio,
}

/// A strategy. Only [`Strategy::new`] and [`Strategy::on_bar`] must be written.
///
/// The value is the strategy's whole state: it is what `snapshot` stores and `restore` brings back, through serde.
/// Events come one at a time, and nothing but them and the host's functions may influence what it does.
pub trait Strategy: Serialize + DeserializeOwned + Sized + 'static {
    /// The parameters, declared with [`params!`](crate::params!).
    type Params: Parameters;

    /// Version of the state: raise it when the fields of the type change, and see [`Strategy::migrate`].
    const STATE_VERSION: u32 = 1;

    /// Whether there is a value per symbol or one for all.
    const SCOPE: Scope = Scope::Symbol;

    /// Makes the strategy with its parameters. `series` are those of its symbol, or of all symbols, as
    /// [`Strategy::SCOPE`] says. Indicators of the host are created here; orders are refused here.
    ///
    /// # Errors
    /// A text for the user, for example about parameters that do not fit together.
    fn new(params: &Self::Params, series: &[Series], host: &mut Host) -> Result<Self, String>;

    /// A bar of one of its series has closed.
    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar);

    /// One of its orders took a step: every one with [`Wants::ORDERS`], executions and ends with [`Wants::OUTCOMES`].
    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        let _ = (host, series, event);
    }

    /// A position went flat or changed sides.
    fn on_position_close(&mut self, host: &mut Host, series: &Series, close: &PositionClose) {
        let _ = (host, series, close);
    }

    /// A timer it had set has come.
    fn on_timer(&mut self, host: &mut Host, id: u32) {
        let _ = (host, id);
    }

    /// The run is over; orders are not sent any more.
    fn stop(&mut self, host: &mut Host) {
        let _ = host;
    }

    /// The series it asks for, once per symbol: by default one with the run's base timeframe, called `base`.
    fn series() -> Vec<SeriesSpec> {
        vec![SeriesSpec::base()]
    }

    /// The events it asks for: by default bars, its orders, closed positions and timers. An event that is not
    /// wanted costs nothing.
    ///
    /// `Wants::ORDERS` is every step of its orders. `Wants::OUTCOMES` is only what became of them: partly filled, filled,
    /// rejected, cancelled and expired ([`OrderEventKind::is_outcome`](crate::OrderEventKind::is_outcome)). That is all
    /// that most strategies look at, and it saves the calls for the other steps: two of the three of an order that is simply
    /// filled or cancelled. What the host answers about orders and positions is the same with either, or neither.
    fn wants() -> Wants {
        Wants::BARS | Wants::ORDERS | Wants::POSITION_CLOSES | Wants::TIMERS
    }

    /// Bars of the base series before its signals mean anything. Asked with the default parameters.
    fn warmup(params: &Self::Params) -> u32 {
        let _ = params;
        0
    }

    /// Takes over a state that was stored with other parameters: `self` is fresh, `old` is what was stored.
    ///
    /// # Errors
    /// The default refuses, because a state seldom fits other parameters (a window of 10 bars is none of 20).
    fn adopt(&mut self, old: Self) -> Result<(), String> {
        let _ = old;
        Err("the state was stored with other parameters".to_owned())
    }

    /// Takes new values of parameters that are declared `tunable`; all others are as they were.
    ///
    /// # Errors
    /// A text for the user; everything stays as it was. The default takes none.
    fn tune(&mut self, params: &Self::Params) -> Result<(), String> {
        let _ = params;
        Err("this strategy takes no parameters while it runs".to_owned())
    }

    /// Its state has just been brought back, by [`Strategy::adopt`], [`Strategy::migrate`] or as it was. In a swap the
    /// host keeps orders and timers and forgets what [`Strategy::new`] asked for: a version that needs a timer which the
    /// one before did not have sets it here. Orders are refused here.
    fn resume(&mut self, host: &mut Host) {
        let _ = host;
    }

    /// Reads a state of an older version into `self`, which is fresh. `state` is the old type in postcard's format.
    ///
    /// # Errors
    /// The default knows no older version.
    fn migrate(&mut self, version: u32, state: &[u8]) -> Result<(), String> {
        let _ = state;
        Err(format!(
            "state version {version} cannot be read; this plugin has version {}",
            Self::STATE_VERSION
        ))
    }
}

impl SeriesSpec {
    /// The series with the run's base timeframe, in the role `base`.
    pub fn base() -> Self {
        Self { role: "base".to_owned(), timeframe_ns: None }
    }

    /// A series with a timeframe of its own, in nanoseconds: `SeriesSpec::every("trend", 4 * HOUR)`.
    pub fn every(role: &str, timeframe_ns: i64) -> Self {
        Self { role: role.to_owned(), timeframe_ns: Some(timeframe_ns) }
    }
}
