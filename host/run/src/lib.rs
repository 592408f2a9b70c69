//! One run: configuration, wiring of data, plugins and engine, and the run folder.
//!
//! [`RunConfig`] is what a user writes, [`prepare`] checks all of it against the plugins and the data before anything
//! runs, and [`PreparedRun::execute`] runs it and writes the run folder.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it opens files and measures time")]
#![forbid(unsafe_code)]

mod bots;
pub mod changes;
pub mod config;
mod contradictions;
pub mod entries;
mod error;
mod execute;
pub mod execution;
pub mod explain;
pub mod faults;
mod fees;
mod funding;
mod identity;
mod left_out;
pub mod length;
mod live;
mod markets;
mod marks;
pub mod operator;
mod origin;
pub mod overrides;
pub mod permissions;
mod places;
mod plan;
mod prepare;
pub mod recordings;
mod refusals;
pub mod replay;
pub mod risk;
mod round_trips;
mod signals;
mod spelled;
mod stated;
mod successor;
mod supply;
pub mod sweep;
mod trials;
mod venue;
mod versions;

pub use config::RunConfig;
pub use cryptobot_feed::{ParseSpeedError, ReplayHandle, Speed};
pub use error::{ExitCode, RunError};
pub use execute::{Finished, RunProgress};
pub use funding::Funding;
pub use live::{Controls, RealTime};
pub use origin::Origin;
pub use overrides::Overrides;
pub use prepare::{Environment, PreparedRun, prepare};
pub use spelled::Spelled;
pub use supply::Residency;
pub use trials::{Trial, TrialBot, TrialLoader, Trials};
