//! Metrics and reports: what a run was worth, as numbers, tables and a page.
//!
//! [`Collector`] listens to the engine and keeps what reports need in memory that does not grow with the number of
//! bars. [`Collector::finish`] gives the [`Record`] of the run, [`Summary::new`] its figures, and [`RunFolder`]
//! writes the files that users keep. Definitions of all figures: `docs/src/reference/metrics.md`.
#![forbid(unsafe_code)]

pub mod collector;
pub mod curve;
pub mod drawdown;
pub mod folder;
pub mod format;
pub mod groups;
pub mod metrics;
pub mod orders;
pub mod record;
pub mod report;
pub mod summary;
pub mod tables;

mod account;
mod positions;
mod reasons;

pub use collector::{AccountLabel, Collector, InstrumentLabel, Setup};
pub use curve::{EquityBucket, MarginPeak, PriceBucket};
pub use folder::{FolderError, RunFolder, STARTED};
pub use groups::{Figure, Group, Tone};
pub use metrics::{Metrics, MetricsOptions};
pub use reasons::ReasonCount;
pub use record::{AccountRecord, FaultRecord, OpenPosition, Record};
pub use summary::{
    Costs, FaultSummary, MarginSummary, ResourceSummary, RunIdentity, RunInfo, StateSummary, StrategyInfo,
    StrategySummary, Summary, SwapSummary, Timing, TuningSummary,
};
