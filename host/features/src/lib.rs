//! Features over stored market data: which columns are wanted, what they need of a catalog, and the table that is
//! written of them with its schema and its scaler.
//!
//! The numbers are those that strategies are served: both come from a [`Bank`](cryptobot_indicators::Bank) that is fed
//! bar by bar. What a row says was known when its bar closed; nothing of it comes later.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it reads and writes files")]
#![forbid(unsafe_code)]

mod books;
mod error;
mod file;
mod futures;
mod market;
mod plan;
mod rows;
mod schema;
mod side;
mod source;
mod table;
mod trades;

pub use cryptobot_indicators::Scaling;
pub use error::FeatureError;
pub use file::FeatureFile;
pub use market::Market;
pub use plan::{Group, Plan, Source, Wanted, WantedColumn};
pub use rows::FeatureRows;
pub use schema::{Fitted, Schema, SchemaColumn, SchemaDocument};
pub use source::StoredFeatures;
pub use table::{Fit, TableRequest, Written, write_table};
