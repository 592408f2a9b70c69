//! What the exchange is asked beside its streams: snapshots of books, and the funding that was paid.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use cryptobot_download::{Client, DownloadError, SystemClock, Venue};
use cryptobot_model::Timestamp;
use serde::Deserialize;

use super::message::json;
use crate::connection::now;

/// How often one request is tried.
const ATTEMPTS: u32 = 3;
/// Pauses before something is asked for, so that the exchange's answer is not behind its streams; before it is asked for
/// again.
const SOON: Duration = Duration::from_millis(500);
const LATER: Duration = Duration::from_secs(5);
/// How long it waits where nothing is to be asked.
const IDLE: Duration = Duration::from_millis(200);
/// How often funding is asked for: exchanges publish it some seconds after it was paid.
const FUNDING_ATTEMPTS: u32 = 12;

/// Something to ask.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Place of the symbol.
    pub(crate) symbol: usize,
    pub(crate) what: What,
    not_before: Instant,
    attempt: u32,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The whole book, with the number that it is wanted by.
    Book { number: u64 },
    /// The funding that was paid at this time, ms.
    Funding { due_ms: i64 },
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) symbol: usize,
    pub(crate) what: What,
    /// When it came.
    pub(crate) at: Timestamp,
    /// Its text, or why there is none.
    pub(crate) body: Result<String, String>,
}

impl Ask {
    pub(crate) fn now(symbol: usize, what: What) -> Self {
        Self { symbol, what, not_before: Instant::now(), attempt: 1 }
    }

    pub(crate) fn soon(symbol: usize, what: What) -> Self {
        Self { not_before: Instant::now() + SOON, ..Self::now(symbol, what) }
    }

    pub(crate) fn later(symbol: usize, what: What) -> Self {
        Self { not_before: Instant::now() + LATER, ..Self::now(symbol, what) }
    }

    /// The same once more, where it may be asked again.
    fn again(self) -> Option<Self> {
        let attempt = self.attempt + 1;
        (attempt <= FUNDING_ATTEMPTS).then(|| Self { attempt, ..Self::later(self.symbol, self.what) })
    }

    fn target(&self, symbol: &str) -> (String, u32) {
        match self.what {
            What::Book { .. } => (format!("/fapi/v1/depth?symbol={symbol}&limit=1000"), 20),
            What::Funding { due_ms } => {
                (format!("/fapi/v1/fundingRate?symbol={symbol}&startTime={due_ms}&limit=1"), 1)
            }
        }
    }
}

/// Who asks.
pub(crate) struct Asker {
    pub(crate) venue: &'static Venue,
    pub(crate) url: Option<String>,
    pub(crate) symbols: Vec<String>,
    pub(crate) seed: u64,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Asker {
    /// Asks one thing after the other until it is stopped or nobody wants anything; `tell` answers whether somebody listens.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(crate) fn run(
        &self,
        asks: &Receiver<Ask>,
        tell: impl Fn(Answer) -> bool,
    ) -> Result<(), DownloadError> {
        let client =
            Client::new(self.venue, self.url.as_deref(), (&SystemClock, &self.stop), (ATTEMPTS, self.seed))?;
        let mut waiting: Vec<Ask> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            match asks.recv_timeout(IDLE) {
                Ok(ask) => waiting.push(ask),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            waiting.extend(asks.try_iter());
            let now = Instant::now();
            let due: Vec<Ask> = waiting.extract_if(.., |ask| ask.not_before <= now).collect();
            for ask in due {
                let Some(answer) = self.answer(&client, &ask) else { return Ok(()) };
                let is_early = matches!(ask.what, What::Funding { .. })
                    && answer.body.as_ref().is_ok_and(|body| body.trim() == "[]");
                match ask.again() {
                    Some(again) if is_early => waiting.push(again),
                    _ if !tell(answer) => return Ok(()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The answer; `None` = it was stopped.
    fn answer(&self, client: &Client<'_>, ask: &Ask) -> Option<Answer> {
        let symbol = &self.symbols[ask.symbol];
        // Whether it can be read is seen here, so that one that cannot is asked for again.
        let body = client.get(ask.target(symbol), symbol, |bytes| {
            let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
            json::<serde_json::Value>(text).map(|_| text.to_owned())
        });
        let body = match body {
            Err(DownloadError::Interrupted) => return None,
            other => other.map_err(|error| error.to_string()),
        };
        Some(Answer { symbol: ask.symbol, what: ask.what, at: now(), body })
    }
}

/// Decimal places of the prices of all symbols: those that the exchange writes, which may be more than the steps of
/// new orders have, since old orders stay where they are.
pub(crate) fn price_places(client: &Client<'_>) -> Result<Vec<(String, u32)>, DownloadError> {
    #[derive(Deserialize)]
    struct Listing {
        symbols: Vec<Listed>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Listed {
        symbol: String,
        price_precision: Option<u32>,
    }
    client.get(("/fapi/v1/exchangeInfo".to_owned(), 1), "", |bytes| {
        let Listing { symbols } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let places = |listed: Listed| Some((listed.symbol, listed.price_precision?));
        Ok(symbols.into_iter().filter_map(places).collect())
    })
}
