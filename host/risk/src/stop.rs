//! Stops that the host chooses, for signals that come without one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use cryptobot_model::{InstrumentId, Price, RefusalReason, Side};

use crate::engine::RiskEngine;
use crate::grid::Grid;
use crate::sizing::{ATR_PERIOD, known};
use crate::verdict::Refusal;

/// A stop at a multiple of the average true range from the newest price, not nearer and not farther than stops may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AtrStop {
    /// Average true ranges between the price and the stop.
    pub multiple: f64,
    /// True ranges in the average, of base bars; no more than the window of statistics has.
    pub period: u32,
}

impl Default for AtrStop {
    fn default() -> Self {
        Self { multiple: 1.5, period: ATR_PERIOD as u32 }
    }
}

/// Distances of stops that are allowed, fractions of the price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distances {
    min: f64,
    max: f64,
}

impl Distances {
    pub(crate) fn new(min: Option<f64>, max: Option<f64>) -> Self {
        Self { min: min.unwrap_or(0.0), max: max.unwrap_or(f64::INFINITY) }
    }

    /// Refuses a stop that is too near, too far or on the wrong side of the entry.
    pub(crate) fn check(self, side: Side, entry: f64, stop: f64) -> Result<(), Refusal> {
        // Negative on the wrong side of the entry.
        let distance = side.sign() * (entry - stop) / entry;
        if distance <= 0.0 || distance < self.min {
            Err(Refusal::new(RefusalReason::StopDistance, self.min, distance))
        } else if distance > self.max {
            Err(Refusal::new(RefusalReason::StopDistance, self.max, distance))
        } else {
            Ok(())
        }
    }
}

impl AtrStop {
    /// The stop of an entry at `price`: below it for a buy, above it for a sell, rounded away from it. Refused as
    /// `stop-distance` where no price of the grid lies within the distances.
    fn price(
        self,
        side: Side,
        price: f64,
        atr: f64,
        allowed: Distances,
        grid: &Grid,
    ) -> Result<f64, Refusal> {
        let wanted = self.multiple * atr / price;
        let distance = wanted.max(allowed.min).min(allowed.max);
        let stop = grid.adverse_price(price * (1.0 - side.sign() * distance), side.opposite());
        // The range is more than the price.
        let stop = stop.ok_or(Refusal::new(RefusalReason::StopDistance, allowed.max.min(1.0), wanted))?;
        let check = |stop: Price| allowed.check(side, price, stop.to_f64()).map(|()| stop.to_f64());
        // On the tick it can be beyond a distance that it was put at, by a tick or by the last digit of a fraction.
        let nearer = side.sign() as i128;
        let by_a_tick = |ticks| grid.shifted(stop, ticks).map(check);
        check(stop).or_else(|refusal| {
            let moved = [nearer, -nearer].into_iter().filter_map(by_a_tick);
            moved.into_iter().find_map(Result::ok).ok_or(refusal)
        })
    }
}

impl RiskEngine {
    /// The stop for a signal of an instrument that came without one, at the newest `price`; `None` where signals get
    /// none. Refused are signals of an instrument whose range is not known yet (`no-market`), and those for whose stop
    /// there is no price (`stop-distance`).
    pub fn stop(
        &self,
        instrument: InstrumentId,
        side: Side,
        price: f64,
        grid: &Grid,
    ) -> Result<Option<f64>, Refusal> {
        let limits = &self.limits.orders;
        let Some(rule) = limits.atr_stop else { return Ok(None) };
        let (window, period) = (&self.windows[instrument.index()], rule.period as usize);
        let atr = known(window.average_true_range(period), period, window.len())?;
        rule.price(side, price, atr, limits.stop_distances(), grid).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::Quantity;
    use proptest::prelude::*;

    use super::*;

    fn grid(tick: &str) -> Grid {
        Grid::of_steps(Price::new(tick.parse().unwrap()), Quantity::from_f64(1.0).unwrap())
    }

    fn stop(side: Side, price: f64, atr: f64, tick: &str) -> Result<f64, Refusal> {
        let allowed = Distances::new(Some(0.01), Some(0.1));
        AtrStop::default().price(side, price, atr, allowed, &grid(tick))
    }

    #[test]
    fn it_stays_within_the_distances() {
        // 1.5 × 2 = 3 of 100; 1.5 × 0.1 = 0.15 → 1 %; 1.5 × 20 = 30 → 10 %.
        assert_eq!(stop(Side::Buy, 100.0, 2.0, "0.01"), Ok(97.0));
        assert_eq!(stop(Side::Sell, 100.0, 2.0, "0.01"), Ok(103.0));
        assert_eq!(stop(Side::Buy, 100.0, 0.1, "0.01"), Ok(99.0));
        assert_eq!(stop(Side::Sell, 100.0, 20.0, "0.01"), Ok(110.0));
    }

    #[test]
    fn it_is_rounded_away_from_the_price_unless_that_is_too_far() {
        // 100 ∓ 3.3.
        assert_eq!(stop(Side::Buy, 100.0, 2.2, "0.5"), Ok(96.5));
        assert_eq!(stop(Side::Sell, 100.0, 2.2, "0.5"), Ok(103.5));
        // 10 % of 99.9 are 9.99: 89.91 and 109.89.
        assert_eq!(stop(Side::Buy, 99.9, 50.0, "0.5"), Ok(90.0));
        assert_eq!(stop(Side::Sell, 99.9, 50.0, "0.5"), Ok(109.5));
    }

    #[test]
    fn where_there_is_no_price_for_it_the_signal_is_refused() {
        // Nearer than 10 % of 30 there is no multiple of 40, and 0 is no price.
        let none = stop(Side::Buy, 30.0, 3.0, "40").unwrap_err();
        assert_eq!(none.reason, RefusalReason::StopDistance);
        let far = stop(Side::Sell, 30.0, 3.0, "40").unwrap_err();
        assert_eq!(far, Refusal::new(RefusalReason::StopDistance, 0.1, 10.0 / 30.0));
        let free = Distances::new(None, None);
        let below_zero = AtrStop::default().price(Side::Buy, 100.0, 80.0, free, &grid("0.01"));
        assert_eq!(below_zero, Err(Refusal::new(RefusalReason::StopDistance, 1.0, 1.2)));
        let above = AtrStop::default().price(Side::Sell, 100.0, 80.0, free, &grid("0.01"));
        assert_eq!(above, Ok(220.0));
    }

    proptest! {
        #[test]
        fn a_stop_passes_the_check_of_stops(
            steps in 2_000_u32..1_000_000, ticks in 0_usize..4, range in 0.0001..2.0,
            min in 0.001..0.1, width in 0.002..0.5, is_buy in any::<bool>(),
        ) {
            let tick = ["0.01", "0.1", "0.5", "0.00001"][ticks];
            let price = f64::from(steps) * tick.parse::<f64>().unwrap();
            let allowed = Distances::new(Some(min), Some(min + width));
            let side = if is_buy { Side::Buy } else { Side::Sell };
            let stop = AtrStop::default().price(side, price, range * price, allowed, &grid(tick)).unwrap();
            prop_assert_eq!(allowed.check(side, price, stop), Ok(()));
            prop_assert_eq!(grid(tick).adverse_price(stop, side).unwrap().to_f64(), stop, "on the tick");
        }
    }
}
