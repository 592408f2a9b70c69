//! A venue is a table: where its data are, how they are paged, what they weigh and how they are read.

use std::collections::BTreeMap;

use cryptobot_data::InstrumentTerms;
use cryptobot_data::store::{Cell, SeriesKind};

use crate::budget::Pool;
use crate::error::DownloadError;
use crate::{binance, coinbase, ethereal, kraken};

/// Row of a kind, a cell for each of its columns; the first is the time.
pub(crate) type Row = Vec<Cell>;

/// One page that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) symbol: &'a str,
    /// The exchange's word for the length of a bar; empty where there is none.
    pub(crate) interval: &'static str,
    /// Beginning, ms, inclusive.
    pub(crate) from_ms: i64,
    /// End, ms, exclusive.
    pub(crate) to_ms: i64,
    /// Rows of a page at most.
    pub(crate) limit: u32,
    /// Where an earlier page or the catalog left off.
    pub(crate) cursor: Option<i64>,
    /// Where the page before said that the next one begins, for endpoints that are paged back.
    pub(crate) after: Option<&'a str>,
    /// Which of the endpoint's parts.
    pub(crate) part: usize,
}

/// What a page brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Page {
    /// Rows in any order.
    pub(crate) rows: Vec<Row>,
    /// Where the next page begins, for endpoints that count on.
    pub(crate) cursor: Option<i64>,
    /// Where the next page begins, for endpoints that are paged back; `None` = there is none.
    pub(crate) next: Option<String>,
}

/// How the pages of a period follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    /// A page has the first rows at or after the beginning: the next one begins after its last row.
    Forward,
    /// A page has the rows of a window that is short enough: the next window follows, whatever was there.
    Window,
    /// Pages are counted on by the numbers of rows, which the catalog knows too. The first number is looked for in windows
    /// of time.
    ById {
        /// The column of the numbers.
        column: &'static str,
        /// The longest such window, ms.
        window_ms: i64,
    },
    /// A page has the first rows after a moment, and says where the next one begins.
    Since,
    /// A page has the last rows of a window of time: a full one says that the window was too long.
    Narrow {
        /// The longest window, ms.
        window_ms: i64,
    },
    /// Pages lead back from now, and no time can be asked for.
    Back {
        /// Whether the rows are trades, of which bars are built.
        trades: bool,
    },
    /// One page of the present.
    Snapshot,
}

/// How far back the exchange answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// To the beginning.
    All,
    /// This many ms.
    Millis(i64),
    /// This many rows.
    Rows(i64),
}

/// Where a kind of data is.
pub(crate) struct Endpoint {
    /// What comes before the timeframe in the kind's name, or the whole name.
    pub(crate) kind: &'static str,
    /// Timeframes with the exchange's words for them; none where the kind has none.
    pub(crate) intervals: &'static [(&'static str, &'static str)],
    pub(crate) paging: Paging,
    /// Rows of a page at most.
    pub(crate) limit: u32,
    /// Weight of a page.
    pub(crate) weight: u32,
    /// Index of the pool it weighs on.
    pub(crate) pool: usize,
    pub(crate) keeps: Keeps,
    /// How many requests make a page together; their rows are joined by time.
    pub(crate) parts: usize,
    /// Path and query.
    pub(crate) target: fn(&Ask<'_>) -> String,
    /// Reads an answer; the error says what is wrong with it.
    pub(crate) read: fn(&[u8], &Ask<'_>) -> Result<Page, String>,
}

/// A list of the venue: all in one request.
pub(crate) struct Listing<T> {
    pub(crate) target: &'static str,
    pub(crate) weight: u32,
    pub(crate) read: fn(&[u8]) -> Result<T, String>,
}

/// A venue that data can be downloaded from.
pub struct Venue {
    /// Its name in the catalog.
    pub name: &'static str,
    /// Where it answers.
    pub base_url: &'static str,
    pub(crate) pools: &'static [Pool],
    pub(crate) endpoints: &'static [Endpoint],
    /// Its clock, ms; without one that of the machine is used.
    pub(crate) time: Option<Listing<i64>>,
    pub(crate) instruments: Listing<Vec<InstrumentTerms>>,
    /// What requests call a symbol, where that is something else.
    pub(crate) ids: Option<Listing<BTreeMap<String, String>>>,
}

/// All venues.
pub static VENUES: [&Venue; 5] =
    [&binance::USDM, &binance::SPOT, &coinbase::COINBASE, &ethereal::ETHEREAL, &kraken::KRAKEN];

impl Venue {
    /// The venue of a name.
    pub fn named(name: &str) -> Result<&'static Self, DownloadError> {
        VENUES.into_iter().find(|venue| venue.name == name).ok_or_else(|| DownloadError::UnknownVenue {
            venue: name.to_owned(),
            known: VENUES.iter().map(|venue| venue.name).collect(),
        })
    }

    /// The kinds that it gives, for people: `mark-(1m 5m 1h)`.
    pub fn kinds(&self) -> Vec<String> {
        let written = |endpoint: &Endpoint| {
            let lengths: Vec<&str> = endpoint.intervals.iter().map(|(length, _)| *length).collect();
            match (endpoint.kind, lengths.as_slice()) {
                (kind, []) => kind.to_owned(),
                ("", lengths) => lengths.join(" "),
                (kind, lengths) => format!("{kind}({})", lengths.join(" ")),
            }
        };
        self.endpoints.iter().map(written).collect()
    }

    /// Where a kind is, with the exchange's word for its timeframe.
    pub(crate) fn endpoint(
        &'static self,
        name: &str,
    ) -> Result<(SeriesKind, &'static Endpoint, &'static str), DownloadError> {
        let found = self.endpoints.iter().find_map(|endpoint| {
            let length = name.strip_prefix(endpoint.kind)?;
            let interval = if endpoint.intervals.is_empty() {
                length.is_empty().then_some("")
            } else {
                endpoint.intervals.iter().find(|(known, _)| *known == length).map(|(_, word)| *word)
            };
            Some((name.parse().ok()?, endpoint, interval?))
        });
        found.ok_or_else(|| DownloadError::UnknownKind {
            venue: self.name,
            kind: name.to_owned(),
            known: self.kinds(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_every_venue_is_one_of_the_catalog() {
        for venue in VENUES {
            for endpoint in venue.endpoints {
                let names: Vec<String> = if endpoint.intervals.is_empty() {
                    vec![endpoint.kind.to_owned()]
                } else {
                    endpoint
                        .intervals
                        .iter()
                        .map(|(length, _)| format!("{}{length}", endpoint.kind))
                        .collect()
                };
                for name in names {
                    let (kind, found, _) = venue.endpoint(&name).unwrap();
                    assert_eq!(kind.to_string(), name, "{}", venue.name);
                    assert!(std::ptr::eq(found, endpoint), "{} {name}", venue.name);
                }
                assert!(endpoint.pool < venue.pools.len(), "{}", venue.name);
                assert!(endpoint.weight <= venue.pools[endpoint.pool].share(), "{}", venue.name);
            }
        }
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let error = Venue::named("binance").err().unwrap().to_string();
        assert!(error.contains("`binance`") || error.contains("--venue binance: "), "{error}");
        assert!(error.contains("binance-usdm, binance-spot"), "{error}");
        let error = binance::USDM.endpoint("2m").err().unwrap().to_string();
        assert!(error.contains("--kind 2m") && error.contains("mark-(1m 3m"), "{error}");
    }
}
