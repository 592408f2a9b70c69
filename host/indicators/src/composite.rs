//! Indicators made of others, in units that do not depend on the price: what models and rules of thumb ask for.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::directional::{Ichimoku, IchimokuValue};
use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::level::PastRange;
use crate::momentum::{Macd, MacdValue, Roc, Rsi};
use crate::moving_average::{Ema, Sma};
use crate::period::{MAX_PERIOD, MAX_SCAN, PeriodError, checked};
use crate::range::{Atr, Highest, Lowest};
use crate::volatility::VolatilityCone;
use crate::window::{Previous, Sum, ratio};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    sma_cross(fast: u32 = 5 in 1..=MAX_PERIOD, slow: u32 = 20 in 1..=MAX_PERIOD)
        -> ["value", "crossing"], from fast.max(slow) + 1;
        "close", "Fast over slow simple average minus 1; crossing is 1 at the bar where the fast one gets above, -1 where it gets below, else 0",
        source "common", oracle "definition";
        SmaCross::new(fast, slow)? => |i, bar| i.update(bar.close),
    macd_percent(fast: u32 = 12 in 2..=MAX_PERIOD, slow: u32 = 26 in 2..=MAX_PERIOD, signal: u32 = 9 in 1..=MAX_PERIOD)
        -> ["line", "signal", "histogram"], from slow + signal - 1;
        "close", "MACD in percent of the close; fast must be below slow", source "own", oracle "definition";
        Macd::new(fast, slow, signal)? => |i, bar| {
            let MacdValue { line, signal, histogram } = i.update(bar.close);
            [line, signal, histogram].map(|value| 100.0 * value / bar.close)
        },
    ichimoku_signals(conversion: u32 = 9 in 1..=MAX_PERIOD, base: u32 = 26 in 1..=MAX_PERIOD, span: u32 = 52 in 1..=MAX_PERIOD)
        -> ["cross", "cloud", "lagging"], from conversion.max(base).max(span) + base - 1;
        "high, low, close", "As fractions of the close: conversion minus base line, distance from the cloud (0 inside, negative below), and change that the lagging span shows",
        source "Hosoda 1969", oracle "definition";
        Ichimoku::new(conversion, base, span)? => |i, bar| signals(&i.update(bar.high, bar.low, bar.close), bar.close),
    rsi_divergence(period: u32 = 14 in 2..=MAX_PERIOD, lookback: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period + 1 + lookback;
        "close", "-1 where the close is above those of the `lookback` bars before but the RSI is below its highest there, 1 where it is below but the RSI above its lowest, else 0",
        source "Wilder 1978", oracle "definition";
        RsiDivergence::new(period, lookback)? => |i, bar| i.update(bar.close),
    vpt_trend(period: u32 = 20 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close, volume", "Volume-weighted mean return over the period: change of the volume price trend per volume; 0 without volume",
        source "own", oracle "definition";
        VptTrend::new(period)? => |i, bar| i.update(bar.close, bar.volume),
    trend_strength(fast: u32 = 20 in 1..=MAX_PERIOD, slow: u32 = 50 in 1..=MAX_PERIOD, range: u32 = 14 in 1..=MAX_PERIOD)
        -> ["value"], from fast.max(slow).max(range + 1);
        "high, low, close", "Fast minus slow EMA in average true ranges; 0 where there is no range", source "own", oracle "definition";
        TrendStrength::new(fast, slow, range)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    volatility_regime(period: u32 = 20 in 2..=MAX_PERIOD, lookback: u32 = 250 in 2..=MAX_SCAN) -> ["value"], from period + 1 + lookback;
        "close", "State of volatility: -1 below a quarter of the `lookback` ones before, 1 above three quarters of them, else 0",
        source "own", oracle "definition";
        VolatilityCone::new(period, lookback)? => |i, bar| state(i.update(bar.close).position, 25.0, 75.0),
    momentum_regime(period: u32 = 14 in 2..=MAX_PERIOD, change: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period.max(change) + 1;
        "close", "State of momentum: 1 with an RSI above 55 and a rise over `change` bars, -1 with one below 45 and a fall, else 0",
        source "own", oracle "definition";
        MomentumRegime::new(period, change)? => |i, bar| i.update(bar.close),
    pivot_position(period: u32 = 1 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close", "Close minus the classic pivot of the `period` bars before, in their range; 0 where there is none",
        source "own", oracle "definition";
        PastRange::new(period)? => |i, bar| {
            let range = i.update(bar.high, bar.low, bar.close);
            ratio(bar.close - range.classic()[0], range.high - range.low)
        },
};

/// -1 below the lower bound, 1 above the upper one, else 0; NaN stays.
fn state(value: f64, lower: f64, upper: f64) -> f64 {
    if value < lower {
        -1.0
    } else if value > upper {
        1.0
    } else {
        0.0 * value
    }
}

outputs! {
    /// What [`SmaCross`] gives.
    Cross {
        /// `fast / slow - 1`.
        value,
        /// 1 where the fast average gets above the slow one, -1 where it gets below it, else 0.
        crossing,
    }
}

/// Two simple averages against each other. First result one value after the longer period, so that a crossing can be told.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct SmaCross {
    fast: Sma,
    slow: Sma,
    before: Previous,
}

impl SmaCross {
    /// With the periods of both averages (at least 1).
    pub fn new(fast: u32, slow: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            fast: Sma::new(checked("sma cross fast period", fast, 1)?)?,
            slow: Sma::new(checked("sma cross slow period", slow, 1)?)?,
            before: Previous::NONE,
        })
    }

    /// Takes the next value and returns ratio and crossing.
    #[inline]
    pub fn update(&mut self, value: f64) -> Cross {
        let value = self.fast.update(value) / self.slow.update(value) - 1.0;
        let before = self.before.replace(value);
        if before.is_nan() {
            return Cross::NAN;
        }
        let crossing = if before <= 0.0 && value > 0.0 {
            1.0
        } else if before >= 0.0 && value < 0.0 {
            -1.0
        } else {
            0.0
        };
        Cross { value, crossing }
    }
}

fn signals(lines: &IchimokuValue, close: f64) -> [f64; 3] {
    let (bottom, top) = (lines.span_a.min(lines.span_b), lines.span_a.max(lines.span_b));
    // Nothing while warming up: the spans are NaN.
    let outside = (close - top).max(0.0) + (close - bottom).min(0.0) + 0.0 * (top + bottom);
    [(lines.conversion - lines.base) / close, outside / close, lines.lagging / (close - lines.lagging)]
}

/// Divergence of price and RSI: a new extreme of the price that the RSI does not confirm. First result at value
/// `period + 1 + lookback`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct RsiDivergence {
    rsi: Rsi,
    prices: (Highest, Lowest),
    strengths: (Highest, Lowest),
}

impl RsiDivergence {
    /// With the period of the RSI (at least 2) and the number of values before that are looked at (at least 1).
    pub fn new(period: u32, lookback: u32) -> Result<Self, PeriodError> {
        let extremes =
            (Highest::new(checked("rsi divergence lookback", lookback, 1)?)?, Lowest::new(lookback)?);
        Ok(Self { rsi: Rsi::new(period)?, prices: extremes.clone(), strengths: extremes })
    }

    /// Takes the next value and returns -1, 0 or 1.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let rsi = self.rsi.update(value);
        if rsi.is_nan() {
            return rsi;
        }
        let (highest, lowest) = (self.prices.0.value(), self.prices.1.value());
        let (strongest, weakest) = (self.strengths.0.value(), self.strengths.1.value());
        self.prices.0.update(value);
        self.prices.1.update(value);
        self.strengths.0.update(rsi);
        self.strengths.1.update(rsi);
        if highest.is_nan() {
            highest
        } else if value > highest && rsi < strongest {
            -1.0
        } else if value < lowest && rsi > weakest {
            1.0
        } else {
            0.0
        }
    }
}

/// Volume-weighted mean return of the last `period` bars. First result at bar `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct VptTrend {
    previous: Previous,
    moved: Sum,
    volume: Sum,
}

impl VptTrend {
    /// Over `period` returns (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("vpt trend period", period, 1)?);
        Ok(Self { previous: Previous::NONE, moved: sum.clone(), volume: sum })
    }

    /// Takes the next bar and returns the mean.
    #[inline]
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        let change = close / self.previous.replace(close) - 1.0;
        if change.is_nan() {
            return change;
        }
        ratio(self.moved.update(volume * change), self.volume.update(volume))
    }
}

/// Fast minus slow EMA in average true ranges. First result where the last of the three has one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct TrendStrength {
    fast: Ema,
    slow: Ema,
    range: Atr,
}

impl TrendStrength {
    /// With the periods of the averages and of the true range (at least 1).
    pub fn new(fast: u32, slow: u32, range: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            fast: Ema::new(checked("trend strength fast period", fast, 1)?)?,
            slow: Ema::new(checked("trend strength slow period", slow, 1)?)?,
            range: Atr::new(checked("trend strength range period", range, 1)?)?,
        })
    }

    /// Takes the next bar and returns the distance.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let distance = self.fast.update(close) - self.slow.update(close);
        ratio(distance, self.range.update(high, low, close))
    }
}

/// State of momentum from RSI and rate of change. First result one value after the longer period.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct MomentumRegime {
    rsi: Rsi,
    change: Roc,
}

impl MomentumRegime {
    /// With the periods of the RSI (at least 2) and of the change (at least 1).
    pub fn new(period: u32, change: u32) -> Result<Self, PeriodError> {
        Ok(Self { rsi: Rsi::new(period)?, change: Roc::new(change)? })
    }

    /// Takes the next value and returns -1, 0 or 1.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let strength = state(self.rsi.update(value), 45.0, 55.0);
        let direction = state(self.change.update(value), 0.0, 0.0);
        if strength == direction { strength } else { 0.0 * (strength + direction) }
    }
}
