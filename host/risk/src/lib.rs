//! Sizing, limits and pre-trade checks between every strategy and every venue.
//!
//! [`check`] and [`RiskEngine::decide`] are the only ways to an [`Approved`] order, and venues take nothing else: an
//! order that was not approved cannot be sent. [`check`] knows what the exchange itself enforces; [`RiskEngine`] adds
//! the limits of [`RiskSettings`], over one order, over all that is held, and over time.
#![forbid(unsafe_code)]

mod book;
mod budgets;
mod calendar;
mod check;
mod engine;
mod grid;
mod guard;
mod limits;
mod pretrade;
mod settings;
mod sizing;
mod state;
mod stop;
mod verdict;
mod window;

pub use budgets::Idle;
pub use check::{Approved, Exposure, ProposedOrder, check, check_amendment};
pub use engine::{RiskEngine, RiskView};
pub use grid::Grid;
pub use guard::CalmEquities;
pub use limits::{
    Budget, CircuitBreaker, CorrelationLimit, Limits, MarketLimits, OrderLimits, OrderRate, StrategyLimits,
};
pub use settings::{LEVERAGE_CAP, Profile, RiskSettings, SettingsError};
pub use sizing::{Sizer, SizingInput, TradeStatistics, target_leverage};
pub use state::{
    Cause, Closing, Command, CommandEffect, CommandError, OrderRef, Scope, StateChange, TradingState,
};
pub use stop::AtrStop;
pub use verdict::{Evidence, Refusal, Ruling, Verdict};
