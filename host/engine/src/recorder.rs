//! What a run leaves behind: the engine's audit, handed to whoever writes journals and reports.

use cryptobot_model::{
    ClosedTrade, Fill, FundingPayment, Liquidation, MarketMatch, Money, OrderEvent, OrderId, OrderRequest,
    RefusalReason, StrategyId, Timestamp,
};

use cryptobot_risk::{Evidence, StateChange};

use crate::desk::Intent;
use crate::fault::Fault;

/// The decision on an intent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// Approved as this order; numbers are on the instrument's grid.
    Approved(OrderRequest),
    /// Approved as this order, which is smaller than what was wanted.
    Reduced {
        /// What is sent.
        order: OrderRequest,
        /// The limit that allows no more.
        reason: RefusalReason,
        /// The numbers it was decided on.
        evidence: Evidence,
    },
    /// Refused.
    Refused {
        /// Why.
        reason: RefusalReason,
        /// The numbers it was decided on.
        evidence: Evidence,
    },
}

/// One entry of the journal: a cause or a consequence, in the order of the loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A strategy wanted something.
    Intent {
        /// When.
        ts: Timestamp,
        /// Who.
        strategy: StrategyId,
        /// What, in the numbers it gave.
        intent: &'a Intent,
    },
    /// The host decided on an order.
    Decision {
        /// When.
        ts: Timestamp,
        /// Which order.
        id: OrderId,
        /// How.
        decision: &'a Decision,
    },
    /// An order took a step.
    Order(&'a OrderEvent),
    /// An order was executed; follows its order event.
    Fill(&'a Fill),
    /// What a recorded market had for the execution before.
    Market(&'a MarketMatch),
    /// A position closed.
    Trade(&'a ClosedTrade),
    /// A strategy's wallet after a change.
    Wallet {
        /// When.
        ts: Timestamp,
        /// Whose.
        strategy: StrategyId,
        /// The new wallet balance.
        wallet: Money,
    },
    /// Funding was paid or received; the wallet follows.
    Funding(&'a FundingPayment),
    /// What a liquidation did beyond its fill; the wallet follows.
    Liquidation(&'a Liquidation),
    /// A trading state changed.
    State(&'a StateChange),
    /// A strategy was quarantined.
    Fault {
        /// When.
        ts: Timestamp,
        /// Who.
        strategy: StrategyId,
        /// Why.
        fault: &'a Fault,
    },
    /// The host closes a position of a strategy that it stopped, or that the operator flattened, with the order that is
    /// decided next.
    Closing {
        /// When.
        ts: Timestamp,
        /// The order.
        id: OrderId,
    },
    /// A fresh instance took over from one that was stopped.
    Restart {
        /// When.
        ts: Timestamp,
        /// Whose.
        strategy: StrategyId,
    },
}

/// The market and the accounts at one time step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark<'a> {
    /// Event time of the step.
    pub ts: Timestamp,
    /// Newest close per instrument; NaN before its first bar.
    pub prices: &'a [f64],
    /// Equity per strategy: `cash + Σ position * price`.
    pub equities: &'a [f64],
    /// Highest margin ratio of the step per strategy's account, maintenance margin by margin balance, with liquidation at
    /// 1: that at the worse mark price of a bar through which a position was held. NaN while an account is flat; empty
    /// where margin is not simulated.
    pub margin_ratios: &'a [f64],
}

/// The market and the accounts at consecutive time steps.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    /// Event times of the steps.
    pub ts: &'a [Timestamp],
    /// As in [`Mark`], by instrument.
    pub prices: Columns<'a>,
    /// As in [`Mark`], by strategy.
    pub equities: Columns<'a>,
    /// As in [`Mark`], by strategy.
    pub margin_ratios: Columns<'a>,
}

/// Numbers of consecutive steps, a column for each instrument or strategy.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    values: &'a [f64],
    rows: usize,
    stride: usize,
}

impl<'a> Columns<'a> {
    /// Columns of `rows` values each, which begin `stride` (at least 1) values apart.
    pub const fn new(values: &'a [f64], rows: usize, stride: usize) -> Self {
        Self { values, rows, stride }
    }

    /// The columns.
    pub fn iter(&self) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        let rows = self.rows;
        self.values.chunks(self.stride).map(move |column| &column[..rows])
    }

    /// Number of columns.
    pub const fn len(&self) -> usize {
        self.values.len() / self.stride
    }

    /// Whether there are no columns.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Receives everything a run leaves behind. Errors of writers are kept by the implementation and reported at the
/// end of the run, so that the engine stays free of I/O.
pub trait Recorder {
    /// A journal entry.
    fn entry(&mut self, entry: &Entry<'_>);

    /// Everything so far is to be kept whatever becomes of the process. Asked for now and then in real time.
    fn keep(&mut self) {}

    /// All prices of a time step are known. Called once per step, after its fills and before its callbacks.
    fn mark(&mut self, mark: &Mark<'_>);

    /// The same for several steps in which there was nothing else to record. To be overridden for speed only.
    fn marks(&mut self, marks: &Marks<'_>) {
        let row = |columns: &Columns<'_>, index: usize| columns.iter().map(|column| column[index]).collect();
        for (index, ts) in marks.ts.iter().enumerate() {
            let prices: Vec<f64> = row(&marks.prices, index);
            let equities: Vec<f64> = row(&marks.equities, index);
            let margin_ratios: Vec<f64> = row(&marks.margin_ratios, index);
            self.mark(&Mark { ts: *ts, prices: &prices, equities: &equities, margin_ratios: &margin_ratios });
        }
    }
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecorder;

impl Recorder for NoRecorder {
    fn entry(&mut self, _entry: &Entry<'_>) {}
    fn mark(&mut self, _mark: &Mark<'_>) {}
    fn marks(&mut self, _marks: &Marks<'_>) {}
}
