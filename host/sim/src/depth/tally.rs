//! What the owners of orders hold and what was filled, as the exchange counts it between two looks at the accounts.

use std::collections::BTreeMap;

use cryptobot_model::{OrderId, OrderRequest, Quantity, SeriesId, StrategyId};

use super::contract::Contract;

/// An owner of orders.
#[derive(Clone, Copy, Debug)]
struct Owner {
    strategy: StrategyId,
    /// The series of its newest order, which reports of a liquidation name.
    series: SeriesId,
    position: Quantity,
}

/// Positions of those who ever sent an order, and filled lots of orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    owners: Vec<Owner>,
    filled: BTreeMap<OrderId, i64>,
}

impl Tally {
    /// Notes who sent an order.
    pub(super) fn meet(&mut self, order: &OrderRequest) {
        match self.owners.iter_mut().find(|owner| owner.strategy == order.strategy) {
            Some(owner) => owner.series = order.series,
            None => self.owners.push(Owner {
                strategy: order.strategy,
                series: order.series,
                position: Quantity::ZERO,
            }),
        }
    }

    /// Replaces all positions by those of the accounts.
    pub(super) fn set_positions(&mut self, position: impl Fn(StrategyId) -> Quantity) {
        for owner in &mut self.owners {
            owner.position = position(owner.strategy);
        }
    }

    /// The series that reports about an owner name without an order.
    pub(super) fn series(&self, strategy: StrategyId) -> SeriesId {
        let owner = self.owners.iter().find(|owner| owner.strategy == strategy);
        owner.map_or(SeriesId(0), |owner| owner.series)
    }

    /// Books an execution.
    pub(super) fn book(&mut self, order: &OrderRequest, lots: i64, quantity: Quantity) {
        *self.filled.entry(order.id).or_insert(0) += lots;
        if let Some(owner) = self.owners.iter_mut().find(|owner| owner.strategy == order.strategy) {
            owner.position += order.side.signed(quantity);
        }
    }

    /// Lots that were filled of an order.
    pub(super) fn filled(&self, id: OrderId) -> i64 {
        self.filled.get(&id).copied().unwrap_or(0)
    }

    /// Lots that an order may execute: what there is to reduce, where it may only reduce, and what the other one of its
    /// pair has left to it.
    pub(super) fn room(&self, order: &OrderRequest, contract: &Contract) -> i64 {
        self.of_position(order, contract).min(self.of_pair(order, contract))
    }

    fn of_position(&self, order: &OrderRequest, contract: &Contract) -> i64 {
        if !(order.terms.reduce_only || order.terms.close_position) {
            return i64::MAX;
        }
        let owner = self.owners.iter().find(|owner| owner.strategy == order.strategy);
        let held = order.side.signed(owner.map_or(Quantity::ZERO, |owner| owner.position));
        if held.signum() < 0 { (held.abs().units() / contract.lot.units().max(1)) as i64 } else { 0 }
    }

    /// Lots that the other order of a pair has not taken.
    pub(super) fn of_pair(&self, order: &OrderRequest, contract: &Contract) -> i64 {
        let taken = self.filled(order.terms.sibling);
        if taken == 0 || order.terms.close_position {
            return i64::MAX;
        }
        let all = contract.lots(order.quantity).unwrap_or(0);
        (all - self.filled(order.id) - taken).max(0)
    }
}
