//! The prices behind everything: minute by minute, before anybody trades.
//!
//! The log return of a pair in a minute is trend, a pull back to the trend, and
//! `scale * (sqrt(rho) * F + sqrt(1 - rho) * E)`, where the factor `F` is common to all pairs, `E` is the pair's own, both
//! have variance 1, and `scale` carries regime, time of day, weekend and stress. Jumps come at one rate from the common
//! and the own side in the same proportion. So any two pairs have the correlation `rho`, whatever else happens.

use super::draw::Draw;
use super::pairs::Pair;
use super::regime::{DAY, Regime, Timeline, activity_of_day};

const MINUTE_MS: i64 = 60_000;
const MINUTES_OF_YEAR: f64 = 525_600.0;
/// Activity on Saturdays and Sundays.
const WEEKEND: f64 = 0.7;
/// What stress of 1 adds to volatility.
const STRESSED_VOLATILITY: f64 = 5.0;
/// Smallest price, in ticks: a tick is at most some percent of it.
const FLOOR_TICKS: f64 = 20.0;

/// A return process with variance 1 whose variance clusters: GARCH(1,1) (Bollerslev, Generalized Autoregressive
/// Conditional Heteroskedasticity, 1986) with innovations of Student's t.
#[derive(Debug)]
struct Garch {
    draw: Draw,
    variance: f64,
}

impl Garch {
    fn new(seed: u64, stream: u64) -> Self {
        Self { draw: Draw::new(seed, stream), variance: 1.0 }
    }

    fn next(&mut self, Regime { alpha, beta, .. }: &Regime) -> f64 {
        let value = libm::sqrt(self.variance) * self.draw.student();
        self.variance = 1.0 - alpha - beta + alpha * value * value + beta * self.variance;
        value
    }

    /// A jump of a pair's own or common side, in units of the mean size; `None` nearly always.
    fn jump(&mut self, chance: f64) -> Option<f64> {
        // The same numbers are drawn whether or not there is a jump.
        let (happens, size, up) =
            (self.draw.happens(chance), self.draw.exponential(), self.draw.happens(0.5));
        let size = 0.5 + 0.5 * size;
        happens.then_some(if up { size } else { -size })
    }
}

/// One minute of a pair.
#[derive(Clone, Debug)]
pub(super) struct Minute {
    /// When it begins, ms since the epoch.
    pub open_ms: i64,
    /// Mid price at its beginning and at its end, in ticks.
    pub from: f64,
    pub to: f64,
    /// Volatility in it, as a fraction.
    pub volatility: f64,
    /// Activity by time of day and of week, 1 on average over a weekday.
    pub activity: f64,
    /// How far the market is from its usual state, from 0 to 1.
    pub stress: f64,
    /// Number of jumps in it: at most one common and one own.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests count the jumps that there are"))]
    pub jumps: u32,
    /// What holds in it.
    pub regime: Regime,
}

/// The minutes of a pair, in order.
pub(super) struct Minutes<'a> {
    pair: &'a Pair,
    timeline: &'a Timeline,
    activity: Vec<f64>,
    common: Garch,
    own: Garch,
    from_ms: i64,
    next: usize,
    end: usize,
    /// Log price of the trend, and distance from it.
    trend: f64,
    away: f64,
    mid: f64,
}

impl<'a> Minutes<'a> {
    /// From a time on, for a number of minutes.
    pub fn new(pair: &'a Pair, timeline: &'a Timeline, seed: u64, from_ms: i64, minutes: usize) -> Self {
        Self {
            pair,
            timeline,
            activity: activity_of_day(),
            common: Garch::new(seed, 0),
            own: Garch::new(seed, 100 + pair.slot),
            from_ms,
            next: 0,
            end: minutes,
            trend: 0.0,
            away: 0.0,
            mid: pair.start * pair.ticks_per_unit(),
        }
    }

    fn activity(&self, open_ms: i64) -> f64 {
        let minute = open_ms.div_euclid(MINUTE_MS);
        // 1970-01-01 was a Thursday.
        let weekday = (minute.div_euclid(DAY as i64) + 3).rem_euclid(7);
        let of_day = self.activity[minute.rem_euclid(DAY as i64) as usize];
        of_day * if weekday >= 5 { WEEKEND } else { 1.0 }
    }

    /// Moves the log price on; returns volatility and number of jumps.
    fn step(&mut self, regime: &Regime, activity: f64, stress: f64) -> (f64, u32) {
        let stressed = 1.0 + STRESSED_VOLATILITY * stress;
        let scale = self.pair.volatility * regime.volatility / libm::sqrt(MINUTES_OF_YEAR)
            * libm::sqrt(activity)
            * stressed;
        let (common, own) = (libm::sqrt(regime.correlation), libm::sqrt(1.0 - regime.correlation));
        let variance =
            regime.correlation * self.common.variance + (1.0 - regime.correlation) * self.own.variance;
        let moved = scale * (common * self.common.next(regime) + own * self.own.next(regime));

        let chance = regime.jumps_per_day / DAY as f64;
        let jumps = [
            self.common.jump(chance * regime.correlation),
            self.own.jump(chance * (1.0 - regime.correlation)),
        ];
        let jumped: f64 = jumps.iter().flatten().sum::<f64>() * self.pair.volatility * regime.jump_size;

        let pull = libm::log(2.0) / (regime.half_life_days * DAY as f64);
        self.trend += regime.drift_per_day / DAY as f64;
        self.away += moved + jumped - pull * self.away;
        (scale * libm::sqrt(variance), jumps.iter().flatten().count() as u32)
    }
}

impl Iterator for Minutes<'_> {
    type Item = Minute;

    fn next(&mut self) -> Option<Minute> {
        if self.next == self.end {
            return None;
        }
        let open_ms = self.from_ms + self.next as i64 * MINUTE_MS;
        let regime = *self.timeline.regime(self.next);
        let activity = self.activity(open_ms);
        // Stress of the middle: that of the bounds is 0 at the beginning of a crash.
        let stress = self.timeline.stress(open_ms + MINUTE_MS / 2);
        let (volatility, jumps) = self.step(&regime, activity, stress);
        let crash = self.timeline.factor(open_ms + MINUTE_MS);
        self.away += self.timeline.lost(open_ms, open_ms + MINUTE_MS);
        let start = self.pair.start * self.pair.ticks_per_unit();
        let to = (start * libm::exp(self.trend + self.away) * crash).max(FLOOR_TICKS);
        let from = std::mem::replace(&mut self.mid, to);
        self.next += 1;
        Some(Minute { open_ms, from, to, volatility, activity, stress, jumps, regime })
    }
}
