//! The kinds of the catalog: what their files hold, what tells two rows apart, what a file covers.

use std::fmt;
use std::str::FromStr;

use cryptobot_model::{Timeframe, Timestamp};

use crate::catalog::is_name;
use crate::error::DataError;

/// What a series holds, as the name of its folder says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeriesKind {
    /// Bars of trades: `1m`.
    Bars(Timeframe),
    /// Bars of the mark price: `mark-1m`.
    Mark(Timeframe),
    /// Bars of the index price: `index-1m`.
    Index(Timeframe),
    /// Bars of the premium index, a fraction that may be negative: `premium-1m`.
    Premium(Timeframe),
    /// Funding rates: `funding`.
    Funding,
    /// Open interest at the end of each interval: `oi-5m`.
    OpenInterest(Timeframe),
    /// Shares of long and short accounts: `long-short-5m`.
    LongShort(Timeframe),
    /// Trades, those of one taker order at one price added up: `aggtrades`.
    AggTrades,
    /// Levels of the order book, from snapshots and changes: `depth`.
    Depth,
    /// Orders by which the exchange closed positions: `liquidations`.
    Liquidations,
}

/// What a cell of a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers of 64 bits.
    Number,
    /// Switches.
    Flag,
}

/// A column of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name in the files.
    pub name: &'static str,
    /// What its cells hold.
    pub cell: CellType,
    /// Whether cells may be empty, and the column may be absent.
    pub optional: bool,
    /// Whether it is part of what tells two rows apart.
    pub key: bool,
    /// Which values can be true.
    pub range: ValueRange,
}

/// Which values of a column can be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRange {
    /// All that are finite.
    Any,
    /// Zero and more.
    NotNegative,
    /// More than zero, and not more than the host can compute with.
    Price,
    /// A funding rate: at most a tenth of the position.
    FundingRate,
}

/// The period that one file covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePeriod {
    /// A calendar year, UTC: `2024.parquet`.
    Year,
    /// A day, UTC: `2024-10-18.parquet`.
    Day,
}

const fn column(name: &'static str, cell: CellType, range: ValueRange) -> ColumnSpec {
    ColumnSpec { name, cell, optional: false, key: false, range }
}

const fn number(name: &'static str, range: ValueRange) -> ColumnSpec {
    column(name, CellType::Number, range)
}

const fn integer(name: &'static str) -> ColumnSpec {
    column(name, CellType::Integer, ValueRange::NotNegative)
}

const fn flag(name: &'static str) -> ColumnSpec {
    column(name, CellType::Flag, ValueRange::Any)
}

const fn optional(spec: ColumnSpec) -> ColumnSpec {
    ColumnSpec { optional: true, ..spec }
}

const fn key(spec: ColumnSpec) -> ColumnSpec {
    ColumnSpec { key: true, ..spec }
}

/// The time of a row, ms since the epoch.
const TS: ColumnSpec = key(column("ts", CellType::Integer, ValueRange::Any));

const BARS: &[ColumnSpec] = &[
    TS,
    number("open", ValueRange::Price),
    number("high", ValueRange::Price),
    number("low", ValueRange::Price),
    number("close", ValueRange::Price),
    number("volume", ValueRange::NotNegative),
    optional(number("quote_volume", ValueRange::NotNegative)),
    optional(integer("trades")),
    optional(number("taker_buy_volume", ValueRange::NotNegative)),
];

const PRICES: &[ColumnSpec] = &[
    TS,
    number("open", ValueRange::Price),
    number("high", ValueRange::Price),
    number("low", ValueRange::Price),
    number("close", ValueRange::Price),
];

const PREMIUM: &[ColumnSpec] = &[
    TS,
    number("open", ValueRange::Any),
    number("high", ValueRange::Any),
    number("low", ValueRange::Any),
    number("close", ValueRange::Any),
];

const FUNDING: &[ColumnSpec] =
    &[TS, number("rate", ValueRange::FundingRate), optional(number("mark_price", ValueRange::Price))];

const OPEN_INTEREST: &[ColumnSpec] = &[
    TS,
    number("open_interest", ValueRange::NotNegative),
    optional(number("open_interest_value", ValueRange::NotNegative)),
];

const LONG_SHORT: &[ColumnSpec] = &[
    TS,
    optional(number("long_short_ratio", ValueRange::NotNegative)),
    optional(number("long_share", ValueRange::NotNegative)),
    optional(number("short_share", ValueRange::NotNegative)),
    optional(number("top_account_ratio", ValueRange::NotNegative)),
    optional(number("top_position_ratio", ValueRange::NotNegative)),
    optional(number("taker_ratio", ValueRange::NotNegative)),
];

const AGG_TRADES: &[ColumnSpec] = &[
    TS,
    key(integer("agg_id")),
    number("price", ValueRange::Price),
    number("qty", ValueRange::NotNegative),
    optional(integer("first_id")),
    optional(integer("last_id")),
    flag("buyer_is_maker"),
];

const DEPTH: &[ColumnSpec] = &[
    TS,
    key(integer("last_id")),
    optional(integer("first_id")),
    key(flag("snapshot")),
    key(flag("bid")),
    key(number("price", ValueRange::Price)),
    number("qty", ValueRange::NotNegative),
    optional(integer("previous_id")),
];

const LIQUIDATIONS: &[ColumnSpec] = &[
    TS,
    key(flag("sell")),
    key(number("price", ValueRange::Price)),
    key(number("qty", ValueRange::NotNegative)),
    optional(number("average_price", ValueRange::Price)),
    optional(number("filled", ValueRange::NotNegative)),
];

impl SeriesKind {
    /// The columns of its files, `ts` first.
    pub const fn columns(self) -> &'static [ColumnSpec] {
        match self {
            Self::Bars(_) => BARS,
            Self::Mark(_) | Self::Index(_) => PRICES,
            Self::Premium(_) => PREMIUM,
            Self::Funding => FUNDING,
            Self::OpenInterest(_) => OPEN_INTEREST,
            Self::LongShort(_) => LONG_SHORT,
            Self::AggTrades => AGG_TRADES,
            Self::Depth => DEPTH,
            Self::Liquidations => LIQUIDATIONS,
        }
    }

    /// The step of its rows; `None` = they come when something happens.
    pub const fn grid(self) -> Option<Timeframe> {
        match self {
            Self::Bars(grid)
            | Self::Mark(grid)
            | Self::Index(grid)
            | Self::Premium(grid)
            | Self::OpenInterest(grid)
            | Self::LongShort(grid) => Some(grid),
            Self::Funding | Self::AggTrades | Self::Depth | Self::Liquidations => None,
        }
    }

    /// Whether its rows have `open`, `high`, `low` and `close`.
    pub const fn has_bars(self) -> bool {
        matches!(self, Self::Bars(_) | Self::Mark(_) | Self::Index(_) | Self::Premium(_))
    }

    /// The period that one of its files covers.
    pub const fn file_period(self) -> FilePeriod {
        match self {
            Self::AggTrades | Self::Depth => FilePeriod::Day,
            _ => FilePeriod::Year,
        }
    }
}

impl FilePeriod {
    /// The name, without extension, of the file that a time belongs in.
    pub fn of(self, ts_ms: i64) -> String {
        let (year, month, day) = Timestamp::from_millis(ts_ms).civil();
        match self {
            Self::Year => format!("{year:04}"),
            Self::Day => format!("{year:04}-{month:02}-{day:02}"),
        }
    }

    /// Whether a file's name, without extension, is one of such a period.
    pub(crate) fn is_name(self, stem: &str) -> bool {
        let shape: &[u8] = match self {
            Self::Year => b"0000",
            Self::Day => b"0000-00-00",
        };
        stem.len() == shape.len()
            && stem.bytes().zip(shape).all(
                |(byte, like)| {
                    if *like == b'0' { byte.is_ascii_digit() } else { byte == *like }
                },
            )
    }

    /// The first time after the period of the file that holds `ts_ms`, ms.
    pub(crate) fn end_of(self, ts_ms: i64) -> i64 {
        const DAY_MS: i64 = 86_400_000;
        match self {
            Self::Day => (ts_ms.div_euclid(DAY_MS) + 1) * DAY_MS,
            Self::Year => Timestamp::from_civil(Timestamp::from_millis(ts_ms).civil().0 + 1, 1, 1).millis(),
        }
    }
}

impl fmt::Display for SeriesKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bars(grid) => write!(f, "{grid}"),
            Self::Mark(grid) => write!(f, "mark-{grid}"),
            Self::Index(grid) => write!(f, "index-{grid}"),
            Self::Premium(grid) => write!(f, "premium-{grid}"),
            Self::Funding => f.write_str("funding"),
            Self::OpenInterest(grid) => write!(f, "oi-{grid}"),
            Self::LongShort(grid) => write!(f, "long-short-{grid}"),
            Self::AggTrades => f.write_str("aggtrades"),
            Self::Depth => f.write_str("depth"),
            Self::Liquidations => f.write_str("liquidations"),
        }
    }
}

/// A name that is no kind of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no kind of data; kinds are a timeframe (1m), mark-1m, index-1m, premium-1m, funding, oi-5m, \
     long-short-5m, aggtrades, depth, liquidations"
)]
pub struct UnknownSeriesKind(pub String);

/// Makes a kind of a timeframe.
type OnGrid = fn(Timeframe) -> SeriesKind;

impl FromStr for SeriesKind {
    type Err = UnknownSeriesKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        const ON_GRID: [(&str, OnGrid); 6] = [
            ("", SeriesKind::Bars),
            ("mark-", SeriesKind::Mark),
            ("index-", SeriesKind::Index),
            ("premium-", SeriesKind::Premium),
            ("oi-", SeriesKind::OpenInterest),
            ("long-short-", SeriesKind::LongShort),
        ];
        match name {
            "funding" => return Ok(SeriesKind::Funding),
            "aggtrades" => return Ok(Self::AggTrades),
            "depth" => return Ok(Self::Depth),
            "liquidations" => return Ok(Self::Liquidations),
            _ => {}
        }
        let found =
            ON_GRID.iter().find_map(|(prefix, kind)| Some(kind(name.strip_prefix(prefix)?.parse().ok()?)));
        found.ok_or_else(|| UnknownSeriesKind(name.to_owned()))
    }
}

/// A series of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId {
    /// Venue, for example `binance-usdm`.
    pub venue: String,
    /// Symbol, for example `BTCUSDT`.
    pub symbol: String,
    /// What is stored.
    pub kind: SeriesKind,
}

impl SeriesId {
    /// A series; venue and symbol must be names of one folder each.
    pub fn new(venue: &str, symbol: &str, kind: SeriesKind) -> Result<Self, DataError> {
        for (field, name) in [("venue", venue), ("symbol", symbol)] {
            if !is_name(name) {
                return Err(DataError::Name { field, name: name.to_owned() });
            }
        }
        Ok(Self { venue: venue.to_owned(), symbol: symbol.to_owned(), kind })
    }

    /// Path of its folder below the root of a catalog.
    pub fn folder(&self) -> String {
        format!("{}/{}/{}", self.venue, self.symbol, self.kind)
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.venue, self.symbol, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kinds_are_read_as_they_are_written() {
        for name in [
            "1m",
            "4h",
            "1s",
            "mark-1m",
            "index-5m",
            "premium-1h",
            "funding",
            "oi-4h",
            "long-short-5m",
            "aggtrades",
            "depth",
            "liquidations",
        ] {
            let kind: SeriesKind = name.parse().unwrap();
            assert_eq!(kind.to_string(), name);
            assert_eq!(kind.columns()[0].name, "ts");
        }
        for name in ["", "1x", "mark", "mark-", "quote-1m", "klines"] {
            assert!(name.parse::<SeriesKind>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_ends_where_the_next_one_begins() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().millis();
        for (time, end) in
            [("2024-01-01", "2025-01-01"), ("2024-12-31T23:59", "2025-01-01"), ("2023-06-01", "2024-01-01")]
        {
            assert_eq!(FilePeriod::Year.end_of(at(time)), at(end), "{time}");
        }
        assert_eq!(FilePeriod::Day.end_of(at("2024-10-18T12:00")), at("2024-10-19"));
        assert_eq!(FilePeriod::Day.of(at("2024-10-18T12:00")), "2024-10-18");
        assert_eq!(FilePeriod::Year.of(at("2024-10-18T12:00")), "2024");
    }
}
