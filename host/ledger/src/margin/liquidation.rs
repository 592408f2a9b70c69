//! Liquidation, step by step.

use cryptobot_model::{Brackets, InstrumentId, Money, Price, Quantity, Rate, Side};

use super::account::{Holding, MarginAccount};

/// One step of a liquidation: an order that the exchange sends in the trader's name. It is executed at the mark price
/// plus slippage; its fill has the rule [`Liquidation`](cryptobot_model::FillRule::Liquidation) and `fee_rate` of its
/// notional as fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidationStep {
    /// What is liquidated.
    pub instrument: InstrumentId,
    /// Side of the closing order.
    pub side: Side,
    /// How much is closed, positive, whole lots.
    pub quantity: Quantity,
    /// The mark price that caused it.
    pub mark: Price,
    /// The price at which nothing was left of the margin; zero where no price can do that.
    pub bankruptcy_price: Price,
    /// Liquidation fee as a fraction of notional.
    pub fee_rate: Rate,
    /// Bracket before the step, from 1; `None` without brackets.
    pub bracket_from: Option<usize>,
    /// Bracket after the step, from 1; `None` when the position is closed.
    pub bracket_to: Option<usize>,
}

impl MarginAccount {
    /// The next step of a liquidation at these mark prices; `None` while every margin ratio is below 1. Apply the
    /// step's fill and ask again.
    ///
    /// A position is reduced by whole lots, just enough to fall into the next lower bracket; in the lowest bracket it
    /// is closed. Isolated positions come first, in the order of instruments; of cross positions the one with the
    /// largest maintenance margin is reduced, of equal ones the first.
    pub fn liquidation_step(&self, marks: &[Price]) -> Option<LiquidationStep> {
        let isolated = self.holdings.iter().zip(marks).position(|(holding, mark)| {
            let is_isolated = !holding.is_cross() && holding.is_open();
            is_isolated && holding.maintenance(*mark) >= holding.margin + holding.unrealised(*mark)
        });
        let index = isolated.or_else(|| self.largest_of_lost_cross(marks))?;
        Some(self.step(index, marks))
    }

    /// The step that a liquidation of this position begins with, whatever its ratio is; `None` without a position. For
    /// an exchange that has found the ratio to be 1 along a bar's path, where prices are rounded.
    pub fn first_step(&self, instrument: InstrumentId, marks: &[Price]) -> Option<LiquidationStep> {
        let index = instrument.index();
        self.holdings[index].is_open().then(|| self.step(index, marks))
    }

    fn largest_of_lost_cross(&self, marks: &[Price]) -> Option<usize> {
        if !self.holdings.iter().any(Holding::is_open_cross) {
            return None;
        }
        let (balance, maintenance) = self.cross_totals(marks);
        if maintenance < balance {
            return None;
        }
        let mut largest: Option<(usize, Money)> = None;
        for (index, holding) in
            self.holdings.iter().enumerate().filter(|(_, holding)| holding.is_open_cross())
        {
            let own = holding.maintenance(marks[index]);
            if largest.is_none_or(|(_, size)| own > size) {
                largest = Some((index, own));
            }
        }
        largest.map(|(index, _)| index)
    }

    fn step(&self, index: usize, marks: &[Price]) -> LiquidationStep {
        let (holding, mark) = (&self.holdings[index], marks[index]);
        let position = holding.position.quantity();
        let held = position.abs();
        let kept = kept(&holding.brackets, held, holding.lot, mark);
        let number = |quantity: Quantity| holding.brackets.index_at(quantity.at(mark)).map(|index| index + 1);
        LiquidationStep {
            instrument: index.into(),
            side: if position > Quantity::ZERO { Side::Sell } else { Side::Buy },
            quantity: held - kept,
            mark,
            bankruptcy_price: self.bankruptcy_price(index.into(), marks).unwrap_or_default(),
            fee_rate: holding.liquidation_fee,
            bracket_from: number(held),
            bracket_to: if kept.is_zero() { None } else { number(kept) },
        }
    }
}

/// The most whole lots whose notional is below the bracket that `held` is in.
fn kept(brackets: &Brackets, held: Quantity, lot: Quantity, mark: Price) -> Quantity {
    let Some(bracket) = brackets.at(held.at(mark)).filter(|bracket| !bracket.floor.is_zero()) else {
        return Quantity::ZERO;
    };
    let limit = Price::solving(bracket.floor, Quantity::from_units(mark.units()), Rate::ONE);
    let lots = limit.unwrap_or_default().units() / lot.units().max(1);
    let whole = Quantity::from_units(lots * lot.units());
    // A notional on the floor itself still belongs to the bracket.
    if whole.at(mark) < bracket.floor { whole } else { (whole - lot).max(Quantity::ZERO) }
}
