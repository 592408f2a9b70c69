//! Market data from exchanges into the catalog.
//!
//! A venue is a table of endpoints (path, paging, weight, reader) over one plumbing: requests within the venue's
//! budget, again where they fail, page by page into the catalog. What the catalog holds is not asked for again, and what
//! the exchange does not have stays a hole.
#![allow(clippy::disallowed_types, reason = "this crate is at the edge: it waits, and speaks to exchanges")]
#![allow(clippy::struct_field_names, reason = "what is read has the names that exchanges give")]
#![forbid(unsafe_code)]

mod back;
mod binance;
mod budget;
mod client;
mod clock;
mod coinbase;
mod download;
mod error;
mod ethereal;
mod fetch;
mod http;
mod kraken;
mod pages;
mod plan;
mod read;
#[cfg(test)]
mod recorded;
mod venue;

pub use budget::Pool;
pub use client::Client;
pub use clock::{Clock, SystemClock};
pub use download::{Failed, Options, Progress, Report, SeriesReport, Shortage, download, estimate};
pub use error::DownloadError;
pub use http::{Timeouts, proxy};
pub use plan::{Estimate, PoolEstimate, SeriesEstimate};
pub use venue::{VENUES, Venue};
