//! The one loop: event queue, clock, routing, and the Strategy and Venue traits.
#![forbid(unsafe_code)]

mod aggregate;
pub mod desk;
pub mod engine;
pub mod fault;
mod feed;
pub mod history;
pub mod prices;
pub mod recorder;
pub mod setup;
mod slot;
pub mod source;
pub mod strategy;
mod timers;
pub mod venue;

pub use desk::{AccountView, Bracket, Desk, DeskLimits, Intent, LogLevel, LogLine, Signal, TimerCommand};
pub use engine::margin::Accounts as AccountKind;
pub use engine::{Engine, EngineError, FinalAccount, OperatorCommand, Outcome, Progress, RefusedCommand};
pub use fault::{Fault, FaultKind};
pub use history::{BarRing, Column};
pub use prices::PriceBoard;
pub use recorder::{Columns, Decision, Entry, Mark, Marks, NoRecorder, Recorder};
pub use setup::{InstrumentSetup, SetupError, StrategySetup};
pub use source::{BarBlock, BarSource, MemorySource, SourceError};
pub use strategy::Strategy;
pub use venue::Venue;

pub use cryptobot_ledger::{MarginAccount, MarginError, MarginMode, MarginSettings};
pub use cryptobot_model::random;
pub use cryptobot_risk::{
    Cause, Command, CommandError, Evidence, Limits, RiskSettings, Scope, SettingsError, Sizer, StateChange,
    StrategyLimits, TradingState,
};
pub use cryptobot_sim::depth::{DepthConfig, QueueModel};
pub use cryptobot_sim::{
    Accounts, BarInterval, Exchange, ExchangeConfig, Latency, LatencyModel, MarketSource, Matching,
    RecordedExchange, Report, RoundTrip, Slippage, SlippageModel,
};
