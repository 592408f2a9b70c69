//! The one loop: event queue, clock, routing, and the Strategy and Venue traits.
#![forbid(unsafe_code)]

mod aggregate;
pub mod ahead;
pub mod change;
mod custody;
pub mod delivery;
pub mod desk;
pub mod engine;
pub mod fault;
mod feed;
pub mod history;
pub mod overrun;
pub mod prices;
mod rates;
pub mod recorder;
mod rows;
pub mod setup;
mod slot;
pub mod source;
pub mod strategy;
pub mod succession;
mod timers;
pub mod venue;
pub mod version;

pub use ahead::{Ahead, RowSeries};
pub use change::{Change, ChangeReport, ChangeRequest, Changed, When};
pub use delivery::{Delivery, ParseDeliveryError};
pub use desk::{
    AccountView, Bracket, Desk, DeskLimits, EmptyColumns, FeatureSource, Intent, LogLevel, LogLine, Signal,
    TimerCommand,
};
pub use engine::margin::Accounts as AccountKind;
pub use engine::{
    Engine, EngineError, FinalAccount, OperatorCommand, Outcome, Progress, RefusedCommand, Retire,
};
pub use fault::{Fault, FaultDetail, FaultKind, GuestCall, Resources};
pub use history::{BarRing, Column};
pub use overrun::{Calls, Overrun};
pub use prices::PriceBoard;
pub use recorder::{Columns, Decision, Entry, Mark, Marks, NoRecorder, Recorder};
pub use setup::{FaultPolicy, InstrumentSetup, OnFault, Restart, SetupError, StrategySetup};
pub use source::{BarBlock, BarSource, BarWindow, MemorySource, SourceError, Windows};
pub use strategy::Strategy;
pub use succession::State;
pub use venue::Venue;
pub use version::{Origin, Params, Version};

pub use cryptobot_indicators::{
    Bank, ColumnSpec, CreateError, FeatureColumn, GivenColumns, Lengths, Ohlcv, WantedFeature,
};
pub use cryptobot_ledger::{MarginAccount, MarginError, MarginMode, MarginSettings};
pub use cryptobot_model::random;
pub use cryptobot_risk::{
    Cause, Command, CommandError, Evidence, Idle, Limits, RiskSettings, Scope, SettingsError, Sizer,
    StateChange, StrategyLimits, TradingState,
};
pub use cryptobot_sim::depth::{DepthConfig, QueueModel};
pub use cryptobot_sim::{
    Accounts, BarInterval, Exchange, ExchangeConfig, Latency, LatencyModel, MarketFault, MarketSource,
    Matching, RecordedExchange, Report, RoundTrip, Slippage, SlippageModel, TimedEvent,
};
