//! The scenarios, the regimes that they are made of, and when each holds.

use std::fmt;
use std::str::FromStr;

use super::draw::Draw;
use super::error::UnknownScenario;
use super::shock::{FlashCrash, RECOVERY_LENGTHS};

/// Minutes of a day.
pub(super) const DAY: usize = 1_440;
const MINUTE_MS: i64 = 60_000;
/// Days that the regimes of `mixed` last, from and to.
const MIXED_DAYS: (u64, u64) = (3, 10);
/// There is one flash crash in so many days, at least one.
const DAYS_PER_CRASH: usize = 30;
/// The flash crash of the scenario: 30 % in 15 minutes, of which 60 % come back.
const FALL: f64 = 0.3;
const FALL_MINUTES: u32 = 15;
const RECOVERY: f64 = 0.6;
/// From its beginning to the end of the recovery.
const CRASH_MINUTES: usize = FALL_MINUTES as usize * (1 + RECOVERY_LENGTHS as usize);

/// A market with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scenario {
    /// Prices rise.
    Bull,
    /// Prices fall.
    Bear,
    /// Prices go nowhere.
    Sideways,
    /// Prices leap.
    HighVolatility,
    /// A calm market that falls by 30 % within 15 minutes and recovers in part, in a thin book.
    FlashCrash,
    /// Few trades, a wide spread, minutes without a trade.
    LowLiquidity,
    /// All pairs move together.
    HighCorrelation,
    /// All of these in an order that the seed decides.
    Mixed,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Bull,
        Self::Bear,
        Self::Sideways,
        Self::HighVolatility,
        Self::FlashCrash,
        Self::LowLiquidity,
        Self::HighCorrelation,
        Self::Mixed,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bull => "bull",
            Self::Bear => "bear",
            Self::Sideways => "sideways",
            Self::HighVolatility => "high-volatility",
            Self::FlashCrash => "flash-crash",
            Self::LowLiquidity => "low-liquidity",
            Self::HighCorrelation => "high-correlation",
            Self::Mixed => "mixed",
        }
    }

    /// Its numbers; `None` of `mixed`, which has those of the others in turn.
    pub const fn regime(self) -> Option<&'static Regime> {
        Some(match self {
            Self::Bull => &BULL,
            Self::Bear => &BEAR,
            Self::Sideways => &SIDEWAYS,
            Self::HighVolatility => &HIGH_VOLATILITY,
            Self::FlashCrash => &CALM,
            Self::LowLiquidity => &LOW_LIQUIDITY,
            Self::HighCorrelation => &HIGH_CORRELATION,
            Self::Mixed => return None,
        })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| UnknownScenario(name.to_owned()))
    }
}

/// The numbers of a market that keeps its character.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regime {
    /// Change of the log price that is the trend, per day.
    pub drift_per_day: f64,
    /// Standard deviation of the log returns of `BTCUSDT` without jumps, per year of 365 days; others have a multiple.
    pub volatility: f64,
    /// Weight of the last squared return in GARCH(1,1).
    pub alpha: f64,
    /// Weight of the last variance in GARCH(1,1).
    pub beta: f64,
    /// Jumps of a pair per day.
    pub jumps_per_day: f64,
    /// Mean size of a jump of `BTCUSDT`, as a fraction of the price; each has at least half of it.
    pub jump_size: f64,
    /// Correlation of the log returns of any two pairs.
    pub correlation: f64,
    /// Days in which half of the distance from the trend is lost.
    pub half_life_days: f64,
    /// Mean number of trades in a minute.
    pub trades: f64,
    /// Volume against the usual one of the pair.
    pub volume: f64,
    /// Distance of best bid and ask in basis points of the price; at least one tick.
    pub spread_bps: f64,
    /// Quantity in the book against the usual one.
    pub book: f64,
    /// Premium of the perpetual over the index, as a fraction, that it returns to.
    pub premium: f64,
}

/// What most regimes have in common.
const CALM: Regime = Regime {
    drift_per_day: 0.0,
    volatility: 0.50,
    alpha: 0.03,
    beta: 0.965,
    jumps_per_day: 0.5,
    jump_size: 0.005,
    correlation: 0.6,
    half_life_days: 7.0,
    trades: 30.0,
    volume: 1.0,
    spread_bps: 0.5,
    book: 1.0,
    premium: 0.0,
};
const BULL: Regime = Regime { drift_per_day: 0.008, volatility: 0.55, premium: 0.000_8, ..CALM };
const BEAR: Regime = Regime {
    drift_per_day: -0.008,
    volatility: 0.70,
    jumps_per_day: 1.0,
    jump_size: 0.007,
    correlation: 0.7,
    volume: 1.2,
    spread_bps: 0.8,
    premium: -0.000_8,
    ..CALM
};
const SIDEWAYS: Regime = Regime {
    volatility: 0.35,
    jumps_per_day: 0.2,
    jump_size: 0.004,
    correlation: 0.5,
    half_life_days: 1.0,
    trades: 20.0,
    volume: 0.7,
    ..CALM
};
const HIGH_VOLATILITY: Regime = Regime {
    volatility: 1.80,
    alpha: 0.04,
    beta: 0.95,
    jumps_per_day: 6.0,
    jump_size: 0.012,
    correlation: 0.75,
    trades: 60.0,
    volume: 2.5,
    spread_bps: 2.0,
    book: 0.5,
    ..CALM
};
const LOW_LIQUIDITY: Regime = Regime {
    volatility: 0.60,
    jumps_per_day: 1.0,
    jump_size: 0.01,
    correlation: 0.3,
    trades: 0.6,
    volume: 0.02,
    spread_bps: 15.0,
    book: 0.05,
    ..CALM
};
const HIGH_CORRELATION: Regime = Regime { volatility: 0.80, correlation: 0.95, ..CALM };

/// Which regime holds when, and the crashes.
#[derive(Debug)]
pub(super) struct Timeline {
    /// First minute and numbers of each stretch, in order.
    stretches: Vec<(usize, Regime)>,
    /// Apart from each other, in order.
    pub crashes: Vec<FlashCrash>,
}

impl Timeline {
    /// The timeline of a scenario over a number of minutes from a time on.
    pub fn new(
        scenario: Scenario,
        correlation: Option<f64>,
        seed: u64,
        minutes: usize,
        from_ms: i64,
    ) -> Self {
        let mut draw = Draw::new(seed, 1);
        let mut timeline = Self { stretches: Vec::new(), crashes: Vec::new() };
        let (mut minute, mut before) = (0, None);
        while minute < minutes {
            let (part, length) = match scenario {
                Scenario::Mixed => (next(&mut draw, before), mixed_length(&mut draw).min(minutes - minute)),
                whole => (whole, minutes),
            };
            let mut regime = *part.regime().unwrap_or(&CALM);
            regime.correlation = correlation.unwrap_or(regime.correlation);
            timeline.stretches.push((minute, regime));
            if part == Scenario::FlashCrash {
                timeline.add_crashes(&mut draw, minute, length, from_ms);
            }
            (minute, before) = (minute + length, Some(part));
        }
        timeline
    }

    /// Puts one crash into the middle half of each of the equal parts of a stretch.
    fn add_crashes(&mut self, draw: &mut Draw, begin: usize, length: usize, from_ms: i64) {
        let count = (length / (DAYS_PER_CRASH * DAY)).max(1);
        let part = length / count;
        let (first, last) = (part / 4, (3 * part / 4).min(part.saturating_sub(CRASH_MINUTES)));
        for crash in 0..count {
            let into = first + draw.below(last.saturating_sub(first) as u64) as usize;
            let minute = begin + crash * part + into;
            let at_ms = from_ms + minute as i64 * MINUTE_MS;
            let crash = FlashCrash { at_ms, fall: FALL, minutes: FALL_MINUTES, recovery: RECOVERY };
            self.crashes.push(crash);
        }
    }

    /// The numbers that hold in a minute.
    pub fn regime(&self, minute: usize) -> &Regime {
        let stretch = self.stretches.partition_point(|(first, _)| *first <= minute).saturating_sub(1);
        self.stretches.get(stretch).map_or(&CALM, |(_, regime)| regime)
    }

    /// What the crash under way multiplies the price with.
    pub fn factor(&self, ts_ms: i64) -> f64 {
        self.crashes.iter().filter(|crash| ts_ms < crash.end_ms()).map(|crash| crash.factor(ts_ms)).product()
    }

    /// Change of the log price by crashes that end after the first and up to the second time: from then on the market is
    /// that far from its trend.
    pub fn lost(&self, from_ms: i64, to_ms: i64) -> f64 {
        let ended = self.crashes.iter().filter(|crash| crash.end_ms() > from_ms && crash.end_ms() <= to_ms);
        ended.map(|crash| libm::log(crash.factor(crash.end_ms()))).sum()
    }

    /// How far the market is from its usual state, from 0 to 1.
    pub fn stress(&self, ts_ms: i64) -> f64 {
        self.crashes.iter().map(|crash| crash.stress(ts_ms)).fold(0.0, f64::max)
    }
}

/// A regime of `mixed` other than the last one.
fn next(draw: &mut Draw, before: Option<Scenario>) -> Scenario {
    let others = Scenario::ALL.into_iter().filter(|part| *part != Scenario::Mixed && Some(*part) != before);
    let others: Vec<Scenario> = others.collect();
    others[draw.below(others.len() as u64) as usize]
}

fn mixed_length(draw: &mut Draw) -> usize {
    let (from, to) = MIXED_DAYS;
    (from + draw.below(to - from + 1)) as usize * DAY
}

/// Trading activity by minute of the day, UTC, 1 on average: 0.6 at 03:00, 1.6 at 15:00. Volatility goes with its root.
pub(super) fn activity_of_day() -> Vec<f64> {
    let wave = |minute: usize, waves: f64| {
        libm::cos(std::f64::consts::TAU * waves * (minute as f64 - 900.0) / DAY as f64)
    };
    (0..DAY).map(|minute| 1.0 + 0.5 * wave(minute, 1.0) + 0.1 * wave(minute, 2.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_a_wrong_one_lists_them() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse::<Scenario>(), Ok(scenario));
        }
        let problem = "moon".parse::<Scenario>().unwrap_err().to_string();
        assert!(Scenario::ALL.iter().all(|scenario| problem.contains(scenario.name())), "{problem}");
    }

    #[test]
    fn fourth_moments_of_returns_exist() {
        for regime in Scenario::ALL.into_iter().filter_map(Scenario::regime) {
            let Regime { alpha, beta, .. } = regime;
            // Student's t with 6 degrees of freedom has kurtosis 6.
            assert!(beta * beta + 2.0 * alpha * beta + 6.0 * alpha * alpha < 1.0, "{regime:?}");
        }
    }

    #[test]
    fn mixed_changes_its_regime_and_others_do_not() {
        let year = 365 * DAY;
        let mixed = Timeline::new(Scenario::Mixed, None, 7, year, 0);
        let lengths: Vec<usize> = mixed.stretches.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(lengths.iter().all(|length| (3 * DAY..=10 * DAY).contains(length)), "{lengths:?}");
        assert!(mixed.stretches.windows(2).all(|pair| pair[0].1 != pair[1].1));
        let all = Scenario::ALL.into_iter().filter_map(Scenario::regime);
        assert!(all.into_iter().all(|regime| mixed.stretches.iter().any(|(_, of)| of == regime)));
        let crash = Timeline::new(Scenario::FlashCrash, Some(0.9), 7, year, 0);
        assert_eq!((crash.stretches.len(), crash.crashes.len()), (1, 12));
        assert_eq!(crash.regime(5).correlation, 0.9);
        assert!(crash.crashes.windows(2).all(|pair| pair[0].end_ms() < pair[1].at_ms));
    }

    #[test]
    fn activity_is_one_on_average() {
        let activity = activity_of_day();
        assert!((activity.iter().sum::<f64>() / DAY as f64 - 1.0).abs() < 1e-9);
        assert!((activity[900] - 1.6).abs() < 1e-9 && (activity[180] - 0.6).abs() < 1e-9);
    }
}
