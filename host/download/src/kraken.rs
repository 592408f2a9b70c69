//! Kraken spot.

use std::collections::BTreeMap;

use cryptobot_data::store::Cell;
use cryptobot_data::{Contract, InstrumentTerms};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::budget::Pool;
use crate::read::{Number, json};
use crate::venue::{Ask, Endpoint, Keeps, Listing, Page, Paging, Row, Venue};

/// Kraken spot. One public request per second is safe.
pub(crate) static KRAKEN: Venue = Venue {
    name: "kraken",
    base_url: "https://api.kraken.com",
    pools: &[Pool { name: "requests", limit: 1, window_ms: 1_000, used_header: None }],
    endpoints: &[
        Endpoint {
            kind: "",
            intervals: &[
                ("1m", "1"),
                ("5m", "5"),
                ("15m", "15"),
                ("30m", "30"),
                ("1h", "60"),
                ("4h", "240"),
                ("1d", "1440"),
            ],
            paging: Paging::Forward,
            limit: 720,
            weight: 1,
            pool: 0,
            // The last 720 bars, the open one among them, whatever is asked.
            keeps: Keeps::Rows(719),
            parts: 1,
            target: |ask| {
                let since = ask.from_ms.div_euclid(1_000) - 1;
                format!("/0/public/OHLC?pair={}&interval={}&since={since}", ask.symbol, ask.interval)
            },
            read: read_candles,
        },
        Endpoint {
            kind: "aggtrades",
            intervals: &[],
            paging: Paging::Since,
            limit: 1_000,
            weight: 1,
            pool: 0,
            keeps: Keeps::All,
            parts: 1,
            target: |ask| {
                // The cursor is a time in ns, and a page begins after it.
                let since = ask.cursor.unwrap_or_else(|| ask.from_ms.saturating_mul(1_000_000) - 1);
                format!("/0/public/Trades?pair={}&since={since}&count={}", ask.symbol, ask.limit)
            },
            read: read_trades,
        },
    ],
    time: None,
    instruments: Listing { target: "/0/public/AssetPairs", weight: 1, read: read_pairs },
    ids: None,
};

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Envelope<T> {
    error: Vec<String>,
    result: Option<T>,
}

/// The result; errors come with HTTP 200.
fn result<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    let Envelope { error, result } = json(body)?;
    match result {
        Some(result) if error.is_empty() => Ok(result),
        _ => Err(error.join(", ")),
    }
}

/// The list under the pair's name, which may be another spelling than was asked for, and `last`.
fn list<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<(Vec<T>, Option<i64>), String> {
    let mut result: BTreeMap<String, Value> = result(body)?;
    let last = result.remove("last");
    let last = last.and_then(|last| last.as_i64().or_else(|| last.as_str()?.parse().ok()));
    let rows = result.into_values().next().ok_or("no pair in the answer")?;
    Ok((serde_json::from_value(rows).map_err(|error| error.to_string())?, last))
}

/// Open time in s, four prices, volume-weighted average price, volume, number of trades.
type Candle = (i64, Number, Number, Number, Number, IgnoredAny, Number, i64);

fn read_candles(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let (candles, _) = list::<Candle>(body)?;
    let row = |(time, open, high, low, close, _, volume, trades): Candle| -> Row {
        let cells = [open, high, low, close, volume].map(Cell::from);
        let mut row = vec![Cell::Integer(time * 1_000)];
        row.extend(cells);
        row.extend([Cell::Empty, Cell::Integer(trades)]);
        row
    };
    Ok(Page { rows: candles.into_iter().map(row).collect(), cursor: None, next: None })
}

/// Price, volume, time in s, side of the taker, type of its order, nothing, number.
type Trade = (Number, Number, f64, String, IgnoredAny, IgnoredAny, i64);

fn read_trades(body: &[u8], _: &Ask<'_>) -> Result<Page, String> {
    let (trades, last) = list::<Trade>(body)?;
    let row = |(price, quantity, seconds, side, _, _, id): Trade| -> Row {
        vec![
            // Tenths of a microsecond as a float: its milliseconds are exact.
            Cell::Integer((seconds * 1_000.0).floor() as i64),
            Cell::Integer(id),
            price.into(),
            quantity.into(),
            Cell::Integer(id),
            Cell::Integer(id),
            Cell::Flag(side == "s"),
        ]
    };
    Ok(Page { rows: trades.into_iter().map(row).collect(), cursor: last, next: None })
}

#[derive(Deserialize)]
struct Pair {
    altname: String,
    lot_decimals: u32,
    pair_decimals: u32,
    tick_size: Option<Decimal>,
    costmin: Option<Decimal>,
}

fn read_pairs(body: &[u8]) -> Result<Vec<InstrumentTerms>, String> {
    let pairs: BTreeMap<String, Pair> = result(body)?;
    let terms = |pair: Pair| InstrumentTerms {
        contract: Contract::Spot,
        tick: pair.tick_size.unwrap_or_else(|| Decimal::new(1, pair.pair_decimals.min(28))),
        lot: Decimal::new(1, pair.lot_decimals.min(28)),
        min_notional: pair.costmin,
        ..InstrumentTerms::named(pair.altname)
    };
    Ok(pairs.into_values().map(terms).collect())
}
