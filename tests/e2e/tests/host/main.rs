//! Tests of the product from outside, by what a user wants from it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may; messages are printed to be read with --nocapture"
)]
#![allow(clippy::disallowed_types, reason = "they open files and wait for processes")]

mod books;
mod bots;
mod configuration;
mod containment;
mod contracts;
mod data_faults;
mod delivery;
mod determinism;
mod doctor;
mod download;
mod explain;
mod features;
mod funding;
mod hostile;
mod interrupt;
mod left_out;
mod margin;
mod new_plugin;
mod operator;
mod parity;
mod permissions;
mod real_data;
mod record;
mod recorded;
mod results;
mod rhai;
mod signals;
mod simulation;
mod sql;
mod store;
mod swap;
mod sweep;
mod synthetic;
mod timeframes;
mod usage;
