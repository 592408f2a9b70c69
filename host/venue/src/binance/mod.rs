//! Binance USD-M futures.

mod ask;
mod book;
mod feed;
mod mark;
mod market;
mod message;
mod sieve;
mod streams;

pub use feed::{LiveFeed, Options};

/// Its name in the catalog.
const VENUE: &str = "binance-usdm";
