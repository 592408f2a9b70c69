//! Cycles of prices by the Hilbert transform (Ehlers 2001, *Rocket Science for Traders*).
//!
//! Prices are smoothed over four bars, and a filter of seven taps gives the part of them that oscillates, turned by a
//! quarter. From how fast that phasor turns follows the period of the dominant cycle, kept between 6 and 50 bars; the
//! filter is scaled with the period before. All of it begins with zeros, as in TA-Lib: what the first 100 values or so
//! are depends on that.

use std::sync::OnceLock;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, kinds, outputs};

pub(crate) const KINDS: &[Kind] = kinds! { crate::kind::Ohlcv:
    ht_dcperiod() -> ["value"], from 33;
        "close", "Period of the dominant cycle, in bars", source "Ehlers 2001", oracle "TA-Lib HT_DCPERIOD";
        CyclePeriod::new() => |i, bar| i.update(bar.close),
    ht_phasor() -> ["in-phase", "quadrature"], from 33;
        "close", "Phasor of the price's oscillation: its part in phase, and the one turned by a quarter",
        source "Ehlers 2001", oracle "TA-Lib HT_PHASOR";
        Phasor::new() => |i, bar| i.update(bar.close),
    ht_dcphase() -> ["value"], from 64;
        "close", "Phase of the dominant cycle, in degrees from -45 to 315", source "Ehlers 2001", oracle "TA-Lib HT_DCPHASE";
        CyclePhase::new() => |i, bar| i.update(bar.close).phase,
    ht_sine() -> ["sine", "lead-sine"], from 64;
        "close", "Sine of the dominant cycle's phase, and the same an eighth of a cycle ahead",
        source "Ehlers 2001", oracle "TA-Lib HT_SINE";
        CyclePhase::new() => |i, bar| { let cycle = i.update(bar.close); [cycle.sine, cycle.lead_sine] },
    ht_trendline() -> ["value"], from 64;
        "close", "Trend without the dominant cycle: mean price over its period, smoothed over four bars",
        source "Ehlers 2001", oracle "TA-Lib HT_TRENDLINE";
        CycleTrend::new() => |i, bar| i.update(bar.close),
    ht_trendmode() -> ["value"], from 64;
        "close", "1 in a trend, 0 in a cycle: near a crossing of the sines, while the phase turns as a cycle does",
        source "Ehlers 2001", oracle "TA-Lib HT_TRENDMODE";
        TrendMode::new() => |i, bar| i.update(bar.close),
    mama(fast: f64 = 0.5 in 0.01..=0.99, slow: f64 = 0.05 in 0.01..=0.99) -> ["mama", "fama"], from 33;
        "close", "MESA adaptive average, weighted between `slow` and `fast` as the phase turns, and its following average",
        source "Ehlers 2001", oracle "TA-Lib MAMA";
        Mama::new(fast, slow) => |i, bar| i.update(bar.close),
};

/// Bars before the transform begins where its period, and where its phase is wanted, as in TA-Lib.
const START_PERIOD: u32 = 12;
const START_PHASE: u32 = 37;
/// The longest period, in bars.
const LONGEST: usize = 50;

/// Weights of the newest value against the one 6 before, and of the one 2 before against the one 4 before.
const OUTER: f64 = 0.0962;
const INNER: f64 = 0.5769;

/// The filter that turns an oscillation by a quarter; zeros came before its first value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct Hilbert {
    /// The last six values, the newest first.
    past: [f64; 6],
}

impl Hilbert {
    #[inline]
    fn update(&mut self, value: f64, scale: f64) -> f64 {
        let [_, second, _, fourth, _, sixth] = self.past;
        self.past.copy_within(0..5, 1);
        self.past[0] = value;
        (OUTER * value - OUTER * sixth - INNER * fourth + INNER * second) * scale
    }
}

/// The values of the longest period, zeros before the first one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct Recent {
    /// Every value twice, so that the newest ones stand in a row from `newest` on.
    values: Vec<f64>,
    newest: usize,
}

impl Recent {
    fn new() -> Self {
        Self { values: vec![0.0; 2 * LONGEST], newest: 0 }
    }

    #[inline]
    fn push(&mut self, value: f64) {
        self.newest = self.newest.checked_sub(1).unwrap_or(LONGEST - 1);
        self.values[self.newest] = value;
        self.values[self.newest + LONGEST] = value;
    }

    /// So many of the newest values, the newest first.
    #[inline]
    fn newest(&self, count: usize) -> &[f64] {
        &self.values[self.newest..self.newest + count]
    }
}

/// What is known after a bar.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// The price, smoothed over four bars.
    smooth: f64,
    in_phase: f64,
    quadrature: f64,
    /// Whether the result counts: the transform has seen enough.
    counts: bool,
}

/// The phasor and the period of the dominant cycle.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct Core {
    seen: u32,
    start: u32,
    /// The three prices before, the newest first.
    prices: [f64; 3],
    detrend: Hilbert,
    turn: Hilbert,
    turn_in_phase: Hilbert,
    turn_quadrature: Hilbert,
    /// The three detrended prices before, the newest first.
    detrended: [f64; 3],
    /// Smoothed phasor, and its product with the one before.
    phasor: [f64; 2],
    product: [f64; 2],
    period: f64,
    smooth_period: f64,
}

impl Core {
    fn new(start: u32) -> Self {
        Self {
            seen: 0,
            start,
            prices: [0.0; 3],
            detrend: Hilbert::default(),
            turn: Hilbert::default(),
            turn_in_phase: Hilbert::default(),
            turn_quadrature: Hilbert::default(),
            detrended: [0.0; 3],
            phasor: [0.0; 2],
            product: [0.0; 2],
            period: 0.0,
            smooth_period: 0.0,
        }
    }

    /// Takes the next price; `None` before the transform begins.
    #[inline]
    fn update(&mut self, price: f64) -> Option<Turn> {
        let [one, two, three] = self.prices;
        self.prices = [price, one, two];
        let seen = self.seen;
        // Counted no further than it matters.
        self.seen = (seen + 1).min(self.start + 26);
        if seen < self.start {
            return None;
        }
        let smooth = (4.0 * price + 3.0 * one + 2.0 * two + three) * 0.1;
        let scale = 0.075 * self.period + 0.54;
        let detrended = self.detrend.update(smooth, scale);
        let in_phase = self.detrended[2];
        self.detrended = [detrended, self.detrended[0], self.detrended[1]];
        let quadrature = self.turn.update(detrended, scale);
        let ahead_in_phase = self.turn_in_phase.update(in_phase, scale);
        let ahead_quadrature = self.turn_quadrature.update(quadrature, scale);
        self.follow([in_phase - ahead_quadrature, quadrature + ahead_in_phase]);
        // 20 bars after its beginning for the period, 26 for the phase.
        let enough = if self.start == START_PERIOD { 20 } else { 26 };
        Some(Turn { smooth, in_phase, quadrature, counts: seen >= self.start + enough })
    }

    /// Finds the period from the angle between the phasor and the one before.
    #[inline]
    fn follow(&mut self, [real, imaginary]: [f64; 2]) {
        let [before_real, before_imaginary] = self.phasor;
        let real = 0.2 * real + 0.8 * before_real;
        let imaginary = 0.2 * imaginary + 0.8 * before_imaginary;
        self.phasor = [real, imaginary];
        let along = 0.2 * (real * before_real + imaginary * before_imaginary) + 0.8 * self.product[0];
        let across = 0.2 * (real * before_imaginary - imaginary * before_real) + 0.8 * self.product[1];
        self.product = [along, across];
        let before = self.period;
        let mut period = before;
        if along != 0.0 && across != 0.0 {
            period = 360.0 / libm::atan(across / along).to_degrees();
        }
        // One limit after the other: at the beginning they contradict each other.
        period = period.min(1.5 * before);
        period = period.max(0.67 * before);
        period = period.clamp(6.0, LONGEST as f64);
        self.period = 0.2 * period + 0.8 * before;
        self.smooth_period = 0.33 * self.period + 0.67 * self.smooth_period;
    }

    /// The period in whole bars.
    #[inline]
    fn bars(&self) -> usize {
        ((self.smooth_period + 0.5) as usize).min(LONGEST)
    }
}

/// Period of the dominant cycle. First result at bar 33.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct CyclePeriod(Core);

impl CyclePeriod {
    /// Before any price.
    #[expect(clippy::new_without_default, reason = "as all other indicators")]
    pub fn new() -> Self {
        Self(Core::new(START_PERIOD))
    }

    /// Takes the next price and returns the period in bars.
    #[inline]
    pub fn update(&mut self, price: f64) -> f64 {
        let counts = self.0.update(price).is_some_and(|turn| turn.counts);
        if counts { self.0.smooth_period } else { f64::NAN }
    }
}

/// Phasor of the price's oscillation. First result at bar 33.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Phasor(Core);

impl Phasor {
    /// Before any price.
    #[expect(clippy::new_without_default, reason = "as all other indicators")]
    pub fn new() -> Self {
        Self(Core::new(START_PERIOD))
    }

    /// Takes the next price and returns the parts in phase and in quadrature.
    #[inline]
    pub fn update(&mut self, price: f64) -> [f64; 2] {
        match self.0.update(price) {
            Some(turn) if turn.counts => [turn.in_phase, turn.quadrature],
            _ => [f64::NAN; 2],
        }
    }
}

outputs! {
    /// What [`CyclePhase`] gives.
    PhaseValue {
        /// Phase in degrees, -45 to 315.
        phase,
        /// Its sine.
        sine,
        /// Sine of the phase 45 degrees ahead.
        lead_sine,
    }
}

/// Phase of the dominant cycle: of the smoothed prices of one period, taken as one turn. First result at bar 64.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct CyclePhase {
    core: Core,
    /// Smoothed prices.
    smooth: Recent,
    phase: f64,
}

impl CyclePhase {
    /// Before any price.
    #[expect(clippy::new_without_default, reason = "as all other indicators")]
    pub fn new() -> Self {
        Self { core: Core::new(START_PHASE), smooth: Recent::new(), phase: 0.0 }
    }

    /// Takes the next price and returns the phase.
    #[inline]
    pub fn update(&mut self, price: f64) -> PhaseValue {
        match self.turn(price) {
            Some((turn, value)) if turn.counts => value,
            _ => PhaseValue::NAN,
        }
    }

    #[inline]
    fn turn(&mut self, price: f64) -> Option<(Turn, PhaseValue)> {
        let turn = self.core.update(price)?;
        self.smooth.push(turn.smooth);
        let (mut real, mut imaginary) = (0.0, 0.0);
        let bars = self.core.bars();
        for (value, [sine, cosine]) in self.smooth.newest(bars).iter().zip(circle(bars)) {
            real += sine * value;
            imaginary += cosine * value;
        }
        if imaginary == 0.0 {
            // Straight up or down from where it was.
            self.phase += if real < 0.0 {
                -90.0
            } else if real > 0.0 {
                90.0
            } else {
                0.0
            };
        } else {
            self.phase = libm::atan(real / imaginary).to_degrees();
        }
        // Of a sine wave the cosine is wanted; smoothing is a bar late.
        self.phase += 90.0;
        self.phase += 360.0 / self.core.smooth_period;
        if imaginary < 0.0 {
            self.phase += 180.0;
        }
        if self.phase > 315.0 {
            self.phase -= 360.0;
        }
        let sine = |degrees: f64| libm::sin(degrees.to_radians());
        let value =
            PhaseValue { phase: self.phase, sine: sine(self.phase), lead_sine: sine(self.phase + 45.0) };
        Some((turn, value))
    }
}

/// Sine and cosine of the points of a circle that is divided into so many parts.
#[inline]
fn circle(parts: usize) -> &'static [[f64; 2]] {
    static CIRCLES: OnceLock<Vec<[f64; 2]>> = OnceLock::new();
    let circles = CIRCLES.get_or_init(|| {
        let point = |part: usize, parts: usize| {
            let angle = part as f64 * std::f64::consts::TAU / parts as f64;
            [libm::sin(angle), libm::cos(angle)]
        };
        (1..=LONGEST).flat_map(|parts| (0..parts).map(move |part| point(part, parts))).collect()
    });
    let start = parts * parts.saturating_sub(1) / 2;
    &circles[start..start + parts]
}

/// Trend without the dominant cycle. First result at bar 64.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct CycleTrend {
    core: Core,
    trend: Trend,
}

impl CycleTrend {
    /// Before any price.
    #[expect(clippy::new_without_default, reason = "as all other indicators")]
    pub fn new() -> Self {
        Self { core: Core::new(START_PHASE), trend: Trend::new() }
    }

    /// Takes the next price and returns the trend line.
    #[inline]
    pub fn update(&mut self, price: f64) -> f64 {
        let turn = self.core.update(price);
        self.trend.push(price);
        match turn {
            Some(turn) => {
                let value = self.trend.update(self.core.bars());
                if turn.counts { value } else { f64::NAN }
            }
            None => f64::NAN,
        }
    }
}

/// The mean price of a period, smoothed over four bars.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
struct Trend {
    prices: Recent,
    /// The three means before, the newest first.
    means: [f64; 3],
}

impl Trend {
    fn new() -> Self {
        Self { prices: Recent::new(), means: [0.0; 3] }
    }

    #[inline]
    fn push(&mut self, price: f64) {
        self.prices.push(price);
    }

    #[inline]
    fn update(&mut self, bars: usize) -> f64 {
        let sum: f64 = self.prices.newest(bars).iter().sum();
        let mean = if bars > 0 { sum / bars as f64 } else { sum };
        let [one, two, three] = self.means;
        self.means = [mean, one, two];
        (4.0 * mean + 3.0 * one + 2.0 * two + three) / 10.0
    }
}

/// Whether the market is in a trend. First result at bar 64.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct TrendMode {
    phase: CyclePhase,
    trend: Trend,
    /// Phase and sines of the bar before; zeros before the first.
    before: [f64; 3],
    /// Bars since the sines crossed.
    days: f64,
}

impl TrendMode {
    /// Before any price.
    #[expect(clippy::new_without_default, reason = "as all other indicators")]
    pub fn new() -> Self {
        Self { phase: CyclePhase::new(), trend: Trend::new(), before: [0.0; 3], days: 0.0 }
    }

    /// Takes the next price and returns 1 in a trend, 0 in a cycle.
    #[inline]
    pub fn update(&mut self, price: f64) -> f64 {
        self.trend.push(price);
        let Some((turn, value)) = self.phase.turn(price) else { return f64::NAN };
        let PhaseValue { phase, sine, lead_sine } = value;
        let line = self.trend.update(self.phase.core.bars());
        let [phase_before, sine_before, lead_before] =
            std::mem::replace(&mut self.before, [phase, sine, lead_sine]);
        let crossed = (sine > lead_sine && sine_before <= lead_before)
            || (sine < lead_sine && sine_before >= lead_before);
        if crossed {
            self.days = 0.0;
        }
        self.days += 1.0;
        let period = self.phase.core.smooth_period;
        let turned = phase - phase_before;
        let turns_as_a_cycle = turned > 0.67 * 360.0 / period && turned < 1.5 * 360.0 / period;
        let in_cycle = crossed || self.days < 0.5 * period || turns_as_a_cycle;
        let far = line != 0.0 && ((turn.smooth - line) / line).abs() >= 0.015;
        match (turn.counts, far || !in_cycle) {
            (false, _) => f64::NAN,
            (true, true) => 1.0,
            (true, false) => 0.0,
        }
    }
}

/// MESA adaptive moving average and the average that follows it. First result at bar 33.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Mama {
    core: Core,
    fast: f64,
    slow: f64,
    phase: f64,
    average: f64,
    following: f64,
}

impl Mama {
    /// With weights of the newest price between `slow` and `fast`, customarily 0.05 and 0.5.
    pub fn new(fast: f64, slow: f64) -> Self {
        Self { core: Core::new(START_PERIOD), fast, slow, phase: 0.0, average: 0.0, following: 0.0 }
    }

    /// Takes the next price and returns both averages.
    #[inline]
    pub fn update(&mut self, price: f64) -> [f64; 2] {
        let Some(turn) = self.core.update(price) else { return [f64::NAN; 2] };
        let phase =
            if turn.in_phase == 0.0 { 0.0 } else { libm::atan(turn.quadrature / turn.in_phase).to_degrees() };
        let turned = (self.phase - phase).max(1.0);
        self.phase = phase;
        let weight = if turned > 1.0 { (self.fast / turned).max(self.slow) } else { self.fast };
        self.average = weight * price + (1.0 - weight) * self.average;
        self.following = 0.5 * weight * self.average + (1.0 - 0.5 * weight) * self.following;
        if turn.counts { [self.average, self.following] } else { [f64::NAN; 2] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pure_cycle_has_its_period_and_its_phase() {
        for length in [10.0, 20.0, 40.0] {
            let price = |bar: u32| 100.0 + 5.0 * libm::sin(std::f64::consts::TAU * f64::from(bar) / length);
            let (mut period, mut phase) = (CyclePeriod::new(), CyclePhase::new());
            let (mut last, mut turned) = (0.0, Vec::new());
            let mut before = f64::NAN;
            for bar in 0..400 {
                last = period.update(price(bar));
                let now = phase.update(price(bar)).phase;
                turned.push((now - before).rem_euclid(360.0));
                before = now;
            }
            assert!((last - length).abs() < 0.1 * length, "{last} against {length}");
            let mean = turned[300..].iter().sum::<f64>() / 100.0;
            assert!((mean - 360.0 / length).abs() < 0.2 * 360.0 / length, "{mean} a bar of {length}");
        }
    }

    #[test]
    fn a_steady_rise_is_a_trend() {
        let (mut mode, mut line, mut mama) = (TrendMode::new(), CycleTrend::new(), Mama::new(0.5, 0.05));
        for bar in 0..300 {
            let price = 100.0 + 5.0 * f64::from(bar);
            let (mode, line, [mama, fama]) = (mode.update(price), line.update(price), mama.update(price));
            assert_eq!((mode.is_nan(), line.is_nan(), mama.is_nan()), (bar < 63, bar < 63, bar < 32));
            if bar > 150 {
                assert!(mode == 1.0 && line < price && fama < mama && mama < price, "{bar}");
            }
        }
    }
}
