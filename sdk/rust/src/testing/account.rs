//! The account of a tape: one position per symbol, in `f64`, which is exact enough for tests of behaviour.

use crate::{PositionClose, Side};

/// A position with what is needed to report it when it closes.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    pub(super) quantity: f64,
    pub(super) average_price: f64,
    opened_at: i64,
    entered: f64,
    exited: f64,
    exit_value: f64,
    fees: f64,
}

impl Position {
    /// Applies an execution; answers with the position it closed.
    pub(super) fn apply(
        &mut self,
        (ts, series): (i64, u32),
        side: Side,
        quantity: f64,
        price: f64,
        fee: f64,
    ) -> Option<PositionClose> {
        let reduces = self.quantity * side.sign() < 0.0;
        let closing = if reduces { quantity.min(self.quantity.abs()) } else { 0.0 };
        let opening = quantity - closing;
        let mut closed = None;
        if closing > 0.0 {
            self.quantity += side.sign() * closing;
            self.exited += closing;
            self.exit_value += closing * price;
            self.fees += fee * closing / quantity;
            if self.quantity.abs() < 1e-12 {
                closed = Some(self.close(ts, series, side.opposite()));
            }
        }
        if opening > 0.0 {
            if self.quantity == 0.0 {
                self.opened_at = ts;
            }
            let held = self.quantity.abs();
            self.average_price = (self.average_price * held + price * opening) / (held + opening);
            self.quantity += side.sign() * opening;
            self.entered += opening;
            self.fees += fee * opening / quantity;
        }
        closed
    }

    fn close(&mut self, ts: i64, series: u32, side: Side) -> PositionClose {
        let exit_price = self.exit_value / self.exited;
        let gross = side.sign() * (exit_price - self.average_price) * self.exited;
        let close = PositionClose {
            ts,
            series,
            side,
            opened_at: self.opened_at,
            quantity: self.entered,
            entry_price: self.average_price,
            exit_price,
            net_pnl: gross - self.fees,
        };
        *self = Self::default();
        close
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flip_closes_one_position_and_opens_the_next() {
        let mut position = Position::default();
        assert!(position.apply((1, 0), Side::Buy, 1.0, 100.0, 0.1).is_none());
        assert!(position.apply((2, 0), Side::Buy, 1.0, 110.0, 0.1).is_none());
        assert_eq!(position.average_price, 105.0);
        let close = position.apply((3, 0), Side::Sell, 3.0, 120.0, 0.3).unwrap();
        assert_eq!((close.side, close.opened_at, close.quantity), (Side::Buy, 1, 2.0));
        assert!((close.net_pnl - (30.0 - 0.4)).abs() < 1e-12);
        assert_eq!((position.quantity, position.average_price), (-1.0, 120.0));
    }
}
