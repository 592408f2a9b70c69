//! Stored market data: the Parquet catalog, instruments, the audit, resampling, identity, writing and the sample.
//!
//! Missing data is an error, never a zero: a [`Catalog`] hands out a [`SeriesReader`] only for a period that has
//! every bar, or for one whose holes were waived and counted.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it reads and writes files")]
#![forbid(unsafe_code)]

mod ahead;
mod audit;
pub mod books;
mod brackets;
mod catalog;
mod columns;
mod error;
mod fee_tiers;
mod file;
mod funding;
mod hash;
mod instruments;
pub mod messages;
mod plan;
mod record;
mod resample;
pub mod sample;
mod series;
pub mod store;
pub mod synthetic;
pub mod table;
mod terms;
mod times;
mod venues;
mod write;

pub use ahead::ReadAhead;
pub use brackets::{ImportedBrackets, import_brackets};
pub use catalog::{Catalog, Coverage};
pub use error::{DataError, FaultyRow, MissingBars, MissingDays, MissingRun, RowFault, RowFaults, SHOWN};
pub use fee_tiers::{FeeTier, fee_tiers};
pub use file::{TouchedFile, panics_become_errors};
pub use funding::{FundingRates, MissingFunding, MissingRates, SymbolFunding};
pub use hash::{DataHash, HashJob, file_sha256};
pub use instruments::{Contract, Instruments, ResolvedInstrument, reference_sha256};
pub use record::{Difference, InstrumentTerms, RecordedInstruments, record_instruments};
pub use resample::{divides, resample};
pub use series::{SeriesReader, SeriesRequest, StoredSeries};
pub use times::StoredEnds;
pub use write::{BarTable, replace_file, write_bars, write_funding, write_marks};
