//! Tests of the product from outside, by what a user wants from it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod data_faults;
mod determinism;
mod hostile;
mod interrupt;
mod new_plugin;
mod parity;
mod real_data;
mod results;
mod timeframes;
mod usage;
