//! Where in the queue of a price level a resting order stands.
//!
//! A book by levels tells how much rests at a price, not in which order, and not whether what was cancelled stood
//! before or behind us. The models differ in what they assume of cancels.

use serde::{Deserialize, Serialize};

/// How cancels at a level move a resting order forward.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum QueueModel {
    /// Cancels are behind us until nothing else is left; only trades move us.
    RiskAverse,
    /// A cancelled lot was behind us with probability `back^n / (back^n + front^n)`.
    Power {
        /// Exponent, positive; the larger, the more surely cancels come from the longer part of the queue.
        n: f64,
    },
    /// A cancelled lot was behind us with probability `ln(1+back) / (ln(1+back) + ln(1+front))`, quantities in units
    /// of the instrument.
    Log,
}

/// The estimate for one order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueuePosition {
    /// Lots before us.
    pub ahead: f64,
    /// Lots traded at the level since its quantity was last published: they are part of the next decrease.
    traded: i64,
}

impl QueuePosition {
    /// A new order: everything at the level is before it.
    pub const fn last(level: i64) -> Self {
        Self { ahead: level as f64, traded: 0 }
    }

    /// An order in a queue of which nothing is known: only trades through its price reach it.
    pub const fn unknown() -> Self {
        Self { ahead: f64::INFINITY, traded: 0 }
    }

    /// A trade of `lots` at the level. Returns the whole lots of it that went beyond the queue and reached us.
    pub fn on_trade(&mut self, lots: i64) -> i64 {
        self.traded += lots;
        let beyond = lots as f64 - self.ahead;
        self.ahead = (-beyond).max(0.0);
        // A part of a lot cannot be filled: it stays with those before us.
        beyond.max(0.0) as i64
    }

    /// A trade at a worse price: nobody is left before us.
    pub const fn traded_through(&mut self) {
        self.ahead = 0.0;
    }

    /// The level's quantity was published again. `lot` is the size of a lot in units of the instrument.
    pub fn on_level(&mut self, model: QueueModel, before: i64, after: i64, lot: f64) {
        let left = (before - std::mem::take(&mut self.traded)).max(0) as f64;
        let cancelled = left - after as f64;
        if cancelled > 0.0 && model != QueueModel::RiskAverse {
            let behind = (left - self.ahead).max(0.0);
            let from_behind = (model.share_behind(behind, self.ahead, lot) * cancelled).min(behind);
            self.ahead = (self.ahead - (cancelled - from_behind)).max(0.0);
        }
        self.ahead = self.ahead.min(after as f64);
    }
}

impl QueueModel {
    /// Probability that a cancelled lot was behind us.
    fn share_behind(self, behind: f64, ahead: f64, lot: f64) -> f64 {
        let weight = |lots: f64| match self {
            Self::RiskAverse => 1.0,
            Self::Power { n } => libm::pow(lots, n),
            Self::Log => libm::log1p(lots * lot),
        };
        if ahead <= 0.0 {
            return 1.0;
        }
        if behind <= 0.0 {
            return 0.0;
        }
        let (behind, ahead) = (weight(behind), weight(ahead));
        behind / (behind + ahead)
    }

    /// The name in tables.
    pub fn name(self) -> String {
        match self {
            Self::RiskAverse => "risk-averse".to_owned(),
            Self::Power { n } => format!("power {n}"),
            Self::Log => "log".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOT: f64 = 0.001;

    #[test]
    fn only_trades_move_a_risk_averse_order() {
        let mut position = QueuePosition::last(100);
        position.on_level(QueueModel::RiskAverse, 100, 180, LOT);
        position.on_level(QueueModel::RiskAverse, 180, 120, LOT);
        assert_eq!(position.ahead, 100.0);
        position.on_level(QueueModel::RiskAverse, 120, 90, LOT);
        assert_eq!(position.ahead, 90.0, "no more can be before us than there is");
        assert_eq!(position.on_trade(60), 0);
        assert_eq!(position.on_trade(50), 20);
        assert_eq!(position.on_trade(7), 7);
    }

    #[test]
    fn cancels_are_shared_by_the_model() {
        // 30 before us, 60 behind; 30 are cancelled. n = 1: two thirds were behind; n = 2: four fifths.
        let moved = |model| {
            let mut position = QueuePosition::last(30);
            position.on_level(model, 30, 90, LOT);
            position.on_level(model, 90, 60, LOT);
            position.ahead
        };
        assert!((moved(QueueModel::Power { n: 1.0 }) - 20.0).abs() < 1e-9);
        assert!((moved(QueueModel::Power { n: 2.0 }) - 24.0).abs() < 1e-9);
        // ln(1.06) / (ln(1.06) + ln(1.03)) = 0.663445... of them (Python).
        assert!((moved(QueueModel::Log) - 19.903_368_042_3).abs() < 1e-9, "{}", moved(QueueModel::Log));
    }

    #[test]
    fn what_was_traded_is_not_counted_as_cancelled() {
        let mut position = QueuePosition::last(50);
        position.on_trade(20);
        position.on_level(QueueModel::Power { n: 2.0 }, 50, 30, LOT);
        assert_eq!(position.ahead, 30.0);
    }

    #[test]
    fn more_cancels_than_there_is_behind_come_from_before() {
        let mut position = QueuePosition::last(50);
        position.on_level(QueueModel::Power { n: 3.0 }, 50, 60, LOT);
        position.on_level(QueueModel::Power { n: 3.0 }, 60, 20, LOT);
        assert!(position.ahead <= 20.0 && position.ahead > 10.0, "{}", position.ahead);
    }

    fn model() -> impl Strategy<Value = QueueModel> {
        prop_oneof![
            Just(QueueModel::RiskAverse),
            (0.2_f64..5.0).prop_map(|n| QueueModel::Power { n }),
            Just(QueueModel::Log),
        ]
    }

    proptest! {
        /// Nobody enters before us, additions do not move us, we never get before more than was traded or cancelled,
        /// and no model is slower than the risk-averse one.
        #[test]
        fn the_position_improves_only_by_trades_and_cancels(
            model in model(),
            level in 0_i64..1000,
            steps in prop::collection::vec((any::<bool>(), 0_i64..1200), 1..60),
        ) {
            let (mut position, mut averse) = (QueuePosition::last(level), QueuePosition::last(level));
            let (mut shown, mut traded) = (level, 0);
            for (is_trade, lots) in steps {
                let ahead = position.ahead;
                if is_trade {
                    let (reached, expected) = (position.on_trade(lots), lots as f64 - ahead);
                    averse.on_trade(lots);
                    traded += lots;
                    prop_assert!(reached >= 0 && reached as f64 <= expected.max(0.0));
                    prop_assert!(ahead - position.ahead <= lots as f64 + 1e-9);
                } else {
                    position.on_level(model, shown, lots, LOT);
                    averse.on_level(QueueModel::RiskAverse, shown, lots, LOT);
                    let cancelled = (shown - traded).max(0) - lots;
                    let improved = ahead - position.ahead;
                    let beyond_level = (ahead - (shown - traded).max(0) as f64).max(0.0);
                    prop_assert!(improved <= (cancelled as f64).max(0.0) + beyond_level + 1e-9);
                    (shown, traded) = (lots, 0);
                }
                prop_assert!(position.ahead >= 0.0 && position.ahead <= ahead);
                prop_assert!(position.ahead <= averse.ahead + 1e-9);
            }
        }
    }
}
