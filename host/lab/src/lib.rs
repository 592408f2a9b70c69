//! Sweeps: one strategy with many sets of parameters, each of them a full run of the one engine.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it writes files and measures time")]
#![forbid(unsafe_code)]

mod axis;
mod error;
mod goal;
mod row;
mod search;
mod space;
mod store;
mod tpe;

pub use axis::{Axis, Values};
pub use error::SweepError;
pub use goal::{Aim, Constraint, Goal};
