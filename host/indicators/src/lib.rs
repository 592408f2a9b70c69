//! Streaming indicators: one implementation for strategies, training and charts.
//!
//! Every indicator is a plain struct: `new` checks the period, `update` takes the next value or bar and returns
//! the new result, `value` repeats it. An update costs O(1) (amortised for [`Highest`] and [`Lowest`]) and never
//! allocates. Results are NaN while an indicator warms up, so that comparisons with them are false.
//!
//! Seeding and formulas are those of TA-Lib. Inputs must be finite; the host refuses other bars at its border.
//!
//! Rolling sums do not drift: beside the sum that is updated by difference, each keeps a second one that adds up
//! the values since the window's ring began anew, and becomes the sum when the ring is through. An error can
//! therefore not outlive two windows, however long the stream.
#![forbid(unsafe_code)]

pub mod average;
pub mod bank;
pub mod calendar;
pub mod candles;
pub mod directional;
pub mod dispersion;
pub mod kind;
pub mod level;
pub mod momentum;
pub mod moving_average;
pub mod oscillator;
pub mod period;
pub mod persistence;
pub mod price;
pub mod range;
pub mod registry;
pub mod regression;
pub mod stochastic;
pub mod volatility;
pub mod volume;
mod window;

pub use bank::{Bank, CreateError};
pub use dispersion::{Bands, Bollinger, StdDev};
pub use kind::{Kind, KindParam, Ohlcv};
pub use momentum::{Macd, MacdValue, Roc, Rsi};
pub use moving_average::{Ema, Sma, Wma};
pub use period::{MAX_PERIOD, PeriodError};
pub use range::{Atr, Channel, Donchian, Highest, Lowest};
pub use registry::{FAMILIES, Family, KINDS};
