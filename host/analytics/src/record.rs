//! A finished run as reports see it.

use cryptobot_engine::{Fault, StateChange};
use cryptobot_model::{
    ClosedTrade, Fill, FundingPayment, InstrumentId, Liquidation, Money, Quantity, StrategyId, Timestamp,
};

use crate::account::Activity;
use crate::collector::InstrumentLabel;
use crate::curve::{EquityBucket, MarginPeak, PriceBucket, PriceTrack};
use crate::drawdown::Drawdowns;
use crate::orders::OrderRow;
use crate::reasons::ReasonCount;
use crate::summary::Costs;

/// Everything that tables, figures and the report are made of.
#[derive(Clone, Debug)]
pub struct Record {
    /// Begin of the run.
    pub from: Timestamp,
    /// Time of its last step.
    pub to: Timestamp,
    /// Length of a bucket in nanoseconds.
    pub step_nanos: i64,
    /// Time of the last step in each bucket; a bucket ends on a multiple of its length.
    pub times: Vec<Timestamp>,
    /// By instrument.
    pub instruments: Vec<InstrumentLabel>,
    /// By instrument.
    pub prices: Vec<PriceCurve>,
    /// By strategy.
    pub strategies: Vec<AccountRecord>,
    /// All strategies together.
    pub portfolio: AccountRecord,
    /// In the order of intents.
    pub orders: Vec<OrderRow>,
    /// In the order of execution.
    pub fills: Vec<Fill>,
    /// In the order of closing.
    pub trades: Vec<ClosedTrade>,
    /// In the order of payment.
    pub funding: Vec<FundingPayment>,
    /// In the order of occurrence.
    pub liquidations: Vec<Liquidation>,
    /// Trading states that changed, in the order of occurrence.
    pub states: Vec<StateChange>,
    /// In the order of occurrence.
    pub faults: Vec<FaultRecord>,
    /// What was not closed by the end, by strategy and instrument.
    pub open_positions: Vec<OpenPosition>,
}

/// Closes of one instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceCurve {
    /// One per bucket.
    pub buckets: Vec<PriceBucket>,
    /// First close of the run; NaN if there was none.
    pub first: f64,
}

impl PriceCurve {
    pub(crate) fn new(track: PriceTrack) -> Self {
        let (buckets, first) = track.finish();
        Self { buckets, first }
    }
}

/// One account over the run.
#[derive(Clone, Debug)]
pub struct AccountRecord {
    /// Name of the strategy, or `portfolio`.
    pub name: String,
    /// What it began with.
    pub initial_balance: Money,
    /// What it may trade; empty = all instruments of the run.
    pub instruments: Vec<InstrumentId>,
    /// Wallet plus unrealised profit at the end.
    pub final_equity: Money,
    /// One per bucket.
    pub equity: Vec<EquityBucket>,
    /// Followed on every step.
    pub drawdowns: Drawdowns,
    /// Orders and cancels that were wanted.
    pub intents: u64,
    /// Orders that the host let through.
    pub orders: u64,
    /// Orders and cancels that the host refused; an entry with its stop and target counts once.
    pub refused: u64,
    /// Executions.
    pub fills: u64,
    /// Closed positions.
    pub trades: u64,
    /// What trading cost, positions that are still open included.
    pub costs: Costs,
    /// Positions, or parts of them, that the exchange closed.
    pub liquidations: u64,
    /// Losses beyond the margin, borne by the insurance fund.
    pub insurance: Money,
    /// Why orders were refused, cut or ended, the most frequent reason first.
    pub reasons: Vec<ReasonCount>,
    /// Highest margin ratio per bucket: NaN while flat, and where margin is not simulated; empty for the portfolio.
    pub margin: Vec<f64>,
    /// The closest approach to liquidation; `None` for the portfolio and where there was no margin.
    pub margin_peak: Option<MarginPeak>,
    /// Σ quantity × price of all fills.
    pub traded: Money,
    /// Nanoseconds with at least one position.
    pub exposed_nanos: i64,
}

impl AccountRecord {
    pub(crate) fn new(
        name: String,
        initial_balance: Money,
        (equity, drawdowns): (Vec<EquityBucket>, Drawdowns),
        activity: &Activity,
        end: Timestamp,
    ) -> Self {
        let marked = equity.last().and_then(|bucket| Money::from_f64(bucket.last));
        Self {
            name,
            initial_balance,
            instruments: Vec::new(),
            final_equity: marked.unwrap_or(initial_balance),
            equity,
            drawdowns,
            intents: activity.intents,
            orders: activity.orders,
            refused: activity.refused,
            fills: activity.fills,
            trades: activity.trades,
            costs: activity.costs,
            liquidations: activity.liquidations,
            insurance: activity.insurance,
            reasons: activity.reasons.counts(),
            margin: Vec::new(),
            margin_peak: None,
            traded: activity.traded,
            exposed_nanos: activity.exposed_nanos(end),
        }
    }

    pub(crate) fn curve(&self) -> (Vec<EquityBucket>, Drawdowns) {
        (self.equity.clone(), self.drawdowns)
    }
}

/// A strategy that was quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRecord {
    /// When.
    pub ts: Timestamp,
    /// Who.
    pub strategy: StrategyId,
    /// Why.
    pub fault: Fault,
    /// When a fresh instance took over; `None` where none did.
    pub restarted_at: Option<Timestamp>,
}

/// A position that was open at the end of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenPosition {
    /// Whose.
    pub strategy: StrategyId,
    /// In what.
    pub instrument: InstrumentId,
    /// Signed amount; negative = short.
    pub quantity: Quantity,
    /// Time of its first fill.
    pub opened_at: Timestamp,
    /// Newest close, at which it is marked.
    pub price: f64,
    /// What it has cost so far.
    pub costs: Costs,
    /// What the insurance fund bore when parts of it were liquidated.
    pub insurance: Money,
}

impl Record {
    /// Value of one unit of money put into what an account may trade, in equal parts at the first closes, per bucket. An
    /// instrument that has no price yet counts as cash.
    pub fn buy_and_hold(&self, account: &AccountRecord) -> Vec<f64> {
        let traded = |index: usize| {
            account.instruments.is_empty() || account.instruments.contains(&InstrumentId::from(index))
        };
        let curves: Vec<&PriceCurve> = self
            .prices
            .iter()
            .enumerate()
            .filter(|(index, _)| traded(*index))
            .map(|(_, curve)| curve)
            .collect();
        let value = |bucket: usize| {
            let growth = curves.iter().map(|curve| {
                let growth = curve.buckets[bucket].last / curve.first;
                if growth.is_finite() { growth } else { 1.0 }
            });
            growth.sum::<f64>() / curves.len() as f64
        };
        (0..self.times.len()).map(value).collect()
    }

    /// Trades of one strategy, or all.
    pub fn trades_of(&self, strategy: Option<StrategyId>) -> impl Iterator<Item = &ClosedTrade> {
        self.trades.iter().filter(move |trade| strategy.is_none_or(|strategy| trade.strategy == strategy))
    }
}
