//! Trading states, who changes them, and what the operator can command.

use cryptobot_model::{InstrumentId, OrderId, Quantity, Side, StrategyId, Timestamp};

use crate::verdict::Evidence;

/// What may be traded. Orders that only reduce a position and cancels pass in every state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TradingState {
    /// Everything within the limits.
    #[default]
    Active,
    /// Positions may only shrink; resting entries stay.
    Reducing,
    /// Positions may only shrink; resting entries are to be cancelled.
    Halted,
}

impl TradingState {
    /// The name in journals and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reducing => "reducing",
            Self::Halted => "halted",
        }
    }
}

/// Whom a state is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All strategies.
    Portfolio,
    /// One strategy.
    Strategy(StrategyId),
    /// One instrument, for all strategies.
    Instrument(InstrumentId),
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The loss of the day reached its limit.
    DailyLoss,
    /// The loss of the week reached its limit.
    WeeklyLoss,
    /// The loss of the month reached its limit.
    MonthlyLoss,
    /// The drawdown from the peak reached its limit.
    Drawdown,
    /// The price jumped.
    CircuitBreaker,
    /// A new day, week or month lifted the halt of the last one.
    NewPeriod,
    /// The halt after a jump is over.
    BreakerOver,
    /// The operator commanded it.
    Operator,
    /// The operator's kill switch.
    Kill,
}

impl Cause {
    /// The name in journals and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DailyLoss => "daily-loss",
            Self::WeeklyLoss => "weekly-loss",
            Self::MonthlyLoss => "monthly-loss",
            Self::Drawdown => "drawdown",
            Self::CircuitBreaker => "circuit-breaker",
            Self::NewPeriod => "new-period",
            Self::BreakerOver => "breaker-over",
            Self::Operator => "operator",
            Self::Kill => "kill",
        }
    }

    /// Whether this cause may lead from one state to another: limits only halt, time only lifts, the operator may do
    /// what [`Command`] says.
    pub fn allows(self, from: TradingState, to: TradingState) -> bool {
        use TradingState::{Active, Halted, Reducing};
        match self {
            Self::DailyLoss | Self::WeeklyLoss | Self::MonthlyLoss | Self::Drawdown | Self::Kill => {
                from != Halted && to == Halted
            }
            Self::CircuitBreaker => from == Active && to == Halted,
            Self::NewPeriod => from == Halted && to != Halted,
            Self::BreakerOver => from == Halted && to == Active,
            Self::Operator => matches!(
                (from, to),
                (Active, Reducing | Halted) | (Reducing, Halted | Active) | (Halted, Active)
            ),
        }
    }
}

/// A state that changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StateChange {
    /// Event time.
    pub ts: Timestamp,
    /// Whom it is about.
    pub scope: Scope,
    /// The state before.
    pub from: TradingState,
    /// The state now. Where it is [`TradingState::Halted`], [`crate::RiskEngine::entry_orders`] of the scope are to be
    /// cancelled.
    pub to: TradingState,
    /// Why.
    pub cause: Cause,
    /// Limit and value that led to it, as equity or as a jump; NaN for commands and the passing of time.
    pub evidence: Evidence,
}

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// No more positions, and no resting entries.
    Halt,
    /// No more positions; resting entries stay.
    Reduce,
    /// Lifts what the operator commanded and a drawdown's halt, whose peak begins anew. Loss limits stay until their
    /// period ends.
    Resume,
    /// Cancels every order and halts; with `flatten` positions are closed at the market.
    Kill {
        /// Whether positions are closed.
        flatten: bool,
    },
}

/// Why a command was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The state already is what was asked for.
    #[error("trading is {} by command already", .0.name())]
    Already(TradingState),
    /// Halted by command: only `resume` leads out.
    #[error("trading was halted by command; resume first")]
    ResumeFirst,
    /// Nothing that a command could lift.
    #[error(
        "there is nothing to resume: trading is {}, and only a new day, week or month lifts a loss limit", .0.name()
    )]
    NothingToResume(TradingState),
    /// The scope is one that commands do not reach.
    #[error("commands reach the portfolio or one of its strategies")]
    Scope,
}

/// An order that is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRef {
    /// The order.
    pub id: OrderId,
    /// Its owner.
    pub strategy: StrategyId,
    /// Its instrument.
    pub instrument: InstrumentId,
}

/// A position that is to be closed by a reduce-only market order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The owner.
    pub strategy: StrategyId,
    /// What is held.
    pub instrument: InstrumentId,
    /// Side of the closing order.
    pub side: Side,
    /// Quantity of the closing order.
    pub quantity: Quantity,
}

/// What a command comes to: the engine executes all of it in one step, cancels first.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandEffect {
    /// The change of state, where there is one.
    pub change: Option<StateChange>,
    /// The state now.
    pub state: TradingState,
    /// Orders to cancel.
    pub cancel: Vec<OrderRef>,
    /// Positions to close.
    pub close: Vec<Closing>,
}
