//! Single requests to an exchange, for those who follow its market.

use std::sync::atomic::AtomicBool;

use cryptobot_data::InstrumentTerms;

use crate::clock::Clock;
use crate::download::{base_url, chosen, list};
use crate::error::DownloadError;
use crate::fetch::{Fetcher, Request};
use crate::http::{Http, Timeouts};
use crate::venue::Venue;

/// Asks an exchange within its budget, again where a request fails.
pub struct Client<'a> {
    venue: &'static Venue,
    fetcher: Fetcher<'a>,
}

impl<'a> Client<'a> {
    /// A client of a venue, at `url` where that is another address than usual. It asks up to `attempts` times; `seed`
    /// is that of its pauses, and `stop` ends them.
    ///
    /// # Errors
    /// The address or a proxy of the environment cannot be used.
    pub fn new(
        venue: &'static Venue,
        url: Option<&str>,
        (clock, stop): (&'a dyn Clock, &'a AtomicBool),
        (attempts, seed): (u32, u64),
    ) -> Result<Self, DownloadError> {
        let base_url = base_url(url.unwrap_or(venue.base_url))?;
        let http = Http::new(Timeouts::default())?;
        let fetcher = Fetcher::new((http, base_url), venue.pools, (clock, stop), (attempts.max(1), seed));
        Ok(Self { venue, fetcher })
    }

    /// What the exchange says of the symbols, in its order.
    ///
    /// # Errors
    /// It does not trade one of them, or cannot be asked.
    pub fn instruments(&self, symbols: &[String]) -> Result<Vec<InstrumentTerms>, DownloadError> {
        chosen(self.venue, symbols, list(&self.fetcher, &self.venue.instruments)?)
    }

    /// Asks for a path with its query, which has a weight of the venue's first pool and is for a symbol, and reads the
    /// answer. An answer that cannot be read is asked for again.
    ///
    /// # Errors
    /// It was refused, or failed too often.
    pub fn get<T>(
        &self,
        (target, weight): (String, u32),
        symbol: &str,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, DownloadError> {
        self.fetcher.get(&Request { target, pool: 0, weight, symbol: symbol.to_owned() }, read)
    }
}
