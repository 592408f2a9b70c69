//! Streaming indicators: one implementation for strategies, training and charts.
#![forbid(unsafe_code)]

pub mod bank;

pub use bank::{Bank, CreateError};
