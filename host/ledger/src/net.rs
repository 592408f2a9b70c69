//! A net position: how much of an instrument, and what it cost.

use cryptobot_model::{Fill, Money, Price, Quantity};

/// A signed amount of one instrument with what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetPosition {
    quantity: Quantity,
    cost: Money,
}

impl NetPosition {
    /// Signed quantity; negative = short.
    pub const fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// Entry value of what is open: Σ signed quantity × entry price.
    pub const fn cost(&self) -> Money {
        self.cost
    }

    /// Average entry price as a view; 0 when flat.
    pub fn average_price(&self) -> f64 {
        if self.quantity.is_zero() { 0.0 } else { self.cost.to_f64() / self.quantity.to_f64() }
    }

    /// The part of a fill that closes; the rest opens.
    pub(crate) fn closed_by(&self, fill: &Fill) -> Quantity {
        let opposed = self.quantity.signum() * fill.side.signed(fill.quantity).signum() < 0;
        if opposed { fill.quantity.min(self.quantity.abs()) } else { Quantity::ZERO }
    }

    /// Books a fill; returns the profit that became cash, before the fee.
    pub fn apply(&mut self, fill: &Fill) -> Money {
        let closed = self.closed_by(fill);
        let realised =
            if closed.is_zero() { Money::ZERO } else { self.reduce(-fill.side.signed(closed), fill.price).1 };
        let opened = fill.quantity - closed;
        if !opened.is_zero() {
            self.increase(fill.side.signed(opened), fill.price);
        }
        realised
    }

    /// Takes in a signed quantity; returns its value.
    pub(crate) fn increase(&mut self, signed: Quantity, price: Price) -> Money {
        let value = signed.at(price);
        self.quantity += signed;
        self.cost += value;
        value
    }

    /// Gives away a part of the position, with its sign; returns its value and the profit in it.
    pub(crate) fn reduce(&mut self, closed: Quantity, price: Price) -> (Money, Money) {
        let portion = self.cost.share(closed, self.quantity);
        let value = closed.at(price);
        self.quantity -= closed;
        self.cost -= portion;
        (value, value - portion)
    }
}
