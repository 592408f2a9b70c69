//! Entries as they come back from a journal: [`Entry`](cryptobot_engine::Entry) without what is not written.

use cryptobot_engine::{Evidence, FaultKind, GuestCall, Intent, StateChange};
use cryptobot_model::{
    ClosedTrade, Fill, FundingPayment, InstrumentId, Liquidation, MarketMatch, Money, OrderEvent,
    OrderEventKind, OrderId, OrderKind, OrderTerms, Price, Quantity, RefusalReason, Side, StrategyId,
    Timestamp,
};

/// An approved order as the journal holds it. Its strategy is part of its id, its series stands in the intent, and it
/// was decided at the time of the decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApprovedOrder {
    /// What is traded.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Amount on the instrument's grid.
    pub quantity: Quantity,
    /// Kind and prices on the instrument's grid.
    pub kind: OrderKind<Price>,
    /// What binds it to a position or to other orders.
    pub terms: OrderTerms,
}

/// The decision on an intent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JournalDecision {
    /// Approved and submitted as this order.
    Approved(ApprovedOrder),
    /// Refused.
    Refused {
        /// Why.
        reason: RefusalReason,
        /// The numbers it was decided on.
        evidence: Evidence,
    },
    /// Approved and submitted as this order, which is smaller than what was wanted.
    Reduced {
        /// What was sent.
        order: ApprovedOrder,
        /// The limit that allowed no more.
        reason: RefusalReason,
        /// The numbers it was decided on.
        evidence: Evidence,
    },
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq)]
pub enum JournalEntry {
    /// A strategy wanted something.
    Intent {
        /// When.
        ts: Timestamp,
        /// Who.
        strategy: StrategyId,
        /// What, in the numbers it gave.
        intent: Intent,
    },
    /// The host decided on an order.
    Decision {
        /// When.
        ts: Timestamp,
        /// Which order.
        id: OrderId,
        /// How.
        decision: JournalDecision,
    },
    /// An order took a step that is no execution.
    Order(OrderEvent),
    /// An order took a step by the execution that follows.
    Executed {
        /// Which order.
        id: OrderId,
        /// Filled or partially filled.
        kind: OrderEventKind,
        /// What is left to fill.
        remaining: Quantity,
    },
    /// An execution.
    Fill(Fill),
    /// A position closed.
    Trade(ClosedTrade),
    /// A strategy's wallet after a change.
    Wallet {
        /// When.
        ts: Timestamp,
        /// Whose.
        strategy: StrategyId,
        /// The new wallet balance.
        wallet: Money,
    },
    /// Funding was paid or received.
    Funding(FundingPayment),
    /// What a liquidation did beyond its fill.
    Liquidation(Liquidation),
    /// What a recorded market had for the execution before.
    Market(MarketMatch),
    /// A trading state changed.
    State(StateChange),
    /// A strategy was quarantined; backtrace and resources are not in the journal.
    Fault {
        /// When.
        ts: Timestamp,
        /// Who.
        strategy: StrategyId,
        /// Why.
        kind: FaultKind,
        /// The call that it happened in.
        call: Option<GuestCall>,
        /// What happened.
        message: String,
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

impl JournalEntry {
    /// The order that the entry is about, where it is about one.
    pub const fn order(&self) -> Option<OrderId> {
        match self {
            Self::Intent { intent, .. } => match intent {
                Intent::Order { id, .. } | Intent::Modify { id, .. } | Intent::Cancel { id } => Some(*id),
                Intent::Signal(signal) => Some(signal.id),
                Intent::CancelAll { .. } => None,
            },
            Self::Decision { id, .. } | Self::Executed { id, .. } | Self::Closing { id, .. } => Some(*id),
            Self::Order(event) => Some(event.id),
            Self::Fill(fill) => Some(fill.order),
            Self::Market(market) => Some(market.order),
            Self::Trade(_)
            | Self::Wallet { .. }
            | Self::Funding(_)
            | Self::Liquidation(_)
            | Self::State(_)
            | Self::Fault { .. }
            | Self::Restart { .. } => None,
        }
    }

    /// When it happened; `None` for [`JournalEntry::Executed`], whose fill says so.
    pub const fn ts(&self) -> Option<Timestamp> {
        Some(match self {
            Self::Intent { ts, .. }
            | Self::Decision { ts, .. }
            | Self::Wallet { ts, .. }
            | Self::Fault { ts, .. }
            | Self::Closing { ts, .. }
            | Self::Restart { ts, .. } => *ts,
            Self::Order(event) => event.ts,
            Self::Executed { .. } => return None,
            Self::Fill(fill) => fill.ts,
            Self::Market(market) => market.ts,
            Self::Trade(trade) => trade.closed_at,
            Self::Funding(payment) => payment.ts,
            Self::Liquidation(liquidation) => liquidation.ts,
            Self::State(change) => change.ts,
        })
    }
}
