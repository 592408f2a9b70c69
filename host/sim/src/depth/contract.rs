//! The grid and the fees of one instrument: between whole ticks and lots and exact prices and quantities.

use cryptobot_model::{Instrument, InstrumentId, Liquidity, Money, Price, Quantity, Rate};

/// What the exchange has to know of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Its id in the run.
    pub instrument: InstrumentId,
    /// Smallest step of a price, positive.
    pub tick: Price,
    /// Smallest step of a quantity, positive.
    pub lot: Quantity,
    /// Fee of a resting order; negative = rebate.
    pub maker_fee: Rate,
    /// Fee of an order that takes.
    pub taker_fee: Rate,
}

/// `units / step`, where it is a whole number that fits.
fn count(units: i128, step: i128) -> Option<i64> {
    if step <= 0 || units % step != 0 {
        return None;
    }
    i64::try_from(units / step).ok()
}

impl Contract {
    /// Grid and fees of an instrument.
    pub fn new(id: InstrumentId, instrument: &Instrument) -> Self {
        Self {
            instrument: id,
            tick: instrument.tick,
            lot: instrument.lot,
            maker_fee: instrument.maker_fee.into(),
            taker_fee: instrument.taker_fee.into(),
        }
    }

    /// A price in ticks; `None` off the grid.
    pub fn ticks(&self, price: Price) -> Option<i64> {
        count(price.units(), self.tick.units())
    }

    /// A quantity in lots; `None` off the grid.
    pub fn lots(&self, quantity: Quantity) -> Option<i64> {
        count(quantity.units(), self.lot.units())
    }

    /// The price of a number of ticks.
    pub fn price(&self, ticks: i64) -> Price {
        Price::from_units(self.tick.units() * i128::from(ticks))
    }

    /// The quantity of a number of lots.
    pub fn quantity(&self, lots: i64) -> Quantity {
        Quantity::from_units(self.lot.units() * i128::from(lots))
    }

    pub(super) fn fee(&self, quantity: Quantity, price: Price, liquidity: Liquidity) -> Money {
        let rate = match liquidity {
            Liquidity::Maker => self.maker_fee,
            Liquidity::Taker => self.taker_fee,
        };
        quantity.at(price).times(rate)
    }
}
