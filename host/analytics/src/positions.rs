//! Positions while they are open, with what they have cost so far.

use cryptobot_model::{Fill, Money, Quantity, Timestamp};

use crate::summary::Costs;

/// The position of one strategy in one instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Signed; negative = short.
    pub quantity: Quantity,
    /// Time of its first fill.
    pub opened_at: Timestamp,
    /// Costs since then.
    pub costs: Costs,
    /// What liquidations told that the insurance fund bore since the newest trade was closed.
    pub insurance: Money,
}

impl Held {
    /// No position.
    pub const fn flat(at: Timestamp) -> Self {
        Self { quantity: Quantity::ZERO, opened_at: at, costs: Costs::NONE, insurance: Money::ZERO }
    }

    /// Books a fill. What a fill through zero cost is divided by quantity, as the ledger does it for closed trades, so
    /// that the costs of trades and of open positions are those of all fills.
    pub fn fill(&mut self, fill: &Fill) {
        let held = self.quantity;
        self.quantity += fill.side.signed(fill.quantity);
        if self.quantity.is_zero() {
            self.costs = Costs::NONE;
        } else if held.signum() * self.quantity.signum() < 0 {
            self.opened_at = fill.ts;
            self.costs = Costs {
                fees: rest(fill.fee, held.abs(), fill.quantity),
                slippage: rest(fill.slippage, held.abs(), fill.quantity),
                ..Costs::NONE
            };
        } else {
            if held.is_zero() {
                self.opened_at = fill.ts;
            }
            self.costs.fees += fill.fee;
            self.costs.slippage += fill.slippage;
        }
    }
}

fn rest(amount: Money, closed: Quantity, whole: Quantity) -> Money {
    amount - amount.share(closed, whole)
}
