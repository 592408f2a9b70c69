//! The simulated exchange: matching, latency, fees and slippage.
//!
//! Orders meet the market only through bars that had not begun when they were decided, or through recorded trades and
//! books after their arrival. The rules are those of `docs/src/concepts/fills.md` and `order-book.md`; every fill
//! carries the one that produced it.
#![forbid(unsafe_code)]

mod bars;
mod book;
mod config;
pub mod depth;
mod exchange;
mod filters;
mod latency;
mod pricing;
mod recorded;
mod stats;
mod working;

pub use book::Report;
pub use config::{ExchangeConfig, Slippage, SlippageModel};
pub use exchange::{Accounts, BarInterval, EarlierLevel, Exchange};
pub use latency::{Latency, LatencyModel, RoundTrip};
pub use recorded::{MarketFault, MarketSource, Matching, RecordedExchange, TimedEvent};
