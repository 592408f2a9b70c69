//! The vocabulary of the host: ids, time, prices, quantities, money, bars, instruments, orders and events.
//!
//! Everything here is plain data. Money, prices and quantities of orders and fills are exact decimals
//! ([`Money`], [`Price`], [`Quantity`]); market data and indicators are `f64`. The two meet only in
//! [`decimal`], so that they are never mixed silently.
#![forbid(unsafe_code)]

pub mod bar;
pub mod brackets;
pub mod calm;
pub mod decimal;
pub mod depth;
pub mod event;
pub mod ids;
pub mod instrument;
pub mod manifest;
pub mod order;
pub mod params;
pub mod plugin_info;
pub mod random;
pub mod time;

pub use bar::Bar;
pub use brackets::{Bracket, Brackets, BracketsError};
pub use calm::Calm;
pub use decimal::{Money, Price, Quantity, Rate};
pub use depth::{DepthEvent, DepthTrade, DepthUpdate, UpdateIds};
pub use event::{
    ClosedTrade, Fill, FillRule, FundingPayment, FundingPrice, FundingRate, Liquidation, Liquidity,
    MarketMatch, OrderEvent, OrderEventKind, TradeSeen,
};
pub use ids::{InstrumentId, OrderId, SeriesId, StrategyId};
pub use instrument::{ContractTerms, Instrument, PriceBand};
pub use manifest::{BadPattern, Capability, Declaration, InstrumentPattern, Manifest, PluginLimits, RunMode};
pub use order::{
    Amendment, Callback, OrderKind, OrderRequest, OrderTerms, RefusalReason, Side, TimeInForce, Trigger,
    TriggerSource,
};
pub use params::{ParamSpec, ParamType, ParamValue};
pub use plugin_info::{PluginInfo, SeriesInfo, SeriesSpec, Wants};
pub use time::{Timeframe, Timestamp};
