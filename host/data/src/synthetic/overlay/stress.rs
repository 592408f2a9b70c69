//! What a stress does to a price and a volume at a time.

use cryptobot_model::Timestamp;

use crate::synthetic::error::{SyntheticError, UnknownStress};
use crate::synthetic::shock::FlashCrash;

const MINUTE_MS: i64 = 60_000;
/// What stress of 1 adds to the volume: as in the scenario.
const CRASH_VOLUME: f64 = 9.0;

/// A stress that stored bars are put under.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stress {
    /// A fast fall that is won back in part; volume rises up to tenfold.
    FlashCrash {
        /// What the price loses, as a fraction.
        fall: f64,
        /// Length of the fall; the recovery takes four times as long.
        minutes: u32,
        /// What comes back, as a fraction of the fall.
        recovery: f64,
    },
    /// A jump between two bars; the price stays there.
    Gap {
        /// Change of the price as a fraction: -0.1 is a fall by a tenth.
        size: f64,
    },
    /// Returns are larger; prices at the beginning and at the end stay.
    Volatility {
        /// What log returns are multiplied with.
        factor: f64,
        /// How long.
        minutes: u32,
    },
    /// Volume dries up; prices stay.
    Drought {
        /// What volumes are divided by.
        factor: f64,
        /// How long.
        minutes: u32,
    },
}

impl Stress {
    /// The names of all.
    pub const NAMES: [&'static str; 4] = ["flash-crash", "gap", "volatility", "drought"];

    /// The stress of a name with its usual numbers: 30 % in 15 minutes, 60 % of it won back; a fall by a tenth; threefold
    /// volatility over 4 hours; a tenth of the volume over 4 hours.
    pub fn named(name: &str) -> Result<Self, UnknownStress> {
        match name {
            "flash-crash" => Ok(Self::FlashCrash { fall: 0.3, minutes: 15, recovery: 0.6 }),
            "gap" => Ok(Self::Gap { size: -0.1 }),
            "volatility" => Ok(Self::Volatility { factor: 3.0, minutes: 240 }),
            "drought" => Ok(Self::Drought { factor: 10.0, minutes: 240 }),
            _ => Err(UnknownStress(name.to_owned())),
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::FlashCrash { .. } => "flash-crash",
            Self::Gap { .. } => "gap",
            Self::Volatility { .. } => "volatility",
            Self::Drought { .. } => "drought",
        }
    }

    /// Refuses numbers out of their range.
    pub(super) fn check(&self) -> Result<(), SyntheticError> {
        let within = |name, value: f64, low: f64, high: f64, range| {
            if value >= low && value <= high {
                Ok(())
            } else {
                Err(SyntheticError::Range { name, value, range })
            }
        };
        let length = |minutes: u32| within("minutes", minutes.into(), 1.0, 43_200.0, "from 1 to 43200");
        match *self {
            Self::FlashCrash { fall, minutes, recovery } => {
                within("fall", fall, 0.001, 0.95, "a fraction from 0.001 to 0.95")?;
                within("recovery", recovery, 0.0, 1.0, "a fraction from 0 to 1")?;
                length(minutes)
            }
            Self::Gap { size } => within("size", size, -0.95, 10.0, "a fraction from -0.95 to 10"),
            Self::Volatility { factor, minutes } => {
                within("factor", factor, 0.01, 20.0, "from 0.01 to 20")?;
                length(minutes)
            }
            Self::Drought { factor, minutes } => {
                within("factor", factor, 1.0, 1e6, "from 1 to 1000000")?;
                length(minutes)
            }
        }
    }

    /// Length of what it changes, ms; `None` = prices stay changed for good.
    pub(super) fn length_ms(&self) -> Option<i64> {
        match self {
            Self::FlashCrash { .. } | Self::Gap { .. } => None,
            Self::Volatility { minutes, .. } | Self::Drought { minutes, .. } => {
                Some(i64::from(*minutes) * MINUTE_MS)
            }
        }
    }
}

/// The straight line of log prices from the beginning of a window to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub from_ms: i64,
    pub to_ms: i64,
    pub first: f64,
    pub last: f64,
}

impl Line {
    fn at(&self, ts_ms: i64) -> f64 {
        let share = (ts_ms - self.from_ms) as f64 / (self.to_ms - self.from_ms) as f64;
        self.first * libm::pow(self.last / self.first, share)
    }
}

/// A time inside a bar. The end of a bar comes before what happens at that very time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instant {
    pub ts_ms: i64,
    pub is_end: bool,
}

/// A stress at its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Applied {
    Crash(FlashCrash),
    Gap { at_ms: i64, size: f64 },
    Volatility { line: Line, factor: f64 },
    Drought { from_ms: i64, to_ms: i64, factor: f64 },
}

impl Applied {
    /// Puts a stress at a time; `line` is that of the bars it is put on.
    pub fn new(stress: Stress, at: Timestamp, line: Line) -> Self {
        let at_ms = at.millis();
        match stress {
            Stress::FlashCrash { fall, minutes, recovery } => {
                Self::Crash(FlashCrash { at_ms, fall, minutes, recovery })
            }
            Stress::Gap { size } => Self::Gap { at_ms, size },
            Stress::Volatility { factor, .. } => Self::Volatility { line, factor },
            Stress::Drought { factor, .. } => {
                Self::Drought { from_ms: at_ms, to_ms: at_ms + stress.length_ms().unwrap_or(0), factor }
            }
        }
    }

    /// Whether it changes anything between two times.
    pub fn touches(&self, from_ms: i64, to_ms: i64) -> bool {
        match self {
            Self::Crash(crash) => to_ms > crash.at_ms,
            Self::Gap { at_ms, .. } => to_ms > *at_ms,
            Self::Volatility { line, .. } => to_ms > line.from_ms && from_ms < line.to_ms,
            Self::Drought { from_ms: begin, to_ms: end, .. } => to_ms > *begin && from_ms < *end,
        }
    }

    /// What becomes of a price at a time.
    pub fn price(&self, price: f64, Instant { ts_ms, is_end }: Instant) -> f64 {
        match self {
            Self::Crash(crash) => price * crash.factor(ts_ms),
            Self::Gap { at_ms, size } => {
                let after = if is_end { ts_ms > *at_ms } else { ts_ms >= *at_ms };
                if after { price * (1.0 + size) } else { price }
            }
            Self::Volatility { line, factor } if (line.from_ms..=line.to_ms).contains(&ts_ms) => {
                let straight = line.at(ts_ms);
                straight * libm::pow(price / straight, *factor)
            }
            Self::Volatility { .. } | Self::Drought { .. } => price,
        }
    }

    /// When the price is furthest from what it was, inside a bar: a bar has its extremes there or at its ends.
    pub fn extreme_ms(&self) -> Option<i64> {
        match self {
            Self::Crash(crash) => Some(crash.bottom_ms()),
            _ => None,
        }
    }

    /// What the volume between two times is multiplied with.
    pub fn volume(&self, from_ms: i64, to_ms: i64) -> f64 {
        match self {
            Self::Crash(crash) if from_ms < crash.end_ms() => {
                // The mean over the middles of minutes, and of shorter bars over theirs.
                let step = MINUTE_MS.min(to_ms - from_ms);
                let count = (to_ms - from_ms) / step;
                let stress: f64 = (0..count).map(|part| crash.stress(from_ms + part * step + step / 2)).sum();
                1.0 + CRASH_VOLUME * stress / count as f64
            }
            Self::Drought { from_ms: begin, to_ms: end, factor } => {
                let dry = (to_ms.min(*end) - from_ms.max(*begin)).max(0) as f64 / (to_ms - from_ms) as f64;
                1.0 - dry * (1.0 - 1.0 / factor)
            }
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn during(ts_ms: i64) -> Instant {
        Instant { ts_ms, is_end: false }
    }

    #[test]
    fn a_gap_lies_between_two_bars() {
        let gap = Applied::Gap { at_ms: 60_000, size: -0.1 };
        assert_eq!(gap.price(100.0, Instant { ts_ms: 60_000, is_end: true }), 100.0);
        assert_eq!(gap.price(100.0, during(60_000)), 90.0);
        assert!(!gap.touches(0, 60_000) && gap.touches(60_000, 120_000));
    }

    #[test]
    fn volatility_scales_the_distance_from_the_line_and_keeps_its_ends() {
        let line = Line { from_ms: 0, to_ms: 1_000, first: 100.0, last: 121.0 };
        let stress = Applied::Volatility { line, factor: 2.0 };
        assert_eq!(stress.price(100.0, during(0)), 100.0);
        assert!((stress.price(121.0, during(1_000)) - 121.0).abs() < 1e-9);
        assert!((stress.price(110.0, during(500)) - 110.0).abs() < 1e-9);
        assert!((stress.price(121.0, during(500)) - 133.1).abs() < 1e-9, "a tenth above becomes 21 %");
        assert_eq!(stress.price(130.0, during(1_001)), 130.0);
    }

    #[test]
    fn a_drought_counts_by_the_share_of_the_bar_that_it_covers() {
        let drought = Applied::Drought { from_ms: 0, to_ms: 30_000, factor: 10.0 };
        assert!((drought.volume(0, 30_000) - 0.1).abs() < 1e-12);
        assert!((drought.volume(0, 60_000) - 0.55).abs() < 1e-12);
        assert_eq!(drought.volume(30_000, 60_000), 1.0);
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        for (stress, name) in [
            (Stress::FlashCrash { fall: 1.0, minutes: 15, recovery: 0.6 }, "fall"),
            (Stress::FlashCrash { fall: 0.5, minutes: 0, recovery: 0.6 }, "minutes"),
            (Stress::FlashCrash { fall: 0.5, minutes: 15, recovery: f64::NAN }, "recovery"),
            (Stress::Gap { size: -1.0 }, "size"),
            (Stress::Volatility { factor: 0.0, minutes: 5 }, "factor"),
            (Stress::Drought { factor: 0.5, minutes: 5 }, "factor"),
        ] {
            let problem = stress.check().unwrap_err().to_string();
            assert!(problem.starts_with(name), "{problem}");
        }
        for name in Stress::NAMES {
            let stress = Stress::named(name).unwrap();
            assert_eq!(stress.name(), name);
            stress.check().unwrap();
        }
    }
}
