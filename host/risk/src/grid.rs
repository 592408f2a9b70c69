//! The instrument's grid: which quantities and prices exist.

use cryptobot_model::decimal::LARGEST;
use cryptobot_model::{Instrument, Price, Quantity, Side};

/// A value this close to a grid point, relative, is meant to be on it: binary fractions miss decimal ones.
const SNAP: f64 = 1e-9;

/// Steps of one instrument.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    tick: Step,
    lot: Step,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    units: i128,
    float: f64,
}

#[derive(Clone, Copy)]
enum Toward {
    Down,
    Up,
}

impl Step {
    /// Units of `value` on the grid: snapped where it is meant to be on it, else rounded. `value` is positive and
    /// accepted.
    fn round(self, value: f64, toward: Toward) -> i128 {
        let steps = value / self.float;
        let nearest = steps.round_ties_even();
        let whole = if (steps - nearest).abs() <= SNAP * nearest.abs().max(1.0) {
            nearest
        } else {
            match toward {
                Toward::Down => steps.floor(),
                Toward::Up => steps.ceil(),
            }
        };
        // Inside i64 the conversion is one instruction.
        let whole = if whole < 9e18 { i128::from(whole as i64) } else { whole as i128 };
        whole * self.units
    }
}

impl Grid {
    /// The grid of an instrument.
    pub fn new(instrument: &Instrument) -> Self {
        Self::of_steps(instrument.tick, instrument.lot)
    }

    /// A grid with these steps.
    pub fn of_steps(tick: Price, lot: Quantity) -> Self {
        Self {
            tick: Step { units: tick.units(), float: tick.to_f64() },
            lot: Step { units: lot.units(), float: lot.to_f64() },
        }
    }

    /// A quantity on the lot, rounded toward zero; `None` unless positive, finite and acceptable.
    pub fn quantity(&self, value: f64) -> Option<Quantity> {
        acceptable(value).then(|| Quantity::from_units(self.lot.round(value, Toward::Down)))
    }

    /// A limit price on the tick, rounded to the passive side; `None` unless positive, finite and acceptable.
    pub fn limit_price(&self, value: f64, side: Side) -> Option<Price> {
        let toward = match side {
            Side::Buy => Toward::Down,
            Side::Sell => Toward::Up,
        };
        self.price(value, toward)
    }

    /// A price on the tick, rounded against the order's owner: up for a buy, down for a sell. So are slipped prices,
    /// and triggers, for which it means away from the market.
    pub fn adverse_price(&self, value: f64, side: Side) -> Option<Price> {
        let toward = match side {
            Side::Buy => Toward::Up,
            Side::Sell => Toward::Down,
        };
        self.price(value, toward)
    }

    /// A price so many ticks above another, or below it; `None` where there is none.
    pub(crate) fn shifted(&self, price: Price, ticks: i128) -> Option<Price> {
        let units = price.units() + ticks * self.tick.units;
        (units > 0).then(|| Price::from_units(units))
    }

    fn price(&self, value: f64, toward: Toward) -> Option<Price> {
        acceptable(value)
            .then(|| Price::from_units(self.tick.round(value, toward)))
            .filter(|price| !price.is_zero())
    }
}

fn acceptable(value: f64) -> bool {
    value > 0.0 && value <= LARGEST
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{ContractTerms, Money};
    use rust_decimal::Decimal;

    use super::*;

    fn grid() -> Grid {
        Grid::new(&Instrument {
            venue: "v".into(),
            symbol: "S".into(),
            tick: Price::new("0.1".parse().unwrap()),
            lot: Quantity::new("0.001".parse().unwrap()),
            min_notional: Money::ZERO,
            maker_fee: Decimal::ZERO,
            taker_fee: Decimal::ZERO,
            funding: false,
            terms: ContractTerms::default(),
        })
    }

    #[test]
    fn quantities_round_toward_zero_and_snap() {
        let quantity = |value: f64| grid().quantity(value).map(|quantity| quantity.to_string());
        assert_eq!(quantity(0.0019).as_deref(), Some("0.001"));
        assert_eq!(quantity(0.1 + 0.2).as_deref(), Some("0.3"));
        assert_eq!(quantity(0.3 - 1e-13).as_deref(), Some("0.3"), "meant to be 0.3");
        assert_eq!(quantity(0.0009).as_deref(), Some("0"));
        for wrong in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e13] {
            assert_eq!(quantity(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn limits_round_to_the_passive_side_and_triggers_away_from_the_market() {
        let text = |price: Option<Price>| price.unwrap().to_string();
        assert_eq!(text(grid().limit_price(100.07, Side::Buy)), "100");
        assert_eq!(text(grid().limit_price(100.07, Side::Sell)), "100.1");
        assert_eq!(text(grid().adverse_price(100.07, Side::Buy)), "100.1");
        assert_eq!(text(grid().adverse_price(100.07, Side::Sell)), "100");
        assert_eq!(grid().limit_price(0.01, Side::Buy), None, "a price of zero does not exist");
    }
}
