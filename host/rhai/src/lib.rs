//! Rhai scripts behind the [`Strategy`](cryptobot_engine::Strategy) trait.
//!
//! A [`Script`] is a text whose syntax is right and whose calls mean something; it describes itself and is instantiated as a [`ScriptStrategy`]. The top
//! of a script declares parameters, series and indicators, its functions are called for events. A script sees nothing
//! but the functions of [`GROUPS`] and the language itself: it has no files, network, clock or threads, and its
//! operations, sizes and nesting are limited by [`Limits`].
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it opens files and guards wall time")]
#![forbid(unsafe_code)]

mod api;
mod calls;
mod context;
mod declare;
mod failure;
mod features;
mod limits;
mod nearest;
mod nested;
mod program;
mod script;
mod source;
mod state;
mod strategy;
mod values;
mod watch;

pub use api::{Function, GROUPS, Group, LANGUAGE};
pub use limits::Limits;
pub use script::{LoadError, MAX_SCRIPT_BYTES, Script};
pub use source::Problem;
pub use strategy::ScriptStrategy;
