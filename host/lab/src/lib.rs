//! Sweeps: one strategy with many sets of parameters, each of them a full run of the one engine.
//!
//! [`Sweep::prepare`] checks ranges, plugins and data and reads the data once; [`Sweep::run`] runs every combination on
//! all cores, keeps the results in a table that survives the process, and runs the best once more the slow way.
//! [`merge()`] joins parts that were run on different machines.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it writes files and measures time")]
#![forbid(unsafe_code)]

mod axis;
mod document;
mod error;
mod folder;
mod goal;
mod identity;
mod leaders;
mod merge;
mod page;
mod row;
mod search;
mod space;
mod store;
mod survey;
mod sweep;
mod tally;
mod tpe;
mod verify;
mod workers;

pub use axis::{Axis, Values};
pub use document::{Best, Document, Verification};
pub use error::SweepError;
pub use goal::{Aim, Constraint, Goal};
pub use identity::{Identity, Shard};
pub use merge::merge;
pub use search::Choice;
pub use sweep::{BARS_BUDGET, Finished, Settings, Sweep, SweepProgress};
