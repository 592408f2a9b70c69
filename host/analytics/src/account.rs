//! What is counted per account while a run goes on.

use cryptobot_model::{Fill, FundingPayment, Liquidation, Money, Quantity, Timestamp};

use crate::reasons::Reasons;
use crate::summary::Costs;

/// Counts, costs and time in the market of one account: a strategy's, or all together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity {
    pub intents: u64,
    pub orders: u64,
    pub refused: u64,
    pub fills: u64,
    pub trades: u64,
    pub costs: Costs,
    pub liquidations: u64,
    /// Losses that the insurance fund bore.
    pub insurance: Money,
    pub reasons: Reasons,
    /// Σ quantity × price of all fills.
    pub traded: Money,
    /// Positions that are open now.
    open: u32,
    open_since: i64,
    exposed_nanos: i64,
}

impl Activity {
    pub fn fill(&mut self, fill: &Fill, notional: Money) {
        self.fills += 1;
        self.costs.fees += fill.fee;
        self.costs.slippage += fill.slippage;
        self.traded += notional;
    }

    pub fn funding(&mut self, payment: &FundingPayment) {
        self.costs.funding += payment.paid;
    }

    pub fn liquidation(&mut self, liquidation: &Liquidation) {
        self.liquidations += 1;
        self.costs.liquidation_fees += liquidation.fee;
    }

    /// A position changed from `before` to `after`.
    pub fn position(&mut self, ts: Timestamp, before: Quantity, after: Quantity) {
        match (before.is_zero(), after.is_zero()) {
            (true, false) => {
                if self.open == 0 {
                    self.open_since = ts.0;
                }
                self.open += 1;
            }
            (false, true) => {
                self.open -= 1;
                if self.open == 0 {
                    self.exposed_nanos += ts.0 - self.open_since;
                }
            }
            _ => {}
        }
    }

    /// Time with at least one position, up to `end`.
    pub fn exposed_nanos(&self, end: Timestamp) -> i64 {
        let running = if self.open > 0 { end.0 - self.open_since } else { 0 };
        self.exposed_nanos + running.max(0)
    }
}
