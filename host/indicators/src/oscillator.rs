//! Oscillators of momentum beside RSI and MACD.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::momentum::{MacdValue, Roc};
use crate::moving_average::{Ema, Sma, Wma};
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::window::{Previous, Sum, Window, ratio, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    macd_sma(fast: u32 = 12 in 2..=MAX_PERIOD, slow: u32 = 26 in 2..=MAX_PERIOD, signal: u32 = 9 in 1..=MAX_PERIOD)
        -> ["line", "signal", "histogram"], from slow + signal - 1;
        "close", "MACD of simple averages; fast must be below slow", source "TA-Lib", oracle "TA-Lib MACDEXT";
        MacdOf::<Sma>::new(fast, slow, signal)? => |i, bar| i.update(bar.close),
    macd_wma(fast: u32 = 12 in 2..=MAX_PERIOD, slow: u32 = 26 in 2..=MAX_PERIOD, signal: u32 = 9 in 1..=MAX_PERIOD)
        -> ["line", "signal", "histogram"], from slow + signal - 1;
        "close", "MACD of linearly weighted averages; fast must be below slow",
        source "TA-Lib", oracle "TA-Lib MACDEXT";
        MacdOf::<Wma>::new(fast, slow, signal)? => |i, bar| i.update(bar.close),
    apo(fast: u32 = 12 in 2..=MAX_PERIOD, slow: u32 = 26 in 2..=MAX_PERIOD) -> ["value"], from slow;
        "close", "Absolute price oscillator: fast minus slow EMA", source "common", oracle "TA-Lib APO";
        PriceOscillator::new(fast, slow)? => |i, bar| i.update(bar.close).absolute,
    ppo(fast: u32 = 12 in 2..=MAX_PERIOD, slow: u32 = 26 in 2..=MAX_PERIOD) -> ["value"], from slow;
        "close", "Percentage price oscillator: fast minus slow EMA in percent of the slow one",
        source "common", oracle "TA-Lib PPO";
        PriceOscillator::new(fast, slow)? => |i, bar| i.update(bar.close).percent,
    momentum(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Change over the period", source "common", oracle "TA-Lib MOM";
        Momentum::new(period)? => |i, bar| i.update(bar.close),
    rocp(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Rate of change as a fraction", source "common", oracle "TA-Lib ROCP";
        Momentum::new(period)? => |i, bar| ratio(i.update(bar.close), i.old()),
    rocr(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Ratio to the close a period ago", source "common", oracle "TA-Lib ROCR";
        Momentum::new(period)? => |i, bar| then(i.update(bar.close), |_| ratio(bar.close, i.old())),
    cmo(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Chande's momentum oscillator with Wilder's smoothing, -100 to 100",
        source "Chande and Kroll 1994, smoothed as in TA-Lib", oracle "TA-Lib CMO";
        Cmo::new(period)? => |i, bar| i.update(bar.close),
    cmo_plain(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "close", "Chande's momentum oscillator of plain sums, -100 to 100",
        source "Chande and Kroll 1994", oracle "TA-Lib CMOU";
        CmoPlain::new(period)? => |i, bar| i.update(bar.close),
    bop() -> ["value"], from 1;
        "open, high, low, close", "Balance of power: (close - open) / (high - low)",
        source "Livshin 2001", oracle "TA-Lib BOP";
        () => |(), bar| ratio(bar.close - bar.open, bar.high - bar.low),
    trix(period: u32 = 15 in 1..=MAX_PERIOD) -> ["value"], from 3 * period - 1;
        "close", "Change of a threefold EMA, in percent", source "Hutson 1983", oracle "TA-Lib TRIX";
        Trix::new(period)? => |i, bar| i.update(bar.close),
    tsi(long: u32 = 25 in 1..=MAX_PERIOD, short: u32 = 13 in 1..=MAX_PERIOD) -> ["value"], from long + short;
        "close", "True strength index: twice smoothed change in percent of the twice smoothed absolute change",
        source "Blau 1991", oracle "TA-Lib TSI";
        Tsi::new(long, short)? => |i, bar| i.update(bar.close),
    ao(fast: u32 = 5 in 1..=MAX_PERIOD, slow: u32 = 34 in 2..=MAX_PERIOD) -> ["value"], from slow;
        "high, low", "Awesome oscillator: fast minus slow simple average of (high + low) / 2",
        source "Williams 1998", oracle "TA-Lib AO";
        Awesome::new(fast, slow)? => |i, bar| i.update(bar.median()),
    ac(fast: u32 = 5 in 1..=MAX_PERIOD, slow: u32 = 34 in 2..=MAX_PERIOD, signal: u32 = 5 in 1..=MAX_PERIOD)
        -> ["value"], from slow + signal - 1;
        "high, low", "Accelerator: awesome oscillator minus its simple average",
        source "Williams 1998", oracle "TA-Lib AC";
        Accelerator::new(fast, slow, signal)? => |i, bar| i.update(bar.median()),
    coppock(period: u32 = 10 in 1..=MAX_PERIOD, short: u32 = 11 in 1..=MAX_PERIOD, long: u32 = 14 in 1..=MAX_PERIOD)
        -> ["value"], from period + short.max(long);
        "close", "Coppock curve: WMA of the sum of two rates of change", source "Coppock 1962", oracle "TA-Lib COPPOCK";
        Coppock::new(period, short, long)? => |i, bar| i.update(bar.close),
    qstick(period: u32 = 10 in 1..=MAX_PERIOD) -> ["value"], from period;
        "open, close", "Simple average of close - open", source "Chande and Kroll 1994", oracle "TA-Lib QSTICK";
        Sma::new(period)? => |i, bar| i.update(bar.close - bar.open),
    imi(period: u32 = 14 in 1..=MAX_PERIOD) -> ["value"], from period;
        "open, close", "Intraday momentum index: an RSI of close - open", source "Chande and Kroll 1994", oracle "TA-Lib IMI";
        Imi::new(period)? => |i, bar| i.update(bar.open, bar.close),
    elder_ray(period: u32 = 13 in 1..=MAX_PERIOD) -> ["bull", "bear"], from period;
        "high, low, close", "Elder ray: high and low minus the EMA of the close", source "Elder 1993", oracle "TA-Lib ERI";
        Ema::new(period)? => |i, bar| { let ema = i.update(bar.close); [bar.high - ema, bar.low - ema] },
};

/// An average that a [`MacdOf`] can be made of.
pub trait Average: Sized {
    /// The average over `period` values.
    fn of(period: u32) -> Result<Self, PeriodError>;
    /// Takes the next value and returns the average.
    fn next(&mut self, value: f64) -> f64;
}

macro_rules! averages {
    ($($average:ident),+) => {
        $(impl Average for $average {
            fn of(period: u32) -> Result<Self, PeriodError> {
                Self::new(period)
            }

            #[inline]
            fn next(&mut self, value: f64) -> f64 {
                self.update(value)
            }
        })+
    };
}
averages!(Sma, Ema, Wma);

/// Moving average convergence/divergence of averages that need no seed at the same bar; all three outputs begin
/// together at value `slow + signal - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct MacdOf<A> {
    fast: A,
    slow: A,
    signal: A,
}

impl<A: Average> MacdOf<A> {
    /// With the periods of the three averages (at least 2, 2 and 1).
    pub fn new(fast: u32, slow: u32, signal: u32) -> Result<Self, PeriodError> {
        let (fast, slow) = fast_and_slow(fast, slow)?;
        checked("macd signal period", signal, 1)?;
        Ok(Self { fast: A::of(fast)?, slow: A::of(slow)?, signal: A::of(signal)? })
    }

    /// Takes the next value and returns line, signal and histogram.
    #[inline]
    pub fn update(&mut self, value: f64) -> MacdValue {
        let line = self.fast.next(value) - self.slow.next(value);
        let signal = then(line, |line| self.signal.next(line));
        if signal.is_nan() {
            return MacdValue::NAN;
        }
        MacdValue { line, signal, histogram: line - signal }
    }
}

fn fast_and_slow(fast: u32, slow: u32) -> Result<(u32, u32), PeriodError> {
    checked("fast period", fast, 1)?;
    checked("slow period", slow, 2)?;
    if fast < slow { Ok((fast, slow)) } else { Err(PeriodError::FastNotBelowSlow { fast, slow }) }
}

outputs! {
    /// What [`PriceOscillator`] gives.
    PriceOscillation {
        /// Fast minus slow average.
        absolute,
        /// The same in percent of the slow average.
        percent,
    }
}

/// The difference of two EMAs, absolute (APO) or in percent of the slow one (PPO). First
/// result at the `slow`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct PriceOscillator {
    fast: Ema,
    slow: Ema,
}

impl PriceOscillator {
    /// With the periods of the two averages; 12 and 26 are customary.
    pub fn new(fast: u32, slow: u32) -> Result<Self, PeriodError> {
        let (fast, slow) = fast_and_slow(fast, slow)?;
        Ok(Self { fast: Ema::new(fast)?, slow: Ema::new(slow)? })
    }

    /// Takes the next value and returns both forms of the difference.
    #[inline]
    pub fn update(&mut self, value: f64) -> PriceOscillation {
        let slow = self.slow.update(value);
        let absolute = self.fast.update(value) - slow;
        PriceOscillation { absolute, percent: 100.0 * ratio(absolute, slow) }
    }
}

/// The change against the value `period` values ago. First result at value `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Momentum {
    window: Window,
    old: f64,
}

impl Momentum {
    /// The change over `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("momentum period", period, 1)?;
        Ok(Self { window: Window::new(period), old: f64::NAN })
    }

    /// Takes the next value and returns the change.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let full = self.window.is_full();
        let old = self.window.push(value);
        if full {
            self.old = old;
        }
        value - self.old
    }

    /// The value that the newest one is compared with; NaN while warming up.
    #[inline]
    pub fn old(&self) -> f64 {
        self.old
    }
}

/// Chande's momentum oscillator, `100 (gains - losses) / (gains + losses)`, with Wilder's smoothing of gains and
/// losses as in TA-Lib. First result at value `period + 1`; 0 without any change.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Cmo {
    previous: Previous,
    change: crate::average::Rma,
    size: crate::average::Rma,
}

impl Cmo {
    /// The oscillator over `period` changes (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let average = crate::average::Rma::new(checked("cmo period", period, 2)?)?;
        Ok(Self { previous: Previous::NONE, change: average.clone(), size: average })
    }

    /// Takes the next value and returns the oscillator.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let change = value - self.previous.replace(value);
        if change.is_nan() {
            return change;
        }
        100.0 * ratio(self.change.update(change), self.size.update(change.abs()))
    }
}

/// Chande's momentum oscillator as published: plain sums of the last `period` gains and losses. First result at
/// value `period + 1`; 0 without any change.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct CmoPlain {
    previous: Previous,
    change: Sum,
    size: Sum,
}

impl CmoPlain {
    /// The oscillator over `period` changes (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("cmo period", period, 2)?);
        Ok(Self { previous: Previous::NONE, change: sum.clone(), size: sum })
    }

    /// Takes the next value and returns the oscillator.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let change = value - self.previous.replace(value);
        if change.is_nan() {
            return change;
        }
        100.0 * ratio(self.change.update(change), self.size.update(change.abs()))
    }
}

/// TRIX (Hutson 1983): change of an EMA of an EMA of an EMA, in percent. First result at value `3 period - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Trix {
    stages: [Ema; 3],
    change: Roc,
}

impl Trix {
    /// With averages of `period` values (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let stage = Ema::new(checked("trix period", period, 1)?)?;
        Ok(Self { stages: [stage.clone(), stage.clone(), stage], change: Roc::new(1)? })
    }

    /// Takes the next value and returns the change.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let mut value = value;
        for stage in &mut self.stages {
            value = then(value, |value| stage.update(value));
        }
        then(value, |value| self.change.update(value))
    }
}

/// True strength index (Blau 1991): `100 EMA(EMA(change)) / EMA(EMA(|change|))`. First result at value
/// `long + short`; 0 without any change.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Tsi {
    previous: Previous,
    change: [Ema; 2],
    size: [Ema; 2],
}

impl Tsi {
    /// With the periods of the first and the second average; 25 and 13 are customary.
    pub fn new(long: u32, short: u32) -> Result<Self, PeriodError> {
        let stages = [
            Ema::new(checked("tsi long period", long, 1)?)?,
            Ema::new(checked("tsi short period", short, 1)?)?,
        ];
        Ok(Self { previous: Previous::NONE, change: stages.clone(), size: stages })
    }

    /// Takes the next value and returns the index.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let change = value - self.previous.replace(value);
        if change.is_nan() {
            return change;
        }
        let twice =
            |[first, second]: &mut [Ema; 2], value| then(first.update(value), |value| second.update(value));
        100.0 * ratio(twice(&mut self.change, change), twice(&mut self.size, change.abs()))
    }
}

/// Awesome oscillator (Williams 1998): fast minus slow simple average of the bars' middles. First result at the
/// `slow`-th value.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Awesome {
    fast: Sma,
    slow: Sma,
}

impl Awesome {
    /// With the periods of the two averages; 5 and 34 are customary.
    pub fn new(fast: u32, slow: u32) -> Result<Self, PeriodError> {
        let (fast, slow) = fast_and_slow(fast, slow)?;
        Ok(Self { fast: Sma::new(fast)?, slow: Sma::new(slow)? })
    }

    /// Takes the middle of the next bar and returns the difference.
    #[inline]
    pub fn update(&mut self, median: f64) -> f64 {
        self.fast.update(median) - self.slow.update(median)
    }
}

/// Accelerator oscillator (Williams 1998): [`Awesome`] minus its simple average. First result at value
/// `slow + signal - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Accelerator {
    awesome: Awesome,
    signal: Sma,
}

impl Accelerator {
    /// With the periods of the three averages; 5, 34 and 5 are customary.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            awesome: Awesome::new(fast, slow)?,
            signal: Sma::new(checked("ac signal period", signal, 1)?)?,
        })
    }

    /// Takes the middle of the next bar and returns the difference.
    #[inline]
    pub fn update(&mut self, median: f64) -> f64 {
        let awesome = self.awesome.update(median);
        awesome - then(awesome, |value| self.signal.update(value))
    }
}

/// Coppock curve (1962): WMA of the sum of two rates of change in percent. First result at value
/// `period + max(short, long)`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Coppock {
    short: Roc,
    long: Roc,
    average: Wma,
}

impl Coppock {
    /// With the periods of the average and of the two rates of change; 10, 11 and 14 (months) are customary.
    pub fn new(period: u32, short: u32, long: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            short: Roc::new(checked("coppock short period", short, 1)?)?,
            long: Roc::new(checked("coppock long period", long, 1)?)?,
            average: Wma::new(checked("coppock period", period, 1)?)?,
        })
    }

    /// Takes the next value and returns the curve.
    #[inline]
    pub fn update(&mut self, value: f64) -> f64 {
        let sum = self.short.update(value) + self.long.update(value);
        then(sum, |value| self.average.update(value))
    }
}

/// Intraday momentum index (Chande and Kroll 1994): `100 gains / (gains + losses)` of `close - open` over the last
/// `period` bars; 50 without any change. First result at the `period`-th bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Imi {
    gains: Sum,
    sizes: Sum,
}

impl Imi {
    /// The index over `period` bars (at least 1).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("imi period", period, 1)?);
        Ok(Self { gains: sum.clone(), sizes: sum })
    }

    /// Takes the next bar and returns the index.
    #[inline]
    pub fn update(&mut self, open: f64, close: f64) -> f64 {
        let change = close - open;
        let (gains, sizes) = (self.gains.update(change.max(0.0)), self.sizes.update(change.abs()));
        if sizes == 0.0 { 50.0 } else { 100.0 * gains / sizes }
    }
}
