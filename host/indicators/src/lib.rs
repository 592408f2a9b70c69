//! Streaming indicators: one implementation for strategies, training and charts.
//!
//! Every indicator is a plain struct: `new` checks the period, `update` takes the next value or bar and returns
//! the new result. An update costs O(1) (amortised for [`Highest`] and [`Lowest`], and O(period) where the docs say so)
//! and never allocates. Results are NaN while an indicator warms up, so that comparisons with them are false.
//!
//! [`KINDS`] is the registry: every indicator of bars by name, with parameters, outputs, warm-up, source and oracle.
//! [`Kind::start`] makes one by itself, a [`Bank`] keeps those of a strategy, a [`FeatureSet`] gives named columns, and a
//! [`Scaler`] brings columns to comparable sizes. Indicators of other [`Input`]s have registries of their own.
//!
//! Seeding and formulas are those of TA-Lib where it has the indicator. Inputs must be finite, prices above 0; the host
//! refuses other bars at its border.
//!
//! Rolling sums do not drift: beside the sum that is updated by difference, each keeps a second one that adds up
//! the values since the window's ring began anew, and becomes the sum when the ring is through. An error can
//! therefore not outlive two windows, however long the stream.
#![forbid(unsafe_code)]

pub mod average;
pub mod bank;
pub mod book;
pub mod calendar;
pub mod candles;
pub mod composite;
pub mod cycle;
pub mod directional;
pub mod dispersion;
pub mod feature;
pub mod futures;
mod higher;
pub mod input;
pub mod kind;
pub mod level;
pub mod momentum;
pub mod moving_average;
pub mod oscillator;
pub mod pair;
pub mod period;
pub mod persistence;
pub mod price;
pub mod range;
pub mod registry;
pub mod regression;
pub mod scaler;
pub mod sets;
pub mod stochastic;
pub mod trade;
pub mod volatility;
pub mod volume;
mod window;

pub use average::{Dema, Hma, Kama, Midpoint, Rma, T3, Tema, Trima, Vwma, Zlema};
pub use bank::{Bank, FeatureColumn, GivenColumns, Lengths};
pub use calendar::{Moment, SessionActivity};
pub use candles::{Hikkake, Pattern};
pub use composite::{MomentumRegime, RsiDivergence, SmaCross, TrendStrength, VptTrend};
pub use cycle::{CyclePeriod, CyclePhase, CycleTrend, Mama, Phasor, TrendMode};
pub use directional::{Adx, Adxr, Aroon, Directional, Ichimoku, Sar, Supertrend, Vortex};
pub use dispersion::{Bands, Bollinger, StdDev};
pub use feature::{Column, ColumnSpec, FeatureSet, WantedFeature};
pub use futures::LiquidationPressure;
pub use input::{Book, BookLevel, FuturesData, Input, Pair, Trade};
pub use kind::{CreateError, Indicator, Kind, KindParam, Ohlcv};
pub use level::{Fibonacci, PastRange, Structure, VolumeProfile};
pub use momentum::{Macd, MacdValue, Roc, Rsi};
pub use moving_average::{Ema, Sma, Wma};
pub use oscillator::{
    Accelerator, Awesome, Cmo, CmoPlain, Coppock, Imi, MacdOf, Momentum, PriceOscillator, Trix, Tsi,
};
pub use pair::{Beta, Covariance};
pub use period::{MAX_PERIOD, MAX_SCAN, PeriodError};
pub use persistence::{Amihud, EfficiencyRatio, Hurst, RollSpread, VerticalHorizontal};
pub use price::HeikinAshi;
pub use range::{
    AccelerationBands, Atr, ChaikinVolatility, Channel, Choppiness, Donchian, Highest, Keltner, Lowest,
    MassIndex, TrueRange,
};
pub use registry::{FAMILIES, Family, KINDS};
pub use regression::{AverageDeviation, ForecastOscillator, LinearRegression, PercentRank, Shape};
pub use scaler::{Scaler, ScalerError, Scaling};
pub use stochastic::{Cci, Kdj, RangePosition, StochRsi, Stochastic, Ultimate};
pub use trade::{KyleLambda, TakerFlow, TradeIntensity};
pub use volatility::{
    Estimator, EwmaVolatility, Garch, HistoricalVolatility, RangeVolatility, RealizedVolatility,
    RelativeVolatility, UlcerIndex, VolatilityCone, YangZhang,
};
pub use volume::{
    AdLine, ChaikinMoneyFlow, ChaikinOscillator, ForceIndex, Mfi, Obv, ObvTrend, RelativeVolume, SessionVwap,
    VolumeIndex, Vpt, WilliamsAd,
};
