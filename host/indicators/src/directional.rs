//! Direction and trend: the DMI family, Aroon, vortex, parabolic SAR, Supertrend, Ichimoku.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::average::{Midpoint, Rma};
use crate::kind::{Kind, Ohlcv, kinds, outputs};
use crate::period::{MAX_PERIOD, PeriodError, checked};
use crate::range::{Atr, Highest, Lowest, TrueRange};
use crate::window::{Previous, Sum, Window, ratio, then};

pub(crate) const KINDS: &[Kind] = kinds! { Ohlcv:
    plus_dm(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period;
        "high, low", "Smoothed upward directional movement", source "Wilder 1978", oracle "TA-Lib PLUS_DM";
        Directional::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).plus_movement,
    minus_dm(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period;
        "high, low", "Smoothed downward directional movement", source "Wilder 1978", oracle "TA-Lib MINUS_DM";
        Directional::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).minus_movement,
    plus_di(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close", "Upward directional indicator: share of the true range, in percent",
        source "Wilder 1978", oracle "TA-Lib PLUS_DI";
        Directional::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).plus,
    minus_di(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close", "Downward directional indicator: share of the true range, in percent",
        source "Wilder 1978", oracle "TA-Lib MINUS_DI";
        Directional::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).minus,
    dx(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from period + 1;
        "high, low, close", "Directional index: 100 |+DI - -DI| / (+DI + -DI)", source "Wilder 1978", oracle "TA-Lib DX";
        Directional::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close).index,
    adx(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from 2 * period;
        "high, low, close", "Average directional index", source "Wilder 1978", oracle "TA-Lib ADX";
        Adx::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    adxr(period: u32 = 14 in 2..=MAX_PERIOD) -> ["value"], from 3 * period - 1;
        "high, low, close", "Mean of the ADX and the ADX `period - 1` bars ago", source "Wilder 1978", oracle "TA-Lib ADXR";
        Adxr::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    aroon(period: u32 = 14 in 2..=MAX_PERIOD) -> ["up", "down", "oscillator"], from period + 1;
        "high, low", "Aroon: how recent highest high and lowest low are, in percent of the period",
        source "Chande 1995", oracle "TA-Lib AROON, AROONOSC";
        Aroon::new(period)? => |i, bar| i.update(bar.high, bar.low),
    vortex(period: u32 = 14 in 2..=MAX_PERIOD) -> ["plus", "minus"], from period + 1;
        "high, low, close", "Vortex indicator: |high - previous low| and |low - previous high| per true range",
        source "Botes and Siepman 2010", oracle "TA-Lib VORTEX";
        Vortex::new(period)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    sar(step: f64 = 0.02 in 0.0..=1.0, limit: f64 = 0.2 in 0.0..=1.0) -> ["value"], from 2;
        "high, low", "Parabolic stop and reverse", source "Wilder 1978", oracle "TA-Lib SAR";
        Sar::new(step, limit) => |i, bar| i.update(bar.high, bar.low),
    supertrend(period: u32 = 10 in 1..=MAX_PERIOD, width: f64 = 3.0 in 0.0..=100.0)
        -> ["line", "direction"], from period + 1;
        "high, low, close", "Supertrend: trailing band at `width` average true ranges; direction 1 up, -1 down",
        source "Seban 2007", oracle "TA-Lib SUPERTREND";
        Supertrend::new(period, width)? => |i, bar| i.update(bar.high, bar.low, bar.close),
    ichimoku(conversion: u32 = 9 in 1..=MAX_PERIOD, base: u32 = 26 in 1..=MAX_PERIOD, span: u32 = 52 in 1..=MAX_PERIOD)
        -> ["conversion", "base", "span-a", "span-b", "lagging"], from conversion.max(base).max(span) + base - 1;
        "high, low, close", "Ichimoku: the lines of the newest bar, the cloud that lies over it (spans drawn `base - 1` bars ahead), and the change of the close since then",
        source "Hosoda 1969", oracle "definition";
        Ichimoku::new(conversion, base, span)? => |i, bar| i.update(bar.high, bar.low, bar.close),
};

outputs! {
    /// What [`Directional`] gives.
    Direction {
        /// Smoothed upward movement, +DM; from bar `period`.
        plus_movement,
        /// Smoothed downward movement, -DM; from bar `period`.
        minus_movement,
        /// `+DI = 100 +DM / true range`, as all below from bar `period + 1`.
        plus,
        /// `-DI = 100 -DM / true range`.
        minus,
        /// `DX = 100 |+DI - -DI| / (+DI + -DI)`; the one before where there is no movement.
        index,
    }
}

/// Directional movement (Wilder 1978) with TA-Lib's seed: plain sums of the first `period - 1` movements and true
/// ranges, then `sum - sum / period + new`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Directional {
    period: u32,
    seen: u32,
    high: Previous,
    low: Previous,
    true_range: TrueRange,
    plus: f64,
    minus: f64,
    range: f64,
    index: f64,
}

impl Directional {
    /// Movements smoothed over `period` bars (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self {
            period: checked("directional period", period, 2)?,
            seen: 0,
            high: Previous::NONE,
            low: Previous::NONE,
            true_range: TrueRange::new(),
            plus: 0.0,
            minus: 0.0,
            range: 0.0,
            index: 0.0,
        })
    }

    /// Takes the next bar and returns movements and indicators.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Direction {
        let up = high - self.high.replace(high);
        let down = self.low.replace(low) - low;
        let range = self.true_range.update(high, low, close);
        if range.is_nan() {
            return Direction::NAN;
        }
        if self.seen >= self.period - 1 {
            let period = f64::from(self.period);
            self.plus -= self.plus / period;
            self.minus -= self.minus / period;
            self.range -= self.range / period;
        }
        if down > 0.0 && up < down {
            self.minus += down;
        } else if up > 0.0 && up > down {
            self.plus += up;
        }
        self.range += range;
        self.seen = self.seen.saturating_add(1);
        self.direction()
    }

    #[inline]
    fn direction(&mut self) -> Direction {
        if self.seen < self.period - 1 {
            return Direction::NAN;
        }
        let movements = Direction { plus_movement: self.plus, minus_movement: self.minus, ..Direction::NAN };
        if self.seen < self.period {
            return movements;
        }
        let (plus, minus) = (100.0 * ratio(self.plus, self.range), 100.0 * ratio(self.minus, self.range));
        if plus + minus > 0.0 {
            self.index = 100.0 * (minus - plus).abs() / (minus + plus);
        }
        Direction { plus, minus, index: self.index, ..movements }
    }
}

/// Average directional index (Wilder 1978): the directional index with Wilder's smoothing. First result at bar
/// `2 period`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Adx {
    direction: Directional,
    average: Rma,
}

impl Adx {
    /// The index over `period` bars (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { direction: Directional::new(period)?, average: Rma::new(period)? })
    }

    /// Takes the next bar and returns the index, 0 to 100.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let index = self.direction.update(high, low, close).index;
        then(index, |value| self.average.update(value))
    }
}

/// Average directional index rating (Wilder 1978): mean of the newest ADX and that `period - 1` bars ago. First
/// result at bar `3 period - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Adxr {
    adx: Adx,
    window: Window,
}

impl Adxr {
    /// The rating over `period` bars (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        Ok(Self { adx: Adx::new(period)?, window: Window::new(period) })
    }

    /// Takes the next bar and returns the rating, 0 to 100.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let adx = self.adx.update(high, low, close);
        if adx.is_nan() {
            return adx;
        }
        self.window.push(adx);
        if self.window.is_full() { f64::midpoint(adx, self.window.oldest()) } else { f64::NAN }
    }
}

outputs! {
    /// What [`Aroon`] gives.
    AroonValue {
        /// 100 where the newest bar has the highest high, 0 where it was `period` bars ago.
        up,
        /// 100 where the newest bar has the lowest low, 0 where it was `period` bars ago.
        down,
        /// `up - down`.
        oscillator,
    }
}

/// Aroon (Chande 1995): how recent the highest high and the lowest low of `period + 1` bars are; of equal ones the
/// latest counts. First result at bar `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Aroon {
    period: f64,
    highest: Highest,
    lowest: Lowest,
}

impl Aroon {
    /// Over `period` bars (at least 2) and the one before them.
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let period = checked("aroon period", period, 2)?;
        // The bar `period` bars ago takes part, also for the longest period.
        Ok(Self {
            period: f64::from(period),
            highest: Highest::over(period + 1),
            lowest: Lowest::over(period + 1),
        })
    }

    /// Takes the next bar and returns both directions.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64) -> AroonValue {
        if self.highest.update(high).is_nan() {
            self.lowest.update(low);
            return AroonValue::NAN;
        }
        self.lowest.update(low);
        let recent = |age: u64| 100.0 * (self.period - age as f64) / self.period;
        let (up, down) = (recent(self.highest.age()), recent(self.lowest.age()));
        AroonValue { up, down, oscillator: up - down }
    }
}

outputs! {
    /// What [`Vortex`] gives.
    VortexValue {
        /// Upward movement per true range.
        plus,
        /// Downward movement per true range.
        minus,
    }
}

/// Vortex indicator (Botes and Siepman 2010): sums of `|high - previous low|` and `|low - previous high|` divided by
/// the sum of true ranges. First result at bar `period + 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Vortex {
    high: Previous,
    low: Previous,
    true_range: TrueRange,
    plus: Sum,
    minus: Sum,
    range: Sum,
}

impl Vortex {
    /// Over `period` bars (at least 2).
    pub fn new(period: u32) -> Result<Self, PeriodError> {
        let sum = Sum::new(checked("vortex period", period, 2)?);
        Ok(Self {
            high: Previous::NONE,
            low: Previous::NONE,
            true_range: TrueRange::new(),
            plus: sum.clone(),
            minus: sum.clone(),
            range: sum,
        })
    }

    /// Takes the next bar and returns both directions.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> VortexValue {
        let range = self.true_range.update(high, low, close);
        let (high_before, low_before) = (self.high.replace(high), self.low.replace(low));
        if range.is_nan() {
            return VortexValue::NAN;
        }
        let range = self.range.update(range);
        VortexValue {
            plus: ratio(self.plus.update((high - low_before).abs()), range),
            minus: ratio(self.minus.update((low - high_before).abs()), range),
        }
    }
}

/// Parabolic stop and reverse (Wilder 1978). As in TA-Lib the first position is short if the second bar moves down
/// more than up, else long. First result at the second bar.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Sar {
    step: f64,
    limit: f64,
    seen: u32,
    long: bool,
    stop: f64,
    extreme: f64,
    factor: f64,
    high: f64,
    low: f64,
}

impl Sar {
    /// With the acceleration per new extreme and its limit; 0.02 and 0.2 are customary.
    pub fn new(step: f64, limit: f64) -> Self {
        let step = step.min(limit);
        let nan = f64::NAN;
        Self { step, limit, seen: 0, long: true, stop: nan, extreme: nan, factor: step, high: nan, low: nan }
    }

    /// Takes the next bar and returns the stop that holds for it.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64) -> f64 {
        let (mut high_before, mut low_before) = (self.high, self.low);
        (self.high, self.low) = (high, low);
        if self.seen < 2 {
            self.seen += 1;
            if self.seen == 1 {
                return f64::NAN;
            }
            let (up, down) = (high - high_before, low_before - low);
            self.long = !(down > 0.0 && down > up);
            (self.extreme, self.stop) = if self.long { (high, low_before) } else { (low, high_before) };
            // There is no bar before the first one that could hold the stop back.
            (high_before, low_before) = (high, low);
        }
        let reversed = if self.long { low <= self.stop } else { high >= self.stop };
        let stop = if reversed {
            let turned = self.extreme;
            self.long = !self.long;
            self.factor = self.step;
            self.extreme = if self.long { high } else { low };
            self.held(turned, high_before, low_before)
        } else {
            let further = if self.long { high > self.extreme } else { low < self.extreme };
            if further {
                self.extreme = if self.long { high } else { low };
                self.factor = (self.factor + self.step).min(self.limit);
            }
            self.stop
        };
        let next = stop + self.factor * (self.extreme - stop);
        self.stop = self.held(next, high_before, low_before);
        stop
    }

    /// A stop never lies inside the newest two bars.
    #[inline]
    fn held(&self, stop: f64, high_before: f64, low_before: f64) -> f64 {
        if self.long { stop.min(low_before).min(self.low) } else { stop.max(high_before).max(self.high) }
    }
}

outputs! {
    /// What [`Supertrend`] gives.
    SupertrendValue {
        /// The trailing band: the lower one while the trend is up.
        line,
        /// 1 up, -1 down.
        direction,
    }
}

/// Supertrend (Seban 2007): bands at `width` average true ranges around the bar's middle; the lower one only rises
/// while closes stay above it, the upper one only falls; a close beyond the other band turns the trend. First
/// result at bar `period + 1`; the first trend is up.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Supertrend {
    range: Atr,
    width: f64,
    previous_close: Previous,
    upper: f64,
    lower: f64,
    rising: bool,
}

impl Supertrend {
    /// With the period of the true range (at least 1) and the width; 10 and 3 are customary.
    pub fn new(period: u32, width: f64) -> Result<Self, PeriodError> {
        Ok(Self {
            range: Atr::new(checked("supertrend period", period, 1)?)?,
            width,
            previous_close: Previous::NONE,
            upper: f64::NAN,
            lower: f64::NAN,
            rising: true,
        })
    }

    /// Takes the next bar and returns line and direction.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> SupertrendValue {
        let distance = self.width * self.range.update(high, low, close);
        let before = self.previous_close.replace(close);
        if distance.is_nan() {
            return SupertrendValue::NAN;
        }
        let middle = f64::midpoint(high, low);
        let (upper, lower) = (middle + distance, middle - distance);
        // Comparisons with NaN are false: without bands before, these are the first ones.
        if !(upper > self.upper && before <= self.upper) {
            self.upper = upper;
        }
        if !(lower < self.lower && before >= self.lower) {
            self.lower = lower;
        }
        self.rising = if self.rising { close >= self.lower } else { close > self.upper };
        let (line, direction) = if self.rising { (self.lower, 1.0) } else { (self.upper, -1.0) };
        SupertrendValue { line, direction }
    }
}

outputs! {
    /// What [`Ichimoku`] gives.
    IchimokuValue {
        /// Middle of the range of `conversion` bars (tenkan-sen).
        conversion,
        /// Middle of the range of `base` bars (kijun-sen).
        base,
        /// Leading span A (senkou A) over the newest bar: mean of conversion and base `base - 1` bars ago.
        span_a,
        /// Leading span B (senkou B) over the newest bar: middle of the range of `span` bars `base - 1` bars ago.
        span_b,
        /// What the lagging span (chikou) shows: the close minus the close `base - 1` bars ago.
        lagging,
    }
}

/// Ichimoku kinko hyo (Hosoda 1969). Charts draw the leading spans `base` bars ahead, the newest bar being the
/// first, and the lagging span as far behind; here all outputs use only what is known at the newest bar. First
/// result at bar `longest period + base - 1`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Ichimoku {
    conversion: Midpoint,
    base: Midpoint,
    span: Midpoint,
    span_a: Window,
    span_b: Window,
    closes: Window,
}

impl Ichimoku {
    /// With the three periods (at least 1); 9, 26 and 52 are customary.
    pub fn new(conversion: u32, base: u32, span: u32) -> Result<Self, PeriodError> {
        let window = Window::new(checked("ichimoku base period", base, 1)?);
        Ok(Self {
            conversion: Midpoint::new(checked("ichimoku conversion period", conversion, 1)?)?,
            base: Midpoint::new(base)?,
            span: Midpoint::new(checked("ichimoku span period", span, 1)?)?,
            span_a: window.clone(),
            span_b: window.clone(),
            closes: window,
        })
    }

    /// Takes the next bar and returns the lines.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> IchimokuValue {
        let (conversion, base) = (self.conversion.update(high, low), self.base.update(high, low));
        let span = self.span.update(high, low);
        self.closes.push(close);
        if (conversion + base + span).is_nan() {
            return IchimokuValue::NAN;
        }
        self.span_a.push(f64::midpoint(conversion, base));
        self.span_b.push(span);
        if !self.span_a.is_full() {
            return IchimokuValue::NAN;
        }
        IchimokuValue {
            conversion,
            base,
            span_a: self.span_a.oldest(),
            span_b: self.span_b.oldest(),
            lagging: close - self.closes.oldest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_turns_where_it_is_touched() {
        let mut sar = Sar::new(0.02, 0.2);
        assert!(sar.update(11.0, 9.0).is_nan());
        assert_eq!(sar.update(13.0, 10.0), 9.0, "long from the first low");
        // 9 + 0.02 (13 - 9), held at the lows before.
        assert_eq!(sar.update(14.0, 11.0), 9.08);
        // The next bar falls through: short, from the highest high.
        assert_eq!(sar.update(12.0, 8.0), 14.0);
    }

    #[test]
    fn supertrend_follows_and_turns() {
        let mut trend = Supertrend::new(1, 1.0).unwrap();
        assert!(trend.update(11.0, 9.0, 10.0).line.is_nan());
        let rising = trend.update(13.0, 11.0, 12.0);
        assert_eq!((rising.line, rising.direction), (9.0, 1.0));
        let same = trend.update(12.5, 11.5, 12.0);
        assert_eq!((same.line, same.direction), (11.0, 1.0));
        let turned = trend.update(11.0, 9.0, 9.0);
        assert_eq!((turned.line, turned.direction), (13.0, -1.0));
    }

    #[test]
    fn aroon_counts_from_the_latest_extreme() {
        let mut aroon = Aroon::new(4).unwrap();
        for high in [9.0, 5.0, 5.0, 9.0] {
            assert!(aroon.update(high, 1.0).up.is_nan());
        }
        let value = aroon.update(4.0, 2.0);
        assert_eq!((value.up, value.down, value.oscillator), (75.0, 75.0, 0.0));
    }
}
