//! SQL over the catalog, read-only: SQLite reads the Parquet columns that a query asks for through virtual tables.
//!
//! Every kind that is stored is a table (`klines_1m`, `mark_1m`, `funding`), every series a view of it (`BTCUSDT_1m`);
//! `series` says what is stored, `instruments` what the venues trade. Nothing is loaded before a query reads it, and of
//! a file only the row groups whose times can matter.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it reads and writes files")]
#![deny(unsafe_code)]

mod aggregates;
mod cursor;
mod database;
mod error;
mod files;
mod functions;
mod listing;
mod names;
mod output;
mod parquet;
mod stored;
mod table;

pub use database::{Database, Query, Value};
pub use error::SqlError;
pub use output::{Preview, preview, write_csv, write_file, write_json};
