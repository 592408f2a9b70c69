//! The table of indicators that strategies create by name: parameters with defaults and ranges, outputs, warm-up.

use crate::dispersion::{Bollinger, StdDev};
use crate::momentum::{Macd, Roc, Rsi};
use crate::moving_average::{Ema, Sma, Wma};
use crate::period::{MAX_PERIOD, PeriodError};
use crate::range::{Atr, Donchian, Highest, Lowest};

/// A bar as indicators see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ohlcv {
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
}

/// A parameter of an indicator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KindParam {
    /// Name.
    pub name: &'static str,
    /// Value where none is given.
    pub default: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Whether only whole numbers are accepted.
    pub whole: bool,
}

/// A kind of indicator.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name strategies use.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What it is computed from: `close`, `high`, `low` or several of them.
    pub input: &'static str,
    /// Its parameters in the order of `warmup` and `build`.
    pub params: &'static [KindParam],
    /// Names of its outputs; an output's number is its position.
    pub outputs: &'static [&'static str],
    /// The first bar with a value, as a formula of the parameters.
    pub warmup_formula: &'static str,
    /// The first bar with a value, counted from 1.
    pub warmup: fn(&[f64]) -> u32,
    pub(crate) build: fn(&[f64]) -> Result<Indicator, PeriodError>,
}

const fn period(name: &'static str, default: u32, min: u32) -> KindParam {
    KindParam { name, default: default as f64, min: min as f64, max: MAX_PERIOD as f64, whole: true }
}

/// Every kind, in the order of the reference page.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "sma",
        title: "Simple moving average",
        input: "close",
        params: &[period("period", 20, 1)],
        outputs: &["value"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| Sma::new(p[0] as u32).map(Indicator::Sma),
    },
    Kind {
        name: "ema",
        title: "Exponential moving average, factor 2 / (period + 1), seeded with the simple average",
        input: "close",
        params: &[period("period", 20, 1)],
        outputs: &["value"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| Ema::new(p[0] as u32).map(Indicator::Ema),
    },
    Kind {
        name: "wma",
        title: "Linearly weighted moving average",
        input: "close",
        params: &[period("period", 20, 1)],
        outputs: &["value"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| Wma::new(p[0] as u32).map(Indicator::Wma),
    },
    Kind {
        name: "stddev",
        title: "Population standard deviation",
        input: "close",
        params: &[period("period", 20, 2)],
        outputs: &["value"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| StdDev::new(p[0] as u32).map(Indicator::StdDev),
    },
    Kind {
        name: "bollinger",
        title: "Bollinger bands: simple average and `width` population standard deviations to each side",
        input: "close",
        params: &[
            period("period", 20, 2),
            KindParam { name: "width", default: 2.0, min: 0.0, max: 100.0, whole: false },
        ],
        outputs: &["upper", "middle", "lower", "percent-b", "bandwidth"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| Bollinger::new(p[0] as u32, p[1]).map(Indicator::Bollinger),
    },
    Kind {
        name: "rsi",
        title: "Relative strength index, Wilder's smoothing, 0 to 100",
        input: "close",
        params: &[period("period", 14, 2)],
        outputs: &["value"],
        warmup_formula: "period + 1",
        warmup: |p| p[0] as u32 + 1,
        build: |p| Rsi::new(p[0] as u32).map(Indicator::Rsi),
    },
    Kind {
        name: "atr",
        title: "Average true range, Wilder's smoothing",
        input: "high, low, close",
        params: &[period("period", 14, 1)],
        outputs: &["value"],
        warmup_formula: "period + 1",
        warmup: |p| p[0] as u32 + 1,
        build: |p| Atr::new(p[0] as u32).map(Indicator::Atr),
    },
    Kind {
        name: "macd",
        title: "Moving average convergence/divergence; fast must be below slow",
        input: "close",
        params: &[period("fast", 12, 2), period("slow", 26, 2), period("signal", 9, 1)],
        outputs: &["line", "signal", "histogram"],
        warmup_formula: "slow + signal - 1",
        warmup: |p| p[1] as u32 + p[2] as u32 - 1,
        build: |p| Macd::new(p[0] as u32, p[1] as u32, p[2] as u32).map(Indicator::Macd),
    },
    Kind {
        name: "roc",
        title: "Rate of change in percent",
        input: "close",
        params: &[period("period", 10, 1)],
        outputs: &["value"],
        warmup_formula: "period + 1",
        warmup: |p| p[0] as u32 + 1,
        build: |p| Roc::new(p[0] as u32).map(Indicator::Roc),
    },
    Kind {
        name: "highest",
        title: "Highest high",
        input: "high",
        params: &[period("period", 20, 1)],
        outputs: &["value"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| Highest::new(p[0] as u32).map(Indicator::Highest),
    },
    Kind {
        name: "lowest",
        title: "Lowest low",
        input: "low",
        params: &[period("period", 20, 1)],
        outputs: &["value"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| Lowest::new(p[0] as u32).map(Indicator::Lowest),
    },
    Kind {
        name: "donchian",
        title: "Donchian channel: highest high and lowest low, the newest bar included",
        input: "high, low",
        params: &[period("period", 20, 1)],
        outputs: &["upper", "middle", "lower"],
        warmup_formula: "period",
        warmup: |p| p[0] as u32,
        build: |p| Donchian::new(p[0] as u32).map(Indicator::Donchian),
    },
];

/// Any indicator, fed with bars.
#[derive(Clone, Debug)]
pub(crate) enum Indicator {
    Sma(Sma),
    Ema(Ema),
    Wma(Wma),
    StdDev(StdDev),
    Bollinger(Bollinger),
    Rsi(Rsi),
    Atr(Atr),
    Macd(Macd),
    Roc(Roc),
    Highest(Highest),
    Lowest(Lowest),
    Donchian(Donchian),
}

impl Indicator {
    /// Takes the next bar and writes the outputs in their order; `outputs` is as long as [`Kind::outputs`].
    pub(crate) fn update(&mut self, bar: &Ohlcv, outputs: &mut [f64]) {
        match self {
            Self::Sma(sma) => outputs[0] = sma.update(bar.close),
            Self::Ema(ema) => outputs[0] = ema.update(bar.close),
            Self::Wma(wma) => outputs[0] = wma.update(bar.close),
            Self::StdDev(deviation) => outputs[0] = deviation.update(bar.close),
            Self::Bollinger(bollinger) => {
                let bands = bollinger.update(bar.close);
                outputs.copy_from_slice(&[
                    bands.upper,
                    bands.middle,
                    bands.lower,
                    bands.percent_b,
                    bands.bandwidth,
                ]);
            }
            Self::Rsi(rsi) => outputs[0] = rsi.update(bar.close),
            Self::Atr(atr) => outputs[0] = atr.update(bar.high, bar.low, bar.close),
            Self::Macd(macd) => {
                let value = macd.update(bar.close);
                outputs.copy_from_slice(&[value.line, value.signal, value.histogram]);
            }
            Self::Roc(roc) => outputs[0] = roc.update(bar.close),
            Self::Highest(highest) => outputs[0] = highest.update(bar.high),
            Self::Lowest(lowest) => outputs[0] = lowest.update(bar.low),
            Self::Donchian(donchian) => {
                let channel = donchian.update(bar.high, bar.low);
                outputs.copy_from_slice(&[channel.upper, channel.middle, channel.lower]);
            }
        }
    }
}
